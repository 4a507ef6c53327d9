import Keys
import Operations
import Placement
import Schema
import Tablet
import Values

/// Changes of the catalog, and who waits for whom because of them.
extension Gateway {
  package func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult {
    let outcome = try await perform(change, for: nil, deadline: deadline)
    let catalog = self.catalog
    let tables = Self.tablesWritten(under: change, in: catalog).sorted().compactMap { catalog.tables[$0] }
    try await fence(tables, owner: nil, deadline: deadline)
    return outcome.result
  }

  /// Has the catalog's leader make a change, when no other transaction is changing the same.
  /// - Parameter transaction: for which the change is to count until it commits; nil for everybody.
  func perform(
    _ change: CatalogChange, for transaction: GatewayTransaction?, deadline: Deadline?
  ) async throws(SQLError) -> CatalogChangeOutcome {
    while true {
      let owner = transaction.map {
        CatalogChangeRequest.Owner(transaction: $0.id, statement: $0.beginSchemaStatement())
      }
      let outcome = try await ask(.change(change, owner: owner), deadline: deadline)
      // The leader knows of a change, or of who is in its way, before this node does.
      await services.catalogReached(outcome.version)
      guard let blocker = outcome.blocker else { return outcome }
      try await awaitEnd(of: blocker, for: transaction, deadline: deadline)
    }
  }

  /// One question to the catalog's leader, which is asked again where its answer is lost.
  func ask(
    _ action: CatalogChangeRequest.Action, deadline: Deadline?
  ) async throws(SQLError) -> CatalogChangeOutcome {
    let ticket = router.ids.next()
    defer { router.ids.finished(ticket.id) }
    let request = CatalogChangeRequest(id: ticket.id, floor: ticket.floor, action: action)
    return try await askCatalog(deadline: deadline) { node, timeout in
      await self.services.changeCatalog(node, request, timeout)
    }
  }

  /// The tables whose rows are to be written otherwise from now on.
  private static func tablesWritten(under change: CatalogChange, in catalog: CatalogSnapshot) -> Set<TableID> {
    switch change {
    case .createIndex(_, let table, _): [table]
    case .alterTable(let table, let alteration):
      Set([table] + (catalog.tables[table].flatMap { alteration.otherTable(of: $0) }.map { [$0] } ?? []))
    case .createTable(let table, _): Set(table.foreignKeys.compactMap(\.referencedTable))
    case .dropTables, .truncate, .freeze, .replaceStorage: []
    }
  }

  /// Writes the tables' versions through the logs of their tablets (`SchemaFence`).
  func fence(_ tables: [TableDescriptor], owner: TransactionID?, deadline: Deadline?) async throws(SQLError) {
    let catalog = catalog
    for table in tables {
      let payload = MutateRequest.Payload.documents([SchemaFence(version: table.version, owner: owner).document])
      let answers = await withTaskGroup(of: Result<TabletAnswer<MutateAnswer>, SQLError>.self) { group in
        for tablet in catalog.tablets(of: table) {
          group.addTask {
            do throws(SQLError) {
              return .success(try await self.router.mutate(tablet, payload, deadline: deadline))
            } catch {
              return .failure(error)
            }
          }
        }
        var all: [Result<TabletAnswer<MutateAnswer>, SQLError>] = []
        for await answer in group { all.append(answer) }
        return all
      }
      for answer in answers {
        switch try answer.get() {
        // A tablet that is gone takes no rows.
        case .done, .unknownTablet: continue
        case .failed(let error): throw error
        case .schemaMismatch, .notLeader, .notReady, .noRoom, .outcomeUnknown, .uncertain:
          throw Self.changed(table.name)
        }
      }
    }
  }

  // MARK: Leaving an older catalog behind

  /// Returns when this node has a version of the catalog, and commits nothing any more that was written under an older one.
  /// Transactions that have written to a table which is another one now may end before that, as in PostgreSQL; those that
  /// take too long will fail.
  package func requireCatalog(_ version: UInt64) async {
    await services.catalogReached(version)
    let catalog = catalog
    while transactions.all.contains(where: { $0.isOlder(than: catalog) }), !Task.isCancelled {
      router.runtime.faults.probe("a change of a table waits for a transaction that wrote to it")
      await router.loop.sleep(nanoseconds: Self.waitNanoseconds)
    }
    setRequired(catalog)
    await commits.drained()
  }

  // MARK: Waiting

  /// Returns when no other transaction is changing the table.
  /// - Throws: 55P03, 57014, 40P01 where it does not wait so long.
  func awaitWritable(
    _ table: TableID, for transaction: GatewayTransaction?, lockTimeoutMilliseconds: UInt64 = 0, deadline: Deadline?
  ) async throws(SQLError) {
    while let holder = catalog.holder(of: table, besides: transaction?.id) {
      try await awaitEnd(
        of: CatalogChangeOutcome.Blocker(transaction: holder, table: table), for: transaction,
        lockTimeoutMilliseconds: lockTimeoutMilliseconds, deadline: deadline)
    }
  }

  private static var waitNanoseconds: UInt64 { 20_000_000 }
  private static var reportNanoseconds: UInt64 { 100_000_000 }

  private func awaitEnd(
    of blocker: CatalogChangeOutcome.Blocker, for transaction: GatewayTransaction?,
    lockTimeoutMilliseconds: UInt64 = 0, deadline: Deadline?
  ) async throws(SQLError) {
    router.runtime.faults.probe("a statement waits for a transaction that changes its table")
    let began = router.now
    var reportAt = began
    let timeout = transaction?.beginWaiting() ?? lockTimeoutMilliseconds
    defer { transaction?.endWaiting() }
    while catalog.pending[blocker.table]?.owner == blocker.transaction {
      let now = router.now
      if Task.isCancelled { throw SQLError(.queryCanceled, "canceling statement due to user request") }
      if let interruption = transaction?.interruption { throw interruption }
      if let deadline, deadline.nanoseconds <= now {
        throw SQLError(
          .queryCanceled, "canceling statement due to statement timeout", detail: waitDetail(of: blocker))
      }
      if timeout > 0, now - began >= timeout * 1_000_000 {
        throw SQLError(.lockNotAvailable, "canceling statement due to lock timeout", detail: waitDetail(of: blocker))
      }
      if let transaction, reportAt <= now {
        // As leaders do for rows, so that a deadlock is found, and everybody sees who waits.
        reportAt = now + Self.reportNanoseconds
        report([
          WaitReport(
            waiting: transaction.id, blockers: [blocker.transaction], tablet: .catalog, table: blocker.table)
        ])
      }
      await router.loop.sleep(nanoseconds: Self.waitNanoseconds)
    }
  }

  private func waitDetail(of blocker: CatalogChangeOutcome.Blocker) -> String {
    let name = catalog.anyTable(blocker.table)?.name ?? "\(blocker.table)"
    return "Transaction \(blocker.transaction) is changing the definition of \"\(name)\"."
  }
}
