import Expressions
import Keys
import Operations
import Schema
import Values

/// The building of an index while others read and write the table.
///
/// ```
/// deleteOnly ─▶ writeOnly ─▶ (entries of the rows that are there) ─▶ ready
/// ```
///
/// Each state has reached every live node before the next one is asked for, so at any time two neighbouring states are in
/// use at most. A row written under `writeOnly` has its entry; every other one is met by the scan, which begins after
/// that. If anything fails before the end, the index goes away again.
///
/// In a transaction others wait with writing to the table, so the index is ready at once, for the transaction alone.
struct IndexBuild {
  let changes: SchemaChanges
  let builds: IndexBuilds
  let processID: Int32

  init(session: isolated SQLSession, changes: SchemaChanges) {
    self.changes = changes
    builds = session.registry.indexBuilds
    processID = session.facts.processID
  }

  /// - Returns: whether it was made; not, where the name is taken and `ifNotExists` says that this is fine.
  /// - Throws: 23505 where the rows have duplicates.
  func run(_ new: NewIndex, on table: TableDescriptor, ifNotExists: Bool) async throws(SQLError) -> Bool {
    var new = new
    if case .range(let splits) = new.sharding, splits.isEmpty {
      new.sharding = .range(splits: try await sampledSplits(new, table))
    }
    if case .done(let skipped) = try await changes.change(
      .createIndex(new, on: table.id, ifNotExists: ifNotExists)), !skipped.isEmpty
    {
      return false
    }
    guard let relation = changes.catalog.tables[table.id]?.index(named: new.name)?.relation else {
      throw SQLError(.undefinedObject, "index \"\(new.name)\" was dropped by another statement")
    }
    builds.set(IndexBuilds.Build(processID: processID, table: table.id, relation: relation, phase: .waiting))
    defer { builds.remove(relation) }
    if changes.transaction != nil {
      // Everybody else can read it from the commit on.
      try await setState(.ready, relation, of: table.id, readableFrom: .max)
      try await fill(relation, of: table.id)
      return true
    }
    do throws(SQLError) {
      try await setState(.writeOnly, relation, of: table.id, readableFrom: .zero)
      try await fill(relation, of: table.id)
      builds.update(relation) { $0.phase = .finishing }
      // A transaction that would begin now: every entry was committed before it.
      let next = changes.dataPlane.begin(TransactionOptions(isReadOnly: true))
      let readableFrom = next.id.start
      await next.rollback()
      try await setState(.ready, relation, of: table.id, readableFrom: readableFrom)
    } catch {
      await changes.takeBack(.dropIndex(relation: relation), of: table.id)
      throw error
    }
    return true
  }

  private func setState(
    _ state: IndexState, _ relation: TableID, of table: TableID, readableFrom: HybridTime
  ) async throws(SQLError) {
    try await changes.change(
      .alterTable(table, .setIndexState(relation: relation, state, readableFrom: readableFrom)))
  }

  // MARK: - Entries of the rows that are there

  private func fill(_ relation: TableID, of table: TableID) async throws(SQLError) {
    let builds = self.builds
    let changes = self.changes
    let tabletCount = changes.catalog.tables[table]?.tablets.count ?? 0
    builds.update(relation) { build in
      build.phase = .filling
      build.tabletCount = tabletCount
    }
    try await changes.scan(
      table,
      finished: { count, isLast in
        builds.update(relation) { build in
          build.rowCount += count
          if isLast { build.finishedTabletCount += 1 }
        }
      }
    ) { (rows, table, transaction) throws(SQLError) in
      guard let index = table.index(relation: relation), let target = changes.catalog.tables[relation] else {
        throw SQLError(.undefinedObject, "the index was dropped by another statement")
      }
      try await Self.add(rows, to: index, target, of: table, transaction, changes)
    }
  }

  /// Adds the entries that are not there yet: rows that changed since `writeOnly` have theirs.
  private static func add(
    _ rows: [Row], to index: IndexDescriptor, _ target: TableDescriptor, of table: TableDescriptor,
    _ transaction: any Transaction, _ changes: SchemaChanges
  ) async throws(SQLError) {
    let maker = IndexEntries(of: index, on: table)
    var entries: [Row] = []
    for row in rows { if let entry = try maker.entry(for: row) { entries.append(entry) } }
    if entries.isEmpty { return }
    let inserted = try await transaction.fill(
      TableMutation(
        table: target.id, schemaVersion: target.version,
        mutation: .insert(rows: entries, onConflict: .doNothing), returning: nil), isFinal: changes.isFinal,
      deadline: changes.deadline)
    guard index.isUnique, inserted.affectedCount < entries.count else { return }
    try await requireOwn(entries, index, target, of: table, transaction, changes.deadline)
  }

  /// - Throws: 23505 where the entry of a row belongs to another row.
  private static func requireOwn(
    _ entries: [Row], _ index: IndexDescriptor, _ target: TableDescriptor, of table: TableDescriptor,
    _ transaction: any Transaction, _ deadline: Deadline?
  ) async throws(SQLError) {
    let layout = index.layout(of: table)
    var owners: [[UInt8]: [UInt8]] = [:]
    var keys: [[UInt8]] = []
    func owner(_ entry: Row) throws(SQLError) -> [UInt8] {
      try table.documentKey(keyValues: Array(entry[layout.primaryKeyPositions]))
    }
    func duplicate(_ entry: Row) -> SQLError {
      let names = index.keys.indices.map { target.columns[$0].name }
      let values = index.keys.indices.map { position in
        entry[position].isNull ? "null" : TextFormat.text(entry[position], as: target.columns[position].type)
      }
      var error = SQLError(
        .uniqueViolation, "could not create unique index \"\(index.name)\"",
        detail: "Key (\(names.joined(separator: ", ")))=(\(values.joined(separator: ", "))) is duplicated.")
      (error.schema, error.table, error.constraint) = (table.schema, table.name, index.name)
      return error
    }
    for entry in entries {
      let key = try target.documentKey(for: entry)
      let own = try owner(entry)
      if let other = owners[key], other != own { throw duplicate(entry) }
      owners[key] = own
      keys.append(key)
    }
    let projection = target.columns.enumerated().map { Expression.column($0.offset, $0.element.type) }
    // What stood in the way may have been committed after the batch's own snapshot.
    transaction.beginStatement()
    let batches = try await transaction.read(
      TableRead(
        table: target.id, schemaVersion: target.version, selection: .points(keys.sorted(by: KeyRange.isLess)),
        pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false),
      locking: nil, deadline: deadline)
    while let stored = try await batches.next() {
      for entry in stored {
        let key = try target.documentKey(for: entry)
        if let own = owners[key], try owner(entry) != own { throw duplicate(entry) }
      }
    }
  }

  // MARK: - Where the index splits

  private static let sampledRowsOfTablet = 1_000
  private static let sampledRowsMin = 300

  /// Where an index in key order is to split, so that it has as many tablets as the table: between rows that are there,
  /// some of each tablet. Of few rows nothing can be learned.
  private func sampledSplits(_ new: NewIndex, _ table: TableDescriptor) async throws(SQLError) -> [[UInt8]] {
    let tablets = changes.catalog.tablets(of: table)
    guard tablets.count > 1 else { return [] }
    let relation = new.relation(TableID(0), of: table, tablets: [])
    let projection = table.columns.enumerated().map { Expression.column($0.offset, $0.element.type) }
    let maker = IndexEntries(of: new.descriptor(relation: TableID(0), state: .ready), on: table)
    var keys: [[UInt8]] = []
    for tablet in tablets {
      let read = TableRead(
        table: table.id, schemaVersion: table.version,
        selection: .ranges([KeyRange(lower: tablet.lower, upper: tablet.upper)]),
        pipeline: RowPipeline(
          filter: new.predicate?.expression,
          output: .rows(projection: projection, limit: Self.sampledRowsOfTablet)), isOrdered: false)
      let batches = try await changes.read(read)
      while let rows = try await batches.next() {
        for row in rows {
          guard let entry = try maker.entry(for: row) else { continue }
          var key: [UInt8] = []
          try relation.primaryKey.append(
            Array(entry.prefix(new.keys.count)), columns: relation.columns, to: &key)
          keys.append(key)
        }
      }
    }
    guard keys.count >= Self.sampledRowsMin else { return [] }
    keys.sort(by: KeyRange.isLess)
    var splits: [[UInt8]] = []
    for part in 1..<tablets.count {
      let split = keys[keys.count * part / tablets.count]
      if split != splits.last ?? keys[0] { splits.append(split) }
    }
    return splits
  }
}
