import Values

/// Reads libpg_query's tree into our own syntax types, and says what of it is not supported.
///
/// Everything here follows the raw parse nodes of PostgreSQL 15 (`src/include/nodes/parsenodes.h`); what a later stage
/// does not understand becomes `.unsupported`, so that the refusal names it.
struct TreeReader {
  /// The text that locations refer to.
  let source: [UInt8]
  let sharding: ShardingSyntax
  let statementStart: Int
  let statementEnd: Int
  private(set) var parameterCount = 0
  private var depth = 0

  init(source: [UInt8], sharding: ShardingSyntax, statementStart: Int, statementEnd: Int) {
    self.source = source
    self.sharding = sharding
    self.statementStart = statementStart
    self.statementEnd = statementEnd
  }

  // MARK: - Expressions

  mutating func expression(_ node: ParseNode) throws(SQLError) -> ExpressionSyntax {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Nesting.treeDepthMax else { throw Nesting.tooDeep }
    let (tag, body) = node.tagged
    let at = body.location
    switch tag {
    case "A_Const": return .constant(constant(body), at: at)
    case "ColumnRef": return columnReference(body)
    case "ParamRef":
      let number = body.int("number")
      guard (1...65_535).contains(number) else {
        throw SQLError(.undefinedParameter, "there is no parameter $\(number)", at: at)
      }
      parameterCount = max(parameterCount, number)
      return .parameter(number, at: at)
    case "A_Expr": return try operatorExpression(body)
    case "BoolExpr":
      let operands = try expressions(body.list("args"))
      switch body.string("boolop") {
      case "AND_EXPR": return .and(operands, at: at)
      case "OR_EXPR": return .or(operands, at: at)
      default: return .not(operands.first ?? .constant(.null, at: at), at: at)
      }
    case "NullTest":
      return .isNull(try child(body, "arg"), isNegated: body.string("nulltesttype") == "IS_NOT_NULL", at: at)
    case "BooleanTest": return .isBool(try child(body, "arg"), booleanTest(body.string("booltesttype")), at: at)
    case "CaseExpr":
      var whens: [(condition: ExpressionSyntax, result: ExpressionSyntax, at: Int?)] = []
      for clause in body.list("args") {
        guard let when = clause["CaseWhen"] else { continue }
        whens.append((try child(when, "expr"), try child(when, "result"), when.location))
      }
      return .caseWhen(
        try optional(body["arg"]), whens, otherwise: try optional(body["defresult"]), at: at)
    case "CoalesceExpr": return .coalesce(try expressions(body.list("args")), at: at)
    case "MinMaxExpr":
      return .extremum(try expressions(body.list("args")), isGreatest: body.string("op") != "IS_LEAST", at: at)
    case "TypeCast":
      return .cast(try child(body, "arg"), typeName(body["typeName"]), at: at)
    case "FuncCall": return .call(try functionCall(body))
    case "SQLValueFunction":
      let name = body.string("op")?.dropFirst("SVFOP_".count) ?? ""
      let typmod = body.int("typmod")
      return .valueFunction(String(name), precision: typmod < 0 ? nil : typmod, at: at)
    case "RowExpr": return .row(try expressions(body.list("args")), at: at)
    case "A_ArrayExpr": return .array(try expressions(body.list("elements")), at: at)
    case "CollateClause": return .collate(try child(body, "arg"), body.names("collname"), at: at)
    case "SetToDefault": return .defaultValue(at: at)
    case "MultiAssignRef": return try multipleAssignment(body)
    case "SubLink": return .unsupported("a subquery in an expression", at: at)
    case "A_Indirection":
      return .unsupported("a subscript or field selection", at: at ?? body["arg"]?.tagged.body.location)
    case "GroupingFunc": return .unsupported("GROUPING", at: at)
    case "GroupingSet": return .unsupported("GROUPING SETS, CUBE or ROLLUP", at: at)
    case "CurrentOfExpr": return .unsupported("WHERE CURRENT OF", at: at)
    case "XmlExpr", "XmlSerialize": return .unsupported("XML", at: at)
    default: return .unsupported("this expression (\(tag))", at: at)
    }
  }

  private mutating func child(_ node: ParseNode, _ name: StaticString) throws(SQLError) -> ExpressionSyntax {
    guard let child = node[name] else { return .constant(.null, at: nil) }
    return try expression(child)
  }

  mutating func optional(_ node: ParseNode?) throws(SQLError) -> ExpressionSyntax? {
    guard let node else { return nil }
    return try expression(node)
  }

  mutating func expressions(_ nodes: [ParseNode]) throws(SQLError) -> [ExpressionSyntax] {
    var result: [ExpressionSyntax] = []
    result.reserveCapacity(nodes.count)
    for node in nodes { result.append(try expression(node)) }
    return result
  }

  func constant(_ body: ParseNode) -> ConstantSyntax {
    if let value = body["ival"] { return .integer(Int32(truncatingIfNeeded: integer(value, from: body.location))) }
    if let value = body["sval"] { return .string(value.string("sval") ?? "") }
    if let value = body["fval"] { return .number(value.string("fval") ?? "0") }
    if let value = body["boolval"] { return .boolean(value.bool("boolval")) }
    if let value = body["bsval"] { return .bitString(value.string("bsval") ?? "") }
    return .null
  }

  /// The value of an `Integer` node. libpg_query 15's JSON leaves out negative numbers as it leaves out zeros, so where
  /// there is none, the text has to say: behind `location`, some words and marks, then perhaps a minus and digits.
  private func integer(_ node: ParseNode, from location: Int?) -> Int {
    if let value = node["ival"]?.int { return value }
    guard let location, location < source.count else { return 0 }
    var lexer = Lexer(source, from: location)
    var isNegative = false
    while let token = lexer.next() {
      switch token.kind {
      case .operation where source[token.start..<token.end].elementsEqual([UInt8(ascii: "-")]): isNegative.toggle()
      case .operation, .word, .quotedName: continue
      case .number:
        let digits = String(decoding: source[token.start..<token.end], as: UTF8.self)
        return isNegative ? Int("-" + digits) ?? 0 : 0
      default: return 0
      }
    }
    return 0
  }

  private func columnReference(_ body: ParseNode) -> ExpressionSyntax {
    let fields = body.list("fields")
    let names = body.names("fields")
    let isStar = fields.last.map { $0["A_Star"] != nil } ?? false
    return isStar ? .star(names, at: body.location) : .column(names, at: body.location)
  }

  private func booleanTest(_ name: String?) -> ExpressionSyntax.BooleanTest {
    switch name {
    case "IS_NOT_TRUE": .isNotTrue
    case "IS_FALSE": .isFalse
    case "IS_NOT_FALSE": .isNotFalse
    case "IS_UNKNOWN": .isUnknown
    case "IS_NOT_UNKNOWN": .isNotUnknown
    default: .isTrue
    }
  }

  private mutating func operatorExpression(_ body: ParseNode) throws(SQLError) -> ExpressionSyntax {
    let at = body.location
    let name = body.names("name").last ?? ""
    switch body.string("kind") {
    case "AEXPR_OP_ANY":
      return .quantified(name, try child(body, "lexpr"), try child(body, "rexpr"), isAll: false, at: at)
    case "AEXPR_OP_ALL":
      return .quantified(name, try child(body, "lexpr"), try child(body, "rexpr"), isAll: true, at: at)
    case "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT":
      return .isDistinct(
        try child(body, "lexpr"), try child(body, "rexpr"), isNegated: body.string("kind") == "AEXPR_NOT_DISTINCT",
        at: at)
    case "AEXPR_NULLIF": return .nullIf(try child(body, "lexpr"), try child(body, "rexpr"), at: at)
    case "AEXPR_IN":
      let elements = try expressions(body["rexpr"]?["List"]?.list("items") ?? [])
      return .inList(try child(body, "lexpr"), elements, isNegated: name == "<>", at: at)
    case "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM":
      let bounds = try expressions(body["rexpr"]?["List"]?.list("items") ?? [])
      guard bounds.count == 2 else { return .unsupported("this BETWEEN", at: at) }
      let kind = body.string("kind") ?? ""
      return .between(
        try child(body, "lexpr"), bounds[0], bounds[1], isNegated: kind.hasPrefix("AEXPR_NOT"),
        isSymmetric: kind.hasSuffix("SYM"), at: at)
    default:
      var operands: [ExpressionSyntax] = []
      if let left = body["lexpr"] { operands.append(try expression(left)) }
      if let right = body["rexpr"] { operands.append(try expression(right)) }
      return .operation(name, operands, at: at)
    }
  }

  mutating func functionCall(_ body: ParseNode) throws(SQLError) -> FunctionCallSyntax {
    var call = FunctionCallSyntax(
      name: body.names("funcname"), arguments: [], location: body.location)
    for argument in body.list("args") {
      if argument["NamedArgExpr"] != nil { call.unsupportedPart = "a named argument" }
      call.arguments.append(try expression(argument))
    }
    call.isStar = body.bool("agg_star")
    call.isDistinct = body.bool("agg_distinct")
    call.filter = try optional(body["agg_filter"])
    call.orderBy = try sortItems(body.list("agg_order"))
    if body["over"] != nil { call.unsupportedPart = "OVER (window functions)" }
    if body.bool("agg_within_group") { call.unsupportedPart = "WITHIN GROUP" }
    if body.bool("func_variadic") { call.unsupportedPart = "VARIADIC" }
    return call
  }

  /// `(a, b) = (x, y)` comes as one reference per column, each with the whole row.
  private mutating func multipleAssignment(_ body: ParseNode) throws(SQLError) -> ExpressionSyntax {
    guard let row = body["source"]?["RowExpr"] else {
      return .unsupported("assigning from a subquery", at: body["source"]?.tagged.body.location)
    }
    let values = row.list("args")
    let column = body.int("colno")
    guard values.count == body.int("ncolumns"), (1...values.count).contains(column) else {
      throw SQLError(.syntaxError, "number of columns does not match number of values", at: row.location)
    }
    return try expression(values[column - 1])
  }

  func typeName(_ node: ParseNode?) -> TypeNameSyntax {
    guard let node else { return TypeNameSyntax(names: [], modifiers: [], isArray: false, location: nil) }
    let body = node["TypeName"] ?? node
    var modifiers: [Int] = []
    for modifier in body.list("typmods") {
      if let body = modifier["A_Const"], case .integer(let value) = constant(body) { modifiers.append(Int(value)) }
    }
    return TypeNameSyntax(
      names: body.names("names"), modifiers: modifiers, isArray: body["arrayBounds"] != nil, location: body.location)
  }

  mutating func sortItems(_ nodes: [ParseNode]) throws(SQLError) -> [SortSyntax] {
    var items: [SortSyntax] = []
    for node in nodes {
      guard let body = node["SortBy"] else { continue }
      let nulls: Bool? =
        switch body.string("sortby_nulls") {
        case "SORTBY_NULLS_FIRST": true
        case "SORTBY_NULLS_LAST": false
        default: nil
        }
      let direction = body.string("sortby_dir")
      items.append(
        SortSyntax(
          expression: try child(body, "node"), isDescending: direction == "SORTBY_DESC", nullsFirst: nulls,
          usingOperator: direction == "SORTBY_USING" ? body.names("useOp").last : nil))
    }
    return items
  }

  func option(_ node: ParseNode) -> OptionSyntax? {
    guard let body = node["DefElem"], let name = body.string("defname") else { return nil }
    return OptionSyntax(name: name, value: optionValue(body["arg"], at: body.location), location: body.location)
  }

  private func optionValue(_ node: ParseNode?, at location: Int?) -> OptionSyntax.Value {
    guard let node else { return .none }
    let (tag, body) = node.tagged
    switch tag {
    case "String": return .text(body.string("sval") ?? "")
    case "Integer": return .number(integer(body, from: location))
    case "Float": return .text(body.string("fval") ?? "")
    case "Boolean": return .text(body.bool("boolval") ? "true" : "false")
    case "A_Const":
      switch constant(body) {
      case .integer(let value): return .number(Int(value))
      case .number(let text), .string(let text), .bitString(let text): return .text(text)
      case .boolean(let value): return .text(value ? "true" : "false")
      case .null: return .none
      }
    case "TypeName": return .text(body.names("names").last ?? "")
    case "List": return .list(body.names("items"))
    case "A_Star": return .star
    default: return .text(tag)
    }
  }

  func options(_ nodes: [ParseNode]) -> [OptionSyntax] { nodes.compactMap(option) }

  func relation(_ node: ParseNode?) -> RelationSyntax {
    guard let outer = node else { return RelationSyntax(schema: nil, name: "", location: nil) }
    let body = outer["RangeVar"] ?? outer
    let alias = body["alias"]
    return RelationSyntax(
      schema: body.string("schemaname"), name: body.string("relname") ?? "", alias: alias?.string("aliasname"),
      columnAliases: alias?.names("colnames") ?? [], location: body.location)
  }
}
