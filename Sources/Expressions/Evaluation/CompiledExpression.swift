import Values

/// An expression made ready to run over many rows: functions looked up, casts chosen, constants unboxed.
///
/// It is a tree of closures. Beside the general lane, in which each closure yields a `Datum`, there are two unboxed
/// ones: integers (and dates and timestamps) as `Int64`, truth values as a `Truth`. A comparison of integers
/// thus never makes a `Datum`. Results and errors are those of `Expression.evaluate`.
package struct CompiledExpression: Sendable {
  package let type: SQLType
  private let lane: Lane

  package init(_ expression: Expression) {
    type = expression.type
    lane =
      expression.isDeeper(than: Expression.depthMax)
      ? .value({ (_, _) throws(SQLError) -> Datum in throw .expressionTooDeep })
      : compile(expression)
  }

  /// - Throws: what the functions throw; XX000 where the row does not have the shape that the expression says.
  package func evaluate(_ row: [Datum], _ context: EvaluationContext) throws(SQLError) -> Datum {
    switch lane {
    case .value(let body): return try body(row, context)
    case .integer(let body, let box):
      guard let value = try body(row, context) else { return .null }
      return box.datum(value)
    case .truth(let body): return try body(row, context).datum
    }
  }

  /// Whether it is true for the row: neither false nor NULL.
  package func isTrue(_ row: [Datum], _ context: EvaluationContext) throws(SQLError) -> Bool {
    switch lane {
    case .truth(let body): return try body(row, context) == .true
    case .value(let body): if case .bool(true) = try body(row, context) { return true } else { return false }
    case .integer: throw Datum.mismatch("boolean")
    }
  }
}

/// SQL's truth values.
enum Truth: UInt8, Sendable {
  case `false`, `true`, unknown

  @inline(__always) init(_ value: Bool) { self = value ? .true : .false }

  @inline(__always) init(_ datum: Datum) throws(SQLError) {
    switch datum {
    case .bool(let value): self = value ? .true : .false
    case .null: self = .unknown
    default: throw Datum.mismatch("boolean")
    }
  }

  @inline(__always) var datum: Datum {
    switch self {
    case .false: .bool(false)
    case .true: .bool(true)
    case .unknown: .null
    }
  }
}

/// What an unboxed integer is outside.
enum IntegerBox: Sendable {
  case integer(IntegerWidth)
  case date
  case time
  case timestamp
  case timestampTZ
  case oid

  init?(_ type: TypeKind) {
    switch type {
    case .int2: self = .integer(.two)
    case .int4: self = .integer(.four)
    case .int8: self = .integer(.eight)
    case .date: self = .date
    case .time: self = .time
    case .timestamp: self = .timestamp
    case .timestampTZ: self = .timestampTZ
    case .oid: self = .oid
    default: return nil
    }
  }

  @inline(__always) func datum(_ value: Int64) -> Datum {
    switch self {
    case .integer(let width): width.datum(value)
    case .date: .date(Int32(truncatingIfNeeded: value))
    case .time: .time(value)
    case .timestamp: .timestamp(value)
    case .timestampTZ: .timestampTZ(value)
    case .oid: .oid(UInt32(truncatingIfNeeded: value))
    }
  }

  /// The count inside; nil for NULL.
  @inline(__always) func unbox(_ datum: Datum) throws(SQLError) -> Int64? {
    switch (self, datum) {
    case (_, .null): return nil
    case (.integer(.four), .int4(let value)): return Int64(value)
    case (.integer(.eight), .int8(let value)): return value
    case (.integer(.two), .int2(let value)): return Int64(value)
    case (.date, .date(let value)): return Int64(value)
    case (.time, .time(let value)), (.timestamp, .timestamp(let value)), (.timestampTZ, .timestampTZ(let value)):
      return value
    case (.oid, .oid(let value)): return Int64(value)
    default: throw Datum.mismatch("integer")
    }
  }
}

typealias ValueBody = @Sendable ([Datum], EvaluationContext) throws(SQLError) -> Datum
typealias IntegerBody = @Sendable ([Datum], EvaluationContext) throws(SQLError) -> Int64?
typealias TruthBody = @Sendable ([Datum], EvaluationContext) throws(SQLError) -> Truth

/// How a compiled operand yields its value.
enum Lane: Sendable {
  case value(ValueBody)
  case integer(IntegerBody, IntegerBox)
  case truth(TruthBody)

  /// Boxes what is not.
  var value: ValueBody {
    switch self {
    case .value(let body): body
    case .integer(let body, let box):
      { (row, context) throws(SQLError) -> Datum in
        guard let value = try body(row, context) else { return .null }
        return box.datum(value)
      }
    case .truth(let body): { (row, context) throws(SQLError) -> Datum in try body(row, context).datum }
    }
  }

  var truth: TruthBody {
    switch self {
    case .truth(let body): return body
    case .value, .integer:
      let body = value
      return { (row, context) throws(SQLError) -> Truth in try Truth(try body(row, context)) }
    }
  }

  /// The unboxed lane of an operand of one of the integer-like types; nil for others.
  func integer(_ type: TypeKind) -> IntegerBody? {
    switch self {
    case .integer(let body, _): return body
    case .truth: return nil
    case .value(let body):
      guard let box = IntegerBox(type) else { return nil }
      return { (row, context) throws(SQLError) -> Int64? in try box.unbox(try body(row, context)) }
    }
  }
}
