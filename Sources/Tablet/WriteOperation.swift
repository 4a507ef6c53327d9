import DocStore
import Keys
import Operations
import Values

/// One write on its way through a leader: waits for locks, is evaluated, waits for consensus, is answered once.
final class WriteOperation {
  let request: MutateRequest
  /// Names it in the lock table.
  let owner: LockTable.Owner
  /// Monotonic nanoseconds after which it no longer waits for locks.
  let lockDeadline: UInt64
  /// Set when it is evaluated.
  var time = HybridTime.zero
  var result: MutationResult?
  var documents: [DocumentWrite] = []
  private var waiters: [CheckedContinuation<TabletAnswer<MutationResult>, Never>]

  init(
    request: MutateRequest, owner: LockTable.Owner, lockDeadline: UInt64,
    waiter: CheckedContinuation<TabletAnswer<MutationResult>, Never>
  ) {
    self.request = request
    self.owner = owner
    self.lockDeadline = lockDeadline
    waiters = [waiter]
  }

  /// The same request came again while this one runs: both get the one answer.
  func join(_ waiter: CheckedContinuation<TabletAnswer<MutationResult>, Never>) { waiters.append(waiter) }

  func finish(_ answer: TabletAnswer<MutationResult>) {
    let all = waiters
    waiters = []
    for waiter in all { waiter.resume(returning: answer) }
  }
}

/// A Raft entry that this leader proposed and that is not applied yet.
struct InFlightEntry {
  var index: UInt64
  var term: UInt64
  var operations: [WriteOperation]
  var firstTime: HybridTime { operations[0].time }
}

/// A read that waits for its time to become safe.
struct ReadWaiter {
  var time: HybridTime?
  /// Monotonic nanoseconds after which it is told to come again.
  var deadline: UInt64
  var continuation: CheckedContinuation<TabletAnswer<HybridTime>, Never>
}
