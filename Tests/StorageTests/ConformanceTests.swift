import Glibc
import Keys
import Storage
import Synchronization
import Testing

@Suite("Both engines against a plain model, by random streams of operations")
struct ConformanceTests {
  @Test("Reads, flushes, checkpoints, compactions and crashes", arguments: EngineKind.allCases, 0..<6)
  func stream(kind: EngineKind, seed: Int) throws {
    var random = Seeded(UInt64(seed) &+ 99)
    let workload = Workload(seed: UInt64(seed))
    var options = StoreOptions()
    if seed.isMultiple(of: 2) { options.writeBufferBytes = 64 << 10 }
    let bench = try Bench(kind, options: options)
    var index: UInt64 = 0
    var flushed: UInt64 = 0
    var model = Model()

    for step in 0..<300 {
      switch Int.random(in: 0..<40, using: &random) {
      case 0:
        try bench.store.flush()
        flushed = index
      case 1:
        try bench.store.compact()
        flushed = index
      case 2:
        try bench.restart()
        let reached = bench.store.appliedFrontier?.index ?? 0
        #expect((flushed...max(flushed, index)).contains(reached), "seed \(seed), step \(step)")
        #expect(bench.store.flushedFrontier == bench.store.appliedFrontier)
        (index, flushed) = (reached, reached)
        model = workload.model(through: index)
        expectEqual(bench.store, model, "seed \(seed), step \(step)")
      case 3:
        let path = bench.scratch.path + "/checkpoint\(step)"
        try bench.store.checkpoint(to: path)
        flushed = index
        let copy = try bench.engine.openStore(at: path, options: options)
        #expect((copy.appliedFrontier?.index ?? 0) == index, "seed \(seed), step \(step)")
        expectEqual(copy, model, "seed \(seed), step \(step)")
        copy.close()
        try bench.engine.destroyStore(at: path)
      case 4...9:
        let name = document("d\(Int.random(in: 0..<14, using: &random))")
        for family in ColumnFamily.allCases {
          let difference = firstDifference(
            try bench.store.contents(family, of: name), model.pairs(family, of: name))
          #expect(difference == nil, "seed \(seed), step \(step)")
        }
        try expectLookups(bench.store, model, &random, "seed \(seed), step \(step)")
      case 10...13:
        let bounds = (0..<2).map { _ in version("d\(Int.random(in: 0..<12, using: &random))", .random(in: 0...index)) }
          .sorted { $0.lexicographicallyPrecedes($1) }
        let expected = model.pairs(.regular, from: bounds[0], to: bounds[1])
        let forwards = try bench.store.contents(.regular, from: bounds[0], to: bounds[1])
        #expect(firstDifference(forwards, expected) == nil, "seed \(seed), step \(step)")
        let backwards = try bench.store.contentsBackwards(.regular, from: bounds[0], to: bounds[1])
        #expect(firstDifference(backwards.reversed(), expected) == nil, "seed \(seed), step \(step)")
      default:
        index += 1
        try bench.store.write(workload.batch(index), frontier: frontier(index))
        model.apply(workload.changes(index))
        for change in workload.changes(index) {
          let expected = model.contents[change.family]?[change.key]
          let isSame = try bench.store.get(change.family, change.key) == expected
          #expect(isSame, "seed \(seed), step \(step)")
        }
      }
    }
    expectEqual(bench.store, model, "seed \(seed), at the end")
  }

  /// One cursor for documents that are there and ones that are not, in any order, also at times long ago.
  private func expectLookups(
    _ store: any Store, _ model: Model, _ random: inout Seeded, _ comment: Comment
  ) throws {
    for family in ColumnFamily.allCases {
      var cursor = try store.documentCursor(family)
      for _ in 0..<20 {
        let name = document("d\(Int.random(in: 0..<14, using: &random))")
        let versions = model.pairs(family, of: name)
        let time = versions.randomElement(using: &random).flatMap { VersionedKey.split($0.key)?.time } ?? .max
        let notAfter = Bool.random(using: &random) ? time : .max
        let expected = versions.first { pair in
          VersionedKey.split(pair.key).map { $0.time <= notAfter } ?? false
        }
        try cursor.seek(toVersionOf: name, notAfter: notAfter)
        #expect(cursor.isValid == (expected != nil), comment)
        if cursor.isValid, let expected {
          let isSame = cursor.key == expected.key && cursor.value == expected.value
          #expect(isSame, comment)
        }
      }
    }
  }

  private func expectEqual(_ store: any Store, _ model: Model, _ comment: Comment) {
    for family in ColumnFamily.allCases {
      let difference = firstDifference((try? store.contents(family)) ?? [], model.pairs(family))
      #expect(difference == nil, comment)
    }
  }

  @Test("kill -9 leaves the state of one frontier, not before the last completed flush", arguments: 0..<8)
  func killed(seed: Int) async throws {
    let scratch = ScratchDirectory()
    let path = scratch.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [seed = seed as Int, path = path as String] in
      try killYourself(seed: UInt64(seed), path: path)
    }
    let flushed = try #require(numbers(inFile: path + "/flushed").last)
    var options = StoreOptions()
    options.writeBufferBytes = 64 << 10
    let store = try RocksDBEngine().openStore(at: path + "/store", options: options)
    defer { store.close() }
    let reached = store.appliedFrontier?.index ?? 0
    #expect(reached >= flushed, "seed \(seed)")
    let model = Workload(seed: UInt64(seed)).model(through: reached)
    for family in ColumnFamily.allCases {
      let difference = firstDifference(try store.contents(family), model.pairs(family))
      #expect(difference == nil, "seed \(seed), frontier \(reached)")
    }
  }
}

/// Flushes and compactions begun, in the process that will be killed.
private let flushesBegun = Atomic(0)
/// At which of them it will be killed, and how long into it, in turns of an idle loop.
private let fatalFlush = Atomic(0)
private let turnsIntoIt = Atomic(0)

/// Writes and flushes until a thread kills this process, in the middle of a flush or a little after it.
private func killYourself(seed: UInt64, path: String) throws {
  var random = Seeded(seed)
  var options = StoreOptions()
  options.writeBufferBytes = 64 << 10
  let store = try RocksDBEngine().openStore(at: path + "/store", options: options)
  let log = open(path + "/flushed", O_CREAT | O_WRONLY | O_APPEND, 0o644)
  func note(_ index: UInt64) {
    let line = Array("\(index)\n".utf8)
    _ = line.withUnsafeBytes { write(log, $0.baseAddress, $0.count) }
  }
  note(0)
  fatalFlush.store(.random(in: 1...40, using: &random), ordering: .relaxed)
  turnsIntoIt.store(.random(in: 0...200_000, using: &random), ordering: .relaxed)
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { _ in
      while flushesBegun.load(ordering: .relaxed) < fatalFlush.load(ordering: .relaxed) { sched_yield() }
      for _ in 0..<turnsIntoIt.load(ordering: .relaxed) { _ = flushesBegun.load(ordering: .relaxed) }
      kill(getpid(), SIGKILL)
      return nil
    }, nil)
  let workload = Workload(seed: seed)
  var index: UInt64 = 0
  while true {
    index += 1
    try store.write(workload.batch(index), frontier: frontier(index))
    switch Int.random(in: 0..<200, using: &random) {
    case 0..<3:
      flushesBegun.add(1, ordering: .relaxed)
      try store.flush()
      note(index)
    case 3:
      flushesBegun.add(1, ordering: .relaxed)
      try store.compact()
      note(index)
    default: break
    }
  }
}

private func numbers(inFile path: String) -> [UInt64] {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  var text = [UInt8](repeating: 0, count: 1 << 20)
  let count = read(descriptor, &text, text.count)
  return String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").compactMap { UInt64($0) }
}
