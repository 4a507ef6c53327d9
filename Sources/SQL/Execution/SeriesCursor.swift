import Expressions
import Values

/// The rows of `generate_series`.
final class SeriesCursor: RowCursor {
  private var upcoming: Datum?
  private let stop: Datum
  private let step: Datum
  private let type: SQLType
  private let isDescending: Bool
  private let advance: CompiledExpression
  private let context: EvaluationContext
  private static let batchCount = 1_000

  /// Yields nothing where a bound is NULL.
  /// - Throws: 22023 for a step of zero.
  init(start: Datum, stop: Datum, step: Datum, type: SQLType, _ context: EvaluationContext) throws(SQLError) {
    self.stop = stop
    self.step = step
    self.type = type
    self.context = context
    upcoming = start.isNull || stop.isNull || step.isNull ? nil : start
    let stepType: SQLType = type.kind == .timestamp || type.kind == .timestampTZ ? .interval : type
    advance = CompiledExpression(
      try FunctionCatalog.bindOperator("+", left: .column(0, type), right: .column(1, stepType)))
    let sign = Datum.compare(step, Self.zero(of: stepType))
    if sign == 0, upcoming != nil { throw SQLError(.invalidParameterValue, "step size cannot equal zero") }
    isDescending = sign < 0
  }

  private static func zero(of type: SQLType) -> Datum {
    switch type.kind {
    case .int4: .int4(0)
    case .int8: .int8(0)
    case .numeric: .numeric(.zero)
    default: .interval(Interval(months: 0, days: 0, microseconds: 0))
    }
  }

  func next() throws(SQLError) -> [Row]? {
    var rows: [Row] = []
    while rows.count < Self.batchCount, let value = upcoming {
      let order = Datum.compare(value, stop)
      if isDescending ? order < 0 : order > 0 {
        upcoming = nil
        break
      }
      rows.append([value])
      // Past the type's range there is nothing left to yield.
      upcoming = try? advance.evaluate([value, step], context)
    }
    return rows.isEmpty ? nil : rows
  }
}
