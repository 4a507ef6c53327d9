import Values

extension TreeReader {
  mutating func createTable(_ body: ParseNode) throws(SQLError) -> CreateTableSyntax {
    if let parents = body["inhRelations"] { throw .unsupported("INHERITS and PARTITION OF", at: parents.location) }
    if let partition = body["partspec"] {
      throw .unsupported(
        "PARTITION BY", hint: "Tables are split into tablets by their primary key; see SPLIT INTO … TABLETS.",
        at: partition.location)
    }
    if body["ofTypename"] != nil { throw .unsupported("CREATE TABLE … OF type") }
    let relationNode = body["relation"]
    switch relationNode?.string("relpersistence") {
    case "t": throw .unsupported("a temporary table", at: relationNode?.location)
    case "u": throw .unsupported("an unlogged table", at: relationNode?.location)
    default: break
    }
    if body["tablespacename"] != nil { throw .unsupported("TABLESPACE") }
    if let method = body.string("accessMethod"), method != "heap" { throw .unsupported("the access method \(method)") }
    var create = CreateTableSyntax(
      relation: relation(relationNode), columns: [], constraints: [], options: options(body.list("options")),
      ifNotExists: body.bool("if_not_exists"))
    for element in body.list("tableElts") {
      let (tag, node) = element.tagged
      switch tag {
      case "ColumnDef": create.columns.append(try column(node))
      case "Constraint": create.constraints.append(try constraint(node))
      case "TableLikeClause":
        throw .unsupported("LIKE", hint: "Name the columns.", at: node["relation"]?.location)
      default: throw .unsupported("this element of CREATE TABLE (\(tag))", at: node.location)
      }
    }
    create.split = sharding.splits.first { split in
      switch split {
      case .tablets(_, let offset), .values(_, let offset): (statementStart...statementEnd).contains(offset)
      }
    }
    return create
  }

  private mutating func column(_ node: ParseNode) throws(SQLError) -> ColumnSyntax {
    var column = ColumnSyntax(
      name: node.string("colname") ?? "", type: typeName(node["typeName"]), constraints: [], location: node.location)
    if let collation = node["collClause"]?.names("collname").last, !Self.isByteOrder(collation) {
      throw .unsupported(
        "the collation \"\(collation)\"", hint: "Text is compared by its bytes, as with COLLATE \"C\".",
        at: node["collClause"]?.location)
    }
    for constraint in node.list("constraints") {
      guard let body = constraint["Constraint"] else { continue }
      column.constraints.append(try self.constraint(body))
    }
    return column
  }

  /// The collations whose order is that of the bytes.
  static func isByteOrder(_ collation: String) -> Bool {
    ["C", "POSIX", "default", "ucs_basic"].contains(collation)
  }

  mutating func constraint(_ body: ParseNode) throws(SQLError) -> ConstraintSyntax {
    let location = body.location
    let name = body.string("conname")
    func made(_ kind: ConstraintSyntax.Kind) -> ConstraintSyntax {
      ConstraintSyntax(name: name, kind: kind, location: location)
    }
    switch body.string("contype") {
    case "CONSTR_NULL", nil: return made(.null)
    case "CONSTR_NOTNULL": return made(.notNull)
    case "CONSTR_DEFAULT":
      guard let value = try optional(body["raw_expr"]) else { return made(.null) }
      return made(.defaultValue(value))
    case "CONSTR_CHECK":
      guard let condition = try optional(body["raw_expr"]) else { return made(.null) }
      return made(.check(condition))
    case "CONSTR_PRIMARY":
      if body.bool("deferrable") { return made(.unsupported("a deferrable primary key")) }
      if body["indexname"] != nil { return made(.unsupported("PRIMARY KEY USING INDEX")) }
      let columns = body.names("keys")
      let orders = columns.isEmpty ? [] : sharding.key(at: location ?? 0)?.orders ?? []
      return made(.primaryKey(columns, orders))
    case "CONSTR_IDENTITY":
      return made(.identity(always: body.string("generated_when") == "a", options(body.list("options"))))
    case "CONSTR_UNIQUE": return made(.unsupported("UNIQUE"))
    case "CONSTR_FOREIGN": return made(.unsupported("FOREIGN KEY"))
    case "CONSTR_EXCLUSION": return made(.unsupported("EXCLUDE"))
    case "CONSTR_GENERATED": return made(.unsupported("GENERATED … STORED"))
    case let other: return made(.unsupported(other?.dropFirst("CONSTR_".count).description ?? "this constraint"))
    }
  }
}
