import Values

extension TreeReader {
  mutating func statement(_ node: ParseNode) throws(SQLError) -> StatementSyntax {
    let (tag, body) = node.tagged
    switch tag {
    case "SelectStmt": return .select(try select(body))
    case "InsertStmt": return .insert(try insert(body))
    case "UpdateStmt": return .update(try update(body))
    case "DeleteStmt": return .delete(try delete(body))
    case "CreateStmt": return .createTable(try createTable(body))
    case "IndexStmt": return .createIndex(try createIndex(body))
    case "DropStmt": return drop(body)
    case "AlterTableStmt": return try alterTable(body)
    case "TruncateStmt": return .truncate(body.list("relations").map { relation($0) })
    case "CopyStmt": return .copy(try copy(body))
    case "ExplainStmt":
      guard let query = body["query"] else { return .unsupported("this EXPLAIN", hint: nil) }
      return .explain(try statement(query), options(body.list("options")))
    case "VariableSetStmt": return .set(try set(body))
    case "VariableShowStmt": return .show(body.string("name") ?? "")
    case "PrepareStmt":
      guard let query = body["query"] else { return .unsupported("this PREPARE", hint: nil) }
      return .prepare(
        name: body.string("name") ?? "", types: body.list("argtypes").map { typeName($0) }, try statement(query))
    case "ExecuteStmt": return .execute(name: body.string("name") ?? "", try expressions(body.list("params")))
    case "DeallocateStmt": return .deallocate(name: body.string("name"))
    case "DiscardStmt":
      switch body.string("target") {
      case "DISCARD_PLANS": return .discard(.plans)
      case "DISCARD_SEQUENCES": return .discard(.sequences)
      case "DISCARD_TEMP": return .discard(.temp)
      default: return .discard(.all)
      }
    case "VacuumStmt":
      return .maintain(
        command: body.bool("is_vacuumcmd") ? "VACUUM" : "ANALYZE",
        body.list("rels").compactMap { $0["VacuumRelation"]?["relation"] }.map { relation($0) })
    case "TransactionStmt": return transaction(body)
    case "UnlistenStmt": return .unlisten
    case "DeclareCursorStmt": return try declareCursor(body)
    case "FetchStmt": return fetch(body)
    case "ClosePortalStmt": return .closeCursor(name: body.string("portalname"))
    default: return .unsupported(Self.commandName(of: tag), hint: Self.hint(for: tag))
    }
  }

  private func drop(_ body: ParseNode) -> StatementSyntax {
    let type = body.string("removeType")
    guard type == "OBJECT_TABLE" || type == "OBJECT_INDEX" else {
      let kind = (body.string("removeType") ?? "").dropFirst("OBJECT_".count).split(separator: "_")
      return .unsupported("DROP \(kind.joined(separator: " "))", hint: nil)
    }
    var tables: [RelationSyntax] = []
    for object in body.list("objects") {
      let names = object["List"]?.names("items") ?? []
      tables.append(
        RelationSyntax(schema: names.count > 1 ? names[names.count - 2] : nil, name: names.last ?? "", location: nil))
    }
    let (ifExists, cascade) = (body.bool("missing_ok"), body.string("behavior") == "DROP_CASCADE")
    return type == "OBJECT_TABLE"
      ? .dropTables(tables, ifExists: ifExists, cascade: cascade)
      : .dropIndexes(tables, ifExists: ifExists, cascade: cascade)
  }

  private mutating func alterTable(_ body: ParseNode) throws(SQLError) -> StatementSyntax {
    let commands = body.list("cmds")
    let hint = "The supported forms add or drop a constraint, or add a column; one at a time."
    guard body.string("objtype") == "OBJECT_TABLE", commands.count == 1, let command = commands[0]["AlterTableCmd"]
    else { return .unsupported("this form of ALTER TABLE", hint: hint) }
    let relation = self.relation(body["relation"])
    let ifExists = body.bool("missing_ok")
    let name = command.string("name") ?? ""
    let isMissingFine = command.bool("missing_ok")
    switch command.string("subtype") {
    case "AT_AddConstraint":
      guard let node = command["def"]?["Constraint"] else { break }
      let constraint = try self.constraint(node)
      switch constraint.kind {
      case .primaryKey: return .addPrimaryKey(relation, constraint, ifExists: ifExists)
      case .unsupported(let what): return .unsupported("ALTER TABLE … ADD \(what)", hint: nil)
      default: return .alterTable(relation, .addConstraint(constraint), ifExists: ifExists)
      }
    case "AT_DropConstraint":
      return .alterTable(
        relation,
        .dropConstraint(name, ifExists: isMissingFine, cascade: command.string("behavior") == "DROP_CASCADE"),
        ifExists: ifExists)
    case "AT_ValidateConstraint": return .alterTable(relation, .validateConstraint(name), ifExists: ifExists)
    case "AT_AddColumn":
      guard let node = command["def"]?["ColumnDef"] else { break }
      return .alterTable(relation, .addColumn(try column(node), ifNotExists: isMissingFine), ifExists: ifExists)
    default: break
    }
    return .unsupported("this form of ALTER TABLE", hint: hint)
  }

  private mutating func copy(_ body: ParseNode) throws(SQLError) -> CopySyntax {
    var query: StatementSyntax?
    if let node = body["query"] { query = try statement(node) }
    return CopySyntax(
      relation: body["relation"].map { relation($0) }, query: query, columns: body.names("attlist"),
      isFrom: body.bool("is_from"),
      file: body.bool("is_program") ? "PROGRAM" : body.string("filename"), options: options(body.list("options")),
      filter: try optional(body["whereClause"]))
  }

  private mutating func set(_ body: ParseNode) throws(SQLError) -> SetSyntax {
    let name = body.string("name") ?? ""
    var set = SetSyntax(name: name, change: .toDefault, isLocal: body.bool("is_local"), isReset: false)
    switch body.string("kind") {
    case "VAR_SET_MULTI":
      guard name == "TRANSACTION" || name == "SESSION CHARACTERISTICS" else {
        throw .unsupported("SET \(name)")
      }
      set.change = .transaction(session: name != "TRANSACTION", options(body.list("args")))
    case "VAR_RESET": set.isReset = true
    case "VAR_RESET_ALL":
      set.isReset = true
      set.change = .resetAll
    case "VAR_SET_VALUE", nil:
      var values: [String] = []
      for argument in body.list("args") { values.append(try settingValue(argument)) }
      set.change = .value(values)
    default: break
    }
    return set
  }

  private func settingValue(_ node: ParseNode) throws(SQLError) -> String {
    if let cast = node["TypeCast"] {
      let inner = cast["arg"]?["A_Const"]?["sval"]?.string("sval") ?? ""
      return "INTERVAL '\(inner)'"
    }
    guard let constant = node["A_Const"] else { throw .unsupported("this value of a setting") }
    switch self.constant(constant) {
    case .integer(let value): return String(value)
    case .number(let text), .string(let text), .bitString(let text): return text
    case .boolean(let value): return value ? "true" : "false"
    case .null: return ""
    }
  }

  private func transaction(_ body: ParseNode) -> StatementSyntax {
    let options = options(body.list("options"))
    let savepoint = body.string("savepoint_name") ?? ""
    let chain = body.bool("chain")
    return switch body.string("kind") {
    case "TRANS_STMT_START": .transaction(.begin(command: "START TRANSACTION", options))
    case "TRANS_STMT_COMMIT": .transaction(.commit(chain: chain))
    case "TRANS_STMT_ROLLBACK": .transaction(.rollback(chain: chain))
    case "TRANS_STMT_SAVEPOINT": .transaction(.savepoint(savepoint))
    case "TRANS_STMT_RELEASE": .transaction(.release(savepoint))
    case "TRANS_STMT_ROLLBACK_TO": .transaction(.rollbackTo(savepoint))
    case "TRANS_STMT_PREPARE": .transaction(.twoPhase("PREPARE TRANSACTION"))
    case "TRANS_STMT_COMMIT_PREPARED": .transaction(.twoPhase("COMMIT PREPARED"))
    case "TRANS_STMT_ROLLBACK_PREPARED": .transaction(.twoPhase("ROLLBACK PREPARED"))
    default: .transaction(.begin(command: "BEGIN", options))
    }
  }

  // MARK: - Cursors

  private mutating func declareCursor(_ body: ParseNode) throws(SQLError) -> StatementSyntax {
    guard let query = body["query"] else { return .unsupported("this DECLARE CURSOR", hint: nil) }
    // `CURSOR_OPT_…` of parsenodes.h.
    let options = body.int("options")
    let refused = [(0x01, "a BINARY cursor"), (0x02, "a SCROLL cursor"), (0x20, "a cursor WITH HOLD")]
    return .declareCursor(
      DeclareCursorSyntax(
        name: body.string("portalname") ?? "", query: try statement(query),
        unsupportedOption: refused.first { options & $0.0 != 0 }?.1))
  }

  private func fetch(_ body: ParseNode) -> StatementSyntax {
    let count = body["howMany"]?.string.flatMap { Int($0) } ?? body.int("howMany")
    let isForward = body.string("direction") ?? "FETCH_FORWARD" == "FETCH_FORWARD"
    return .fetch(
      FetchSyntax(
        cursor: body.string("portalname") ?? "", count: count == .max ? nil : count,
        isBackward: !isForward || count < 0, isMove: body.bool("ismove")))
  }

  /// `CreateExtensionStmt` to `CREATE EXTENSION`.
  private static func commandName(of tag: String) -> String {
    switch tag {
    case "ViewStmt": return "CREATE VIEW"
    case "CreateTableAsStmt": return "CREATE TABLE AS"
    case "RenameStmt": return "ALTER … RENAME"
    case "GrantStmt", "GrantRoleStmt": return "GRANT or REVOKE"
    case "CreateSeqStmt": return "CREATE SEQUENCE"
    case "AlterSeqStmt": return "ALTER SEQUENCE"
    case "RuleStmt": return "CREATE RULE"
    case "CreatePLangStmt": return "CREATE LANGUAGE"
    case "CreatedbStmt": return "CREATE DATABASE"
    case "CreateTrigStmt": return "CREATE TRIGGER"
    case "LockStmt": return "LOCK TABLE"
    default: break
    }
    var words: [String] = []
    for character in tag.hasSuffix("Stmt") ? tag.dropLast(4) : Substring(tag) {
      if character.isUppercase || words.isEmpty { words.append("") }
      words[words.count - 1].append(contentsOf: character.uppercased())
    }
    return words.joined(separator: " ")
  }

  private static func hint(for tag: String) -> String? {
    switch tag {
    case "ViewStmt", "CreateTableAsStmt": "Create a table and fill it with INSERT … SELECT."
    default: nil
    }
  }
}
