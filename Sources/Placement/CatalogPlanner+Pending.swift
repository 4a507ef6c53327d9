import Keys
import Operations
import Schema
import Values

/// Changes that belong to a transaction which is not over: written beside the catalog that everybody sees, and put in its
/// place, or dropped, when the transaction ends.
extension CatalogPlanner {
  /// A plan, or who has to be waited for.
  package enum Decision {
    case plan(Plan)
    case blocked(CatalogChangeOutcome.Blocker)
  }

  /// A change for everybody (`owner` nil) or for a transaction.
  package func decide(
    _ change: CatalogChange, owner: CatalogChangeRequest.Owner?
  ) throws(SQLError) -> Decision {
    var view = self
    if let owner { view.catalog = catalog.view(of: owner.transaction) }
    let plan: Plan
    do throws(SQLError) {
      plan = try view.plan(change)
    } catch {
      // What stands in the way may be gone when its maker is over.
      if let blocker = blocker(ofNamesIn: change, besides: owner?.transaction) { return .blocked(blocker) }
      throw error
    }
    if let blocker = blocker(of: plan, besides: owner?.transaction) { return .blocked(blocker) }
    guard let owner, !plan.isEmpty else { return .plan(plan) }
    return .plan(pending(plan, of: owner))
  }

  // MARK: Who is in the way

  private func blocker(of plan: Plan, besides owner: TransactionID?) -> CatalogChangeOutcome.Blocker? {
    var names: Set<TableName> = []
    var touched: [TableID] = []
    for record in plan.puts {
      guard case .table(let table) = record else { continue }
      touched.append(table.id)
      names.insert(TableName(schema: table.schema, name: table.name))
    }
    for case .table(let id) in plan.removals { touched.append(id) }
    for id in touched {
      if let holder = catalog.holder(of: id, besides: owner) { return .init(transaction: holder, table: id) }
    }
    return blocker(ofNames: names, besides: owner)
  }

  /// Another transaction that has made, dropped or renamed something of this name.
  private func blocker(
    ofNames names: Set<TableName>, besides owner: TransactionID?
  ) -> CatalogChangeOutcome.Blocker? {
    for (id, pending) in catalog.pending.sorted(by: { $0.key < $1.key }) where pending.owner != owner {
      let known = [catalog.tables[id], pending.newest].compactMap { $0 }
      if known.contains(where: { names.contains(TableName(schema: $0.schema, name: $0.name)) }) {
        return .init(transaction: pending.owner, table: id)
      }
    }
    return nil
  }

  private func blocker(
    ofNamesIn change: CatalogChange, besides owner: TransactionID?
  ) -> CatalogChangeOutcome.Blocker? {
    switch change {
    case .createTable(let table, _): blocker(ofNames: [table.name], besides: owner)
    case .dropTables(let names, _, _): blocker(ofNames: Set(names), besides: owner)
    case .createIndex(let index, let id, _):
      blocker(
        ofNames: Set(catalog.anyTable(id).map { [TableName(schema: $0.schema, name: index.name)] } ?? []),
        besides: owner)
    case .truncate, .freeze, .replaceStorage, .alterTable: nil
    }
  }

  // MARK: Beside the catalog

  /// The same change, for its owner alone. Tablets are made at once, so that rows can be written to them.
  private func pending(_ plan: Plan, of owner: CatalogChangeRequest.Owner) -> Plan {
    var result = Plan()
    result.skipped = plan.skipped
    var changed: [(id: TableID, table: TableDescriptor?)] = []
    for record in plan.puts {
      if case .table(let table) = record { changed.append((table.id, table)) } else { result.puts.append(record) }
    }
    for case .table(let id) in plan.removals { changed.append((id, nil)) }
    for (id, table) in changed {
      var entry =
        catalog.pending[id]
        ?? PendingTable(owner: owner.transaction, states: [], lastVersion: catalog.tables[id]?.version ?? 0)
      if var base = catalog.tables[id] {
        let hidden = table.map { unread(of: base, once: $0) } ?? []
        if catalog.pending[id] == nil || !hidden.isEmpty {
          // What others write was made for a version that is none any more, and so is what they read by such an index.
          entry.lastVersion += 1
          base.version = entry.lastVersion
          Self.set(.dropping, hidden, of: &base)
          entry.hiddenIndexes += hidden
          result.puts.append(.table(base))
        }
      }
      var state = table
      if state != nil {
        entry.lastVersion += 1
        state?.version = entry.lastVersion
      }
      entry.states.append(PendingTable.State(statement: owner.statement, table: state))
      result.puts.append(.pending(id, entry))
    }
    return result
  }

  /// Indexes that the owner drops, and that nobody may read from here on: when it commits nobody keeps them up.
  private func unread(of base: TableDescriptor, once table: TableDescriptor) -> [TableID] {
    base.indexes.filter { $0.state.isReadable && table.index(relation: $0.relation) == nil }.map(\.relation)
  }

  // MARK: The end

  /// What everybody sees from the owner's commit on.
  /// - Parameter readableFrom: after the commit time: from here on its new tables have all rows, and its new indexes all
  ///   entries.
  package func publish(_ owner: TransactionID, readableFrom: HybridTime) -> Plan {
    var plan = Plan()
    for (id, pending) in catalog.pending.sorted(by: { $0.key < $1.key }) where pending.owner == owner {
      plan.removals.append(.pending(id))
      if var table = pending.newest {
        if catalog.isPrivate(id, to: owner) { table.readableFrom = readableFrom }
        for position in table.indexes.indices where table.indexes[position].readableFrom == .max {
          table.indexes[position].readableFrom = readableFrom
        }
        plan.put(table)
      } else if let base = catalog.tables[id] {
        remove(base, from: &plan)
      }
    }
    if !plan.isEmpty { plan.puts.append(.version(catalog.version + 1)) }
    return plan
  }

  /// Drops what statements after `statement` have changed; with nil all of it, and everybody may write again.
  package func discard(_ owner: TransactionID, after statement: UInt32?) -> Plan {
    var plan = Plan()
    for (id, pending) in catalog.pending.sorted(by: { $0.key < $1.key }) where pending.owner == owner {
      var left = pending
      left.states = statement.map { last in pending.states.filter { $0.statement <= last } } ?? []
      if left.states.count == pending.states.count { continue }
      var base = catalog.tables[id]
      if left.states.isEmpty, var restored = base {
        left.lastVersion += 1
        restored.version = left.lastVersion
        // Those that were not dropped in the end can be read again: nobody else wrote meanwhile.
        Self.set(.ready, left.hiddenIndexes, of: &restored)
        base = restored
        // Until the owner is over the table stays the owner's, as it was.
        if statement != nil { left.states = [PendingTable.State(statement: 0, table: restored)] }
      }
      guard left.states.isEmpty else {
        plan.puts.append(.pending(id, left))
        continue
      }
      plan.removals.append(.pending(id))
      if let base {
        plan.put(base)
      } else {
        for state in pending.states {
          for sequence in state.table?.sequences ?? [] {
            let key = CatalogRecord.Key.sequence(SequenceKey(table: id, column: sequence.column))
            if !plan.removals.contains(key) { plan.removals.append(key) }
          }
        }
      }
    }
    if !plan.isEmpty { plan.puts.append(.version(catalog.version + 1)) }
    return plan
  }

  private static func set(_ state: IndexState, _ relations: [TableID], of table: inout TableDescriptor) {
    for position in table.indexes.indices where relations.contains(table.indexes[position].relation) {
      table.indexes[position].state = state
    }
  }
}
