import Operations
import Values

extension TreeReader {
  /// - Parameter body: the inside of a `SelectStmt` node.
  mutating func select(_ body: ParseNode) throws(SQLError) -> SelectSyntax {
    var select = SelectSyntax()
    func refuse(_ what: String, _ location: Int? = nil) {
      guard select.unsupportedClause == nil else { return }
      select.unsupportedClause = what
      select.unsupportedLocation = location
    }
    if let with = body["withClause"] { refuse("WITH", with.location) }
    switch body.string("op") {
    case "SETOP_UNION": refuse("UNION")
    case "SETOP_INTERSECT": refuse("INTERSECT")
    case "SETOP_EXCEPT": refuse("EXCEPT")
    default: break
    }
    if body["intoClause"] != nil { refuse("SELECT INTO") }
    if body["windowClause"] != nil { refuse("WINDOW") }
    if body.string("limitOption") == "LIMIT_OPTION_WITH_TIES" { refuse("FETCH … WITH TIES") }
    if select.unsupportedClause != nil { return select }

    for row in body.list("valuesLists") { select.values.append(try expressions(row["List"]?.list("items") ?? [])) }
    select.items = try targets(body.list("targetList"))
    for item in body.list("fromClause") { select.from.append(try fromItem(item)) }
    select.filter = try optional(body["whereClause"])
    select.groupBy = try expressions(body.list("groupClause"))
    if body.bool("groupDistinct") { refuse("GROUP BY DISTINCT") }
    select.having = try optional(body["havingClause"])
    select.orderBy = try sortItems(body.list("sortClause"))
    select.limit = try optional(body["limitCount"])
    select.offset = try optional(body["limitOffset"])
    select.locking = body.list("lockingClause").compactMap { locking($0) }
    let distinct = body.list("distinctClause")
    select.isDistinct = body["distinctClause"] != nil
    // Plain DISTINCT is a list of one empty node.
    if let first = distinct.first, !first.tagged.tag.isEmpty {
      refuse("DISTINCT ON", first.tagged.body.location)
    }
    return select
  }

  private func locking(_ node: ParseNode) -> LockingSyntax? {
    guard let body = node["LockingClause"] else { return nil }
    let strength: RowLockStrength =
      switch body.string("strength") {
      case "LCS_FORKEYSHARE": .keyShare
      case "LCS_FORSHARE": .share
      case "LCS_FORNOKEYUPDATE": .noKeyUpdate
      default: .update
      }
    let policy: LockWaitPolicy =
      switch body.string("waitPolicy") {
      case "LockWaitError": .noWait
      case "LockWaitSkip": .skipLocked
      default: .wait
      }
    return LockingSyntax(
      strength: strength, policy: policy, relations: body.list("lockedRels").map { relation($0) })
  }

  mutating func targets(_ nodes: [ParseNode]) throws(SQLError) -> [TargetSyntax] {
    var targets: [TargetSyntax] = []
    targets.reserveCapacity(nodes.count)
    for node in nodes {
      guard let body = node["ResTarget"] else { continue }
      if body["indirection"] != nil {
        throw .unsupported("assigning to a field or array element", at: body.location)
      }
      let value = try optional(body["val"]) ?? .constant(.null, at: body.location)
      targets.append(TargetSyntax(name: body.string("name"), value: value, location: body.location))
    }
    return targets
  }

  private mutating func fromItem(_ node: ParseNode) throws(SQLError) -> FromSyntax {
    let (tag, body) = node.tagged
    let alias = body["alias"]
    let name = alias?.string("aliasname")
    let columns = alias?.names("colnames") ?? []
    switch tag {
    case "RangeVar": return .relation(relation(body))
    case "RangeFunction":
      if body.bool("ordinality") { return .unsupported("WITH ORDINALITY", at: nil) }
      if body["coldeflist"] != nil { return .unsupported("a column definition list", at: nil) }
      let functions = body.list("functions")
      guard functions.count == 1, let call = functions[0]["List"]?.list("items").first?["FuncCall"] else {
        return .unsupported("this function in FROM", at: nil)
      }
      return .function(try functionCall(call), alias: name, columnAliases: columns)
    case "RangeSubselect":
      if body.bool("lateral") { return .unsupported("LATERAL", at: nil) }
      guard let query = body["subquery"]?["SelectStmt"] else { return .unsupported("this subquery", at: nil) }
      return .subquery(try select(query), alias: name, columnAliases: columns)
    case "JoinExpr": return .unsupported("JOIN", at: nil)
    case "RangeTableSample": return .unsupported("TABLESAMPLE", at: body.location)
    default: return .unsupported("this FROM item (\(tag))", at: body.location)
    }
  }

  mutating func insert(_ body: ParseNode) throws(SQLError) -> InsertSyntax {
    if let with = body["withClause"] { throw .unsupported("WITH", at: with.location) }
    var insert = InsertSyntax(
      relation: relation(body["relation"]), columns: try targets(body.list("cols")), source: nil, onConflict: nil,
      returning: try targets(body.list("returningList")))
    if let source = body["selectStmt"]?["SelectStmt"] { insert.source = try select(source) }
    switch body.string("override") {
    case "OVERRIDING_USER_VALUE": insert.overriding = .user
    case "OVERRIDING_SYSTEM_VALUE": insert.overriding = .system
    default: break
    }
    if let clause = body["onConflictClause"] {
      let infer = clause["infer"]
      var columns: [String] = []
      for element in infer?.list("indexElems") ?? [] {
        guard let name = element["IndexElem"]?.string("name") else {
          throw .unsupported("an expression in ON CONFLICT", at: infer?.location)
        }
        columns.append(name)
      }
      if infer?["whereClause"] != nil {
        throw .unsupported("a partial index in ON CONFLICT", at: infer?.location)
      }
      insert.onConflict = OnConflictSyntax(
        columns: infer?["indexElems"] == nil ? nil : columns, constraint: infer?.string("conname"),
        assignments: clause.string("action") == "ONCONFLICT_UPDATE" ? try targets(clause.list("targetList")) : nil,
        filter: try optional(clause["whereClause"]), location: clause.location)
    }
    return insert
  }

  mutating func update(_ body: ParseNode) throws(SQLError) -> UpdateSyntax {
    if let with = body["withClause"] { throw .unsupported("WITH", at: with.location) }
    if let from = body.list("fromClause").first {
      throw .unsupported("UPDATE … FROM", at: from.tagged.body.location)
    }
    return UpdateSyntax(
      relation: relation(body["relation"]), assignments: try targets(body.list("targetList")),
      filter: try optional(body["whereClause"]), returning: try targets(body.list("returningList")))
  }

  mutating func delete(_ body: ParseNode) throws(SQLError) -> DeleteSyntax {
    if let with = body["withClause"] { throw .unsupported("WITH", at: with.location) }
    if let using = body.list("usingClause").first {
      throw .unsupported("DELETE … USING", at: using.tagged.body.location)
    }
    return DeleteSyntax(
      relation: relation(body["relation"]), filter: try optional(body["whereClause"]),
      returning: try targets(body.list("returningList")))
  }
}
