import Schema
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
    create.split = sharding.split(in: statementStart...statementEnd)
    return create
  }

  mutating func column(_ node: ParseNode) throws(SQLError) -> ColumnSyntax {
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
      ConstraintSyntax(
        name: name, kind: kind, location: location, skipsValidation: body.bool("skip_validation"))
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
    case "CONSTR_UNIQUE":
      if body.bool("deferrable") { return made(.unsupported("a deferrable unique constraint")) }
      if body["indexname"] != nil { return made(.unsupported("UNIQUE USING INDEX")) }
      return made(
        .unique(
          body.names("keys"), includes: body.names("including"), nullsAreEqual: body.bool("nulls_not_distinct")))
    case "CONSTR_FOREIGN":
      if body.bool("deferrable") { return made(.unsupported("a deferrable foreign key")) }
      if body["fk_del_set_cols"] != nil { return made(.unsupported("SET NULL or SET DEFAULT of some columns")) }
      if body.string("fk_matchtype") == "p" { return made(.unsupported("MATCH PARTIAL")) }
      return made(
        .foreignKey(
          ForeignKeySyntax(
            columns: body.names("fk_attrs"), referenced: relation(body["pktable"]),
            referencedColumns: body.names("pk_attrs"), onDelete: action(body.string("fk_del_action")),
            onUpdate: action(body.string("fk_upd_action")), isMatchFull: body.string("fk_matchtype") == "f")))
    // What they say is so in any case.
    case "CONSTR_ATTR_NOT_DEFERRABLE", "CONSTR_ATTR_IMMEDIATE": return made(.null)
    case "CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_DEFERRED": return made(.unsupported("a deferrable constraint"))
    case "CONSTR_EXCLUSION": return made(.unsupported("EXCLUDE"))
    case "CONSTR_GENERATED": return made(.unsupported("GENERATED … STORED"))
    case let other: return made(.unsupported(other?.dropFirst("CONSTR_".count).description ?? "this constraint"))
    }
  }

  private func action(_ letter: String?) -> ReferentialAction {
    switch letter {
    case "r": .restrict
    case "c": .cascade
    case "n": .setNull
    case "d": .setDefault
    default: .noAction
    }
  }

  // MARK: - Indexes

  mutating func createIndex(_ body: ParseNode) throws(SQLError) -> CreateIndexSyntax {
    if let method = body.string("accessMethod"), method != "btree", method != "lsm" {
      throw .unsupported("the index method \"\(method)\"", hint: "Leave it out: an index is ordered, like a btree.")
    }
    if body["tableSpace"] != nil { throw .unsupported("TABLESPACE") }
    // How full a page is to be made, and the like: there are no pages to fill here.
    for option in options(body.list("options")) where option.name != "fillfactor" && option.name != "deduplicate_items"
    {
      throw .unsupported("the index option \(option.name)", at: option.location)
    }
    var index = CreateIndexSyntax(
      name: body.string("idxname"), relation: relation(body["relation"]), keys: [],
      includes: body.list("indexIncludingParams").compactMap { $0["IndexElem"]?.string("name") },
      filter: try optional(body["whereClause"]), isUnique: body.bool("unique"),
      nullsAreEqual: body.bool("nulls_not_distinct"), ifNotExists: body.bool("if_not_exists"))
    let range = statementStart...statementEnd
    let isHashed = sharding.indexKeys.first { range.contains($0.offset) }?.isHashed ?? []
    for (position, node) in body.list("indexParams").enumerated() {
      guard let element = node["IndexElem"] else { continue }
      if element["opclass"] != nil { throw .unsupported("an operator class", at: index.relation.location) }
      if let collation = element.names("collation").last, !Self.isByteOrder(collation) {
        throw .unsupported(
          "the collation \"\(collation)\"", hint: "Text is compared by its bytes, as with COLLATE \"C\".")
      }
      let expression: ExpressionSyntax =
        if let node = element["expr"] { try self.expression(node) } else {
          .column([element.string("name") ?? ""], at: nil)
        }
      let nullsFirst: Bool? =
        switch element.string("nulls_ordering") {
        case "SORTBY_NULLS_FIRST": true
        case "SORTBY_NULLS_LAST": false
        default: nil
        }
      index.keys.append(
        IndexKeySyntax(
          expression: expression, isDescending: element.string("ordering") == "SORTBY_DESC",
          isHashed: position < isHashed.count && isHashed[position], nullsFirst: nullsFirst))
    }
    index.split = sharding.split(in: range)
    return index
  }
}
