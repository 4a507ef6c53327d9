import Foundation
import Runtime
import Synchronization
import Testing

@Suite("Real loops")
struct RealLoopTests {
  /// Remembers whether every piece of code ran on its loop.
  actor Resident {
    let loop: any Loop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private(set) var calls = 0
    init(on loop: any Loop) { self.loop = loop }

    func call() -> Bool {
      calls += 1
      return loop.isCurrent
    }
    func call(_ other: Resident, times: Int) async -> Int {
      var there = 0
      for _ in 0..<times where await other.call() && loop.isCurrent { there += 1 }
      return there
    }
  }

  @Test("Actors of a loop and tasks that prefer it stay on its thread")
  func sameThread() async {
    let runtime = RealRuntime.make(loops: 2)
    let (loop, a, b) = (runtime.loops[0], Resident(on: runtime.loops[0]), Resident(on: runtime.loops[0]))
    let (onLoop, met) = (Counter(), Counter())
    await loop.spawn {
      for _ in 0..<100 {
        if loop.isCurrent { onLoop.add() }
        if await a.call() { met.add() }
      }
      for _ in 0..<(await a.call(b, times: 100)) { met.add() }
      await withTaskGroup { group in
        for _ in 0..<10 { group.addTask { if loop.isCurrent { onLoop.add() } } }
      }
    }.value
    #expect(onLoop.value == 110)
    #expect(met.value == 200)
    #expect(await b.calls == 100)
    await runtime.shutdown()
  }

  @Test("Actors of two loops call each other, each on its own thread")
  func twoThreads() async {
    let runtime = RealRuntime.make(loops: 2)
    let (a, b) = (Resident(on: runtime.loops[0]), Resident(on: runtime.loops[1]))
    async let there = a.call(b, times: 500)
    async let back = b.call(a, times: 500)
    #expect(await there == 500)
    #expect(await back == 500)
    await runtime.shutdown()
  }

  @Test("Work runs in the order in which it was given, from any thread")
  func order() async {
    let runtime = RealRuntime.make(loops: 2)
    for giver in runtime.loops {
      let seen = Mutex<[Int]>([])
      await withCheckedContinuation { done in
        giver.execute {
          for n in 0..<5000 { runtime.loops[0].execute { seen.withLock { $0.append(n) } } }
          runtime.loops[0].execute { done.resume() }
        }
      }
      #expect(seen.withLock { $0 } == Array(0..<5000))
    }
    await runtime.shutdown()
  }

  @Test("Timers fire in the order of their deadlines, not early; cancelled ones do not fire")
  func timers() async {
    let runtime = RealRuntime.make(loops: 1)
    let loop = runtime.loops[0]
    let start = runtime.clock.monotonicNanoseconds()
    let fired = Mutex<[Int]>([])
    await withCheckedContinuation { done in
      loop.execute {
        for n in [5, 1, 4, 2, 3] {
          loop.schedule(after: UInt64(n) * 2_000_000) {
            let isLate = runtime.clock.monotonicNanoseconds() - start >= UInt64(n) * 2_000_000
            fired.withLock { $0.append(isLate ? n : -n) }
          }
        }
        loop.schedule(after: 3_000_000) { fired.withLock { $0.append(99) } }.cancel()
        loop.schedule(after: .max) { fired.withLock { $0.append(98) } }
        loop.schedule(after: 14_000_000) { done.resume() }
      }
    }
    #expect(fired.withLock { $0 } == [1, 2, 3, 4, 5])
    await runtime.shutdown()
  }

  @Test("A cancelled task stops sleeping; a deadline cancels what takes too long and waits for it")
  func sleeping() async throws {
    let runtime = RealRuntime.make(loops: 1)
    let loop = runtime.loops[0]
    let slept = Atomic(true)
    let task = loop.spawn { slept.store(await loop.sleep(nanoseconds: 3_600_000_000_000), ordering: .relaxed) }
    task.cancel()
    await task.value
    let wasWhole = slept.load(ordering: .relaxed)
    #expect(!wasWhole)
    #expect(await loop.sleep(nanoseconds: 1000))

    let ended = Counter()
    await #expect(throws: DeadlineExceeded.self) {
      try await loop.withDeadline(nanoseconds: 1_000_000) {
        await loop.sleep(nanoseconds: 3_600_000_000_000)
        ended.add()
        try Task.checkCancellation()
      }
    }
    #expect(ended.value == 1)
    #expect(try await loop.withDeadline(nanoseconds: 60_000_000_000) { 7 } == 7)
    await runtime.shutdown()
  }

  @Test("Tasks that keep a loop busy do not keep timers and sockets out")
  func fairness() async {
    let runtime = RealRuntime.make(loops: 1)
    let loop = runtime.loops[0]
    let stop = Atomic(false)
    let spinner = loop.spawn { while !stop.load(ordering: .relaxed) { await Task.yield() } }
    await withCheckedContinuation { done in loop.schedule(after: 1_000_000) { done.resume() } }
    stop.store(true, ordering: .relaxed)
    await spinner.value
    await runtime.shutdown()
  }

  @Test("A worker's thread has its name, as far as the kernel keeps it")
  func threadName() async throws {
    let runtime = RealRuntime.make(loops: 1)
    let worker = runtime.blocking.makeWorker(named: "write-ahead log of a node")
    let name = try await withCheckedThrowingContinuation { done in
      worker.submit(on: runtime.loops[0]) {
        try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
      } completion: {
        done.resume(with: $0)
      }
    }
    worker.shutdown()
    #expect(name == "write-ahead log\n")
  }

  @Test("A worker runs its work in order on its own thread, and answers on the loop")
  func worker() async {
    let runtime = RealRuntime.make(loops: 1)
    let loop = runtime.loops[0]
    let worker = runtime.blocking.makeWorker(named: "test")
    let log = Mutex<[Int]>([])
    let results = Mutex<[Int]>([])
    let onLoop = Counter()
    await withCheckedContinuation { done in
      for n in 0..<100 {
        worker.submit(on: loop) {
          log.withLock { $0.append(n) }
          return loop.isCurrent ? -1 : n
        } completion: { result in
          if loop.isCurrent { onLoop.add() }
          results.withLock { $0.append((try? result.get()) ?? -2) }
          if n == 99 { done.resume() }
        }
      }
    }
    #expect(log.withLock { $0 } == Array(0..<100))
    #expect(results.withLock { $0 } == Array(0..<100))
    #expect(onLoop.value == 100)

    struct Mishap: Error {}
    let failure: Result<Int, any Error> = await withCheckedContinuation { done in
      worker.submit(on: loop) {
        throw Mishap()
      } completion: {
        done.resume(returning: $0)
      }
    }
    #expect(throws: Mishap.self) { try failure.get() }
    worker.shutdown()
    let late: Result<Int, any Error> = await withCheckedContinuation { done in
      worker.submit(on: loop) {
        1
      } completion: {
        done.resume(returning: $0)
      }
    }
    #expect(throws: WorkerIsShutDown.self) { try late.get() }
    await runtime.shutdown()
  }

  @Test("Fault points are off by default, fire as the environment says, and probes are counted")
  func faults() {
    let off = RealFaultPoints(perturb: nil, random: RealRandom())
    #expect((0..<1000).allSatisfy { _ in !off.perturb("a") })
    let on = RealFaultPoints(perturb: "a:1,b:0.5,c:0,broken,d:x", random: RealRandom())
    #expect((0..<100).allSatisfy { _ in on.perturb("a") })
    let fired = (0..<1000).count { _ in on.perturb("b") }
    #expect(fired > 300 && fired < 700)
    #expect(!on.perturb("c") && !on.perturb("d") && !on.perturb("other"))
    off.probe("rare")
    off.probe("rare")
    #expect(off.probeCount("rare") == 2 && off.probeCount("never") == 0)
  }

  @Test("The wall clock can be set off for one process")
  func skew() {
    let (right, wrong) = (RealClock(), RealClock(wallSkewMicroseconds: 3_600_000_000))
    let ahead = Int64(wrong.wallMicroseconds()) - Int64(right.wallMicroseconds())
    #expect(abs(ahead - 3_600_000_000) < 60_000_000)
  }
}
