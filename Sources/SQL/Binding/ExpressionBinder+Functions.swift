import Expressions
import Values

extension ExpressionBinder {
  mutating func function(_ call: FunctionCallSyntax) throws(SQLError) -> Expression {
    if let part = call.unsupportedPart { throw .unsupported(part, at: call.location) }
    let name = call.name.last ?? ""
    if call.name.count > 1, call.name[0] != "pg_catalog" {
      throw try undefinedFunction(call)
    }
    if FunctionCatalog.hasAggregate(named: name) { return try aggregate(name, call) }
    if call.isDistinct || call.isStar || call.filter != nil || !call.orderBy.isEmpty {
      let what = call.isDistinct ? "DISTINCT" : call.isStar ? "(*)" : call.filter != nil ? "FILTER" : "ORDER BY"
      throw SQLError(
        .wrongObjectType,
        call.isStar
          ? "\(name)(*) specified, but \(name) is not an aggregate function"
          : "\(what) specified, but \(name) is not an aggregate function", at: call.location)
    }
    if let session = try sessionFunction(name, call) { return session }
    let arguments = try unsettled(call.arguments)
    let resolved: ResolvedCall
    do {
      resolved = try FunctionCatalog.resolveFunction(name, arguments.map(\.type))
    } catch { throw error.at(call.location) }
    var coerced: [Expression] = []
    for (index, argument) in arguments.enumerated() {
      coerced.append(
        try coerce(argument, to: resolved.argumentTypes[index], .implicit, at: call.arguments[index].location))
    }
    return .call(resolved.function, coerced, resolved.resultType)
  }

  private mutating func undefinedFunction(_ call: FunctionCallSyntax) throws(SQLError) -> SQLError {
    let types = try unsettled(call.arguments).map { TypeCatalog.format(SQLType($0.type.kind)) }
    return SQLError(
      .undefinedFunction,
      "function \(call.name.joined(separator: "."))(\(types.joined(separator: ", "))) does not exist",
      hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
      at: call.location)
  }

  private mutating func aggregate(_ name: String, _ call: FunctionCallSyntax) throws(SQLError) -> Expression {
    if isInsideAggregate {
      throw SQLError(.groupingError, "aggregate function calls cannot be nested", at: call.location)
    }
    guard grouping != nil else {
      throw SQLError(.groupingError, "aggregate functions are not allowed in \(clause)", at: call.location)
    }
    if !call.orderBy.isEmpty {
      throw .unsupported(
        "ORDER BY in an aggregate", hint: "Rows reach an aggregate in no certain order.", at: call.location)
    }
    isInsideAggregate = true
    defer { isInsideAggregate = false }
    let arguments = try unsettled(call.arguments)
    let resolved: ResolvedAggregate
    do {
      resolved = try FunctionCatalog.resolveAggregate(name, arguments.map(\.type))
    } catch { throw error.at(call.location) }
    if arguments.isEmpty, !call.isStar {
      throw SQLError(
        .wrongObjectType, "\(name)(*) must be used to call a parameterless aggregate function", at: call.location)
    }
    var coerced: [Expression] = []
    for (index, argument) in arguments.enumerated() {
      coerced.append(
        try coerce(argument, to: resolved.argumentTypes[index], .implicit, at: call.arguments[index].location))
    }
    var filter: Expression?
    if let condition = call.filter {
      let outer = clause
      clause = "FILTER"
      filter = try bindCondition(condition)
      clause = outer
    }
    let made = AggregateCall(
      function: resolved.aggregate, arguments: coerced, isDistinct: call.isDistinct, filter: filter,
      type: resolved.resultType)
    guard let column = grouping?.add(made) else { throw SQLError(.internalError, "an aggregate without groups") }
    return column
  }

  // MARK: - Values of the session

  mutating func valueFunction(_ name: String, precision: Int?, at location: Int?) throws(SQLError) -> Expression {
    func now(as kind: TypeKind) throws(SQLError) -> Expression {
      let modifier: TypeModifier = precision.map { .fraction(Int32(min($0, 6))) } ?? .none
      let call: Expression
      do {
        let resolved = try FunctionCatalog.resolveFunction("now", [])
        call = .call(resolved.function, [], resolved.resultType)
      } catch { throw error.at(location) }
      var copy = self
      return try copy.coerce(call, to: SQLType(kind, modifier), .explicit, at: location)
    }
    switch name {
    case "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP_N": return try now(as: .timestampTZ)
    case "LOCALTIMESTAMP", "LOCALTIMESTAMP_N": return try now(as: .timestamp)
    case "LOCALTIME", "LOCALTIME_N": return try now(as: .time)
    case "CURRENT_DATE": return try now(as: .date)
    case "CURRENT_TIME", "CURRENT_TIME_N":
      throw .unsupported("the type time with time zone", hint: "Use LOCALTIME or CURRENT_TIMESTAMP.", at: location)
    case "CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER":
      return .constant(.text(context.facts.user), SQLType(.name))
    case "CURRENT_CATALOG": return .constant(.text(context.facts.database), SQLType(.name))
    case "CURRENT_SCHEMA":
      return .constant(currentSchema.map { .text($0) } ?? .null, SQLType(.name))
    default: throw .unsupported(name, at: location)
    }
  }

  /// The first schema of the search path that exists.
  private var currentSchema: String? { context.searchPath.first { context.schemaExists($0) } }

  /// Functions whose value comes from the session; nil for any other name.
  private mutating func sessionFunction(_ name: String, _ call: FunctionCallSyntax) throws(SQLError) -> Expression? {
    let count = call.arguments.count
    switch (name, count) {
    case ("version", 0): return .constant(.text(ServerVersion.text), .text)
    case ("current_database", 0): return .constant(.text(context.facts.database), SQLType(.name))
    case ("current_schema", 0): return .constant(currentSchema.map { .text($0) } ?? .null, SQLType(.name))
    case ("pg_backend_pid", 0): return .constant(.int4(context.facts.processID), .int4)
    case ("pg_is_in_recovery", 0): return .constant(.bool(false), .boolean)
    case ("pg_get_userbyid", 1): return .constant(.text(context.facts.user), SQLType(.name))
    // There are no advisory locks to let go of; pools call it between borrowers.
    case ("pg_advisory_unlock_all", 0): return .constant(.text(""), SQLType(.void))
    case ("pg_sleep", 1):
      let seconds = try argument(call, 0, .float8)
      return try slot(.sleep(seconds), SQLType(.void), call)
    case ("pg_cancel_backend", 1):
      return try slot(.cancelBackend(try argument(call, 0, .int4)), .boolean, call)
    case ("pg_terminate_backend", 1):
      return try slot(.terminateBackend(try argument(call, 0, .int4)), .boolean, call)
    // PostgreSQL's is an integer[]; there are no arrays yet, so it is the same in text.
    case ("pg_blocking_pids", 1):
      return try slot(.blockingBackends(try argument(call, 0, .int4)), .text, call)
    case ("set_config", 3):
      let source = SlotSource.setConfig(
        name: try argument(call, 0, .text), value: try argument(call, 1, .text),
        isLocal: try argument(call, 2, .boolean))
      return try slot(source, .text, call)
    case ("current_setting", 1):
      return try slot(.currentSetting(name: try argument(call, 0, .text), missingIsNull: nil), .text, call)
    case ("current_setting", 2):
      let source = SlotSource.currentSetting(
        name: try argument(call, 0, .text), missingIsNull: try argument(call, 1, .boolean))
      return try slot(source, .text, call)
    case ("nextval", 1): return try slot(.nextValue(try argument(call, 0, .text)), .int8, call)
    case ("currval", 1): return try slot(.currentValue(try argument(call, 0, .text)), .int8, call)
    case ("lastval", 0): return try slot(.lastValue, .int8, call)
    default: return nil
    }
  }

  private mutating func argument(
    _ call: FunctionCallSyntax, _ index: Int, _ type: SQLType
  ) throws(SQLError) -> Expression {
    let bound = try bindUnsettled(call.arguments[index])
    guard bound.type.kind == .unknown || FunctionCatalog.canCoerce(bound.type.kind, to: type.kind, .implicit) else {
      throw try undefinedFunction(call)
    }
    return try coerce(bound, to: type, .implicit, at: call.arguments[index].location)
  }

  private mutating func slot(
    _ source: SlotSource, _ type: SQLType, _ call: FunctionCallSyntax
  ) throws(SQLError) -> Expression {
    let name = call.name.last ?? ""
    let arguments: [Expression] =
      switch source {
      case .nextValue(let a), .currentValue(let a), .sleep(let a), .cancelBackend(let a), .terminateBackend(let a),
        .blockingBackends(let a):
        [a]
      case .setConfig(let a, let b, let c): [a, b, c]
      case .currentSetting(let a, let b): [a] + (b.map { [$0] } ?? [])
      case .lastValue: []
      }
    if arguments.contains(where: \.readsColumns) {
      throw .unsupported(
        "\(name) with an argument that differs from row to row", hint: "Give it a constant or a parameter.",
        at: call.location)
    }
    if source.isVolatile, rowsAreMany {
      throw .unsupported(
        "\(name) for each row of a query", hint: "Call it in a statement without FROM.", at: call.location)
    }
    return parameters.addSlot(source, type: type)
  }
}

extension BindingContext {
  func schemaExists(_ name: String) -> Bool {
    name == "public" || virtualTables.hasSchema(name) || catalog.tables.values.contains { $0.schema == name }
  }
}

/// What the server says it is (CLIENTS §0.1: clients choose their SQL by it).
package enum ServerVersion {
  package static let number = "15.1"
  package static let numeric = 150_001
  package static let product = "Apus 0.1.0"
  package static var text: String { "PostgreSQL \(number) (\(product)) on \(platform), 64-bit" }

  private static var platform: String {
    #if arch(x86_64)
      let machine = "x86_64"
    #elseif arch(arm64)
      let machine = "aarch64"
    #else
      let machine = "unknown"
    #endif
    #if os(Linux)
      return "\(machine)-pc-linux-gnu"
    #else
      return "\(machine)-apple-darwin"
    #endif
  }
}
