import Expressions
import Operations
import Values

extension MutationRun {
  /// Inserts rows in order. Each sees the rows before it, so the same key twice in one statement is a conflict, too.
  mutating func insert(_ rows: [Row], _ onConflict: ConflictAction) throws(DocStoreError) {
    let conflictUpdate: ConflictUpdate? =
      if case .update(let assignments, let filter) = onConflict {
        try Self.checking { () throws(SQLError) in
          try ConflictUpdate(assignments, filter: filter, columnCount: table.columns.count)
        }
      } else {
        nil
      }
    var lookup = try reader.documentCursor()
    for row in rows {
      // The rules come before the key, as in PostgreSQL: a bad row fails even where it would be skipped.
      let key = try Self.checking { () throws(SQLError) in
        let key = try table.documentKey(for: row)
        try evaluator.rules.check(row, context)
        return key
      }
      guard evaluator.bounds.contains(key) else { throw .wrongTablet }

      let own = pending[key]
      let stored = own == nil ? try storedRow(at: key, by: &lookup) : nil
      guard own?.packedRow != nil || stored != nil else {
        try put(row, at: key, replacing: nil)
        continue
      }
      switch onConflict {
      case .fail: throw .statement(table.uniqueViolation(by: row))
      case .doNothing: continue
      case .update:
        guard let conflictUpdate, let stored else { throw .statement(Self.secondUpdate) }
        try update(stored, at: key, proposed: row, by: conflictUpdate)
      }
    }
  }

  private mutating func update(
    _ stored: Row, at key: [UInt8], proposed: Row, by conflictUpdate: ConflictUpdate
  ) throws(DocStoreError) {
    let new = try Self.checking { () throws(SQLError) in
      let new = try conflictUpdate.apply(to: stored, proposed: proposed, context)
      if let new { try evaluator.rules.check(new, context) }
      return new
    }
    guard let new else { return }
    try put(new, at: key, replacing: stored)
  }

  private static let secondUpdate = SQLError(
    .cardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time",
    hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}

/// `ON CONFLICT DO UPDATE SET … WHERE …`, ready for many rows.
private struct ConflictUpdate {
  private let assignments: RowAssignments
  private let filter: CompiledExpression?

  init(_ assignments: [Assignment], filter: Expression?, columnCount: Int) throws(SQLError) {
    self.assignments = try RowAssignments(assignments, columnCount: columnCount)
    self.filter = filter.map { CompiledExpression($0) }
  }

  /// The new row; nil if the filter is not true. The expressions see the stored row, then the proposed one.
  func apply(to stored: Row, proposed: Row, _ context: EvaluationContext) throws(SQLError) -> Row? {
    let both = stored + proposed
    if let filter, try !filter.isTrue(both, context) { return nil }
    return try assignments.apply(to: stored, seeing: both, context)
  }
}
