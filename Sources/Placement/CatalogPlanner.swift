import Keys
import Operations
import Schema
import Values

/// Turns a catalog change into the documents to write. Pure: a function of the catalog and of which nodes are alive.
package struct CatalogPlanner {
  package var catalog: CatalogSnapshot
  package var counters: CatalogCounters
  package var liveNodes: Set<NodeID>
  package var replicationFactor: Int

  package init(catalog: CatalogSnapshot, counters: CatalogCounters, liveNodes: Set<NodeID>, replicationFactor: Int) {
    self.catalog = catalog
    self.counters = counters
    self.liveNodes = liveNodes
    self.replicationFactor = replicationFactor
  }

  package struct Plan {
    /// Nothing to do if empty.
    package var puts: [CatalogRecord] = []
    package var removals: [CatalogRecord.Key] = []
    package var skipped: [TableName] = []
    package var isEmpty: Bool { puts.isEmpty && removals.isEmpty }

    /// Writes a table, once: the last word counts.
    mutating func put(_ table: TableDescriptor) {
      puts.removeAll { $0.key == .table(table.id) }
      puts.append(.table(table))
    }
  }

  package func plan(_ change: CatalogChange) throws(SQLError) -> Plan {
    var plan: Plan
    var counters = self.counters
    switch change {
    case .createTable(let table, let ifNotExists):
      plan = try create(table, ifNotExists: ifNotExists, counters: &counters)
    case .dropTables(let names, let ifExists, let cascade):
      plan = try drop(names, ifExists: ifExists, cascade: cascade)
    case .truncate(let ids): plan = try truncate(ids, counters: &counters)
    case .freeze(let id, let version, let isFrozen):
      plan = try freeze(id, expectedVersion: version, isFrozen: isFrozen)
    case .replaceStorage(let id, let version, let replacement):
      plan = try replaceStorage(of: id, expectedVersion: version, by: replacement)
    case .createIndex(let index, let table, let ifNotExists):
      plan = try createIndex(index, on: table, ifNotExists: ifNotExists, counters: &counters)
    case .alterTable(let id, let alteration): plan = try alter(id, alteration)
    }
    if plan.isEmpty { return plan }
    if counters != self.counters { plan.puts.append(.counters(counters)) }
    plan.puts.append(.version(catalog.version + 1))
    return plan
  }

  package static let tabletsPerTableMax = 1024

  private func create(
    _ new: NewTable, ifNotExists: Bool, counters: inout CatalogCounters
  ) throws(SQLError) -> Plan {
    var plan = Plan()
    if catalog.relation(schema: new.name.schema, name: new.name.name) != nil {
      guard ifNotExists else { throw Self.duplicate(new.name.name) }
      plan.skipped = [new.name]
      return plan
    }
    counters.table += 1
    let id = TableID(counters.table)
    let tablets = try makeTablets(table: id, new.sharding, counters: &counters)
    var table = TableDescriptor(
      id: id, schema: new.name.schema, name: new.name.name, version: 1, columns: new.columns,
      primaryKey: new.primaryKey, checks: new.checks, tablets: tablets.map(\.id), sequences: new.sequences)
    plan.puts = tablets.map { .tablet($0) }
    for index in new.indexes {
      try addIndex(index, to: &table, state: .ready, plan: &plan, counters: &counters)
    }
    for key in new.foreignKeys {
      var referenced = table
      if let other = key.referencedTable {
        // Its writers have to look after the new table's rows from now on.
        referenced = try self.table(other, after: plan)
        referenced.version += 1
        plan.put(referenced)
      }
      table.foreignKeys.append(try key.descriptor(to: referenced, isValidated: true))
    }
    plan.put(table)
    for sequence in new.sequences {
      plan.puts.append(.sequence(SequenceKey(table: id, column: sequence.column), next: sequence.start))
    }
    return plan
  }

  private static func duplicate(_ name: String) -> SQLError {
    SQLError(.duplicateTable, "relation \"\(name)\" already exists")
  }

  /// A table as it will be after the plan so far.
  private func table(_ id: TableID, after plan: Plan) throws(SQLError) -> TableDescriptor {
    for case .table(let table) in plan.puts where table.id == id { return table }
    guard let table = catalog.tables[id] else {
      throw SQLError(.undefinedTable, "a table was dropped by another statement")
    }
    return table
  }

  // MARK: Indexes and alterations

  private func createIndex(
    _ new: NewIndex, on id: TableID, ifNotExists: Bool, counters: inout CatalogCounters
  ) throws(SQLError) -> Plan {
    var plan = Plan()
    guard var table = catalog.tables[id] else { throw SQLError(.undefinedTable, "the table was dropped") }
    guard !table.isFrozen else { throw .beingRewritten(table.name) }
    if catalog.relation(schema: table.schema, name: new.name) != nil {
      guard ifNotExists else { throw Self.duplicate(new.name) }
      plan.skipped = [TableName(schema: table.schema, name: new.name)]
      return plan
    }
    try addIndex(new, to: &table, state: .deleteOnly, plan: &plan, counters: &counters)
    table.version += 1
    plan.put(table)
    return plan
  }

  private func addIndex(
    _ new: NewIndex, to table: inout TableDescriptor, state: IndexState, plan: inout Plan,
    counters: inout CatalogCounters
  ) throws(SQLError) {
    guard new.name != table.name, table.index(named: new.name) == nil,
      catalog.relation(schema: table.schema, name: new.name) == nil
    else { throw Self.duplicate(new.name) }
    counters.table += 1
    let id = TableID(counters.table)
    let tablets = try makeTablets(table: id, new.sharding, counters: &counters)
    plan.puts += tablets.map { .tablet($0) }
    plan.put(new.relation(id, of: table, tablets: tablets.map(\.id)))
    table.indexes.append(new.descriptor(relation: id, state: state))
  }

  private func alter(_ id: TableID, _ alteration: TableAlteration) throws(SQLError) -> Plan {
    guard let table = catalog.tables[id] else { throw SQLError(.undefinedTable, "the table was dropped") }
    guard !table.isFrozen else { throw .beingRewritten(table.name) }
    var plan = Plan()
    if case .dropIndex(let relation) = alteration, let relation = catalog.tables[relation] {
      remove(relation, from: &plan)
    }
    plan.put(try alteration.applied(to: table, in: catalog))
    if let other = alteration.otherTable(of: table), var other = catalog.tables[other] {
      other.version += 1
      plan.put(other)
    }
    return plan
  }

  // MARK: Tablets

  private func makeTablets(
    table id: TableID, _ sharding: NewTable.Sharding, counters: inout CatalogCounters
  ) throws(SQLError) -> [TabletDescriptor] {
    let ranges: [KeyRange]
    switch sharding {
    case .hash(let count):
      let count = count ?? max(1, min(replicationFactor, catalog.nodes.count))
      guard (1...Self.tabletsPerTableMax).contains(count) else {
        throw SQLError(
          .invalidParameterValue, "a table cannot have \(count) tablets",
          hint: "Choose between 1 and \(Self.tabletsPerTableMax) tablets.")
      }
      ranges = TabletBounds.hash(table: id, tabletCount: count)
    case .range(let splits):
      guard splits.count < Self.tabletsPerTableMax else {
        throw SQLError(.invalidParameterValue, "a table cannot have \(splits.count + 1) tablets")
      }
      ranges = try TabletBounds.range(table: id, splits: splits)
    }
    return try makeTablets(table: id, ranges: ranges, counters: &counters)
  }

  private func makeTablets(
    table: TableID, ranges: [KeyRange], counters: inout CatalogCounters
  ) throws(SQLError) -> [TabletDescriptor] {
    let live = catalog.nodes.values.filter { liveNodes.contains($0.id) }
    // A node that is away for a moment is still a fine home; only where too few are registered is there none.
    let usable = live.count >= min(replicationFactor, catalog.nodes.count) ? Array(live) : Array(catalog.nodes.values)
    let choices = ReplicaChoice.choose(
      tabletCount: ranges.count, replicationFactor: replicationFactor, candidates: usable.map(candidate))
    guard choices.count == ranges.count else {
      throw SQLError(
        .objectNotInPrerequisiteState, "no node is registered to hold the table",
        hint: "The cluster is starting; try again in a moment.")
    }
    var tablets: [TabletDescriptor] = []
    for (range, nodes) in zip(ranges, choices) {
      counters.tablet += 1
      var replicas: [ReplicaDescriptor] = []
      for node in nodes {
        counters.replica += 1
        replicas.append(ReplicaDescriptor(node: node, replica: counters.replica))
      }
      tablets.append(
        TabletDescriptor(
          id: TabletID(counters.tablet), table: table, lower: range.lower, upper: range.upper, replicas: replicas))
    }
    return tablets
  }

  private func candidate(_ node: NodeDescriptor) -> ReplicaChoice.Candidate {
    var replicas = 0
    var leaders = 0
    for tablet in catalog.tablets.values {
      if tablet.replicas.contains(where: { $0.node == node.id }) { replicas += 1 }
      if tablet.replicas.first?.node == node.id { leaders += 1 }
    }
    return ReplicaChoice.Candidate(
      node: node.id, zone: "\(node.cloud).\(node.region).\(node.zone)", replicaCount: replicas, leaderCount: leaders)
  }

  private func drop(_ names: [TableName], ifExists: Bool, cascade: Bool) throws(SQLError) -> Plan {
    var plan = Plan()
    let dropped = Set(names.compactMap { catalog.table(schema: $0.schema, name: $0.name)?.id })
    for name in names {
      guard let table = catalog.table(schema: name.schema, name: name.name) else {
        guard ifExists else { throw SQLError(.undefinedTable, "table \"\(name.name)\" does not exist") }
        plan.skipped.append(name)
        continue
      }
      let users = catalog.foreignKeys(to: table, besides: dropped)
      guard users.isEmpty || cascade else {
        throw .hasDependents(
          "table \(table.name)", dependents: users.map { "constraint \($0.key.name) on table \($0.table.name)" })
      }
      for id in Set(users.map(\.table.id)).sorted() {
        var user = try self.table(id, after: plan)
        user.foreignKeys.removeAll { $0.referencedTable == table.id }
        user.version += 1
        plan.put(user)
      }
      // Tables that it referred to need not look after it any more.
      for id in Set(table.foreignKeys.map(\.referencedTable)).subtracting(dropped).sorted() {
        var referenced = try self.table(id, after: plan)
        referenced.version += 1
        plan.put(referenced)
      }
      remove(table, from: &plan)
      for index in table.indexes { if let relation = catalog.tables[index.relation] { remove(relation, from: &plan) } }
    }
    return plan
  }

  func remove(_ table: TableDescriptor, from plan: inout Plan) {
    // Its tablets stay until no transaction needs them any more (`CatalogService.sweep`).
    let keys: [CatalogRecord.Key] =
      [.table(table.id)] + table.sequences.map { .sequence(SequenceKey(table: table.id, column: $0.column)) }
    for key in keys where !plan.removals.contains(key) { plan.removals.append(key) }
  }

  private func truncate(_ ids: [TableID], counters: inout CatalogCounters) throws(SQLError) -> Plan {
    var plan = Plan()
    for id in ids {
      guard let table = catalog.tables[id] else {
        throw SQLError(.undefinedTable, "a table was dropped while it was to be truncated")
      }
      guard !table.isFrozen else { throw .beingRewritten(table.name) }
      if let user = catalog.foreignKeys(to: table, besides: Set(ids)).first {
        throw .cannotTruncate(table.name, referencedBy: user.table.name)
      }
    }
    let relations = ids.flatMap { id in catalog.tables[id]?.indexes.map(\.relation) ?? [] }
    for id in ids + relations {
      guard var table = catalog.tables[id] else { continue }
      let old = catalog.tablets(of: table)
      let tablets = try makeTablets(
        table: id, ranges: old.map { KeyRange(lower: $0.lower, upper: $0.upper) }, counters: &counters)
      table.tablets = tablets.map(\.id)
      plan.puts.append(contentsOf: tablets.map { .tablet($0) })
      plan.puts.append(.table(table))
    }
    return plan
  }

  private func freeze(_ id: TableID, expectedVersion: UInt32, isFrozen: Bool) throws(SQLError) -> Plan {
    guard var table = catalog.tables[id] else { throw SQLError(.undefinedTable, "the table was dropped") }
    guard table.version == expectedVersion else {
      throw SQLError(
        .objectNotInPrerequisiteState, "table \"\(table.name)\" was changed by another statement",
        hint: "Run the statement again.")
    }
    table.isFrozen = isFrozen
    table.version += 1
    var plan = Plan()
    plan.puts = [.table(table)]
    return plan
  }

  private func replaceStorage(
    of id: TableID, expectedVersion: UInt32, by replacementID: TableID
  ) throws(SQLError) -> Plan {
    guard let table = catalog.tables[id], let replacement = catalog.tables[replacementID] else {
      throw SQLError(.undefinedTable, "a table was dropped while it was being rewritten")
    }
    guard table.version == expectedVersion else {
      throw SQLError(
        .objectNotInPrerequisiteState, "table \"\(table.name)\" was changed while it was being rewritten",
        hint: "Run the statement again.")
    }
    guard !catalog.hasDependents(table) else {
      throw SQLError(
        .objectNotInPrerequisiteState, "table \"\(table.name)\" got an index or a foreign key while it was rewritten",
        hint: "Drop it, and run the statement again.")
    }
    // The rewritten table keeps its name and takes the replacement's identity: rows are keyed by table id.
    var plan = Plan()
    remove(table, from: &plan)
    var renamed = replacement
    renamed.schema = table.schema
    renamed.name = table.name
    plan.puts = [.table(renamed)]
    return plan
  }
}
