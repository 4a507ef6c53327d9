import Expressions
import Operations
import Schema
import Values

extension StatementBinder {
  mutating func bindSelect(_ syntax: SelectSyntax) throws(SQLError) -> SelectPlan {
    if let clause = syntax.unsupportedClause {
      throw .unsupported(
        clause, hint: "Run its parts as statements of their own, or put them together in the client.",
        at: syntax.unsupportedLocation)
    }
    if !syntax.values.isEmpty {
      var plan = try bindValues(syntax)
      try lock(&plan, syntax.locking, syntax, Scopes())
      return plan
    }

    let (source, scopes) = try bindFrom(syntax.from)
    let hasFrom = !syntax.from.isEmpty
    var filter: Expression?
    if let condition = syntax.filter {
      var binder = self.binder(scopes, clause: "WHERE")
      binder.rowsAreMany = hasFrom
      filter = try binder.bindCondition(condition)
      absorb(binder)
    }

    let items = try expandStars(syntax.items, scopes)
    let isGrouped =
      !syntax.groupBy.isEmpty || syntax.having != nil || items.contains { $0.value.callsAggregate }
      || syntax.orderBy.contains { $0.expression.callsAggregate }

    var binder = self.binder(scopes, clause: "SELECT")
    binder.rowsAreMany = hasFrom
    if isGrouped { binder.grouping = GroupingBinder(keys: try bindGroupKeys(syntax.groupBy, items, scopes)) }
    binder.parameters = parameters

    var output: [Expression] = []
    var columns: [ResultColumn] = []
    for item in items {
      let bound = try binder.bind(item.value)
      output.append(bound)
      columns.append(resultColumn(item, bound, scopes))
    }
    let visibleCount = output.count
    var having: Expression?
    if let condition = syntax.having {
      binder.clause = "HAVING"
      having = try binder.bindCondition(condition)
    }
    binder.clause = "ORDER BY"
    let sort = try bindOrder(
      syntax.orderBy, items: items, output: &output, binder: &binder, isDistinct: syntax.isDistinct)
    absorb(binder)

    let shape: SelectPlan.Shape
    if var grouping = binder.grouping {
      if case .table(let table, _) = source {
        _ = grouping.addDependentKeys(primaryKey: table.keyPositions, types: table.types)
      }
      try grouping.checkAllGrouped()
      shape = .grouped(
        by: grouping.keys, aggregates: grouping.aggregates, having: having.map { grouping.settled($0) },
        projection: output.map { grouping.settled($0) })
    } else {
      shape = .plain(output)
    }
    var plan = SelectPlan(
      source: source, filter: filter, shape: shape, sort: sort, isDistinct: syntax.isDistinct,
      limit: try bindCount(syntax.limit, "LIMIT"), offset: try bindCount(syntax.offset, "OFFSET"),
      visibleCount: visibleCount, columns: columns)
    SelectPlanner.improve(&plan, in: context.catalog)
    try lock(&plan, syntax.locking, syntax, scopes)
    return plan
  }

  // MARK: - VALUES

  mutating func bindValues(_ syntax: SelectSyntax) throws(SQLError) -> SelectPlan {
    let (rows, types) = try bindValueRows(syntax.values)
    let scope = Scope(
      name: "*VALUES*",
      columns: types.enumerated().map { ScopeColumn(name: "column\($0.offset + 1)", type: $0.element) })
    let scopes = Scopes([scope])
    let items = scope.columns.map { TargetSyntax(name: $0.name, value: .column([$0.name], at: nil), location: nil) }
    var output = types.enumerated().map { Expression.column($0.offset, $0.element) }
    let columns = zip(items, output).map { resultColumn($0, $1, scopes) }
    var binder = self.binder(scopes, clause: "ORDER BY")
    let sort = try bindOrder(syntax.orderBy, items: items, output: &output, binder: &binder, isDistinct: false)
    absorb(binder)
    return SelectPlan(
      source: .values(rows), filter: nil, shape: .plain(output), sort: sort, isDistinct: false,
      limit: try bindCount(syntax.limit, "LIMIT"), offset: try bindCount(syntax.offset, "OFFSET"),
      visibleCount: columns.count, columns: columns)
  }

  /// The rows of VALUES, each column brought to one type.
  mutating func bindValueRows(_ rows: [[ExpressionSyntax]]) throws(SQLError) -> ([[Expression]], [SQLType]) {
    let width = rows.first?.count ?? 0
    var binder = self.binder(clause: "VALUES")
    var bound: [[Expression]] = []
    for row in rows {
      guard row.count == width else {
        throw SQLError(.syntaxError, "VALUES lists must all be the same length", at: row.first?.location)
      }
      bound.append(try binder.unsettled(row))
    }
    var types: [SQLType] = []
    for column in 0..<width {
      let (values, type) = try binder.unified(
        bound.map { $0[column] }, rows.map { $0[column].location }, "VALUES", at: rows[0][column].location)
      for index in bound.indices { bound[index][column] = values[index] }
      types.append(type)
    }
    absorb(binder)
    return (bound, types)
  }

  // MARK: - FROM

  private mutating func bindFrom(_ items: [FromSyntax]) throws(SQLError) -> (RowSource, Scopes) {
    let hint = "Read one table, view or function at a time, and put the rows together in the client."
    guard let item = items.first else { return (.nothing, Scopes()) }
    guard items.count == 1 else { throw .unsupported("a join", hint: hint) }
    switch item {
    case .relation(let relation):
      switch try context.relation(relation) {
      case .table(let table):
        let scope = try Scope(
          table: table, alias: relation.alias, columnAliases: relation.columnAliases, at: relation.location)
        return (.table(table, .whole), Scopes([scope]))
      case .view(let view):
        let columns = view.columns.enumerated().map { index, column in
          ScopeColumn(
            name: index < relation.columnAliases.count ? relation.columnAliases[index] : column.name,
            type: column.type, tableOID: view.oid, attributeNumber: Int16(index + 1))
        }
        let scope = Scope(
          name: relation.alias ?? view.name, schema: relation.alias == nil ? view.schema : nil,
          hiddenName: relation.alias == nil ? nil : view.name, columns: columns)
        return (.view(view), Scopes([scope]))
      }
    case .function(let call, let alias, let columnAliases):
      return try bindSeries(call, alias: alias, columnAliases: columnAliases)
    case .subquery(let select, let alias, let columnAliases):
      guard let alias else {
        throw SQLError(
          .syntaxError,
          select.values.isEmpty ? "subquery in FROM must have an alias" : "VALUES in FROM must have an alias",
          hint: "For example, FROM (\(select.values.isEmpty ? "SELECT" : "VALUES") ...) [AS] foo.")
      }
      let plan = try bindSelect(select)
      let columns = plan.columns.enumerated().map { index, column in
        ScopeColumn(
          name: index < columnAliases.count ? columnAliases[index] : column.name, type: column.type)
      }
      return (.subquery(plan), Scopes([Scope(name: alias, columns: columns)]))
    case .unsupported(let what, let at): throw .unsupported(what, hint: hint, at: at)
    }
  }

  private mutating func bindSeries(
    _ call: FunctionCallSyntax, alias: String?, columnAliases: [String]
  ) throws(SQLError) -> (RowSource, Scopes) {
    let name = call.name.last ?? ""
    guard name == "generate_series" else {
      throw .unsupported(
        "the function \(name) in FROM", hint: "generate_series is the one that is supported there.",
        at: call.location)
    }
    guard (2...3).contains(call.arguments.count) else {
      throw SQLError(
        .undefinedFunction, "function generate_series with \(call.arguments.count) arguments does not exist",
        hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
        at: call.location)
    }
    var binder = self.binder(clause: "FROM")
    var bound = try binder.unsettled(call.arguments)
    let isTemporal = bound.contains { [.timestamp, .timestampTZ, .date].contains($0.type.kind) }
    let type: SQLType
    if isTemporal {
      guard bound.count == 3 else {
        throw SQLError(.undefinedFunction, "generate_series over times needs a step", at: call.location)
      }
      type = bound.contains { $0.type.kind == .timestampTZ || $0.type.kind == .date } ? .timestampTZ : .timestamp
      for index in 0..<2 {
        bound[index] = try binder.coerce(bound[index], to: type, .implicit, at: call.arguments[index].location)
      }
      bound[2] = try binder.coerce(bound[2], to: .interval, .implicit, at: call.arguments[2].location)
    } else {
      let common: SQLType
      do {
        common = try FunctionCatalog.commonType(of: bound.map(\.type), context: "generate_series")
      } catch { throw error.at(call.location) }
      switch common.kind {
      case .int2, .text: type = .int4
      case .int4, .int8, .numeric: type = SQLType(common.kind)
      default:
        let types = bound.map { TypeCatalog.format($0.type) }.joined(separator: ", ")
        throw SQLError(
          .undefinedFunction, "function generate_series(\(types)) does not exist",
          hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
          at: call.location)
      }
      for index in bound.indices {
        bound[index] = try binder.coerce(bound[index], to: type, .implicit, at: call.arguments[index].location)
      }
      if bound.count == 2 {
        bound.append(try binder.coerce(.constant(.int4(1), .int4), to: type, .implicit, at: nil))
      }
    }
    absorb(binder)
    let column = ScopeColumn(name: columnAliases.first ?? alias ?? name, type: type)
    return (
      .series(start: bound[0], stop: bound[1], step: bound[2], type: type),
      Scopes([Scope(name: alias ?? name, columns: [column])])
    )
  }

  // MARK: - GROUP BY, ORDER BY, LIMIT

  private mutating func bindGroupKeys(
    _ items: [ExpressionSyntax], _ targets: [TargetSyntax], _ scopes: Scopes
  ) throws(SQLError) -> [Expression] {
    var binder = self.binder(scopes, clause: "GROUP BY")
    var keys: [Expression] = []
    for item in items {
      var syntax = item
      switch item {
      case .constant(.integer(let ordinal), let at):
        syntax = try target(ordinal, of: targets, clause: "GROUP BY", at: at).value
      case .constant(_, let at):
        throw SQLError(.syntaxError, "non-integer constant in GROUP BY", at: at)
      case .column(let names, _) where names.count == 1:
        // An input column goes before an output column of the same name.
        let isInput = scopes.list.contains { $0.position(of: names[0]) != nil }
        if !isInput, let named = targets.first(where: { $0.name == names[0] }) { syntax = named.value }
      default: break
      }
      let key = try binder.bind(syntax)
      if !keys.contains(where: { $0.isSame(as: key) }) { keys.append(key) }
    }
    absorb(binder)
    return keys
  }

  private func target(
    _ ordinal: Int32, of targets: [TargetSyntax], clause: String, at location: Int?
  ) throws(SQLError) -> TargetSyntax {
    guard ordinal >= 1, Int(ordinal) <= targets.count else {
      throw SQLError(
        .invalidColumnReference, "\(clause) position \(ordinal) is not in select list", at: location)
    }
    return targets[Int(ordinal) - 1]
  }

  private func bindOrder(
    _ items: [SortSyntax], items targets: [TargetSyntax], output: inout [Expression], binder: inout ExpressionBinder,
    isDistinct: Bool
  ) throws(SQLError) -> [SortKey] {
    var keys: [SortKey] = []
    let visibleCount = targets.count
    for item in items {
      var isDescending = item.isDescending
      switch item.usingOperator {
      case nil, "<": break
      case ">": isDescending = true
      case let other?: throw .unsupported("ORDER BY … USING \(other)", at: item.expression.location)
      }
      let position: Int
      switch item.expression {
      case .constant(.integer(let ordinal), let at):
        _ = try target(ordinal, of: targets, clause: "ORDER BY", at: at)
        position = Int(ordinal) - 1
      case .constant(_, let at):
        throw SQLError(.syntaxError, "non-integer constant in ORDER BY", at: at)
      case .column(let names, let at) where names.count == 1 && targets.contains { Self.outputName($0) == names[0] }:
        // An output column goes before an input column of the same name.
        let matches = targets.indices.filter { Self.outputName(targets[$0]) == names[0] }
        let first = matches[0]
        if matches.contains(where: { !output[$0].isSame(as: output[first]) }) {
          throw SQLError(.ambiguousColumn, "ORDER BY \"\(names[0])\" is ambiguous", at: at)
        }
        position = first
      default:
        let bound = try binder.bind(item.expression)
        if let existing = output.firstIndex(where: { $0.isSame(as: bound) }) {
          position = existing
        } else {
          if isDistinct {
            throw SQLError(
              .invalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
              at: item.expression.start)
          }
          output.append(bound)
          position = output.count - 1
        }
      }
      guard position < output.count, visibleCount <= output.count else { continue }
      if output[position].type.kind == .json {
        throw SQLError(
          .undefinedFunction, "could not identify an ordering operator for type json",
          hint: "Use an explicit ordering operator or modify the query.", at: item.expression.location)
      }
      keys.append(
        SortKey(column: position, descending: isDescending, nullsFirst: item.nullsFirst ?? isDescending))
    }
    return keys
  }

  private static func outputName(_ target: TargetSyntax) -> String? { target.name ?? target.value.columnName }

  private mutating func bindCount(_ syntax: ExpressionSyntax?, _ clause: String) throws(SQLError) -> Expression? {
    guard let syntax else { return nil }
    var binder = self.binder(clause: clause)
    if case .column(_, let at) = syntax {
      throw SQLError(.invalidColumnReference, "argument of \(clause) must not contain variables", at: at)
    }
    let bound = try binder.bindUnsettled(syntax)
    guard bound.type.kind == .unknown || FunctionCatalog.canCoerce(bound.type.kind, to: .int8, .assignment) else {
      throw SQLError(
        .datatypeMismatch,
        "argument of \(clause) must be type bigint, not type \(TypeCatalog.format(bound.type))", at: syntax.location)
    }
    let count = try binder.coerce(bound, to: .int8, .assignment, at: syntax.location)
    absorb(binder)
    return count
  }
}
