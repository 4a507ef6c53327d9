import Values

extension ExpressionBinder {
  func type(_ syntax: TypeNameSyntax) throws(SQLError) -> SQLType { try Self.type(syntax) }

  /// - Throws: 42704 for an unknown type, 0A000 for one that PostgreSQL has and this database has not.
  static func type(_ syntax: TypeNameSyntax) throws(SQLError) -> SQLType {
    let name = syntax.names.last ?? ""
    if syntax.isArray { throw .unsupported("the type \(name)[]", at: syntax.location) }
    if syntax.names.count > 1, syntax.names[0] != "pg_catalog" {
      throw SQLError(
        .undefinedObject, "type \"\(syntax.names.joined(separator: "."))\" does not exist", at: syntax.location)
    }
    var modifiers = syntax.modifiers
    if name == "interval", let range = modifiers.first {
      // The first is a mask of fields; 0x7fff is "all".
      if range != 0x7fff { throw .unsupported("an interval restricted to fields", at: syntax.location) }
      modifiers.removeFirst()
    }
    if name == "char", syntax.names.count == 1 {
      throw .unsupported("the type \"char\"", hint: "Use char(1) or text.", at: syntax.location)
    }
    do {
      return try TypeCatalog.named(name, modifiers: modifiers)
    } catch {
      if error.state == .undefinedObject, known.contains(name) {
        throw .unsupported("the type \(name)", at: syntax.location)
      }
      throw error.at(syntax.location)
    }
  }

  /// Types of PostgreSQL that are missing here, so that the refusal says so.
  private static let known: Set<String> = [
    "money", "timetz", "bit", "varbit", "xml", "inet", "cidr", "macaddr", "macaddr8", "point", "line", "lseg", "box",
    "path", "polygon", "circle", "tsvector", "tsquery", "int4range", "int8range", "numrange", "tsrange", "tstzrange",
    "daterange", "regclass", "regtype", "regproc", "regnamespace", "xid", "cid", "tid", "pg_lsn", "hstore", "citext",
  ]
}
