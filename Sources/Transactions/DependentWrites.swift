import Expressions
import Keys
import Operations
import Schema
import Values

/// Carries out single requests within one transaction, and nothing that would follow from them.
package protocol RequestCarrier: Sendable {
  var options: TransactionOptions { get }
  /// What expressions see that are evaluated at the gateway.
  var evaluation: EvaluationContext { get }
  /// Rows as they are committed now, and locked: constraints are no matter of snapshots.
  func readNewest(
    _ read: TableRead, locking: RowLocking, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches
  /// A mutation of one table's rows alone: neither indexes nor foreign keys follow it.
  func mutateAlone(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult
  /// A mutation that nobody else can object to or wait for, and whose result nobody asks for: it is to be done before
  /// anything of the same transaction looks at its table, and may be before that.
  func mutateLater(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError)
}

extension RequestCarrier {
  package func mutateLater(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) {
    _ = try await mutateAlone(mutation, deadline: deadline)
  }
}

/// A mutation with all that follows from it in other relations: entries of indexes, look-ups of foreign keys, and what
/// happens to rows that refer to a key which goes away.
///
/// Constraints are judged when the statement has changed its rows, as the SQL standard has it for constraints that are
/// not deferred. (PostgreSQL judges unique ones row by row, and refuses some statements that this accepts.)
package struct DependentWrites {
  let catalog: CatalogSnapshot
  let carrier: any RequestCarrier
  let deadline: Deadline?
  private let depth: Int

  /// A chain of actions longer than this is an error, as it is in PostgreSQL where its stack ends.
  private static let depthMax = 200

  package init(in catalog: CatalogSnapshot, through carrier: any RequestCarrier, deadline: Deadline?) {
    self.init(in: catalog, through: carrier, deadline: deadline, depth: 0)
  }

  private init(in catalog: CatalogSnapshot, through carrier: any RequestCarrier, deadline: Deadline?, depth: Int) {
    self.catalog = catalog
    self.carrier = carrier
    self.deadline = deadline
    self.depth = depth
  }

  /// - Throws: 23505 and 23503, by the names of the index or constraint; what the requests throw.
  package func mutate(_ mutation: TableMutation, of table: TableDescriptor) async throws(SQLError) -> MutationResult {
    if case .update(let selection, let filter, let assignments) = mutation.mutation,
      table.hasKeyColumn(among: assignments)
    {
      return try await move(mutation, selection, filter, assignments, of: table)
    }
    guard catalog.hasDependents(table) else { return try await carrier.mutateAlone(mutation, deadline: deadline) }
    try requireDepth()
    var asked = mutation
    asked.wantsChanges = true
    var result = try await carrier.mutateAlone(asked, deadline: deadline)
    let changes = result.changes
    if !mutation.wantsChanges { result.changes = [] }
    try await follow(changes, of: table)
    return result
  }

  /// An update of key columns: all rows leave their old keys, which may be in other tablets than the new ones, and then come
  /// back at those. To whatever follows from it, it is an update.
  private func move(
    _ mutation: TableMutation, _ selection: KeySelection, _ filter: Expression?, _ assignments: [Assignment],
    of table: TableDescriptor
  ) async throws(SQLError) -> MutationResult {
    try requireDepth()
    let assignments = try RowAssignments(assignments, columnCount: table.columns.count)
    var part = mutation
    (part.mutation, part.returning, part.wantsChanges) = (.delete(selection, filter: filter), nil, true)
    var changes = try await carrier.mutateAlone(part, deadline: deadline).changes
    if changes.isEmpty { return .none }
    var rows: [Row] = []
    for index in changes.indices {
      guard let old = changes[index].old else { throw SQLError(.internalError, "a delete did not say what it deleted") }
      let new = try assignments.apply(to: old, seeing: old, carrier.evaluation)
      changes[index].new = new
      rows.append(new)
    }
    part = mutation
    (part.mutation, part.wantsChanges) = (.insert(rows: rows, onConflict: .fail), false)
    var result = try await carrier.mutateAlone(part, deadline: deadline)
    if mutation.wantsChanges { result.changes = changes }
    try await follow(changes, of: table)
    return result
  }

  private func requireDepth() throws(SQLError) {
    guard depth < Self.depthMax else {
      throw SQLError("54001", "foreign keys lead through more than \(Self.depthMax) tables")
    }
  }

  private func follow(_ changes: [RowChange], of table: TableDescriptor) async throws(SQLError) {
    if changes.isEmpty { return }
    try await followInIndexes(changes, of: table)
    try await requireReferenced(changes, of: table)
    for child in catalog.referencing(table.id) {
      for key in child.foreignKeys where key.referencedTable == table.id {
        try await follow(changes, of: table, in: child, by: key)
      }
    }
  }

  private func followInIndexes(_ changes: [RowChange], of table: TableDescriptor) async throws(SQLError) {
    // The locks of its rows protect the entries of a plain index. Those of a unique one have to be seen by others at once.
    let plain = Set(table.indexes.lazy.filter { !$0.isUnique && $0.state == .ready }.map(\.relation))
    for mutation in try IndexMaintenance.mutations(following: changes, of: table, in: catalog) {
      if plain.contains(mutation.table) {
        try await carrier.mutateLater(mutation, deadline: deadline)
        continue
      }
      do throws(SQLError) {
        _ = try await carrier.mutateAlone(mutation, deadline: deadline)
      } catch {
        throw error.renamed(to: table, mutation.table)
      }
    }
  }

  // MARK: - What the rows refer to

  private func requireReferenced(_ changes: [RowChange], of table: TableDescriptor) async throws(SQLError) {
    for key in table.foreignKeys {
      var keys = try ReferencedKeys(of: key, on: table, in: catalog)
      for change in changes {
        guard let new = change.new else { continue }
        if let old = change.old, old.isEqual(to: new, at: key.columns) { continue }
        try keys.add(new)
      }
      guard let read = keys.read else { continue }
      try keys.check(try await rows(of: read, locking: ReferencedKeys.locking))
    }
  }

  private func rows(of read: TableRead, locking: RowLocking) async throws(SQLError) -> [Row] {
    let batches = try await carrier.readNewest(read, locking: locking, deadline: deadline)
    var rows: [Row] = []
    while let batch = try await batches.next() { rows += batch }
    return rows
  }

  // MARK: - What refers to the rows

  private func follow(
    _ changes: [RowChange], of table: TableDescriptor, in child: TableDescriptor, by key: ForeignKey
  ) async throws(SQLError) {
    let gone = GoneKeys(changes, of: key, from: table, in: child)
    for (action, keys) in [(key.onDelete, gone.deleted), (key.onUpdate, gone.updated)] where !keys.isEmpty {
      let rows = ReferencingRows(child, key, keys)
      switch action {
      case .noAction, .restrict:
        // No action looks at the end of the statement: another row may have the key by then.
        let left = action == .noAction ? keys.filter { !gone.stillThere.contains($0.encoded) } : keys
        if left.isEmpty { continue }
        try await refuseIfReferenced(ReferencingRows(child, key, left), of: table, key, in: child)
      case .cascade where keys[0].new == nil:
        try await mutate(child, rows) { .delete($0, filter: $1) }
      case .cascade:
        let assignments = rows.assignmentsOfNewKeys
        try await mutate(child, rows) { .update($0, filter: $1, assignments) }
      case .setNull:
        let assignments = key.columns.map {
          Assignment(column: $0, value: .constant(.null, child.columns[$0].type))
        }
        try await mutate(child, rows) { .update($0, filter: $1, assignments) }
      case .setDefault:
        let assignments = try defaults(of: key, in: child)
        try await mutate(child, rows) { .update($0, filter: $1, assignments) }
        // A row whose default is the very key that went away still has it.
        try await refuseIfReferenced(rows, of: table, key, in: child)
      }
    }
  }

  private func refuseIfReferenced(
    _ rows: ReferencingRows, of table: TableDescriptor, _ key: ForeignKey, in child: TableDescriptor
  ) async throws(SQLError) {
    guard let selection = try await selection(of: rows) else { return }
    let projection = key.columns.map { Expression.column($0, child.columns[$0].type) }
    func found(limit: Int?) async throws(SQLError) -> [Row] {
      try await self.rows(
        of: TableRead(
          table: child.id, schemaVersion: child.version, selection: selection,
          pipeline: RowPipeline(filter: rows.condition, output: .rows(projection: projection, limit: limit)),
          isOrdered: false), locking: ReferencedKeys.locking)
    }
    // All of them, as a first one may be gone when its lock is free; only of too many one is enough.
    let referring: [Row]
    do throws(SQLError) {
      referring = try await found(limit: nil)
    } catch {
      guard error.state == .programLimitExceeded else { throw error }
      referring = try await found(limit: 1)
      if referring.isEmpty { throw error }
    }
    guard let row = referring.first else { return }
    var error = SQLError(
      .foreignKeyViolation,
      "update or delete on table \"\(table.name)\" violates foreign key constraint \"\(key.name)\" on table "
        + "\"\(child.name)\"",
      detail: "\(table.shownKey(key.referencedColumns, row)) is still referenced from table \"\(child.name)\".")
    (error.schema, error.table, error.constraint) = (child.schema, child.name, key.name)
    throw error
  }

  /// Changes the referring rows, with all that follows from that.
  private func mutate(
    _ child: TableDescriptor, _ rows: ReferencingRows, _ mutation: (KeySelection, Expression?) -> Mutation
  ) async throws(SQLError) {
    guard let selection = try await selection(of: rows) else { return }
    let next = DependentWrites(in: catalog, through: carrier, deadline: deadline, depth: depth + 1)
    let meant = try await newestCount(child, rows, selection)
    let result = try await next.mutate(
      TableMutation(
        table: child.id, schemaVersion: child.version, mutation: mutation(selection, rows.condition),
        returning: nil), of: child)
    guard result.affectedCount >= meant else {
      throw SQLError(
        .serializationFailure, "could not serialize access due to concurrent update",
        detail: "Rows that refer to a key which goes away are newer than the transaction's snapshot.",
        hint: "Run the transaction again.")
    }
  }

  /// How many rows refer to the keys now, where the transaction's own snapshot may be older than some of them.
  private func newestCount(
    _ child: TableDescriptor, _ rows: ReferencingRows, _ selection: KeySelection
  ) async throws(SQLError) -> Int {
    guard carrier.options.isolation > .readCommitted else { return 0 }
    return try await self.rows(
      of: TableRead(
        table: child.id, schemaVersion: child.version, selection: selection,
        pipeline: RowPipeline(filter: rows.condition, output: .rows(projection: [], limit: nil)), isOrdered: false),
      locking: RowLocking(strength: .update, policy: .wait)
    ).count
  }

  private func defaults(of key: ForeignKey, in child: TableDescriptor) throws(SQLError) -> [Assignment] {
    var assignments: [Assignment] = []
    for position in key.columns {
      let column = child.columns[position]
      switch column.defaultValue {
      case nil: assignments.append(Assignment(column: position, value: .constant(.null, column.type)))
      case .expression(let value, _): assignments.append(Assignment(column: position, value: value))
      case .sequence, .identity, .rowID:
        throw SQLError(
          .featureNotSupported, "SET DEFAULT of column \"\(column.name)\", which has a sequence, is not supported")
      }
    }
    return assignments
  }

  /// Where the referring rows are: by the key or an index of their table, or anywhere in it. Nil for nowhere.
  private func selection(of rows: ReferencingRows) async throws(SQLError) -> KeySelection? {
    switch try rows.path(in: catalog) {
    case .ranges(let ranges): return .ranges(ranges)
    case .index(let read, let table):
      var keys: [[UInt8]] = []
      for values in try await self.rows(of: read, locking: ReferencedKeys.locking) {
        keys.append(try table.documentKey(keyValues: values))
      }
      keys.sort(by: KeyRange.isLess)
      return keys.isEmpty ? nil : .points(keys)
    }
  }
}

extension SQLError {
  /// A broken rule of an index's relation is one of its table.
  fileprivate func renamed(to table: TableDescriptor, _ relation: TableID) -> SQLError {
    guard state == .uniqueViolation else { return self }
    var error = self
    (error.schema, error.table) = (table.schema, table.name)
    return error
  }
}

extension Row {
  func isEqual(to other: Row, at positions: [Int]) -> Bool {
    positions.allSatisfy { Datum.compare(self[$0], other[$0]) == 0 }
  }
}
