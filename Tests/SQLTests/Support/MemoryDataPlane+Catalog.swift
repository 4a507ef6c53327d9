import Keys
import Operations
import Schema
import Values

extension MemoryDataPlane {
  func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult {
    var state = self.state.withLock { $0 }
    var tables = state.catalog.tables
    var tablets = state.catalog.tablets
    var skipped: [TableName] = []

    func makeTablets(_ id: TableID, _ ranges: [KeyRange]) -> [TabletID] {
      ranges.map { range in
        let tablet = TabletID(state.nextTablet)
        state.nextTablet += 1
        let replicas = (1...3).map { ReplicaDescriptor(node: NodeID($0), replica: UInt64($0)) }
        tablets[tablet] = TabletDescriptor(
          id: tablet, table: id, lower: range.lower, upper: range.upper, replicas: replicas)
        return tablet
      }
    }

    func ranges(_ id: TableID, _ sharding: NewTable.Sharding) throws(SQLError) -> [KeyRange] {
      switch sharding {
      case .hash(let count): TabletBounds.hash(table: id, tabletCount: count ?? Self.tabletCount)
      case .range(let splits): try TabletBounds.range(table: id, splits: splits)
      }
    }

    func addIndex(_ new: NewIndex, _ table: inout TableDescriptor, _ indexState: IndexState) throws(SQLError) {
      let id = TableID(state.nextTable)
      state.nextTable += 1
      tables[id] = new.relation(id, of: table, tablets: makeTablets(id, try ranges(id, new.sharding)))
      table.indexes.append(new.descriptor(relation: id, state: indexState))
    }

    switch change {
    case .createTable(let new, let ifNotExists):
      if state.catalog.relation(schema: new.name.schema, name: new.name.name) != nil {
        guard ifNotExists else { throw SQLError(.duplicateTable, "relation \"\(new.name.name)\" already exists") }
        return .done(skipped: [new.name])
      }
      let id = TableID(state.nextTable)
      state.nextTable += 1
      var table = TableDescriptor(
        id: id, schema: new.name.schema, name: new.name.name, version: 1, columns: new.columns,
        primaryKey: new.primaryKey, checks: new.checks, tablets: makeTablets(id, try ranges(id, new.sharding)),
        sequences: new.sequences)
      for index in new.indexes { try addIndex(index, &table, .ready) }
      for key in new.foreignKeys {
        if let other = key.referencedTable { tables[other]?.version += 1 }
        guard let referenced = key.referencedTable.map({ tables[$0] }) ?? table else { continue }
        table.foreignKeys.append(try key.descriptor(to: referenced, isValidated: true))
      }
      tables[id] = table
    case .createIndex(let new, let id, let ifNotExists):
      guard var table = tables[id] else { throw SQLError(.undefinedTable, "no table") }
      if state.catalog.relation(schema: table.schema, name: new.name) != nil {
        guard ifNotExists else { throw SQLError(.duplicateTable, "relation \"\(new.name)\" already exists") }
        return .done(skipped: [TableName(schema: table.schema, name: new.name)])
      }
      try addIndex(new, &table, .deleteOnly)
      table.version += 1
      tables[id] = table
    case .alterTable(let id, let alteration):
      guard let table = tables[id] else { throw SQLError(.undefinedTable, "no table") }
      tables[id] = try alteration.applied(to: table, in: state.catalog)
      if let other = alteration.otherTable(of: table) { tables[other]?.version += 1 }
      if case .dropIndex(let relation) = alteration {
        for tablet in tables[relation]?.tablets ?? [] { tablets[tablet] = nil }
        tables[relation] = nil
      }
      // Rows have a value for each column.
      if case .addColumn = alteration {
        for tablet in table.tablets { state.rows[tablet] = state.rows[tablet]?.mapValues { $0 + [.null] } }
      }
    case .dropTables(let names, let ifExists, let cascade):
      let dropped = Set(names.compactMap { state.catalog.table(schema: $0.schema, name: $0.name)?.id })
      for name in names {
        guard let table = state.catalog.table(schema: name.schema, name: name.name) else {
          guard ifExists else { throw SQLError(.undefinedTable, "table \"\(name.name)\" does not exist") }
          skipped.append(name)
          continue
        }
        let users = state.catalog.foreignKeys(to: table, besides: dropped)
        guard users.isEmpty || cascade else {
          throw .hasDependents(
            "table \(table.name)", dependents: users.map { "constraint \($0.key.name) on table \($0.table.name)" })
        }
        for user in users {
          tables[user.table.id]?.foreignKeys.removeAll { $0.referencedTable == table.id }
          tables[user.table.id]?.version += 1
        }
        for key in table.foreignKeys { tables[key.referencedTable]?.version += 1 }
        for id in [table.id] + table.indexes.map(\.relation) {
          for tablet in tables[id]?.tablets ?? [] {
            tablets[tablet] = nil
            state.rows[tablet] = nil
          }
          tables[id] = nil
        }
      }
    case .truncate(let ids):
      for id in ids {
        if let table = tables[id], let user = state.catalog.foreignKeys(to: table, besides: Set(ids)).first {
          throw .cannotTruncate(table.name, referencedBy: user.table.name)
        }
      }
      for id in ids + ids.flatMap({ tables[$0]?.indexes.map(\.relation) ?? [] }) {
        guard var table = tables[id] else { throw SQLError(.undefinedTable, "no table") }
        let ranges = state.catalog.tablets(of: table).map { KeyRange(lower: $0.lower, upper: $0.upper) }
        for tablet in table.tablets {
          tablets[tablet] = nil
          state.rows[tablet] = nil
        }
        table.tablets = makeTablets(id, ranges)
        tables[id] = table
      }
    case .freeze(let id, let expectedVersion, let isFrozen):
      guard var table = tables[id], table.version == expectedVersion else {
        throw SQLError(.objectNotInPrerequisiteState, "table changed meanwhile")
      }
      table.isFrozen = isFrozen
      table.version += 1
      tables[id] = table
    case .replaceStorage(let id, let expectedVersion, let replacementID):
      guard var table = tables[id], let replacement = tables[replacementID], table.version == expectedVersion else {
        throw SQLError(.serializationFailure, "table changed meanwhile")
      }
      for tablet in table.tablets {
        tablets[tablet] = nil
        state.rows[tablet] = nil
      }
      // Keys of real tablets carry the replacement's id; here they are made anew.
      let rows = replacement.tablets.flatMap { state.rows[$0].map { Array($0.values) } ?? [] }
      for tablet in replacement.tablets {
        tablets[tablet] = nil
        state.rows[tablet] = nil
      }
      tables[replacementID] = nil
      table.columns = replacement.columns
      table.primaryKey = replacement.primaryKey
      table.isFrozen = false
      table.version += 1
      table.tablets = makeTablets(id, TabletBounds.hash(table: id, tabletCount: Self.tabletCount))
      tables[id] = table
      for row in rows {
        let key = try table.documentKey(for: row)
        for tablet in table.tablets {
          guard let bounds = tablets[tablet], KeyRange(lower: bounds.lower, upper: bounds.upper).contains(key) else {
            continue
          }
          state.rows[tablet, default: [:]][key] = row
        }
      }
    }
    state.catalog = CatalogSnapshot(
      version: state.catalog.version + 1, tables: tables, tablets: tablets, nodes: state.catalog.nodes)
    self.state.withLock { $0 = state }
    return .done(skipped: skipped)
  }
}
