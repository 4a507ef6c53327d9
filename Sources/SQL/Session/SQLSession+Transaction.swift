import Operations
import Values

// Beginning and ending transactions; the messages are those of PostgreSQL's `xact.c`.

extension SQLSession {
  // MARK: - Life

  /// Every statement runs in a transaction; where there is none, it gets an implicit one.
  func beginImplicitTransaction() {
    guard transaction == nil else { return }
    transaction = SessionTransaction(
      startTime: statementTime, startNanoseconds: clock.monotonicNanoseconds(), settingsBefore: settings)
    settings.beginTransaction()
  }

  /// Ends the transaction for good.
  /// - Throws: what the data plane's commit throws; the transaction is over then too.
  func commitTransaction() async throws(SQLError) {
    guard let ending = transaction else { return }
    if let data = ending.data {
      do throws(SQLError) {
        try await data.commit(deadline: statementDeadline())
      } catch {
        // Where it may have committed, there is nothing left to roll back.
        if error.state == .statementCompletionUnknown { transaction?.data = nil }
        await rollBackTransaction()
        throw error
      }
    }
    transaction = nil
    portals.removeAll(keepingCapacity: true)
    settings.endTransaction()
  }

  func rollBackTransaction() async {
    guard let ending = transaction else { return }
    transaction = nil
    portals.removeAll(keepingCapacity: true)
    settings.restore(ending.settingsBefore)
    await ending.data?.rollback()
  }

  /// An implicit transaction is over: the simple query ended, or Sync came.
  func commitImplicitTransaction() async throws(SQLError) {
    if transaction?.phase == .implicit { try await commitTransaction() }
  }

  /// Something failed: an implicit transaction is rolled back, a block waits for its end.
  func fail() async {
    switch transaction?.phase {
    case nil, .failed: break
    case .implicit: await rollBackTransaction()
    case .block:
      transaction?.phase = .failed
      if let savepoint = transaction?.savepoints.last {
        settings.restore(savepoint.settings)
        portals = portals.filter { $0.value.number < savepoint.portalNumber }
        return
      }
      // Nothing of it can be kept: others need not wait for its locks until the client says so.
      portals.removeAll()
      if let before = transaction?.settingsBefore { settings.restore(before) }
      let data = transaction?.data
      transaction?.data = nil
      await data?.rollback()
    }
  }

  /// - Throws: 25P02 for anything but the end of a failed block.
  func requireNotFailed(_ statement: CachedStatement) throws(SQLError) {
    guard transaction?.phase == .failed, !statement.isEmpty else { return }
    if case .transaction(let command) = statement.statement.syntax, command.endsFailure { return }
    throw SQLError(
      .inFailedTransaction, "current transaction is aborted, commands ignored until end of transaction block")
  }

  // MARK: - What the data plane is told

  /// The data plane's transaction that a statement runs in; nil where it can be one of its own.
  func dataTransaction(
    for access: StatementPlan.RowAccess, writes: Bool
  ) throws(SQLError) -> (any Transaction)? {
    if let data = transaction?.data, data.changesSchema { return data }
    let isolation = settings.currentCharacteristics.level.isolation
    // The first query of a block fixes the snapshot, also one that reads no table.
    if access == .none, transaction?.phase != .block || isolation == .readCommitted { return nil }
    if let data = transaction?.data { return data }
    let isSingle = access < .search || (access == .search && isolation == .readCommitted)
    if transaction?.phase == .implicit, place.isLast, isSingle, readTime == nil,
      settings.lockTimeoutMilliseconds == 0 || !writes
    {
      return nil
    }
    return try beginData()
  }

  /// The data plane's transaction, begun if it was not.
  @discardableResult
  func beginData() throws(SQLError) -> any Transaction {
    if let data = transaction?.data { return data }
    beginImplicitTransaction()
    let data = dataPlane.begin(try transactionOptions())
    transaction?.data = data
    transaction?.statementCount = 0
    return data
  }

  /// Commits what there is so far, for a statement that goes on behind it.
  func commitAndGoOn() async throws(SQLError) -> any Transaction {
    let data = transaction?.data
    transaction?.data = nil
    do throws(SQLError) {
      try await data?.commit(deadline: statementDeadline())
    } catch {
      if error.state != .statementCompletionUnknown { await data?.rollback() }
      throw error
    }
    return try beginData()
  }

  private func transactionOptions() throws(SQLError) -> TransactionOptions {
    let characteristics = settings.currentCharacteristics
    var options = TransactionOptions(
      isolation: characteristics.level.isolation, isReadOnly: characteristics.isReadOnly,
      lockTimeoutMilliseconds: UInt64(settings.lockTimeoutMilliseconds), processID: facts.processID)
    if let readTime {
      options.readTime = try SystemTime.parse(
        readTime, now: transaction?.startTime ?? statementTime, settings: settings.format)
      options.isReadOnly = true
    }
    return options
  }

  /// The time as of which the transaction reads, as it was written.
  var readTime: String? { transaction?.readTime ?? settings.readTime }

  func requireWritable(_ command: String) throws(SQLError) {
    guard settings.isReadOnly || readTime != nil else { return }
    throw SQLError(SQLState(code: "25006"), "cannot execute \(command) in a read-only transaction")
  }

  // MARK: - Commands

  func runTransaction(
    _ command: TransactionSyntax, asOf readTime: String?, sink: any ResultSink
  ) async throws(SQLError) -> String {
    switch command {
    case .begin(let tag, let options):
      if transaction?.phase == .block {
        try await warn(.activeTransaction, "there is already a transaction in progress", sink)
      }
      for option in options { try setCharacteristic(option.name, to: option.settingValue) }
      if let readTime { try setReadTime(readTime) }
      transaction?.phase = .block
      return tag
    case .commit(let chain):
      try await requireBlock(toChain: chain, "COMMIT", sink)
      if transaction?.phase == .failed {
        await rollBack(chain: chain)
        return "ROLLBACK"
      }
      let characteristics = settings.currentCharacteristics
      try await commitTransaction()
      if chain { beginChained(characteristics) }
      return "COMMIT"
    case .rollback(let chain):
      try await requireBlock(toChain: chain, "ROLLBACK", sink)
      await rollBack(chain: chain)
      return "ROLLBACK"
    case .savepoint(let name):
      try requireBlock("SAVEPOINT")
      let data = try beginData()
      transaction?.savepoints.append(
        SessionTransaction.Savepoint(
          name: name, mark: data.mark(), settings: settings, portalNumber: nextPortalNumber))
      return "SAVEPOINT"
    case .release(let name):
      try requireBlock("RELEASE SAVEPOINT")
      let index = try savepoint(named: name)
      transaction?.savepoints.removeSubrange(index...)
      return "RELEASE"
    case .rollbackTo(let name):
      try requireBlock("ROLLBACK TO SAVEPOINT")
      let index = try savepoint(named: name)
      try await rollBack(toSavepoint: index)
      return "ROLLBACK"
    case .twoPhase(let command):
      throw .unsupported(command, hint: "Use COMMIT; a transaction's rows may be on any number of nodes.")
    }
  }

  private func rollBack(chain: Bool) async {
    // Of a failed block these are what the settings went back to, as in PostgreSQL.
    let characteristics = settings.currentCharacteristics
    await rollBackTransaction()
    if chain { beginChained(characteristics) }
  }

  private func beginChained(_ characteristics: TransactionCharacteristics) {
    beginImplicitTransaction()
    transaction?.phase = .block
    settings.setCharacteristics(characteristics)
  }

  private func rollBack(toSavepoint index: Int) async throws(SQLError) {
    guard let transaction, let data = transaction.data else { return }
    let savepoint = transaction.savepoints[index]
    try await data.rollback(to: savepoint.mark)
    self.transaction?.savepoints.removeSubrange((index + 1)...)
    self.transaction?.phase = .block
    settings.restore(savepoint.settings)
    portals = portals.filter { $0.value.number < savepoint.portalNumber }
  }

  private func savepoint(named name: String) throws(SQLError) -> Int {
    guard let index = transaction?.savepoints.lastIndex(where: { $0.name == name }) else {
      throw SQLError(SQLState(code: "3B001"), "savepoint \"\(name)\" does not exist")
    }
    return index
  }

  private func requireBlock(_ command: String) throws(SQLError) {
    guard transaction?.phase == .implicit else { return }
    throw SQLError(.noActiveTransaction, "\(command) can only be used in transaction blocks")
  }

  private func requireBlock(toChain chain: Bool, _ command: String, _ sink: any ResultSink) async throws(SQLError) {
    guard transaction?.phase == .implicit else { return }
    if chain {
      throw SQLError(.noActiveTransaction, "\(command) AND CHAIN can only be used in transaction blocks")
    }
    try await warn(.noActiveTransaction, "there is no transaction in progress", sink)
  }

  func warn(_ state: SQLState, _ message: String, _ sink: any ResultSink) async throws(SQLError) {
    try await notice(SQLError(state, message), .warning, sink)
  }

  /// - Throws: 25001 inside a block, or among other statements of a query.
  func requireNoBlock(_ command: String) throws(SQLError) {
    guard transaction?.phase != .implicit || !place.isAlone else { return }
    throw SQLError(.activeTransaction, "\(command) cannot run inside a transaction block")
  }

  /// Whether the running statement is all that its transaction has done so far and will do, and nobody opened a block.
  var isAlone: Bool { transaction?.phase == .implicit && transaction?.data == nil && place.isLast }
}

extension TransactionSyntax {
  /// Whether it is obeyed in a failed block.
  fileprivate var endsFailure: Bool {
    switch self {
    case .commit, .rollback, .rollbackTo, .twoPhase("PREPARE TRANSACTION"): true
    case .begin, .savepoint, .release, .twoPhase: false
    }
  }
}
