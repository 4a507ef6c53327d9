import Expressions
import Schema
import Values

/// What every new row of a table must satisfy, made ready for many rows.
struct RowRules: Sendable {
  private let table: TableDescriptor
  private let notNullPositions: [Int]
  private let checks: [(constraint: CheckConstraint, condition: CompiledExpression)]

  init(_ table: TableDescriptor) {
    self.table = table
    let keyPositions = Set(table.keyPositions)
    // The keys of an index may be NULL.
    notNullPositions = table.columns.indices.filter {
      table.columns[$0].isNotNull || (keyPositions.contains($0) && !table.isIndex)
    }
    // By name, as PostgreSQL tries them, so that the same one is reported.
    checks = table.checks
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      .map { ($0, CompiledExpression($0.expression)) }
  }

  /// - Throws: 23502 or 23514, for the first rule that the row breaks. A check that is NULL holds.
  func check(_ row: Row, _ context: EvaluationContext) throws(SQLError) {
    for position in notNullPositions where row[position].isNull {
      throw table.notNullViolation(at: position, in: row)
    }
    for check in checks {
      if case .bool(false) = try check.condition.evaluate(row, context) {
        throw table.checkViolation(of: check.constraint, in: row)
      }
    }
  }
}
