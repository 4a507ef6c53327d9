import NIOCore
import Runtime
import Synchronization
import Testing

private let second: UInt64 = 1_000_000_000

@Suite("The simulated world")
struct SimulatedWorldTests {
  /// Nodes that talk, sleep, write and draw random numbers.
  private static func busyRun(seed: UInt64) -> (hash: UInt64, steps: UInt64, transcript: [String]) {
    let world = SimulatedWorld(seed: seed)
    let transcript = Mutex<[String]>([])
    for node in 1...3 {
      let runtime = world.makeRuntime(node: node, loops: 2)
      runtime.spawn {
        _ = try? await runtime.network.listen(on: Address(host: "node\(node)", port: 7000), loop: runtime.loops[0]) {
          connection in
          connection.start(received: { connection.send($0) }, writable: { _ in }, closed: { _ in })
        }
        try? runtime.files.createDirectory("/d")
        let worker = runtime.blocking.makeWorker(named: "disk")
        for round in 0..<20 {
          await runtime.loops[1].sleep(nanoseconds: runtime.random.below(50_000_000))
          let peer = Address(host: "node\(node % 3 + 1)", port: 7000)
          if let connection = try? await runtime.network.connect(
            to: peer, loop: runtime.loops[0], timeoutNanoseconds: second)
          {
            connection.start(
              received: { bytes in
                transcript.withLock {
                  $0.append("\(node) got \(bytes.readableBytes) at \(runtime.clock.wallMicroseconds())")
                }
                connection.close()
              }, writable: { _ in }, closed: { _ in })
            connection.send(ByteBuffer(repeating: UInt8(round), count: Int(runtime.random.below(3000)) + 1))
          }
          worker.submit(on: runtime.loops[0]) {
            let file = try runtime.files.openForAppend("/d/f")
            try file.append([UInt8(round)])
            try file.sync()
            return file.size
          } completion: { result in
            transcript.withLock { $0.append("\(node) wrote \((try? result.get()) ?? 0)") }
          }
        }
      }
    }
    world.advance(nanoseconds: second / 2)
    world.network.cutBoth(1, 2)
    world.advance(nanoseconds: second / 4)
    world.crash(3)
    world.network.heal()
    world.advance(nanoseconds: 5 * second)
    return (world.eventHash, world.steps, transcript.withLock { $0 })
  }

  @Test("gives the same run for the same seed, and another for another", arguments: UInt64(1)...8)
  func reproducible(seed: UInt64) {
    let (first, again, other) = (
      Self.busyRun(seed: seed), Self.busyRun(seed: seed), Self.busyRun(seed: seed + 1000)
    )
    #expect(first.hash == again.hash && first.steps == again.steps, "seed \(seed)")
    #expect(first.transcript == again.transcript, "seed \(seed)")
    #expect(first.transcript.count > 40)
    #expect(first.hash != other.hash)
  }

  @Test("gives the same run in another process, where sets and dictionaries have another order")
  func reproducibleElsewhere() async throws {
    func hashInNewProcess() async throws -> String? {
      let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
        print("\nhash=\(Self.busyRun(seed: 77).hash)")
      }
      let lines = String(decoding: result.standardOutputContent, as: UTF8.self).split(separator: "\n")
      return lines.first { $0.hasPrefix("hash=") }.map(String.init)
    }
    let here = "hash=\(Self.busyRun(seed: 77).hash)"
    #expect(try await hashInNewProcess() == here)
    #expect(try await hashInNewProcess() == here)
  }

  @Test("lets time pass only when nothing can run, and then at once")
  func time() {
    let world = SimulatedWorld(seed: 7)
    world.clock(of: 1).ratePerMillion = 1_000_000
    let runtime = world.makeRuntime(node: 1)
    let woke = Mutex<UInt64>(0)
    let task = runtime.spawn {
      let before = runtime.clock.monotonicNanoseconds()
      await runtime.sleep(nanoseconds: 3600 * second)
      let slept = runtime.clock.monotonicNanoseconds() - before
      woke.withLock { $0 = slept }
    }
    #expect(!world.run(until: { woke.withLock { $0 } > 0 }, limitNanoseconds: 3599 * second))
    #expect(world.nowNanoseconds == 3599 * second)
    #expect(world.run(until: { woke.withLock { $0 } > 0 }, limitNanoseconds: 2 * second))
    #expect(woke.withLock { $0 } >= 3600 * second)
    #expect(woke.withLock { $0 } < 3600 * second + 100_000)
    _ = task
  }

  @Test("gives each node clocks of its own, that drift and jump")
  func clocks() {
    let world = SimulatedWorld(seed: 3)
    let runtime = world.makeRuntime(node: 1)
    let clock = world.clock(of: 1)
    clock.ratePerMillion = 1_010_000
    clock.wallOffsetMicroseconds = 0
    let (monotonic, wall) = (runtime.clock.monotonicNanoseconds(), runtime.clock.wallMicroseconds())
    world.advance(nanoseconds: 100 * second)
    #expect(runtime.clock.monotonicNanoseconds() - monotonic == 101 * second)
    #expect(runtime.clock.wallMicroseconds() - wall == 100_000_000)
    clock.wallOffsetMicroseconds = -300_000_000
    #expect(runtime.clock.wallMicroseconds() == wall - 200_000_000)
    #expect(runtime.clock.monotonicNanoseconds() - monotonic == 101 * second)
  }

  @Test("stops a crashed node for ever and a paused one until it is resumed")
  func crashAndPause() {
    let world = SimulatedWorld(seed: 5)
    let beats = (0..<3).map { _ in Counter() }
    func start(_ node: Int) {
      let runtime = world.makeRuntime(node: node)
      let beat = beats[node]
      runtime.spawn {
        while true {
          beat.add()
          await runtime.sleep(nanoseconds: second / 10)
        }
      }
    }
    start(1)
    start(2)
    world.advance(nanoseconds: second)
    world.crash(1)
    world.pause(2)
    let before = beats.map(\.value)
    #expect(before[1] >= 9 && before[2] >= 9)
    world.advance(nanoseconds: 10 * second)
    #expect(beats.map(\.value) == before)
    world.resume(2)
    world.advance(nanoseconds: second)
    #expect(beats[1].value == before[1] && beats[2].value > before[2])
    start(1)
    world.advance(nanoseconds: second)
    #expect(beats[1].value > before[1])
  }

  @Test("Actors on a simulated loop and their tasks share its thread")
  func actors() {
    actor Box {
      let loop: any Loop
      nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
      var sum = 0
      init(_ loop: any Loop) { self.loop = loop }
      func add(_ n: Int) { sum += loop.isCurrent ? n : 1_000_000 }
    }
    let world = SimulatedWorld(seed: 1)
    let runtime = world.makeRuntime(node: 1, loops: 2)
    let (a, b) = (Box(runtime.loops[0]), Box(runtime.loops[1]))
    let total = Mutex<Int?>(nil)
    runtime.spawn {
      await withTaskGroup { group in
        for n in 1...10 {
          group.addTask {
            await a.add(n)
            await b.add(n)
          }
        }
      }
      let sum = await a.sum + b.sum
      total.withLock { $0 = sum }
    }
    #expect(world.run(until: { total.withLock { $0 } != nil }, limitNanoseconds: second))
    #expect(total.withLock { $0 } == 110)
  }

  @Test("Named points fire as the seed says, and the same for the same seed")
  func perturbations() {
    var settings = SimulatedWorld.Settings()
    settings.perturbs = true
    func fired(_ seed: UInt64) -> [Int] {
      let world = SimulatedWorld(seed: seed, settings: settings)
      let names: [StaticString] = ["a", "b", "c", "d", "e", "f", "g", "h"]
      return names.map { name in (0..<400).count { _ in world.faults.perturb(name) } }
    }
    #expect((1...20).allSatisfy { fired($0) == fired($0) })
    let all = (UInt64(1)...20).flatMap(fired)
    #expect(all.contains(0) && all.contains { $0 > 0 })
    #expect(SimulatedWorld(seed: 1).faults.perturb("a") == false)
  }
}
