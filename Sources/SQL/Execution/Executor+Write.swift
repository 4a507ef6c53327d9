import Expressions
import Keys
import Operations
import Schema
import Values

/// What a write did.
struct WriteOutcome {
  var affectedCount: Int
  var returned: [Row]
}

extension Executor {
  func update(_ plan: UpdatePlan) async throws(SQLError) -> WriteOutcome {
    guard let selection = try await selection(of: plan.rows, in: plan.table) else {
      return WriteOutcome(affectedCount: 0, returned: [])
    }
    let filter = plan.filter?.foldConstants(evaluation)
    if filter?.isNeverTrue ?? false { return WriteOutcome(affectedCount: 0, returned: []) }
    let mutation = Mutation.update(
      selection, filter: filter, folded(plan.assignments))
    return try await mutate(mutation, of: plan.table, returning: plan.returning)
  }

  func delete(_ plan: DeletePlan) async throws(SQLError) -> WriteOutcome {
    guard let selection = try await selection(of: plan.rows, in: plan.table) else {
      return WriteOutcome(affectedCount: 0, returned: [])
    }
    let filter = plan.filter?.foldConstants(evaluation)
    if filter?.isNeverTrue ?? false { return WriteOutcome(affectedCount: 0, returned: []) }
    let mutation = Mutation.delete(selection, filter: filter)
    return try await mutate(mutation, of: plan.table, returning: plan.returning)
  }

  private func selection(of rows: RowChoice, in table: TableDescriptor) async throws(SQLError) -> KeySelection? {
    switch rows {
    case .keys(let keys): try keys.selection(in: table, evaluation, isSearch: true)
    case .index(let path): try await keys(of: path)
    }
  }

  private func folded(_ assignments: [Assignment]) -> [Assignment] {
    assignments.map { Assignment(column: $0.column, value: $0.value.foldConstants(evaluation)) }
  }

  private func mutate(
    _ mutation: Mutation, of table: TableDescriptor, returning: [Expression]?
  ) async throws(SQLError) -> WriteOutcome {
    let result = try await mutate(
      TableMutation(
        table: table.id, schemaVersion: table.version, mutation: mutation,
        returning: returning?.map { $0.foldConstants(evaluation) }))
    return WriteOutcome(affectedCount: result.affectedCount, returned: result.returned)
  }

  // MARK: - INSERT

  func insert(_ plan: InsertPlan, random: () -> UInt64) async throws(SQLError) -> WriteOutcome {
    let maker = RowMaker(table: plan.table, executor: self)
    switch plan.source {
    case .values(let sources):
      let rows = try await maker.rows(sources, random: random)
      return try await insert(rows, plan)
    case .query(let query, let sources): return try await insert(query, sources, plan, random: random)
    }
  }

  func insert(_ rows: [Row], _ plan: InsertPlan) async throws(SQLError) -> WriteOutcome {
    var onConflict = plan.onConflict
    if case .update(let assignments, let filter) = onConflict {
      onConflict = .update(folded(assignments), filter: filter?.foldConstants(evaluation))
    }
    switch plan.arbiter {
    case .primaryKey: break
    case .index(let index): return try await insert(rows, plan, meeting: [index], onConflict: onConflict)
    case .all:
      let unique = plan.table.indexes.filter { $0.isUnique && $0.state.isReadable }
      return try await insert(rows, plan, meeting: unique, onConflict: onConflict)
    }
    return try await mutate(.insert(rows: rows, onConflict: onConflict), of: plan.table, returning: plan.returning)
  }
}

/// Makes whole rows of a table: values, defaults, sequences, and the checks that need no other row.
struct RowMaker {
  let table: TableDescriptor
  let executor: Executor

  /// Rows of VALUES.
  func rows(_ sources: [[ColumnSource]], random: () -> UInt64) async throws(SQLError) -> [Row] {
    var rows: [Row] = []
    rows.reserveCapacity(sources.count)
    for row in sources { rows.append(try values(row, over: [], random: random)) }
    for column in table.columns.indices {
      let missing = sources.indices.filter { if case .sequence = sources[$0][column] { true } else { false } }
      try await fill(&rows, column, missing)
    }
    for row in rows { try check(row) }
    return rows
  }

  /// Rows over those of a query.
  func rows(
    from input: [Row], _ sources: [ColumnSource], random: () -> UInt64
  ) async throws(SQLError) -> [Row] {
    let rows = try await unchecked(from: input, sources, random: random)
    for row in rows { try check(row) }
    return rows
  }

  /// Rows over those of COPY, which says itself where a row does not pass.
  func unchecked(
    from input: [Row], _ sources: [ColumnSource], random: () -> UInt64
  ) async throws(SQLError) -> [Row] {
    var rows: [Row] = []
    rows.reserveCapacity(input.count)
    for row in input { rows.append(try values(sources, over: row, random: random)) }
    for column in table.columns.indices {
      if case .sequence = sources[column] { try await fill(&rows, column, Array(rows.indices)) }
    }
    return rows
  }

  private func values(
    _ sources: [ColumnSource], over input: Row, random: () -> UInt64
  ) throws(SQLError) -> Row {
    var row: Row = []
    row.reserveCapacity(sources.count)
    for source in sources {
      switch source {
      case .value(.constant(let datum, _)): row.append(datum)
      case .value(.column(let index, _)) where index < input.count: row.append(input[index])
      case .value(let expression): row.append(try expression.evaluate(row: input, executor.evaluation))
      case .sequence: row.append(.null)
      case .rowID: row.append(.uuid(RowID.make(at: executor.evaluation.clock(), random: random)))
      }
    }
    return row
  }

  /// Gives these rows the next values of a column's sequence.
  private func fill(_ rows: inout [Row], _ column: Int, _ missing: [Int]) async throws(SQLError) {
    if missing.isEmpty { return }
    let descriptor = table.columns[column]
    let values = try await executor.dataPlane.nextValues(
      of: table.id, column: descriptor.id, count: missing.count)
    guard values.count == missing.count else { throw SQLError(.internalError, "too few sequence values") }
    for (index, value) in zip(missing, values) {
      guard let datum = Datum.int8(value).exactly(as: descriptor.type) else {
        throw SQLError(.numericValueOutOfRange, "\(TypeCatalog.format(descriptor.type)) out of range")
      }
      rows[index][column] = datum
    }
  }

  /// NOT NULL and CHECK.
  func check(_ row: Row) throws(SQLError) {
    for (column, value) in zip(table.columns, row) where column.isNotNull && value.isNull {
      var error = SQLError(
        .notNullViolation,
        "null value in column \"\(column.name)\" of relation \"\(table.name)\" violates not-null constraint",
        detail: failing(row))
      (error.schema, error.table, error.column) = (table.schema, table.name, column.name)
      throw error
    }
    for constraint in table.checks {
      guard case .bool(false) = try constraint.expression.evaluate(row: row, executor.evaluation) else { continue }
      var error = SQLError(
        .checkViolation, "new row for relation \"\(table.name)\" violates check constraint \"\(constraint.name)\"",
        detail: failing(row))
      (error.schema, error.table, error.constraint) = (table.schema, table.name, constraint.name)
      throw error
    }
  }

  private func failing(_ row: Row) -> String {
    let values = zip(table.columns, row).filter { !$0.0.isHidden }.map { column, value in
      value.isNull ? "null" : TextFormat.text(value, as: column.type, settings: executor.evaluation.settings)
    }
    return "Failing row contains (\(values.joined(separator: ", ")))."
  }
}

/// The hidden key of a table without a primary key: 48 bits of milliseconds, then chance, as in a UUID of version 7.
enum RowID {
  /// - Parameter time: microseconds since 2000-01-01 UTC.
  static func make(at time: Int64, random: () -> UInt64) -> UUIDValue {
    let milliseconds = UInt64(bitPattern: time / 1_000 &+ 946_684_800_000) & 0xffff_ffff_ffff
    return UUIDValue(
      high: milliseconds << 16 | 0x7000 | random() & 0x0fff, low: 0x8000_0000_0000_0000 | random() >> 2)
  }
}
