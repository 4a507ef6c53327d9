import Expressions
import Keys
import Operations
import Values

extension MutationRun {
  /// A row that takes another one's place, or its own.
  struct Replacement {
    var oldKey: [UInt8]
    var oldRow: Row
    var newKey: [UInt8]
    var newRow: Row
  }

  /// Updates the rows of the selection that pass the filter. All expressions see the rows as they were before the
  /// statement.
  mutating func update(
    _ selection: KeySelection, filter: Expression?, _ assignments: [Assignment]
  ) throws(DocStoreError) {
    let mayMove = evaluator.changesKey(assignments)
    let assignments = try Self.checking { () throws(SQLError) in
      try RowAssignments(assignments, columnCount: table.columns.count)
    }
    var replacements: [Replacement] = []
    try forEachRow(of: selection, filter: filter) { (run, key, row) throws(DocStoreError) in
      let new = try Self.checking { () throws(SQLError) in
        let new = try assignments.apply(to: row, seeing: row, run.context)
        try run.evaluator.rules.check(new, run.context)
        try run.keep(new)
        return new
      }
      replacements.append(
        Replacement(oldKey: key, oldRow: row, newKey: mayMove ? try run.newKey(of: new) : key, newRow: new))
    }
    try replace(replacements)
  }

  mutating func delete(_ selection: KeySelection, filter: Expression?) throws(DocStoreError) {
    // Written only after the scan: a mutation does not see its own changes.
    var deleted: [([UInt8], Row)] = []
    try forEachRow(of: selection, filter: filter) { (run, key, row) throws(DocStoreError) in
      let row = run.wantsRows ? row : []
      try Self.checking { () throws(SQLError) in try run.keep(row) }
      deleted.append((key, row))
    }
    for (key, row) in deleted {
      try putTombstone(at: key)
      try Self.checking { () throws(SQLError) in try affected(row, RowChange(old: row, new: nil)) }
    }
  }

  /// The document key of an updated row.
  /// - Throws: 0A000 if it belongs to another tablet.
  func newKey(of row: Row) throws(DocStoreError) -> [UInt8] {
    let key = try Self.checking { () throws(SQLError) in try table.documentKey(for: row) }
    guard evaluator.bounds.contains(key) else {
      throw .statement(
        SQLError(
          .featureNotSupported, "UPDATE of a key that moves a row to another tablet is not supported yet",
          hint: "Delete the row and insert it with its new key."))
    }
    return key
  }

  /// Writes updated rows. Uniqueness is judged at the end of the statement, as the SQL standard has it (PostgreSQL
  /// judges row by row): first all moved rows leave their old keys, then they arrive at the new ones.
  mutating func replace(_ replacements: [Replacement]) throws(DocStoreError) {
    for replacement in replacements where replacement.newKey != replacement.oldKey {
      try putTombstone(at: replacement.oldKey)
    }
    for replacement in replacements {
      if replacement.newKey != replacement.oldKey {
        let isTaken =
          if let own = pending[replacement.newKey] {
            own.packedRow != nil
          } else {
            try storedRow(at: replacement.newKey) != nil
          }
        if isTaken { throw .statement(table.uniqueViolation(by: replacement.newRow)) }
      }
      try put(replacement.newRow, at: replacement.newKey, replacing: replacement.oldRow)
    }
  }
}

/// `SET a = …, b = …`, ready for many rows.
struct RowAssignments: Sendable {
  private let assignments: [(column: Int, value: CompiledExpression)]

  /// - Throws: `internal_error` for a column that is not there.
  init(_ assignments: [Assignment], columnCount: Int) throws(SQLError) {
    guard assignments.allSatisfy({ (0..<columnCount).contains($0.column) }) else {
      throw SQLError(.internalError, "an assignment names a column that the table does not have")
    }
    self.assignments = assignments.map { ($0.column, CompiledExpression($0.value)) }
  }

  func apply(to row: Row, seeing input: Row, _ context: EvaluationContext) throws(SQLError) -> Row {
    var new = row
    for assignment in assignments {
      new[assignment.column] = try assignment.value.evaluate(input, context)
    }
    return new
  }
}
