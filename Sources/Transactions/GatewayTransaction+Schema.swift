import Keys
import Operations
import Placement
import Schema
import Tablet
import Values

/// Changes of the catalog as part of a transaction (the page of `Placement` has the design).
extension GatewayTransaction {
  package var catalog: CatalogSnapshot {
    let newest = gateway.catalog
    return state.withLock { state in
      guard state.changesSchema else { return newest }
      if let view = state.view, view.version == newest.version { return view }
      let view = newest.view(of: id)
      state.view = view
      return view
    }
  }

  package var changesSchema: Bool { state.withLock { $0.changesSchema } }

  package var hasSnapshot: Bool {
    options.isolation > .readCommitted && state.withLock { $0.snapshot != nil }
  }

  package func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult {
    try requireActive()
    try await sendLate(of: nil, deadline: deadline)
    try await joinCatalog(deadline: deadline)
    let outcome = try await gateway.perform(change, for: self, deadline: deadline)
    try await fenceOwn(deadline: deadline)
    return outcome.result
  }

  /// Makes the transaction known to the catalog's leader, where it will be decided. A leader that forgets it has decided
  /// that it never commits.
  private func joinCatalog(deadline: Deadline?) async throws(SQLError) {
    if state.withLock({ $0.participants[.catalog]?.epoch != nil }) { return }
    let tablet = gateway.catalogTablet
    let statement = state.withLock { state in
      state.statement += 1
      state.changesSchema = true
      state.participants[.catalog] = Participant(tablet: tablet)
      return state.statement
    }
    let answer = await answer(
      of: (tablet, .documents([])), statement: statement, snapshot: nil, isolation: .readCommitted, deadline: deadline)
    guard case .done = try answer.get() else { throw .transactionLost }
  }

  /// Others' transactions that wrote to what this one changes end; from here on they wait (`Gateway.awaitWritable`).
  private func fenceOwn(deadline: Deadline?) async throws(SQLError) {
    let catalog = gateway.catalog
    let mine = catalog.pending.filter { $0.value.owner == id }.map(\.key).sorted()
    let fenced = state.withLock { $0.fenced }
    let tables = mine.filter { !fenced.contains($0) }.compactMap { catalog.tables[$0] }
    try await gateway.fence(tables, owner: id, deadline: deadline)
    state.withLock { $0.fenced.formUnion(mine) }
  }

  /// The number of the statement that the next change belongs to.
  func beginSchemaStatement() -> UInt32 {
    state.withLock { state in
      state.statement += 1
      return state.statement
    }
  }

  /// Drops the changes of statements after the mark.
  func rollBackSchema(to mark: SavepointMark) async throws(SQLError) {
    let catalog = gateway.catalog
    let isChanged = catalog.pending.values.contains { pending in
      pending.owner == id && pending.states.contains { $0.statement > mark.sequence }
    }
    guard isChanged else { return }
    let outcome = try await gateway.ask(.rollBack(id, to: mark.sequence), deadline: soon)
    await gateway.services.catalogReached(outcome.version)
  }

  /// Drops all changes. Nobody waits for it: the catalog's leader does it by itself if this node cannot ask it to.
  func dropSchemaChanges() {
    guard changesSchema else { return }
    router.loop.spawn { _ = try? await self.gateway.ask(.abort(self.id), deadline: self.soon) }
  }

  package func load(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult? {
    try requireActive()
    try await sendLate(of: mutation.table, deadline: deadline)
    // At a higher level it would not see the rows itself.
    guard options.isolation == .readCommitted, gateway.catalog.isPrivate(mutation.table, to: id) else { return nil }
    let catalog = catalog
    let table = try table(mutation.table, version: mutation.schemaVersion)
    guard !catalog.hasDependents(table) else { return nil }
    let isFirst = state.withLock { state in
      // Rows that it has locked there would stand in its own way.
      guard table.tablets.allSatisfy({ state.participants[$0] == nil }) else { return false }
      state.statement += 1
      state.loaded = state.statement
      return true
    }
    guard isFirst else { return nil }
    return try await gateway.insert(mutation, into: table, in: catalog, deadline: deadline)
  }

  // MARK: Waiting for others' changes

  /// A statement begins to wait before it has sent anything. Returns its `lock_timeout`, in milliseconds.
  func beginWaiting() -> UInt64 {
    state.withLock { state in
      // With a number of its own: what stops it takes back this one, not the statement before.
      state.statement += 1
      state.interruption = nil
      return state.lockTimeoutMilliseconds
    }
  }

  func endWaiting() { state.withLock { $0.wait = nil } }

  var interruption: SQLError? { state.withLock { $0.interruption } }

  // MARK: Tables

  /// A table as the transaction sees it, if that is what the caller means.
  /// - Throws: 40001 where the table was made or emptied after the transaction's snapshot.
  func table(_ id: TableID, version: UInt32) throws(SQLError) -> TableDescriptor {
    let table = try gateway.table(id, version: version, in: catalog)
    if options.isolation > .readCommitted || options.readTime != nil,
      options.readTime ?? self.id.start < table.readableFrom
    {
      throw SQLError(
        .serializationFailure, "table \"\(table.name)\" is newer than the snapshot of the transaction",
        hint: "Run the transaction again, or read as of a later time.")
    }
    return table
  }

  /// What was written is right only for the schema that it was written under (`Gateway.requireCatalog`); and for the
  /// transaction's own changes of it.
  func requireUnchanged(_ written: [TableID: UInt32]) throws(SQLError) {
    let catalog = gateway.catalog
    let required = gateway.requiredCatalog
    for (table, version) in written where catalog.pending[table]?.owner != id {
      guard catalog.tables[table] != nil else { throw Gateway.dropped }
      if let known = required.tables[table], version < known.version { throw Gateway.changed(known.name) }
    }
  }

  /// Whether it has written to a table under an older version than this, and may still commit it.
  func isOlder(than catalog: CatalogSnapshot) -> Bool {
    let now = router.now
    return state.withLock { state in
      let isOlder = state.written.contains { table, version in
        catalog.pending[table]?.owner != id && catalog.tables[table].map { version < $0.version } ?? false
      }
      guard isOlder else { return false }
      let since = state.olderSince ?? now
      state.olderSince = since
      return now - since < router.settings.schemaPatienceNanoseconds
    }
  }
}

extension Gateway {
  /// The catalog's own tablet, which is in no catalog.
  var catalogTablet: TabletDescriptor {
    TabletDescriptor(
      id: .catalog, table: TableID(1), lower: CatalogRecord.lower, upper: CatalogRecord.upper,
      replicas: services.catalogMembers.map { ReplicaDescriptor(node: $0, replica: UInt64($0.rawValue)) })
  }
}
