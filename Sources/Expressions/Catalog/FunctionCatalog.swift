import Values

/// The built-in functions, operators, casts and aggregates, and the rules by which a call finds one
/// (PostgreSQL manual, chapter 10). Names and object ids are PostgreSQL 15's.
package enum FunctionCatalog {
  package static var functions: [BuiltinFunction] { Array(tables.functions.values) }
  package static var operators: [BuiltinOperator] { tables.operators }
  package static var aggregates: [BuiltinAggregate] { tables.aggregates }

  package static func function(_ id: FunctionID) -> BuiltinFunction? { tables.functions[id] }
  package static func aggregate(_ id: AggregateID) -> BuiltinAggregate? { tables.aggregatesByID[id] }

  /// Whether there is a function, or an aggregate, of this name with any arguments.
  package static func hasFunction(named name: String) -> Bool { tables.functionsByName[name] != nil }
  package static func hasAggregate(named name: String) -> Bool { tables.aggregatesByName[name] != nil }

  /// `=` of a type with itself, as IN, NULLIF, CASE and joins use it.
  package static func equality(of type: TypeKind) -> FunctionID? { comparison("=", of: type) }

  /// One of `= <> < <= > >=` of a type with itself; nil for types without an order (json).
  package static func comparison(_ name: String, of type: TypeKind) -> FunctionID? {
    let type = type == .varchar || type == .unknown ? .text : type
    return tables.operatorsByName[name]?.first { $0.left == type && $0.right == type }?.function
  }

  /// The operator that holds exactly when `function` does not, and the one with its operands swapped.
  package static func negator(of function: FunctionID) -> FunctionID? {
    related(to: function) { operation, left, right in (operation.negated, left, right) }
  }
  package static func commutator(of function: FunctionID) -> FunctionID? {
    related(to: function) { operation, left, right in (operation.commuted, right, left) }
  }

  private static func related(
    to function: FunctionID,
    _ map: (ComparisonOperation, TypeKind, TypeKind) -> (ComparisonOperation, TypeKind, TypeKind)
  ) -> FunctionID? {
    guard let builtin = tables.functions[function], case .comparison(let operation, _) = builtin.implementation,
      builtin.argumentTypes.count == 2
    else { return nil }
    let (wanted, left, right) = map(operation, builtin.argumentTypes[0], builtin.argumentTypes[1])
    return tables.operatorsByName[wanted.rawValue]?.first { $0.left == left && $0.right == right }?.function
  }

  static let tables = Tables()

  /// Filled once, from the theme files in `Functions/`.
  struct Tables: Sendable {
    var functions: [FunctionID: BuiltinFunction] = [:]
    var functionsByName: [String: [BuiltinFunction]] = [:]
    var operators: [BuiltinOperator] = []
    var operatorsByName: [String: [BuiltinOperator]] = [:]
    var aggregates: [BuiltinAggregate] = []
    var aggregatesByID: [AggregateID: BuiltinAggregate] = [:]
    var aggregatesByName: [String: [BuiltinAggregate]] = [:]

    init() {
      defineComparisons()
      defineIntegerArithmetic()
      defineFloatArithmetic()
      defineNumericFunctions()
      defineTextFunctions()
      defineTextSearch()
      defineByteaFunctions()
      defineFormatting()
      defineDateTimeOperators()
      defineDateTimeFunctions()
      defineJSONFunctions()
      defineSystemFunctions()
      defineAggregates()
    }

    mutating func add(_ function: BuiltinFunction) {
      precondition(
        functions[function.id] == nil, "function \(function.id.rawValue) (\(function.name)) is defined twice")
      functions[function.id] = function
      functionsByName[function.name, default: []].append(function)
    }

    mutating func add(_ definition: BuiltinOperator) {
      operators.append(definition)
      operatorsByName[definition.name, default: []].append(definition)
    }

    /// A strict, immutable function of one argument.
    mutating func unary(
      _ id: UInt32, _ name: String, _ argument: TypeKind, _ result: TypeKind, _ volatility: Volatility = .immutable,
      _ body: @escaping @Sendable (Datum) throws(SQLError) -> Datum
    ) {
      add(
        BuiltinFunction(
          id: FunctionID(id), name: name, argumentTypes: [argument], isVariadic: false, returnType: result,
          isStrict: true, volatility: volatility, implementation: .unary(body)))
    }

    /// A strict, immutable function of two arguments.
    mutating func binary(
      _ id: UInt32, _ name: String, _ left: TypeKind, _ right: TypeKind, _ result: TypeKind,
      _ volatility: Volatility = .immutable, _ body: @escaping @Sendable (Datum, Datum) throws(SQLError) -> Datum
    ) {
      add(
        BuiltinFunction(
          id: FunctionID(id), name: name, argumentTypes: [left, right], isVariadic: false, returnType: result,
          isStrict: true, volatility: volatility, implementation: .binary(body)))
    }

    /// A function of any number of arguments, or one that needs the context.
    mutating func general(
      _ id: UInt32, _ name: String, _ arguments: [TypeKind], _ result: TypeKind, _ volatility: Volatility = .immutable,
      isStrict: Bool = true, isVariadic: Bool = false,
      _ body: @escaping @Sendable ([Datum], EvaluationContext) throws(SQLError) -> Datum
    ) {
      add(
        BuiltinFunction(
          id: FunctionID(id), name: name, argumentTypes: arguments, isVariadic: isVariadic, returnType: result,
          isStrict: isStrict, volatility: volatility, implementation: .general(body)))
    }

    /// An operator that stands for a function already defined.
    mutating func operate(_ name: String, _ left: TypeKind?, _ right: TypeKind, oid: UInt32, function: UInt32) {
      let id = FunctionID(function)
      guard let definition = functions[id] else { preconditionFailure("operator \(oid) has no function \(function)") }
      add(
        BuiltinOperator(
          oid: oid, name: name, left: left, right: right, function: id, result: definition.returnType))
    }

    /// A strict, immutable binary function with its operator.
    mutating func binaryOperator(
      _ name: String, _ left: TypeKind, _ right: TypeKind, _ result: TypeKind, oid: UInt32, function: UInt32,
      named functionName: String, _ volatility: Volatility = .immutable,
      _ body: @escaping @Sendable (Datum, Datum) throws(SQLError) -> Datum
    ) {
      binary(function, functionName, left, right, result, volatility, body)
      operate(name, left, right, oid: oid, function: function)
    }

    /// A strict, immutable prefix function with its operator.
    mutating func prefixOperator(
      _ name: String, _ right: TypeKind, _ result: TypeKind, oid: UInt32, function: UInt32, named functionName: String,
      _ body: @escaping @Sendable (Datum) throws(SQLError) -> Datum
    ) {
      unary(function, functionName, right, result, .immutable, body)
      operate(name, nil, right, oid: oid, function: function)
    }
  }
}
