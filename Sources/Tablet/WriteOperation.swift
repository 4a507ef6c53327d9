import DocStore
import Keys
import Operations
import Values

/// One write on its way through a leader: waits for locks, is evaluated, waits for consensus (outside of transactions),
/// is answered once.
final class WriteOperation {
  let request: MutateRequest
  /// Names it in the lock table: the transaction's owner, or its own.
  let owner: LockTable.Owner
  /// Nil outside of transactions.
  let transaction: OpenTransaction?
  /// Names its request in the lock table.
  let lockRequest: LockTable.RequestNumber
  /// The rows that it looks at, sorted, each once.
  var keys: [[UInt8]] = []
  /// Monotonic nanoseconds after which it no longer waits for locks.
  var lockDeadline: UInt64
  /// Requests of others that wanted its rows: those for which it waited itself, and those that wait for it.
  var contenderCount = 0
  /// Where there may be more rows than those that were found at first.
  var rest: MutateAnswer.Rest?
  /// How many of its keys are evaluated, where there are many.
  var evaluatedCount = 0
  /// Those of the slice that was evaluated last.
  var evaluatedKeys: [[UInt8]] = []
  /// The entry of the log that its answer has to wait for, since it tells of it; 0 for none.
  var answeredAfter: UInt64 = 0
  /// Set when it is evaluated.
  var time = HybridTime.zero
  var result: MutationResult?
  var documents: [DocumentWrite] = []
  private var waiters: [CheckedContinuation<TabletAnswer<MutateAnswer>, Never>]

  init(
    request: MutateRequest, owner: LockTable.Owner, transaction: OpenTransaction?,
    lockRequest: LockTable.RequestNumber, lockDeadline: UInt64,
    waiter: CheckedContinuation<TabletAnswer<MutateAnswer>, Never>
  ) {
    self.request = request
    self.owner = owner
    self.transaction = transaction
    self.lockRequest = lockRequest
    self.lockDeadline = lockDeadline
    waiters = [waiter]
  }

  /// Whether its answer has rows for the client.
  var tellsRows: Bool {
    switch request.payload {
    case .documents: false
    case .rows(let mutation): mutation.returning != nil
    case .lock: true
    }
  }

  var isInsert: Bool {
    if case .rows(let mutation) = request.payload, case .insert = mutation.mutation { true } else { false }
  }

  /// What one slice of it has come to.
  func add(_ part: MutationResult) {
    if result == nil { result = part } else { result?.add(part) }
  }

  /// The same request came again while this one runs: both get the one answer.
  func join(_ waiter: CheckedContinuation<TabletAnswer<MutateAnswer>, Never>) { waiters.append(waiter) }

  func finish(_ answer: TabletAnswer<MutateAnswer>) {
    let all = waiters
    waiters = []
    for waiter in all { waiter.resume(returning: answer) }
  }

  var record: LoggedWrite {
    LoggedWrite(
      id: request.id, floor: request.floor, time: time, result: encodedResult, effect: .write(documents))
  }
}

/// One step of a transaction on its way through the log.
final class StepOperation {
  enum Kind {
    /// A piece of what the transaction stages.
    case stage
    /// Some of what it has written, for the store's intents.
    case spill([IntentWrite])
    /// The commit, at this time.
    case commit(HybridTime)
    case resolve(HybridTime?)
    case forget
  }
  let transaction: TransactionID
  let kind: Kind
  let id: RequestID
  let floor: UInt64
  let effect: LoggedEffect
  /// Drawn when it is queued.
  var time: HybridTime
  private var waiters: [CheckedContinuation<TabletAnswer<TransactionAnswer>, Never>] = []

  init(
    _ transaction: TransactionID, _ kind: Kind, _ effect: LoggedEffect, time: HybridTime,
    id: RequestID = LoggedWrite.nobody, floor: UInt64 = 0
  ) {
    self.transaction = transaction
    self.kind = kind
    self.effect = effect
    self.time = time
    self.id = id
    self.floor = floor
  }

  func join(_ waiter: CheckedContinuation<TabletAnswer<TransactionAnswer>, Never>) { waiters.append(waiter) }

  /// Hands its waiters over to the step that goes on where this one ended.
  func handOver(to next: StepOperation) {
    next.waiters.append(contentsOf: waiters)
    waiters = []
  }

  func finish(_ answer: TabletAnswer<TransactionAnswer>) {
    let all = waiters
    waiters = []
    for waiter in all { waiter.resume(returning: answer) }
  }

  var record: LoggedWrite {
    LoggedWrite(id: id, floor: floor, time: time, result: CommitResult.encoded(time: commitTime), effect: effect)
  }

  private var commitTime: HybridTime? {
    if case .commit(let time) = kind { time } else { nil }
  }
}

/// What waits at a leader for consensus.
enum LoggedOperation {
  case write(WriteOperation)
  case step(StepOperation)

  var time: HybridTime {
    switch self {
    case .write(let write): write.time
    case .step(let step): step.time
    }
  }

  var byteCount: Int {
    switch self {
    case .write(let write): write.documents.reduce(64) { $0 + $1.byteCount }
    case .step(let step): step.effect.approximateByteCount
    }
  }

  var record: LoggedWrite {
    switch self {
    case .write(let write): write.record
    case .step(let step): step.record
    }
  }
}

/// A Raft entry that this leader proposed and that is not applied yet.
struct InFlightEntry {
  var index: UInt64
  var term: UInt64
  var operations: [LoggedOperation]
  var firstTime: HybridTime { operations[0].time }
}

/// A read that waits for its time to become safe, and for transactions that may have written what it reads.
struct ReadWaiter {
  var time: HybridTime?
  /// What was committed up to here may be in the client's past, though it is later than `time`.
  var doubtedThrough: HybridTime
  var selection: KeySelection
  var transaction: TransactionID?
  /// Monotonic nanoseconds after which it is told to come again.
  var deadline: UInt64
  var continuation: CheckedContinuation<TabletAnswer<HybridTime>, Never>
}
