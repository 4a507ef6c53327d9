import Expressions
import Schema
import Values

/// What binding may know of the session.
struct BindingContext: Sendable {
  var catalog: CatalogSnapshot
  var virtualTables: VirtualTables
  var searchPath: [String]
  var format: FormatSettings
  /// Microseconds since 2000-01-01 UTC, for literals such as 'today'.
  var now: Int64
  var facts: SessionFacts
}

/// What does not change while a session lives.
struct SessionFacts: Sendable {
  var user: String
  var database: String
  var processID: Int32
}

/// Turns expression syntax into typed expressions (PostgreSQL manual, chapter 10).
struct ExpressionBinder {
  let context: BindingContext
  var scopes: Scopes
  var parameters: ParameterTypes
  /// What the clause is called in errors, as `WHERE`.
  var clause = "SELECT"
  /// How columns and aggregates are seen behind GROUP BY; nil before it.
  var grouping: GroupingBinder?
  var isInsideAggregate = false
  /// A literal was read that depends on the time of binding, as 'today'.
  var dependsOnTime = false
  /// Statements with many rows may not use functions that are computed once.
  var rowsAreMany = false

  init(context: BindingContext, scopes: Scopes = Scopes(), parameters: ParameterTypes) {
    self.context = context
    self.scopes = scopes
    self.parameters = parameters
  }

  // MARK: - Entry points

  /// Binds an expression and settles its type: a literal of unknown type becomes text.
  mutating func bind(_ syntax: ExpressionSyntax) throws(SQLError) -> Expression {
    let bound = try bindUnsettled(syntax)
    guard bound.type.kind == .unknown else { return bound }
    return try coerce(bound, to: .text, .implicit, at: syntax.location)
  }

  /// Binds a condition.
  mutating func bindCondition(_ syntax: ExpressionSyntax) throws(SQLError) -> Expression {
    let bound = try bindUnsettled(syntax)
    return try booleanOperand(bound, of: clause, at: syntax.location)
  }

  /// Binds a value for a column: an assignment cast, and the column's modifier.
  mutating func bindAssignment(
    _ syntax: ExpressionSyntax, to column: ColumnDescriptor
  ) throws(SQLError) -> Expression {
    let bound = try bindUnsettled(syntax)
    return try assignment(bound, to: column, at: syntax.location)
  }

  mutating func assignment(
    _ bound: Expression, to column: ColumnDescriptor, at location: Int?
  ) throws(SQLError) -> Expression {
    guard bound.type.kind == .unknown || FunctionCatalog.canCoerce(bound.type.kind, to: column.type.kind, .assignment)
    else {
      throw SQLError(
        .datatypeMismatch,
        "column \"\(column.name)\" is of type \(TypeCatalog.format(SQLType(column.type.kind))) but expression is of type "
          + TypeCatalog.format(SQLType(bound.type.kind)),
        hint: "You will need to rewrite or cast the expression.", at: location)
    }
    return try coerce(bound, to: column.type, .assignment, at: location)
  }

  /// Converts, and lets a parameter of unknown type take the type on.
  mutating func coerce(
    _ expression: Expression, to type: SQLType, _ castContext: CastContext, at location: Int?
  ) throws(SQLError) -> Expression {
    var expression = expression
    if case .parameter(let index, let from) = expression, from.kind == .unknown {
      // Another place may have settled it since.
      parameters.assign(index, type)
      expression = .parameter(index, parameters.types[index])
    }
    if case .constant(.text(let text), let from) = expression, from.kind == .unknown, isRelativeTime(text, type) {
      dependsOnTime = true
    }
    do {
      expression = try FunctionCatalog.coerce(
        expression, to: SQLType(type.kind), context: castContext, settings: context.format, now: context.now)
    } catch {
      throw error.at(location)
    }
    guard type.modifier != .none, expression.type != type else { return expression }
    // What is too long is found when the value is stored: PostgreSQL does not point at it.
    if case .constant(let datum, _) = expression {
      return .constant(
        try datum.applyingModifier(of: type, explicitCast: castContext == .explicit), type)
    }
    return .cast(expression, to: type, isExplicit: castContext == .explicit)
  }

  private func isRelativeTime(_ text: String, _ type: SQLType) -> Bool {
    switch type.kind {
    case .date, .time, .timestamp, .timestampTZ: !text.utf8.contains { (0x30...0x39).contains($0) }
    default: false
    }
  }

  private func booleanOperand(_ bound: Expression, of what: String, at location: Int?) throws(SQLError) -> Expression {
    guard bound.type.kind == .boolean || bound.type.kind == .unknown else {
      throw SQLError(
        .datatypeMismatch,
        "argument of \(what) must be type boolean, not type \(TypeCatalog.format(SQLType(bound.type.kind)))",
        at: location)
    }
    var copy = self
    let result = try copy.coerce(bound, to: .boolean, .implicit, at: location)
    return result
  }

  // MARK: - The walk

  /// Binds an expression; literals and parameters may still be of unknown type.
  mutating func bindUnsettled(_ syntax: ExpressionSyntax) throws(SQLError) -> Expression {
    let ungroupedBefore = grouping?.ungrouped.count ?? 0
    let bound = try bindNode(syntax)
    if !isInsideAggregate, let replaced = grouping?.replacement(for: bound, ungroupedBefore: ungroupedBefore) {
      return replaced
    }
    return bound
  }

  private mutating func bindNode(_ syntax: ExpressionSyntax) throws(SQLError) -> Expression {
    switch syntax {
    case .constant(let constant, let at): return try self.constant(constant, at: at)
    case .column(let names, let at):
      let (index, column) = try scopes.resolve(names, at: at)
      let expression = Expression.column(index, column.type)
      if !isInsideAggregate {
        let shown = grouping == nil ? "" : displayName(of: names, column)
        grouping?.sawColumn(index, name: shown, at: at)
      }
      return expression
    case .star(_, let at): throw SQLError(.syntaxError, "\"*\" is not allowed here", at: at)
    case .parameter(let number, let at):
      guard number <= parameters.userCount else {
        throw SQLError(.undefinedParameter, "there is no parameter $\(number)", at: at)
      }
      return parameters.expression(number)
    case .operation(let name, let operands, let at): return try operation(name, operands, at: at)
    case .and(let operands, _): return .and(try conditions(operands, of: "AND"))
    case .or(let operands, _): return .or(try conditions(operands, of: "OR"))
    case .not(let operand, _): return .not(try condition(operand, of: "NOT"))
    case .isNull(let operand, let isNegated, let at):
      var bound = try bindUnsettled(operand)
      if case .parameter = bound, bound.type.kind == .unknown {
        bound = try coerce(bound, to: .text, .implicit, at: at)
      }
      let test = Expression.isNull(bound)
      return isNegated ? .not(test) : test
    case .isBool(let operand, let test, _): return try booleanTest(operand, test)
    case .isDistinct(let left, let right, let isNegated, let at):
      let (a, b) = try comparable(left, right, at: at)
      return isNegated ? .not(.isDistinct(a, b)) : .isDistinct(a, b)
    case .inList(let operand, let elements, let isNegated, let at):
      let test = try membership(operand, elements, at: at)
      return isNegated ? .not(test) : test
    case .between(let operand, let low, let high, let isNegated, let isSymmetric, let at):
      let test = try between([operand, low, high], isSymmetric: isSymmetric, at: at)
      return isNegated ? .not(test) : test
    case .quantified(let name, let operand, let array, let isAll, let at):
      return try quantified(name, operand, array, isAll: isAll, at: at)
    case .caseWhen(let operand, let clauses, let otherwise, let at):
      return try caseWhen(operand, clauses, otherwise, at: at)
    case .coalesce(let operands, let at):
      let (bound, type) = try unified(operands, "COALESCE", at: at)
      return .coalesce(bound, type)
    case .extremum(let operands, let isGreatest, let at):
      let (bound, type) = try unified(operands, isGreatest ? "GREATEST" : "LEAST", at: at)
      return isGreatest ? .greatest(bound, type) : .least(bound, type)
    case .nullIf(let left, let right, let at):
      let equality = try operation("=", [left, right], at: at)
      guard case .call(_, let operands, _) = equality, operands.count == 2 else { return equality }
      let value = operands[0]
      return .when(
        [WhenClause(condition: equality, result: .constant(.null, value.type))], otherwise: value, value.type)
    case .cast(let operand, let type, let at):
      let target = try self.type(type)
      let bound = try bindUnsettled(operand)
      // What is wrong inside a literal is shown there.
      return try coerce(bound, to: target, .explicit, at: isLiteral(operand) ? operand.location : at ?? type.location)
    case .call(let call): return try function(call)
    case .valueFunction(let name, let precision, let at): return try valueFunction(name, precision: precision, at: at)
    case .row(_, let at):
      throw .unsupported("a row value", hint: "Compare the columns one by one, joined with AND.", at: at)
    case .array(_, let at): throw .unsupported("an array", at: at)
    case .collate(let operand, let names, let at):
      guard TreeReader.isByteOrder(names.last ?? "") else {
        throw .unsupported(
          "the collation \"\(names.joined(separator: "."))\"",
          hint: "Text is compared by its bytes, as with COLLATE \"C\".", at: at)
      }
      return try bindUnsettled(operand)
    case .defaultValue(let at): throw SQLError(.syntaxError, "DEFAULT is not allowed in this context", at: at)
    case .unsupported(let what, let at):
      throw .unsupported(what, hint: "Run it as a statement of its own, and use its result.", at: at)
    }
  }

  private func isLiteral(_ syntax: ExpressionSyntax) -> Bool {
    if case .constant = syntax { true } else { false }
  }

  /// As PostgreSQL names a column that is not grouped.
  private func displayName(of names: [String], _ column: ScopeColumn) -> String {
    let scope =
      names.count > 1 ? names[names.count - 2] : scopes.list.first { $0.position(of: column.name) != nil }?.name
    return "\(scope ?? "").\(column.name)"
  }

  private func constant(_ constant: ConstantSyntax, at location: Int?) throws(SQLError) -> Expression {
    switch constant {
    case .integer(let value): return .constant(.int4(value), .int4)
    case .number(let text):
      if let value = Int32(text) { return .constant(.int4(value), .int4) }
      if let value = Int64(text) { return .constant(.int8(value), .int8) }
      do {
        return .constant(try TextFormat.parse(text, as: .numeric, settings: context.format, now: context.now), .numeric)
      } catch { throw error.at(location) }
    case .string(let text): return .constant(.text(text), .unknown)
    case .bitString: throw .unsupported("a bit string", at: location)
    case .boolean(let value): return .constant(.bool(value), .boolean)
    case .null: return .constant(.null, .unknown)
    }
  }

  // MARK: - Operators

  mutating func operation(
    _ name: String, _ operands: [ExpressionSyntax], at location: Int?
  ) throws(SQLError) -> Expression {
    let bound = try unsettled(operands)
    guard let right = bound.last else { throw SQLError(.internalError, "operator \(name) without operands") }
    return try operation(name, left: bound.count > 1 ? bound[0] : nil, right: right, operands: operands, at: location)
  }

  mutating func operation(
    _ name: String, left: Expression?, right: Expression, operands: [ExpressionSyntax], at location: Int?
  ) throws(SQLError) -> Expression {
    let call: ResolvedCall
    do {
      call = try FunctionCatalog.resolveOperator(name, left: left?.type, right: right.type)
    } catch { throw error.at(location) }
    return try self.call(call, (left.map { [$0] } ?? []) + [right], syntax: operands)
  }

  private mutating func call(
    _ call: ResolvedCall, _ arguments: [Expression], syntax: [ExpressionSyntax]
  ) throws(SQLError) -> Expression {
    var coerced: [Expression] = []
    coerced.reserveCapacity(arguments.count)
    for (index, argument) in arguments.enumerated() {
      let location = index < syntax.count ? syntax[index].location : nil
      coerced.append(try coerce(argument, to: call.argumentTypes[index], .implicit, at: location))
    }
    return .call(call.function, coerced, call.resultType)
  }

  mutating func unsettled(_ operands: [ExpressionSyntax]) throws(SQLError) -> [Expression] {
    var bound: [Expression] = []
    bound.reserveCapacity(operands.count)
    for operand in operands { bound.append(try bindUnsettled(operand)) }
    return bound
  }

  private mutating func condition(_ operand: ExpressionSyntax, of what: String) throws(SQLError) -> Expression {
    let bound = try bindUnsettled(operand)
    guard bound.type.kind == .boolean || bound.type.kind == .unknown else {
      throw SQLError(
        .datatypeMismatch,
        "argument of \(what) must be type boolean, not type \(TypeCatalog.format(SQLType(bound.type.kind)))",
        at: operand.start)
    }
    return try coerce(bound, to: .boolean, .implicit, at: operand.location)
  }

  private mutating func conditions(_ operands: [ExpressionSyntax], of what: String) throws(SQLError) -> [Expression] {
    var bound: [Expression] = []
    for operand in operands { bound.append(try condition(operand, of: what)) }
    return bound
  }

  private mutating func booleanTest(
    _ operand: ExpressionSyntax, _ test: ExpressionSyntax.BooleanTest
  ) throws(SQLError) -> Expression {
    let bound = try condition(operand, of: "IS")
    return switch test {
    case .isTrue: .isBool(bound, expected: true)
    case .isNotTrue: .not(.isBool(bound, expected: true))
    case .isFalse: .isBool(bound, expected: false)
    case .isNotFalse: .not(.isBool(bound, expected: false))
    case .isUnknown: .isNull(bound)
    case .isNotUnknown: .not(.isNull(bound))
    }
  }

  /// Both operands in the type in which `=` compares them.
  private mutating func comparable(
    _ left: ExpressionSyntax, _ right: ExpressionSyntax, at location: Int?
  ) throws(SQLError) -> (Expression, Expression) {
    let operands = try unsettled([left, right])
    // Checks that they can be compared at all.
    let equality = try operation("=", left: operands[0], right: operands[1], operands: [left, right], at: location)
    guard case .call(_, let bound, _) = equality, bound.count == 2 else { return (operands[0], operands[1]) }
    if bound[0].type.kind == bound[1].type.kind { return (bound[0], bound[1]) }
    let type = try FunctionCatalog.commonType(of: bound.map(\.type), context: "IS DISTINCT FROM")
    return (
      try coerce(bound[0], to: type, .implicit, at: left.location),
      try coerce(bound[1], to: type, .implicit, at: right.location)
    )
  }

  /// The most elements of an IN list.
  static let listCountMax = 32_767

  private mutating func membership(
    _ operand: ExpressionSyntax, _ elements: [ExpressionSyntax], at location: Int?
  ) throws(SQLError) -> Expression {
    guard elements.count <= Self.listCountMax else {
      throw SQLError(
        .programLimitExceeded, "an IN list has at most \(Self.listCountMax) elements", at: location)
    }
    let bound = try bindUnsettled(operand)
    var values = try unsettled(elements)
    guard let first = values.first else { return .constant(.bool(false), .boolean) }
    if values.count == 1 {
      return try operation("=", left: bound, right: first, operands: [operand] + elements, at: location)
    }
    guard let type = try? FunctionCatalog.commonType(of: [bound.type] + values.map(\.type), context: "IN"),
      FunctionCatalog.equality(of: type.kind) != nil
    else {
      var tests: [Expression] = []
      for (value, element) in zip(values, elements) {
        tests.append(try operation("=", left: bound, right: value, operands: [operand, element], at: location))
      }
      return .or(tests)
    }
    let plain = SQLType(type.kind)
    for index in values.indices {
      values[index] = try coerce(values[index], to: plain, .implicit, at: elements[index].location)
    }
    return .inList(try coerce(bound, to: plain, .implicit, at: operand.location), values)
  }

  /// Each operand is bound once, however often the result holds it: nested, twice each would be exponential.
  private mutating func between(
    _ operands: [ExpressionSyntax], isSymmetric: Bool, at location: Int?
  ) throws(SQLError) -> Expression {
    let bound = try unsettled(operands)
    func test(_ low: Int, _ high: Int) throws(SQLError) -> [Expression] {
      [
        try operation(">=", left: bound[0], right: bound[low], operands: [operands[0], operands[low]], at: location),
        try operation("<=", left: bound[0], right: bound[high], operands: [operands[0], operands[high]], at: location),
      ]
    }
    let straight = Expression.and(try test(1, 2))
    return isSymmetric ? .or([straight, .and(try test(2, 1))]) : straight
  }

  /// `= ANY (ARRAY[…])` is IN, `<> ALL (ARRAY[…])` is NOT IN.
  private mutating func quantified(
    _ name: String, _ operand: ExpressionSyntax, _ array: ExpressionSyntax, isAll: Bool, at location: Int?
  ) throws(SQLError) -> Expression {
    guard case .array(let elements, _) = array, (name == "=" && !isAll) || (name == "<>" && isAll) else {
      throw .unsupported(
        "an array", hint: "Write the elements out, as in x = ANY (ARRAY[1, 2]) or x IN (1, 2).", at: array.location)
    }
    let test = try membership(operand, elements, at: location)
    return isAll ? .not(test) : test
  }

  // MARK: - Conditional expressions

  private mutating func unified(
    _ operands: [ExpressionSyntax], _ construct: String, at location: Int?
  ) throws(SQLError) -> ([Expression], SQLType) {
    try unified(try unsettled(operands), operands.map(\.location), construct, at: location)
  }

  mutating func unified(
    _ bound: [Expression], _ locations: [Int?], _ construct: String, at location: Int?
  ) throws(SQLError) -> ([Expression], SQLType) {
    let type: SQLType
    do {
      type = try FunctionCatalog.commonType(of: bound.map(\.type), context: construct)
    } catch {
      // PostgreSQL points at the first that does not fit.
      let first = bound.first { $0.type.kind != .unknown }?.type
      let culprit = bound.indices.first { index in
        bound[index].type.kind != .unknown
          && first.map { TypeCatalog.entry($0.kind).category != TypeCatalog.entry(bound[index].type.kind).category }
            ?? false
      }
      throw error.at(culprit.flatMap { locations[$0] } ?? location)
    }
    var result: [Expression] = []
    for (index, operand) in bound.enumerated() {
      result.append(try coerce(operand, to: type, .implicit, at: locations[index]))
    }
    return (result, type)
  }

  private mutating func caseWhen(
    _ operand: ExpressionSyntax?, _ clauses: [(condition: ExpressionSyntax, result: ExpressionSyntax, at: Int?)],
    _ otherwise: ExpressionSyntax?, at location: Int?
  ) throws(SQLError) -> Expression {
    var conditions: [Expression] = []
    let value = try operand.map { operand throws(SQLError) in try bindUnsettled(operand) }
    for clause in clauses {
      if let operand, let value {
        let condition = try bindUnsettled(clause.condition)
        conditions.append(
          try operation(
            "=", left: value, right: condition, operands: [operand, clause.condition], at: clause.condition.location))
      } else {
        conditions.append(try condition(clause.condition, of: "CASE/WHEN"))
      }
    }
    // The type of ELSE counts first.
    var results = try unsettled(clauses.map(\.result))
    var locations = clauses.map { $0.result.location }
    results.insert(
      try otherwise.map { other throws(SQLError) in try bindUnsettled(other) } ?? .constant(.null, .unknown), at: 0)
    locations.insert(otherwise?.location, at: 0)
    let (unifiedResults, type) = try unified(results, locations, "CASE", at: location)
    let whens = zip(conditions, unifiedResults.dropFirst()).map { WhenClause(condition: $0, result: $1) }
    return .when(whens, otherwise: otherwise == nil ? nil : unifiedResults[0], type)
  }
}

extension SQLError {
  /// The same error, pointing at a place if it did not point yet.
  func at(_ location: Int?) -> SQLError {
    guard position == nil, let location else { return self }
    var error = self
    error.position = location + 1
    return error
  }
}
