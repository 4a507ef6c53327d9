import DocStore
import Keys
import Operations

/// Row locks of a transaction that is about to commit are handed on before its decision (see "Hot rows" on the module's page).
extension TabletReplica {
  /// The transaction has all its statements behind it, and what it wrote elsewhere is being prepared.
  func ending(_ transaction: OpenTransaction?, lastKept: UInt32) {
    guard let transaction, transaction.isOpen, transaction.running.isEmpty, !transaction.isEnding, id != .catalog else {
      return
    }
    keep(through: lastKept, of: transaction, refusingThrough: .max)
    // A lock without a write protects a row until the commit time. What has spilled prepares first.
    if transaction.locksRows || transaction.hasSpilled { return }
    transaction.isEnding = true
    if locks.isAwaited(transaction.owner) { promise(transaction) }
  }

  /// Its locks go to those who wait for them.
  func promise(_ transaction: OpenTransaction) {
    probe("locks are handed on before their transaction is decided")
    unapplied.promise(transaction.overlay.writes(), by: transaction.id)
    run(locks.release(transaction.owner))
  }

  // MARK: Who comes behind a promise

  /// Whether the operation can be evaluated over what others have promised: if they do not commit, its transaction must not
  /// either, so nobody may learn anything from it before.
  func mayFollow(_ operation: WriteOperation) -> Bool {
    guard let context = operation.request.transaction, case .rows = operation.request.payload else { return false }
    return context.isolation == .readCommitted && !operation.tellsRows && !isSliced(operation)
  }

  /// The operation is evaluated again when one of these has committed, or has not.
  func park(_ operation: WriteOperation, behind promisers: Set<TransactionID>) {
    guard let first = promisers.min() else { return }
    probe("a statement waits for the decision of who had its row before")
    operation.documents = []
    operation.result = nil
    parked[first, default: []].append(operation)
  }

  /// Whether the transaction's step has to wait for the decisions of those that it follows; then it is carried out later.
  func holdsBack(_ request: TransactionRequest, _ transaction: OpenTransaction?, waiter: StepWaiter) -> Bool {
    guard let transaction, !transaction.follows.isEmpty else { return false }
    switch request.step {
    case .prepare, .commit, .rollBack:
      probe("a step waits for the decision of who had its rows before")
      transaction.held.append((request, waiter))
      return true
    default: return false
    }
  }

  // MARK: The decision

  /// The commit of a transaction is in the log.
  func keepPromise(of transaction: TransactionID, at time: HybridTime, index: UInt64) {
    guard unapplied.hasPromise(of: transaction) else { return }
    unapplied.keepPromise(of: transaction, at: time, index: index)
    for follower in followers(of: transaction) {
      follower.follows.remove(transaction)
      follower.seenThrough = max(follower.seenThrough, index)
      guard follower.follows.isEmpty else { continue }
      let held = follower.held
      follower.held = []
      for (request, waiter) in held { begin(request, waiter: waiter) }
    }
    unpark(behind: transaction)
  }

  /// A transaction does not commit. What others have made of its promise is worth nothing.
  func breakPromise(of transaction: TransactionID) {
    guard unapplied.hasPromise(of: transaction) else { return }
    probe("a promise is broken")
    unapplied.breakPromise(of: transaction)
    for follower in followers(of: transaction) where transactions[follower.id] === follower { letGo(of: follower.id) }
    unpark(behind: transaction)
  }

  private func followers(of transaction: TransactionID) -> [OpenTransaction] {
    transactions.values.filter { $0.follows.contains(transaction) }.sorted { $0.id < $1.id }
  }

  private func unpark(behind transaction: TransactionID) {
    for operation in parked.removeValue(forKey: transaction) ?? [] where isRunning(operation) { evaluate(operation) }
  }
}
