import Runtime
import Synchronization
import Testing
import WriteAheadLog

/// A reproducible source of random numbers (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A loop that runs what it gets at once: the tests stand on no thread but their own.
final class DirectLoop: Loop {
  struct NoTimer: ScheduledWork {
    func cancel() {}
  }
  private let timers = Mutex<[@Sendable () -> Void]>([])

  func execute(_ body: @escaping @Sendable () -> Void) { body() }
  func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
    timers.withLock { $0.append(body) }
    return NoTimer()
  }
  /// Time passes: what was scheduled so far runs.
  func fireTimers() {
    let due = timers.withLock { timers in
      defer { timers = [] }
      return timers
    }
    for body in due { body() }
  }
  var isCurrent: Bool { true }
  func enqueue(_ job: consuming ExecutorJob) { job.runSynchronously(on: asUnownedSerialExecutor()) }
}

/// A worker that runs its work at once, or keeps it until the test lets it go.
final class HeldWorker: BlockingWorker, BlockingWorkers {
  private struct State {
    var isHeld = false
    var work: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  func makeWorker(named name: String) -> any BlockingWorker { self }

  func submit<T: Sendable>(
    on loop: any Loop, _ work: @escaping @Sendable () throws -> T,
    completion: @escaping @Sendable (Result<T, any Error>) -> Void
  ) {
    let job: @Sendable () -> Void = {
      let result = Result { try work() }
      loop.execute { completion(result) }
    }
    let isHeld = state.withLock { state in
      if state.isHeld { state.work.append(job) }
      return state.isHeld
    }
    if !isHeld { job() }
  }

  func shutdown() {}

  func hold() { state.withLock { $0.isHeld = true } }

  /// Runs everything, also what comes up meanwhile.
  func letGo() {
    while let job = state.withLock({ $0.work.isEmpty ? nil : $0.work.removeFirst() }) { job() }
    state.withLock { $0.isHeld = false }
  }
}

private struct OneNumber: RandomSource {
  let number: UInt64
  func next() -> UInt64 { number }
}

private struct NoNetwork: Network {
  struct Unreachable: Error {}
  func listen(
    on address: Address, loop: any Loop, accept: @escaping @Sendable (any Connection) -> Void
  ) async throws -> any Listener { throw Unreachable() }
  func connect(to address: Address, loop: any Loop, timeoutNanoseconds: UInt64) async throws -> any Connection {
    throw Unreachable()
  }
}

private struct StillClock: Clock {
  func monotonicNanoseconds() -> UInt64 { 0 }
  func wallMicroseconds() -> UInt64 { 0 }
}

private struct NoFaults: FaultPoints {
  func perturb(_ name: StaticString) -> Bool { false }
  func probe(_ name: StaticString) {}
  func probeCount(_ name: String) -> UInt64 { 0 }
  var probeCounts: [(name: String, count: UInt64)] { [] }
}

/// One log on one disk, opened as often as a test likes.
final class Bench: Sendable {
  static let directory = "/log"
  let disk: MemoryDisk
  let worker = HeldWorker()
  let loop = DirectLoop()
  let failures = Mutex<[WriteAheadLogError]>([])
  let logID: UInt64

  init(_ disk: MemoryDisk = MemoryDisk(), logID: UInt64 = 1) {
    self.disk = disk
    self.logID = logID
  }

  func open(
    segmentBytes: Int = 64 << 20, frameBytes: Int = 4 << 20
  ) async throws -> (log: WriteAheadLog, recovered: LogRecovery) {
    var settings = WriteAheadLog.Settings()
    settings.segmentBytes = segmentBytes
    settings.frameBytes = frameBytes
    let runtime = Runtime(
      clock: StillClock(), loops: [loop], random: OneNumber(number: logID), files: disk, network: NoNetwork(),
      blocking: worker, faults: NoFaults())
    return try await WriteAheadLog.open(
      directory: Self.directory, runtime: runtime, settings: settings, loop: loop,
      onFailure: { [self] error in failures.withLock { $0.append(error) } })
  }
}

extension WriteAheadLog {
  /// Appends and says whether it is durable when the call returns.
  @discardableResult
  func appendNow(_ records: LogRecord..., on loop: any Loop = DirectLoop()) -> Bool { appendNow(records, on: loop) }

  @discardableResult
  func appendNow(_ records: [LogRecord], on loop: any Loop = DirectLoop()) -> Bool {
    let isDone = Flag()
    append(records, on: loop) { isDone.raise() }
    return isDone.isRaised
  }
}

final class Flag: Sendable {
  private let value = Atomic(false)
  func raise() { value.store(true, ordering: .sequentiallyConsistent) }
  var isRaised: Bool { value.load(ordering: .sequentiallyConsistent) }
}

/// Entries of one term, with payloads that tell them apart.
func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, size: Int = 10) -> [LogEntry] {
  range.map { index in
    LogEntry(
      index: index, term: term,
      payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index &* 7 &+ term), count: size))
  }
}

/// What a log should hold, too plain to be wrong.
struct LogModel: Equatable {
  struct Group: Equatable {
    var hardState: [UInt8]?
    var snapshot: SnapshotMark?
    var entries: [LogEntry] = []
    var lastIndex: UInt64 = 0
  }
  var groups: [UInt64: Group] = [:]

  mutating func apply(_ records: [LogRecord]) {
    for record in records {
      var group = groups[record.group] ?? Group()
      switch record {
      case .entries(_, let new):
        group.entries.removeAll { $0.index >= new[0].index }
        group.entries += new
        group.lastIndex = new[new.count - 1].index
      case .truncate(_, let index):
        group.entries.removeAll { $0.index >= index }
        group.lastIndex = max(min(group.lastIndex, index - 1), group.snapshot?.index ?? 0)
      case .hardState(_, let state):
        group.hardState = state
      case .snapshot(_, let mark):
        group.snapshot = mark
        group.entries.removeAll { $0.index <= mark.index }
        group.lastIndex = max(group.lastIndex, mark.index)
      case .groupRemoved:
        groups[record.group] = nil
        continue
      }
      groups[record.group] = group
    }
  }

  /// What is wrong with a recovered group; `nil` if it is right. Entries up to `released` may be gone.
  func difference(_ number: UInt64, _ found: RecoveredGroup?, released: UInt64 = 0) -> String? {
    guard let group = groups[number] else { return found == nil ? nil : "group \(number) should not exist" }
    guard let found else { return "group \(number) is missing" }
    if found.hardState != group.hardState { return "group \(number): hard state" }
    if found.snapshot != group.snapshot { return "group \(number): snapshot" }
    if found.lastIndex != group.lastIndex {
      return "group \(number): last index \(found.lastIndex), not \(group.lastIndex)"
    }
    if !group.entries.reversed().starts(with: found.entries.reversed()) { return "group \(number): entries" }
    let needed = group.entries.count { $0.index > released }
    return found.entries.count >= needed ? nil : "group \(number): \(found.entries.count) entries, not \(needed)"
  }

  func difference(_ found: LogRecovery, released: [UInt64: UInt64] = [:]) -> String? {
    for number in Set(groups.keys).union(found.groups.keys).sorted() {
      if let difference = difference(number, found.groups[number], released: released[number] ?? 0) {
        return difference
      }
    }
    return nil
  }
}
