import Expressions
import Values

/// `SET a = …, b = …`, ready for many rows.
package struct RowAssignments: Sendable {
  private let assignments: [(column: Int, value: CompiledExpression)]

  /// - Throws: `internal_error` for a column that is not there.
  package init(_ assignments: [Assignment], columnCount: Int) throws(SQLError) {
    guard assignments.allSatisfy({ (0..<columnCount).contains($0.column) }) else {
      throw SQLError(.internalError, "an assignment names a column that the table does not have")
    }
    self.assignments = assignments.map { ($0.column, CompiledExpression($0.value)) }
  }

  /// The new row: each value is evaluated over `input`.
  package func apply(to row: Row, seeing input: Row, _ context: EvaluationContext) throws(SQLError) -> Row {
    var new = row
    for assignment in assignments {
      new[assignment.column] = try assignment.value.evaluate(input, context)
    }
    return new
  }
}
