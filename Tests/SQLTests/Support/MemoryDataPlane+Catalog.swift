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

    switch change {
    case .createTable(let new, let ifNotExists):
      if state.catalog.table(schema: new.name.schema, name: new.name.name) != nil {
        guard ifNotExists else { throw SQLError(.duplicateTable, "relation \"\(new.name.name)\" already exists") }
        return .done(skipped: [new.name])
      }
      let id = TableID(state.nextTable)
      state.nextTable += 1
      let ranges: [KeyRange] =
        switch new.sharding {
        case .hash(let count): TabletBounds.hash(table: id, tabletCount: count ?? Self.tabletCount)
        case .range(let splits): try TabletBounds.range(table: id, splits: splits)
        }
      tables[id] = TableDescriptor(
        id: id, schema: new.name.schema, name: new.name.name, version: 1, columns: new.columns,
        primaryKey: new.primaryKey, checks: new.checks, tablets: makeTablets(id, ranges), sequences: new.sequences)
    case .dropTables(let names, let ifExists):
      for name in names {
        guard let table = state.catalog.table(schema: name.schema, name: name.name) else {
          guard ifExists else { throw SQLError(.undefinedTable, "table \"\(name.name)\" does not exist") }
          skipped.append(name)
          continue
        }
        for tablet in table.tablets {
          tablets[tablet] = nil
          state.rows[tablet] = nil
        }
        tables[table.id] = nil
      }
    case .truncate(let ids):
      for id in ids {
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
