import DocStore
import Keys
import Operations
import Values

/// Statements of transactions: they lock and evaluate as other writes do, and leave what they write in memory.
extension TabletReplica {
  /// A statement's request. The transaction becomes known here with its first one.
  func beginInTransaction(_ request: MutateRequest, found: FoundRows?, waiter: MutateWaiter) {
    guard let context = request.transaction else { return waiter.resume(returning: .notReady) }
    guard let transaction = openTransaction(context) else {
      probe("a transaction's request came to a leader that does not know it")
      return waiter.resume(returning: .failed(.transactionLost))
    }
    transaction.lastHeard = now
    guard transaction.isOpen, context.statement > transaction.refusedThrough else {
      return waiter.resume(returning: .failed(.transactionLost))
    }
    // Statements that overlap know nothing of each other's fate: what is dropped came before all of them.
    if context.oldestRunning > transaction.newestStatement {
      keep(through: context.lastKept, of: transaction, refusingThrough: context.oldestRunning - 1)
    }
    if let known = transaction.answer(to: request.id) {
      probe("retry of a transaction's statement answered from memory")
      return waiter.resume(returning: .done(known))
    }
    if let running = transaction.running[request.id] { return running.join(waiter) }
    // An old copy of a request that was answered, and whose answer nobody asks for again.
    guard request.id.sequence >= transaction.floor else { return waiter.resume(returning: .outcomeUnknown) }
    transaction.floor = max(transaction.floor, request.floor)
    if refusesWrites { return waiter.resume(returning: .failed(.diskFull)) }
    let timeout = context.lockTimeoutMilliseconds
    let operation = WriteOperation(
      request: request, owner: transaction.owner, transaction: transaction, lockRequest: drawNumber(),
      lockDeadline: timeout == 0 ? .max : now + timeout * 1_000_000, waiter: waiter)
    transaction.running[request.id] = operation
    transaction.newestStatement = max(transaction.newestStatement, context.statement)
    lock(operation, found: found)
  }

  private func openTransaction(_ context: TransactionContext) -> OpenTransaction? {
    if let known = transactions[context.id] {
      return context.epoch.map { $0 == known.epoch } ?? true ? known : nil
    }
    guard context.epoch == nil, ledger.staged[context.id] == nil, spilling[context.id] == nil else { return nil }
    return open(context.id, epoch: drawEpoch(), state: .open)
  }

  private func open(_ id: TransactionID, epoch: UInt64, state: OpenTransaction.State) -> OpenTransaction {
    let transaction = OpenTransaction(id: id, owner: drawNumber(), epoch: epoch, state: state, now: now)
    transactions[id] = transaction
    transactionOwners[transaction.owner] = id
    return transaction
  }

  /// Never the same for two leaders of the tablet, nor twice for one; never 0.
  private func drawEpoch() -> UInt64 { raft.term.raw << 32 | (drawNumber() & 0xffff_ffff) }

  /// A statement was evaluated: what it writes waits for the commit.
  func keep(_ operation: WriteOperation, in transaction: OpenTransaction) {
    guard put(operation, into: transaction) else { return }
    if mustWaitForSpill(transaction) {
      probe("a statement waits until its transaction has spilled")
      return transaction.heldBack.append(operation)
    }
    answerKept(operation, in: transaction)
  }

  func answerKept(_ operation: WriteOperation, in transaction: OpenTransaction) {
    operation.contenderCount += locks.waiterCount(on: operation.keys)
    completeInOrder(operation, operation.answer)
  }

  /// Adds what the operation has written to its transaction's; false, and the operation has failed, if that is too much.
  func put(_ operation: WriteOperation, into transaction: OpenTransaction) -> Bool {
    guard id != .catalog || transaction.overlay.byteCount < environment.settings.transactionBytesMax else {
      complete(
        operation,
        .failed(
          SQLError(
            .programLimitExceeded, "transaction writes too much",
            detail: "It may write \(environment.settings.transactionBytesMax >> 20) MiB to the catalog.",
            hint: "Write in several transactions.")))
      return false
    }
    if case .rows(let mutation) = operation.request.payload {
      transaction.oldestVersion = min(transaction.oldestVersion, mutation.schemaVersion)
    }
    transaction.note(locked: operation.evaluatedKeys, written: operation.documents)
    transaction.overlay.put(operation.documents, statement: operation.request.transaction?.statement ?? 0)
    operation.documents = []
    spillIfLarge(transaction)
    return true
  }

  /// What a reading transaction has written here.
  /// - Returns: nil if this leader does not know it (any more).
  func overlay(of reference: TransactionReference, scanning selection: KeySelection) -> OverlayView? {
    guard let transaction = transactions[reference.id], transaction.epoch == reference.epoch, transaction.isOpen
    else { return nil }
    transaction.lastHeard = now
    return view(of: transaction, scanning: selection)
  }

  // MARK: The end of it

  /// Lets go of what a transaction has here, locks and memory; those who waited for it go on.
  func letGo(of id: TransactionID) {
    unresolvedSince[id] = nil
    guard let transaction = transactions.removeValue(forKey: id) else { return }
    transactionOwners[transaction.owner] = nil
    for (_, operation) in transaction.running.sorted(by: { $0.key < $1.key }) {
      waitingForLocks[operation.lockRequest] = nil
      operation.finish(.failed(.transactionLost))
    }
    transaction.running = [:]
    for (_, waiter) in transaction.held { waiter.resume(returning: .failed(.transactionLost)) }
    transaction.held = []
    breakPromise(of: id)
    transaction.heldBack = []
    run(locks.release(transaction.owner))
  }

  /// Takes back what statements after `statement` wrote, also those that have not come yet.
  func rollBack(_ transaction: OpenTransaction, to statement: UInt32, through: UInt32) {
    // A cancel's request to go back, or a copy of one that was answered, may come when the transaction has gone back and
    // on since. What it meant is gone, and later statements must not go with it.
    guard transaction.newestStatement <= through else { return probe("a request to go back came too late") }
    keep(through: statement, of: transaction, refusingThrough: through)
  }

  /// Of the statements up to `last`, only those up to `statement` count with the gateway. The others were taken back, maybe
  /// before their request came here: a tablet that does not know a transaction cannot take anything back.
  func keep(through statement: UInt32, of transaction: OpenTransaction, refusingThrough last: UInt32) {
    transaction.rollBack(to: statement, through: last)
    transaction.refusedThrough = max(transaction.refusedThrough, last)
    let late = transaction.running.filter { ($0.value.request.transaction?.statement ?? 0) > statement }
    for (_, operation) in late.sorted(by: { $0.key < $1.key }) {
      complete(operation, .failed(.transactionLost))
    }
  }

  /// Locks again, as a new leader, what the ledger says: what was prepared is locked until it is resolved.
  func adoptStaged() {
    adoptedTerm = raft.term.raw
    let adopted = ledger.staged.sorted { $0.key < $1.key }.filter { transactions[$0.key] == nil }.map { id, staged in
      probe("a new leader adopts a staged transaction")
      return (open(id, epoch: 0, state: .prepared), staged)
    }
    for (transaction, staged) in adopted {
      for strength in RowLockStrength.allCases {
        let keys = staged.locks.filter { $0.strength == strength }.map(\.key).sorted(by: KeyRange.isLess)
        adopt(keys, strength, for: transaction)
      }
    }
    // The ledger does not say how strongly a written row was locked. Where somebody else has locked it too, for its key alone,
    // that was not changed; elsewhere the strongest lock does.
    for (transaction, staged) in adopted {
      let keys = staged.documents.map(\.documentKey)
      let free = locks.free(LockTable.Wish(keys: keys, strength: .update), for: transaction.owner)
      adopt(free, .update, for: transaction)
      if free.count < keys.count {
        probe("a new leader adopts a row beside a lock on its key")
        let adopted = Set(free)
        adopt(keys.filter { !adopted.contains($0) }, .noKeyUpdate, for: transaction)
      }
    }
  }

  private func adopt(_ keys: [[UInt8]], _ strength: RowLockStrength, for transaction: OpenTransaction) {
    if keys.isEmpty { return }
    let isGranted = locks.acquire(
      LockTable.Wish(keys: keys, strength: strength), request: drawNumber(), owner: transaction.owner,
      holdsWhileWaiting: true)
    precondition(isGranted, "\(transaction.id) and another transaction have staged the same row of \(id)")
  }

  /// The leader is none any more: its memory of transactions is worth nothing.
  func abandonTransactions() {
    let hint = leaderNode
    for (_, transaction) in transactions.sorted(by: { $0.key < $1.key }) {
      for (_, operation) in transaction.running.sorted(by: { $0.key < $1.key }) {
        operation.finish(.notLeader(hint: hint))
      }
    }
    for (_, step) in resolving.sorted(by: { $0.key < $1.key }) { step.finish(.notLeader(hint: hint)) }
    resolving = [:]
    spilling = [:]
    postponed = []
    transactions = [:]
    transactionOwners = [:]
    unresolvedSince = [:]
    adoptedTerm = 0
  }

  // MARK: Who is in the way

  func lockNotAvailable(_ held: (key: [UInt8], owners: [LockTable.Owner])) -> SQLError {
    let name = environment.catalog.current.anyTable(table)?.name ?? "\(table)"
    var error = SQLError(.lockNotAvailable, "could not obtain lock on row in relation \"\(name)\"")
    error.detail = holderDetail(held)
    error.table = name
    return error
  }

  func blockerDetail(of operation: WriteOperation) -> String? {
    locks.blockers(of: operation.lockRequest).flatMap { holderDetail($0) }
  }

  private func holderDetail(_ held: (key: [UInt8], owners: [LockTable.Owner])) -> String? {
    let catalog = environment.catalog.current
    guard let table = catalog.anyTable(table), let values = try? table.keyValues(of: held.key) else { return nil }
    let names = table.primaryKey.columns.map { table.columns[$0.column].name }.joined(separator: ", ")
    let texts = zip(values, table.primaryKey.columns).map { value, column in
      value.isNull ? "null" : TextFormat.text(value, as: table.columns[column.column].type)
    }
    let holders = held.owners.compactMap { transactionOwners[$0] }.map { "transaction \($0)" }
    let who = holders.isEmpty ? "another statement" : holders.joined(separator: ", ")
    return "The row with key (\(names))=(\(texts.joined(separator: ", "))) is locked by \(who)."
  }

  /// Transactions that wait here for others, for the search for deadlocks.
  func waitReports() -> [WaitReport] {
    if waitingForLocks.isEmpty { return [] }
    return waitingForLocks.sorted { $0.key < $1.key }.compactMap { request, operation in
      guard let waiting = operation.transaction, let blockers = locks.blockers(of: request) else { return nil }
      let others = Set(blockers.owners.compactMap { transactionOwners[$0] }).subtracting([waiting.id]).sorted()
      return others.isEmpty ? nil : WaitReport(waiting: waiting.id, blockers: others, tablet: id, table: table)
    }
  }
}
