import Values

// How a name over argument types finds its function or operator: PostgreSQL manual, 10.2 "Operators" and 10.3 "Functions".

extension FunctionCatalog {
  /// Finds the operator for operands of these types; `left` is nil for a prefix operator.
  /// - Throws: 42883 where none fits, 42725 where several fit equally.
  package static func resolveOperator(
    _ name: String, left: SQLType?, right: SQLType
  ) throws(SQLError) -> ResolvedCall {
    let name = name == "!=" ? "<>" : name
    let operands = (left.map { [$0] } ?? []) + [right]
    let candidates = (tables.operatorsByName[name] ?? []).filter { ($0.left != nil) == (left != nil) }
      .map { Candidate(types: ($0.left.map { [$0] } ?? []) + [$0.right], function: $0.function) }
    func described() -> String {
      (left.map { "\($0.kind.sqlName) " } ?? "") + name + " \(right.kind.sqlName)"
    }

    // An unknown operand is first taken to be of the other's type.
    var assumed = operands.map(\.kind)
    if assumed.count == 2 {
      if assumed[0] == .unknown { assumed[0] = assumed[1] } else if assumed[1] == .unknown { assumed[1] = assumed[0] }
    }
    if let exact = candidates.first(where: { $0.types == assumed && !assumed.contains(.unknown) }) {
      return exact.call(operands)
    }
    switch select(candidates, for: operands.map(\.kind)) {
    case .one(let winner): return winner.call(operands)
    case .none:
      throw SQLError(
        .undefinedFunction, "operator does not exist: \(described())",
        hint: left == nil
          ? "No operator matches the given name and argument type. You might need to add an explicit type cast."
          : "No operator matches the given name and argument types. You might need to add explicit type casts.")
    case .several:
      throw SQLError(
        .ambiguousFunction, "operator is not unique: \(described())",
        hint: "Could not choose a best candidate operator. You might need to add explicit type casts.")
    }
  }

  /// Finds the function for arguments of these types.
  /// - Throws: 42883 where none fits, 42725 where several fit equally.
  package static func resolveFunction(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedCall {
    let candidates = (tables.functionsByName[name] ?? []).compactMap { function -> Candidate? in
      guard let types = parameters(function, count: arguments.count) else { return nil }
      return Candidate(types: types, function: function.id)
    }
    return try resolve(name, arguments, candidates).call(arguments)
  }

  /// Finds the aggregate for arguments of these types; `count(*)` has none.
  /// - Throws: 42883 where none fits, 42725 where several fit equally.
  package static func resolveAggregate(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedAggregate {
    let aggregates = (tables.aggregatesByName[name] ?? []).filter { $0.argumentTypes.count == arguments.count }
    // Function ids only carry the position here.
    let candidates = aggregates.enumerated().map {
      Candidate(types: $1.argumentTypes, function: FunctionID(UInt32($0)))
    }
    let winner = try resolve(name, arguments, candidates)
    let aggregate = aggregates[Int(winner.function.rawValue)]
    return ResolvedAggregate(
      aggregate: aggregate.id, argumentTypes: winner.coerced(arguments), resultType: SQLType(aggregate.returnType))
  }

  private static func resolve(
    _ name: String, _ arguments: [SQLType], _ candidates: [Candidate]
  ) throws(SQLError) -> Candidate {
    let kinds = arguments.map(\.kind)
    if let exact = candidates.first(where: { $0.types == kinds && !kinds.contains(.unknown) }) { return exact }
    let described = "\(name)(\(kinds.map(\.sqlName).joined(separator: ", ")))"
    switch select(candidates, for: kinds) {
    case .one(let winner): return winner
    case .none:
      throw SQLError(
        .undefinedFunction, "function \(described) does not exist",
        hint: "No function matches the given name and argument types. You might need to add explicit type casts.")
    case .several:
      throw SQLError(
        .ambiguousFunction, "function \(described) is not unique",
        hint: "Could not choose a best candidate function. You might need to add explicit type casts.")
    }
  }

  /// A function's parameter types for a call with `count` arguments; nil where it does not take so many.
  private static func parameters(_ function: BuiltinFunction, count: Int) -> [TypeKind]? {
    let types = function.argumentTypes
    if !function.isVariadic { return types.count == count ? types : nil }
    guard let last = types.last, count >= types.count else { return nil }
    return types + Array(repeating: last, count: count - types.count)
  }
}

/// A function that may be meant, with one parameter type for each argument.
private struct Candidate {
  var types: [TypeKind]
  var function: FunctionID

  /// What each argument is to become; a parameter of type `any` takes it as it is, a literal of no type as text.
  func coerced(_ arguments: [SQLType]) -> [SQLType] {
    zip(types, arguments).map { type, argument in
      if type == .unknown { return argument.kind == .unknown ? .text : argument }
      return type == argument.kind ? argument : SQLType(type)
    }
  }

  func call(_ arguments: [SQLType]) -> ResolvedCall {
    ResolvedCall(
      function: function, argumentTypes: coerced(arguments),
      resultType: SQLType(FunctionCatalog.tables.functions[function]?.returnType ?? .unknown))
  }

  func accepts(_ arguments: [TypeKind]) -> Bool {
    zip(types, arguments).allSatisfy { type, argument in
      type == .unknown || argument == .unknown || FunctionCatalog.canCoerce(argument, to: type, .implicit)
    }
  }
}

private enum Selection {
  case none
  case one(Candidate)
  case several

  init(_ candidates: [Candidate]) {
    self = candidates.isEmpty ? .none : candidates.count == 1 ? .one(candidates[0]) : .several
  }
}

/// The rules 10.2 (3) and 10.3 (4), in their order.
private func select(_ all: [Candidate], for arguments: [TypeKind]) -> Selection {
  var candidates = all.filter { $0.accepts(arguments) }
  if candidates.count <= 1 { return Selection(candidates) }

  // Those with most exact matches, then those with most exact or preferred types.
  candidates = best(candidates) { candidate in
    zip(candidate.types, arguments).count { $0 == $1 && $1 != .unknown }
  }
  if candidates.count == 1 { return .one(candidates[0]) }
  candidates = best(candidates) { candidate in
    zip(candidate.types, arguments).count { type, argument in
      argument != .unknown && (type == argument || (type.isPreferred && type.category == argument.category))
    }
  }
  if candidates.count == 1 { return .one(candidates[0]) }

  let unknowns = arguments.indices.filter { arguments[$0] == .unknown }
  if unknowns.isEmpty { return .several }

  // For each unknown argument: strings if any candidate takes one, or the category that all agree on.
  var isResolved = true
  for index in unknowns {
    let categories = Set(candidates.map { $0.types[index].category })
    guard let category = categories.contains("S") ? "S" : categories.count == 1 ? categories.first : nil else {
      isResolved = false
      break
    }
    var kept = candidates.filter { $0.types[index].category == category }
    if kept.contains(where: { $0.types[index].isPreferred }) { kept = kept.filter { $0.types[index].isPreferred } }
    candidates = kept
  }
  if isResolved && candidates.count == 1 { return .one(candidates[0]) }

  // If all the known arguments have one type, the unknown ones may have it too.
  let known = Set(arguments.filter { $0 != .unknown })
  if known.count == 1, let type = known.first {
    let assumed = Array(repeating: type, count: arguments.count)
    let fitting = all.filter { $0.accepts(arguments) && $0.accepts(assumed) }
    if fitting.count == 1 { return .one(fitting[0]) }
  }
  return .several
}

private func best(_ candidates: [Candidate], _ score: (Candidate) -> Int) -> [Candidate] {
  let scores = candidates.map(score)
  let top = scores.max() ?? 0
  return zip(candidates, scores).filter { $1 == top }.map(\.0)
}
