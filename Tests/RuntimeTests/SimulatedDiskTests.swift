import Runtime
import Synchronization
import Testing

private let second: UInt64 = 1_000_000_000

@Suite("The simulated disk")
struct SimulatedDiskTests {
  /// A file `/d/log` whose name is safe and which holds 1000 synced bytes of 1.
  private func prepared(seed: UInt64) throws -> (SimulatedWorld, any FileSystem, any AppendFile) {
    let world = SimulatedWorld(seed: seed)
    let files = world.makeRuntime(node: 1).files
    try files.createDirectory("/d")
    let file = try files.openForAppend("/d/log")
    try file.append([UInt8](repeating: 1, count: 1000))
    try file.sync()
    try files.syncDirectory("/d")
    return (world, files, file)
  }

  private func afterPowerCut(_ world: SimulatedWorld) throws -> [UInt8]? {
    world.crash(1, .powerCut)
    let files = world.makeRuntime(node: 1).files
    return files.exists("/d/log") ? try files.read("/d/log") : nil
  }

  @Test("keeps what was synced, and of the rest what the seed says: nothing, all, or torn sectors")
  func powerCut() throws {
    var outcomes: [String: Int] = [:]
    for seed in UInt64(1)...300 {
      let (world, _, file) = try prepared(seed: seed)
      try file.append([UInt8](repeating: 2, count: 3000))
      #expect(world.disk(of: 1).durableBytes(of: "/d/log")?.count == 1000)
      let bytes = try #require(try afterPowerCut(world))
      #expect(bytes.prefix(1000).allSatisfy { $0 == 1 }, "seed \(seed)")
      #expect(bytes.count >= 1000 && bytes.count <= 4000, "seed \(seed)")
      let tail = bytes.dropFirst(1000)
      #expect(tail.allSatisfy { $0 == 2 || $0 == 0 }, "seed \(seed)")
      let kept = tail.count { $0 == 2 }
      outcomes[kept == 0 ? "lost" : kept == 3000 ? "kept" : tail.contains(0) ? "holes" : "cut", default: 0] += 1
    }
    #expect(outcomes.keys.sorted() == ["cut", "holes", "kept", "lost"], "\(outcomes)")
  }

  @Test("keeps everything when only the process is killed")
  func kill() throws {
    let (world, _, file) = try prepared(seed: 1)
    try file.append([2])
    world.crash(1, .kill)
    #expect(throws: FileError.self) { try file.append([3]) }
    #expect(try world.makeRuntime(node: 1).files.size("/d/log") == 1001)
    world.crash(1, .powerCut)
  }

  @Test("may lose a name whose directory was not synced, and never one whose directory was")
  func names() throws {
    var (lost, kept) = (0, 0)
    for seed in UInt64(1)...60 {
      let (world, files, _) = try prepared(seed: seed)
      let file = try files.openForAppend("/d/new")
      try file.append([1])
      try file.sync()
      try files.replace("/d/vote", with: [7])
      let late = try files.openForAppend("/d/late")
      try late.sync()
      try files.rename("/d/log", to: "/d/old")
      world.crash(1, .powerCut)
      let after = world.makeRuntime(node: 1).files
      #expect(try after.read("/d/vote") == [7])
      // The directory was synced by `replace`.
      #expect(try after.read("/d/new") == [1])
      if after.exists("/d/late") { kept += 1 } else { lost += 1 }
      #expect(after.exists("/d/log") != after.exists("/d/old"), "seed \(seed)")
    }
    #expect(lost > 5 && kept > 5)
  }

  @Test("After a failed sync the bytes are readable, look clean, and are gone after a power cut")
  func failedSync() throws {
    let (world, files, file) = try prepared(seed: 2)
    try file.append([UInt8](repeating: 2, count: 2000))
    world.disk(of: 1).syncsToFail = 1
    #expect(throws: FileError.self) { try file.sync() }
    #expect(try files.read("/d/log").count == 3000)
    try file.append([3])
    try file.sync()
    let bytes = try #require(try afterPowerCut(world))
    #expect(bytes.count == 3001 && bytes.last == 3)
    #expect(bytes[1000..<2000].allSatisfy { $0 == 0 })
  }

  @Test("is full at its quota, with a part of the bytes written")
  func quota() throws {
    let (world, files, file) = try prepared(seed: 3)
    world.disk(of: 1).quotaBytes = 1500
    #expect(
      performing: { try file.append([UInt8](repeating: 2, count: 1000)) }, throws: { ($0 as? FileError)?.code == 28 })
    #expect(file.size == 1500)
    try files.truncate("/d/log", to: 100)
    let again = try files.openForAppend("/d/log")
    try again.append([1])
    #expect(world.disk(of: 1).bytesUsed == 101)
    // Zeros take room too, and appends over them take no more.
    #expect(performing: { try again.reserve(2000) }, throws: { ($0 as? FileError)?.code == 28 })
    #expect(world.disk(of: 1).bytesUsed == 1500)
    try again.append([UInt8](repeating: 3, count: 1399))
    #expect(again.size == 1500 && world.disk(of: 1).bytesUsed == 1500)
    #expect(performing: { try again.append([4]) }, throws: { ($0 as? FileError)?.code == 28 })
  }

  @Test("turns bits over and forgets everything when told to")
  func corruption() throws {
    let (world, files, _) = try prepared(seed: 4)
    world.disk(of: 1).flipBit(3, ofByte: 500, in: "/d/log")
    #expect(try files.read("/d/log", offset: 500, count: 1) == [1 ^ 8])
    world.crash(1)
    world.disk(of: 1).lose()
    #expect(try world.makeRuntime(node: 1).files.list("/") == [])
  }

  @Test("A worker's acknowledged syncs survive a power cut at any moment", arguments: UInt64(1)...40)
  func acknowledged(seed: UInt64) throws {
    let (world, _, file) = try prepared(seed: seed)
    // The node has one runtime; its worker comes from a second start.
    _ = file
    world.crash(1, .powerCut)
    let runtime = world.makeRuntime(node: 1)
    let worker = runtime.blocking.makeWorker(named: "log")
    let log = try runtime.files.openForAppend("/d/log")
    let acknowledged = Mutex<UInt64>(0)
    for n in 0..<50 {
      worker.submit(on: runtime.loops[0]) {
        try log.append([UInt8](repeating: UInt8(n), count: 300))
        try log.sync()
        return log.size
      } completion: { result in
        let size = (try? result.get()) ?? 0
        acknowledged.withLock { $0 = size }
      }
    }
    var random = SeededRandom(seed: seed)
    world.advance(nanoseconds: random.below(40_000_000))
    let bytes = try #require(try afterPowerCut(world))
    #expect(UInt64(bytes.count) >= acknowledged.withLock { $0 }, "seed \(seed)")
  }

  @Test("Slow disks take longer")
  func slow() throws {
    func duration(_ factor: UInt64) -> UInt64 {
      let world = SimulatedWorld(seed: 9)
      let runtime = world.makeRuntime(node: 1)
      world.disk(of: 1).slowFactor = factor
      let worker = runtime.blocking.makeWorker(named: "log")
      let done = Counter()
      worker.submit(on: runtime.loops[0]) {
        let file = try runtime.files.openForAppend("/f")
        try file.append([1])
        try file.sync()
      } completion: { _ in
        done.add()
      }
      world.run(until: { done.value == 1 }, limitNanoseconds: 100 * second)
      return world.nowNanoseconds
    }
    #expect(duration(100) > duration(1) * 20)
  }
}
