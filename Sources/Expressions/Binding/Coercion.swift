import Values

extension FunctionCatalog {
  /// The one type that several expressions take on in UNION, CASE, VALUES, COALESCE and the like (manual, 10.5).
  /// `context` names the construct in the error: `CASE`.
  /// - Throws: 42804 where their categories differ, 42846 where one does not convert.
  package static func commonType(of types: [SQLType], context: String) throws(SQLError) -> SQLType {
    let known = types.filter { $0.kind != .unknown }
    guard var chosen = known.first else { return .text }
    if known.count == types.count, known.allSatisfy({ $0 == chosen }) { return chosen }
    for type in known.dropFirst() where type.kind != chosen.kind {
      guard type.kind.category == chosen.kind.category else {
        throw SQLError(
          .datatypeMismatch,
          "\(context) types \(chosen.kind.sqlName) and \(type.kind.sqlName) cannot be matched")
      }
      if !chosen.kind.isPreferred, canCoerce(chosen.kind, to: type.kind, .implicit),
        !canCoerce(type.kind, to: chosen.kind, .implicit)
      {
        chosen = type
      }
    }
    for type in known where !canCoerce(type.kind, to: chosen.kind, .implicit) {
      throw SQLError(
        .cannotCoerce, "\(context) could not convert type \(type.kind.sqlName) to \(chosen.kind.sqlName)")
    }
    // A modifier survives only where all agree.
    return known.count == types.count && known.allSatisfy({ $0 == chosen }) ? chosen : SQLType(chosen.kind)
  }

  /// Makes an expression yield a type (manual, 10.4). Literals of unknown type are read as that type at once, and
  /// parameters of unknown type take it on; both with `settings`, and with `now` (microseconds since 2000-01-01 UTC)
  /// for words such as `today`.
  /// - Throws: 42846 for an explicit cast, 42804 for another, where there is no conversion; what reading a literal throws.
  package static func coerce(
    _ expression: Expression, to type: SQLType, context: CastContext, settings: FormatSettings = .standard,
    now: Int64 = 0
  ) throws(SQLError) -> Expression {
    let from = expression.type
    if from == type || (from.kind == type.kind && type.modifier == .none) { return expression }
    switch expression {
    case .constant(let datum, let from) where from.kind == .unknown:
      guard case .text(let text) = datum else { return .constant(.null, type) }
      let value = try TextFormat.parse(text, as: SQLType(type.kind), settings: settings, now: now)
      return .constant(try value.applyingModifier(of: type, explicitCast: context == .explicit), type)
    case .parameter(let index, let from) where from.kind == .unknown:
      let typed = Expression.parameter(index, SQLType(type.kind))
      return type.modifier == .none ? typed : .cast(typed, to: type, isExplicit: context == .explicit)
    default: break
    }
    guard let cast = cast(from: from.kind, to: type.kind), cast.context <= context else {
      if context == .explicit {
        throw SQLError(.cannotCoerce, "cannot cast type \(from.kind.sqlName) to \(type.kind.sqlName)")
      }
      throw SQLError(
        .datatypeMismatch,
        "expression is of type \(from.kind.sqlName), where \(type.kind.sqlName) is needed",
        hint: "You will need to rewrite or cast the expression.")
    }
    if case .constant(.null, _) = expression { return .constant(.null, type) }
    return .cast(expression, to: type, isExplicit: context == .explicit)
  }

  /// Binds a call: resolves the operator and coerces its operands.
  package static func bindOperator(
    _ name: String, left: Expression?, right: Expression, settings: FormatSettings = .standard, now: Int64 = 0
  ) throws(SQLError) -> Expression {
    let call = try resolveOperator(name, left: left?.type, right: right.type)
    return try bind(call, (left.map { [$0] } ?? []) + [right], settings: settings, now: now)
  }

  /// Binds a call: resolves the function and coerces its arguments.
  package static func bindFunction(
    _ name: String, _ arguments: [Expression], settings: FormatSettings = .standard, now: Int64 = 0
  ) throws(SQLError) -> Expression {
    try bind(try resolveFunction(name, arguments.map(\.type)), arguments, settings: settings, now: now)
  }

  private static func bind(
    _ call: ResolvedCall, _ arguments: [Expression], settings: FormatSettings, now: Int64
  ) throws(SQLError) -> Expression {
    var bound: [Expression] = []
    bound.reserveCapacity(arguments.count)
    for (argument, type) in zip(arguments, call.argumentTypes) {
      bound.append(try coerce(argument, to: type, context: .implicit, settings: settings, now: now))
    }
    return .call(call.function, bound, call.resultType)
  }
}
