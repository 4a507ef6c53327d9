import Expressions
import Operations
import Schema
import Values

/// Binds and plans one statement.
struct StatementBinder {
  let context: BindingContext
  var parameters: ParameterTypes
  var dependsOnTime = false

  /// - Parameter given: types that the client declared for parameters; `.unknown` where it did not.
  static func plan(
    _ statement: ParsedScript.Statement, given: [SQLType], context: BindingContext
  ) throws(SQLError) -> StatementPlan {
    var binder = StatementBinder(
      context: context, parameters: ParameterTypes(count: statement.parameterCount, given: given))
    return try binder.plan(statement.syntax)
  }

  mutating func plan(_ syntax: StatementSyntax) throws(SQLError) -> StatementPlan {
    switch syntax {
    case .select(let select):
      let plan = try bindSelect(select)
      return try finished(.select(plan), columns: plan.columns)
    case .insert(let insert):
      let (plan, columns) = try bindInsert(insert)
      return try finished(.insert(plan), columns: columns)
    case .update(let update):
      let (plan, columns) = try bindUpdate(update)
      return try finished(.update(plan), columns: columns)
    case .delete(let delete):
      let (plan, columns) = try bindDelete(delete)
      return try finished(.delete(plan), columns: columns)
    case .explain(let inner, let options):
      let (plan, columns) = try bindExplain(inner, options)
      return try finished(.explain(plan), columns: columns)
    case .show(let name):
      let columns = Settings.columns(ofShow: name)
      return utility(syntax, columns: columns)
    default:
      return utility(syntax, columns: nil)
    }
  }

  /// A statement carried out from its syntax; its `$n`, as those of PREPARE, are no parameters of its own.
  private func utility(_ syntax: StatementSyntax, columns: [ResultColumn]?) -> StatementPlan {
    StatementPlan(
      body: .utility(syntax), parameterTypes: [], userParameterCount: 0, slots: [], columns: columns,
      isReusable: false)
  }

  private func finished(
    _ body: StatementPlan.Body, columns: [ResultColumn]?
  ) throws(SQLError) -> StatementPlan {
    try parameters.checkAllKnown()
    return StatementPlan(
      body: body, parameterTypes: parameters.types, userParameterCount: parameters.userCount,
      slots: parameters.slots, columns: columns, isReusable: !dependsOnTime)
  }

  // MARK: - Shared by statements

  func binder(_ scopes: Scopes = Scopes(), clause: String) -> ExpressionBinder {
    var binder = ExpressionBinder(context: context, scopes: scopes, parameters: parameters)
    binder.clause = clause
    return binder
  }

  /// Computes what no execution can change.
  func folded(_ expression: Expression) -> Expression {
    expression.foldConstants(
      EvaluationContext(statementTime: context.now, transactionTime: context.now, settings: context.format),
      includingStable: false)
  }

  /// Takes back what a binder learned of the parameters.
  mutating func absorb(_ binder: ExpressionBinder) {
    parameters = binder.parameters
    dependsOnTime = dependsOnTime || binder.dependsOnTime
  }

  /// The table that a statement writes.
  func table(_ relation: RelationSyntax) throws(SQLError) -> TableDescriptor {
    switch try context.relation(relation) {
    case .table(let table): return table
    case .view(let view):
      throw SQLError(
        .insufficientPrivilege, "permission denied: \"\(view.schema).\(view.name)\" is a system view",
        at: relation.location)
    }
  }

  /// Binds a RETURNING list over a table's row.
  mutating func bindReturning(
    _ items: [TargetSyntax], _ scopes: Scopes
  ) throws(SQLError) -> (expressions: [Expression], columns: [ResultColumn])? {
    if items.isEmpty { return nil }
    var binder = self.binder(scopes, clause: "RETURNING")
    binder.rowsAreMany = true
    var expressions: [Expression] = []
    var columns: [ResultColumn] = []
    for item in try expandStars(items, scopes) {
      let bound = try binder.bind(item.value)
      expressions.append(bound)
      columns.append(resultColumn(item, bound, scopes))
    }
    absorb(binder)
    return (expressions, columns)
  }

  /// `*` and `t.*` become the visible columns.
  func expandStars(_ items: [TargetSyntax], _ scopes: Scopes) throws(SQLError) -> [TargetSyntax] {
    var expanded: [TargetSyntax] = []
    for item in items {
      guard case .star(let names, let at) = item.value else {
        expanded.append(item)
        continue
      }
      var sources = scopes.list
      if let name = names.last {
        sources = [try scopes.scope(named: name, schema: names.count > 1 ? names[names.count - 2] : nil, at: at)]
      } else if sources.isEmpty {
        throw SQLError(.syntaxError, "SELECT * with no tables specified is not valid", at: at)
      }
      for scope in sources {
        for column in scope.columns where !column.isHidden {
          expanded.append(
            TargetSyntax(name: column.name, value: .column([scope.name, column.name], at: at), location: at))
        }
      }
    }
    return expanded
  }

  /// Describes an output column.
  func resultColumn(_ item: TargetSyntax, _ bound: Expression, _ scopes: Scopes) -> ResultColumn {
    var column = ResultColumn(name: item.name ?? item.value.columnName ?? "?column?", type: bound.type)
    if case .column(let names, _) = item.value, let (_, source) = try? scopes.resolve(names, at: nil) {
      column.tableOID = source.tableOID
      column.attributeNumber = source.attributeNumber
      column.type = source.type
    }
    return column
  }
}

/// What a name in FROM stands for.
enum Relation {
  case table(TableDescriptor)
  case view(VirtualTable)
}

extension BindingContext {
  /// Finds a table or view along the search path; `pg_catalog` is looked at first.
  func relation(_ relation: RelationSyntax) throws(SQLError) -> Relation {
    let schemas = relation.schema.map { [$0] } ?? ["pg_catalog"] + searchPath
    for schema in schemas {
      if let view = virtualTables.table(schema: schema, name: relation.name) { return .view(view) }
      guard let found = catalog.relation(schema: schema, name: relation.name) else { continue }
      guard !found.isIndex else {
        throw SQLError(
          .wrongObjectType, "cannot open relation \"\(relation.name)\"",
          detail: "This operation is not supported for indexes.", at: relation.location)
      }
      return .table(found)
    }
    let shown = relation.schema.map { "\($0).\(relation.name)" } ?? relation.name
    if relation.schema == nil || schemaExists(schemas[0]) {
      throw SQLError(.undefinedTable, "relation \"\(shown)\" does not exist", at: relation.location)
    }
    throw SQLError(.undefinedTable, "relation \"\(shown)\" does not exist", at: relation.location)
  }
}

extension ExpressionSyntax {
  /// The name that PostgreSQL gives to an output column without alias (`FigureColname`).
  var columnName: String? { namedStrength.name }

  private var namedStrength: (name: String?, strength: Int) {
    switch self {
    case .column(let names, _): return (names.last, 2)
    case .call(let call): return (call.name.last, 2)
    case .cast(let operand, let type, _):
      let inner = operand.namedStrength
      if inner.strength > 1 { return inner }
      return (type.names.last, 1)
    case .caseWhen(_, _, let otherwise, _):
      if let inner = otherwise?.namedStrength, inner.strength > 1 { return inner }
      return ("case", 1)
    case .collate(let operand, _, _): return operand.namedStrength
    case .coalesce: return ("coalesce", 2)
    case .extremum(_, let isGreatest, _): return (isGreatest ? "greatest" : "least", 2)
    case .nullIf: return ("nullif", 2)
    case .row: return ("row", 2)
    case .array: return ("array", 2)
    case .valueFunction(let name, _, _):
      return (name.lowercased().replacingSuffix("_n", with: ""), 2)
    default: return (nil, 0)
    }
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String, with replacement: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) + replacement : self
  }
}
