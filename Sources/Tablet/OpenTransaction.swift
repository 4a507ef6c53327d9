import DocStore
import Keys
import Operations

/// A transaction as the leader of one of its tablets has it in memory: its locks, what it has written and not committed,
/// and the answers that its gateway may have lost.
///
/// It goes with the leadership. What must not get lost with it is staged first (`TransactionLedger`).
final class OpenTransaction {
  enum State {
    /// Statements may come.
    case open
    /// Its pieces are on their way through the log.
    case staging(StepOperation)
    /// Everything is staged; only the decision is missing.
    case prepared
    /// The commit is on its way through the log.
    case committing(StepOperation)
  }

  let id: TransactionID
  /// Names it in the lock table.
  let owner: LockTable.Owner
  /// Told to the gateway with the first answer; a request with another one belongs to a leader before this one.
  /// 0 is nobody's: it was silent for too long, or was adopted from a leader before, and cannot be committed any more
  /// where its commit is decided.
  private(set) var epoch: UInt64
  var state: State
  var overlay = TransactionOverlay()
  /// Keys that a statement locked and did not write. A later one may have.
  private var onlyLocked: Set<[UInt8]> = []
  /// What is still to be staged, first piece first; nil before `prepare`.
  var pieces: [StagedPiece]?
  /// Names the prepare in the log, where it brought writes along (`LateWrites`).
  var prepareRequest: (id: RequestID, floor: UInt64)?
  /// Monotonic nanoseconds.
  var lastHeard: UInt64
  /// Statements up to this one were undone while requests of them may still be on their way.
  var refusedThrough: UInt32 = 0
  /// The latest statement that has come.
  var newestStatement: UInt32 = 0
  /// What was answered, by request, as long as the gateway may ask again.
  private var answers: [RequestID: MutateAnswer] = [:]
  /// Requests that run or wait.
  var running: [RequestID: WriteOperation] = [:]
  /// All its statements are behind it, and it is about to commit.
  var isEnding = false
  /// Those whose promised writes it has written over: it must not end before them.
  var follows: Set<TransactionID> = []
  /// Its steps that wait for that.
  var held: [(TransactionRequest, TabletReplica.StepWaiter)] = []
  /// The last entry of the log with a write of others that a statement of it has seen.
  var seenThrough: UInt64 = 0
  /// Whether something of it was brought to the store, or is on its way (`TabletReplica+Spill`).
  var hasSpilled = false
  /// Bytes of keys and rows that were.
  var spilledBytes = 0
  /// The last statement that has such writes and counts.
  private var spilledThrough: UInt32 = 0
  /// Statements that were taken back when something of them was in the store already.
  private(set) var dropped: [ClosedRange<UInt32>] = []
  /// Statements that are answered once less of the transaction is in memory.
  var heldBack: [WriteOperation] = []
  /// The gateway has its answers of all requests before.
  var floor: UInt64 = 0
  /// The oldest version of the table that something of it was written under.
  var oldestVersion = UInt32.max

  init(id: TransactionID, owner: LockTable.Owner, epoch: UInt64, state: State, now: UInt64) {
    self.id = id
    self.owner = owner
    self.epoch = epoch
    self.state = state
    lastHeard = now
  }

  /// From now on nobody can make this leader commit it.
  func disown() { epoch = 0 }

  var isOpen: Bool { if case .open = state { true } else { false } }

  /// Bytes that a commit would write.
  var pendingBytes: Int { overlay.byteCount + spilledBytes }

  /// The oldest writes in memory, about to be brought to the store.
  func beginSpill(bytesMax: Int) -> [(statement: UInt32, write: DocumentWrite)] {
    let taken = overlay.beginLeaving(bytesMax: bytesMax)
    guard let last = taken.last else { return [] }
    hasSpilled = true
    spilledThrough = last.statement
    return taken
  }

  /// Takes back what statements after `statement` wrote. None up to `last` will write any more.
  func rollBack(to statement: UInt32, through last: UInt32) {
    overlay.rollBack(to: statement)
    if spilledThrough > statement {
      dropped.drop(after: statement, through: last)
      spilledThrough = statement
    }
  }

  /// Whether there are rows that it locked and, as far as is known, did not write.
  var locksRows: Bool { !onlyLocked.isEmpty }

  /// Notes which of the rows that a statement has locked it did not write.
  func note(locked keys: [[UInt8]], written documents: [DocumentWrite]) {
    // Nearly always all of them.
    if keys.count == documents.count { return }
    onlyLocked.formUnion(Set(keys).subtracting(documents.map(\.documentKey)))
  }

  /// The locks that protect rows which the transaction did not write, in key order.
  func locksToStage(_ locks: LockTable) -> [StagedLock] {
    onlyLocked.subtracting(overlay.keys(among: onlyLocked)).sorted(by: KeyRange.isLess).compactMap { key in
      locks.strength(of: owner, on: key).map { StagedLock(key: key, strength: $0) }
    }
  }

  func answer(to request: RequestID) -> MutateAnswer? { answers[request] }

  func remember(_ answer: MutateAnswer, of request: RequestID, floor: UInt64) {
    if answers.count > 8 { answers = answers.filter { $0.key.sequence >= floor } }
    answers[request] = answer
  }
}
