import Values

extension SQLError {
  static let expressionTooDeep = SQLError(
    .statementTooComplex, "expression is nested too deeply",
    hint: "An expression may nest \(Expression.depthMax) levels at most.")
}

extension Expression {
  /// How deep operands may nest. Every walk over a tree takes a few stack frames a level, in a debug build up to 8 kB.
  package static let depthMax = 500

  /// Evaluates it over a row by walking the tree: the definition that `CompiledExpression` must agree with. It looks
  /// each function up at each call, so it is for what is evaluated once.
  /// - Throws: what the functions throw; XX000 where the row or a call does not have the shape that the expression says.
  package func evaluate(row: [Datum], _ context: EvaluationContext) throws(SQLError) -> Datum {
    try evaluate(row, context, depth: 0)
  }

  /// Whether it is true for the row: neither false nor NULL.
  package func isTrue(row: [Datum], _ context: EvaluationContext) throws(SQLError) -> Bool {
    if case .bool(true) = try evaluate(row, context, depth: 0) { true } else { false }
  }

  /// Only finds out what kind of node it is: the work is done in functions of their own, so that a level of nesting
  /// takes little of the stack.
  private func evaluate(_ row: [Datum], _ context: EvaluationContext, depth: Int) throws(SQLError) -> Datum {
    guard depth < Expression.depthMax else { throw .expressionTooDeep }
    switch self {
    case .constant(let datum, _): return datum
    case .column(let index, _): return try row.column(index)
    case .parameter(let index, _): return try context.parameter(index)
    case .call(let id, let arguments, _): return try Expression.call(id, arguments, row, context, depth + 1)
    case .cast(let operand, let type, let isExplicit):
      let value = try operand.evaluate(row, context, depth: depth + 1)
      return try Cast(from: operand.type, to: type, isExplicit: isExplicit).apply(value, context)
    case .and(let operands): return try kleene(operands, decidedBy: false, row, context, depth + 1)
    case .or(let operands): return try kleene(operands, decidedBy: true, row, context, depth + 1)
    case .not(let operand): return try operand.evaluate(row, context, depth: depth + 1).negatedTruth
    case .isNull(let operand): return .bool(try operand.evaluate(row, context, depth: depth + 1).isNull)
    case .isBool(let operand, let expected):
      return try operand.evaluate(row, context, depth: depth + 1).isTruth(expected)
    case .isDistinct(let left, let right):
      let value = try left.evaluate(row, context, depth: depth + 1)
      return try value.isDistinct(from: right.evaluate(row, context, depth: depth + 1), as: left.type)
    case .when(let clauses, let otherwise, _):
      return try Expression.when(clauses, otherwise, row, context, depth + 1)
    case .coalesce(let operands, _): return try Expression.firstKnown(operands, row, context, depth + 1)
    case .greatest(let operands, let type): return try extreme(operands, type, sign: 1, row, context, depth + 1)
    case .least(let operands, let type): return try extreme(operands, type, sign: -1, row, context, depth + 1)
    case .inList(let operand, let elements):
      return try Expression.isMember(operand, elements, row, context, depth + 1)
    }
  }

  private static func call(
    _ id: FunctionID, _ arguments: [Expression], _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    guard let function = FunctionCatalog.function(id) else { throw .unknownFunction(id) }
    var values: [Datum] = []
    values.reserveCapacity(arguments.count)
    for argument in arguments { values.append(try argument.evaluate(row, context, depth: depth)) }
    return try function.call(values, types: arguments.map(\.type), context)
  }

  private static func when(
    _ clauses: [WhenClause], _ otherwise: Expression?, _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    for clause in clauses {
      if case .bool(true) = try clause.condition.evaluate(row, context, depth: depth) {
        return try clause.result.evaluate(row, context, depth: depth)
      }
    }
    return try otherwise?.evaluate(row, context, depth: depth) ?? .null
  }

  private static func firstKnown(
    _ operands: [Expression], _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    for operand in operands {
      let value = try operand.evaluate(row, context, depth: depth)
      if !value.isNull { return value }
    }
    return .null
  }

  private static func isMember(
    _ operand: Expression, _ elements: [Expression], _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    let value = try operand.evaluate(row, context, depth: depth)
    if elements.isEmpty { return .bool(false) }
    if value.isNull { return .null }
    var sawNull = false
    for element in elements {
      let candidate = try element.evaluate(row, context, depth: depth)
      if candidate.isNull {
        sawNull = true
      } else if Datum.compare(value, candidate, as: operand.type) == 0 {
        return .bool(true)
      }
    }
    return sawNull ? .null : .bool(false)
  }

  /// AND is decided by false, OR by true; else NULL if any operand was.
  private func kleene(
    _ operands: [Expression], decidedBy decisive: Bool, _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    var sawNull = false
    for operand in operands {
      let value = try operand.evaluate(row, context, depth: depth)
      if value.isNull { sawNull = true } else if try value.boolean() == decisive { return .bool(decisive) }
    }
    return sawNull ? .null : .bool(!decisive)
  }

  /// NULLs are left out; NULL only if all are.
  private func extreme(
    _ operands: [Expression], _ type: SQLType, sign: Int, _ row: [Datum], _ context: EvaluationContext, _ depth: Int
  ) throws(SQLError) -> Datum {
    var best = Datum.null
    for operand in operands {
      let value = try operand.evaluate(row, context, depth: depth)
      if value.isNull { continue }
      if best.isNull || Datum.compare(value, best, as: type) * sign > 0 { best = value }
    }
    return best
  }
}

extension SQLError {
  /// A newer node may know functions that this one does not.
  static func unknownFunction(_ id: FunctionID) -> SQLError {
    SQLError(.internalError, "this node has no built-in function \(id.rawValue)")
  }
}

extension Datum {
  fileprivate var negatedTruth: Datum {
    get throws(SQLError) { isNull ? .null : .bool(try !boolean()) }
  }

  fileprivate func isTruth(_ expected: Bool) throws(SQLError) -> Datum {
    .bool(isNull ? false : try boolean() == expected)
  }

  fileprivate func isDistinct(from other: Datum, as type: SQLType) -> Datum {
    if isNull || other.isNull { return .bool(isNull != other.isNull) }
    return .bool(Datum.compare(self, other, as: type) != 0)
  }
}

extension [Datum] {
  @inline(__always)
  func column(_ index: Int) throws(SQLError) -> Datum {
    guard index >= 0, index < count else { throw .noColumn(index, count) }
    return self[index]
  }
}

extension SQLError {
  static func noColumn(_ index: Int, _ count: Int) -> SQLError {
    SQLError(.internalError, "expression reads column \(index) of a row of \(count) columns")
  }
}

extension EvaluationContext {
  func parameter(_ index: Int) throws(SQLError) -> Datum {
    guard parameters.indices.contains(index) else {
      throw SQLError(.undefinedParameter, "there is no parameter $\(index &+ 1)")
    }
    return parameters[index]
  }
}

extension BuiltinFunction {
  /// Calls it with evaluated arguments.
  func call(_ arguments: [Datum], types: [SQLType], _ context: EvaluationContext) throws(SQLError) -> Datum {
    guard accepts(argumentCount: arguments.count) else {
      throw SQLError(.internalError, "function \(name) does not take \(arguments.count) arguments")
    }
    if isStrict && arguments.contains(where: \.isNull) { return .null }
    switch implementation {
    case .unary(let body): return try body(arguments[0])
    case .binary(let body): return try body(arguments[0], arguments[1])
    case .general(let body): return try body(arguments, context)
    case .typed(let body): return try body(arguments, types, context)
    case .comparison(let operation, let comparator):
      return .bool(operation.holds(try comparator.compare(arguments[0], arguments[1], context)))
    case .matching(let matching):
      let matcher = try matching.matcher(try arguments[1].string())
      return .bool(try matcher.matches(try arguments[0].string()) != matching.isNegated)
    case .integer(let operation, let width):
      return width.datum(
        try operation.apply(try arguments[0].integer(), try arguments[1].integer(), width: width))
    }
  }

  func accepts(argumentCount count: Int) -> Bool {
    isVariadic ? count >= argumentTypes.count : count == argumentTypes.count
  }
}
