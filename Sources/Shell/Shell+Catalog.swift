import PostgresClient

/// What there is: queries on `information_schema`, `pg_catalog` and `sys`, each of a single view.
extension Shell {
  private func rows(_ sql: String, _ parameters: [String?] = []) -> PostgresResult? {
    guard let connection else {
      fail("not connected")
      return nil
    }
    do throws(PostgresError) {
      return try connection.execute(sql, parameters)
    } catch {
      fail(error.report)
      return nil
    }
  }

  /// - Parameter names: the columns' headings, in place of the view's own names.
  private func show(
    _ result: PostgresResult, title: String? = nil, _ names: [String] = [], footers: [String]? = nil
  ) {
    var result = result
    for (index, name) in names.enumerated() where index < result.columns.count { result.columns[index].name = name }
    var layout = table
    layout.title = title
    layout.footers = footers
    Terminal.write(layout.text(result))
  }

  func listRelations(tablesOnly: Bool) {
    let found = rows(
      """
      SELECT table_schema, table_name, table_type, table_catalog FROM information_schema.tables
      WHERE table_schema <> 'pg_catalog' AND table_schema <> 'information_schema' AND table_schema <> 'sys'
      ORDER BY table_schema, table_name
      """)
    guard var result = found else { return }
    for index in result.rows.indices {
      result.rows[index][2] = result.rows[index][2] == "VIEW" ? "view" : "table"
      result.rows[index][3] = target.user
    }
    if tablesOnly { result.rows.removeAll { $0[2] != "table" } }
    if result.rows.isEmpty { return Terminal.complain("Did not find any relations.") }
    show(result, title: "List of relations", ["Schema", "Name", "Type", "Owner"])
  }

  func listSchemas() {
    guard let result = rows("SELECT schema_name, schema_owner FROM information_schema.schemata ORDER BY schema_name")
    else { return }
    show(result, title: "List of schemas", ["Name", "Owner"])
  }

  func listDatabases() {
    guard let result = rows("SELECT datname FROM pg_catalog.pg_database ORDER BY datname") else { return }
    show(result, title: "List of databases", ["Name"])
  }

  func listNodes() {
    let found = rows(
      """
      SELECT node, is_live, cloud, region, zone, sql_address, http_address, leaders, replicas FROM sys.nodes
      ORDER BY node
      """)
    if let result = found { show(result) }
  }

  func listTablets(of table: String?) {
    let columns = "tablet_id, schema_name, table_name, leader, replicas, term, commit_index, size_bytes"
    let found =
      if let table {
        rows("SELECT \(columns) FROM sys.tablets WHERE table_name = $1 ORDER BY tablet_id", [Self.name(table).last])
      } else {
        rows("SELECT \(columns) FROM sys.tablets ORDER BY tablet_id")
      }
    if let result = found { show(result) }
  }

  /// A name's parts as the server reads it: folded to lower case outside of double quotes, cut at dots.
  static func name(_ text: String) -> [String] {
    var parts = [""]
    var isQuoted = false
    for character in text {
      switch character {
      case "\"": isQuoted.toggle()
      case "." where !isQuoted: parts.append("")
      default: parts[parts.count - 1] += isQuoted ? String(character) : character.lowercased()
      }
    }
    return parts
  }

  func describe(_ text: String) {
    let parts = Self.name(text)
    let name = parts[parts.count - 1]
    let schema = parts.count > 1 ? parts[parts.count - 2] : nil
    let found = rows(
      """
      SELECT table_schema, column_name, data_type, is_nullable, column_default, character_maximum_length,
        numeric_precision, numeric_scale, identity_generation
      FROM information_schema.columns WHERE table_name = $1 ORDER BY table_schema, ordinal_position
      """, [name])
    guard let found else { return }
    let schemas = found.rows.compactMap { $0[0] }
    // As the search path would: public first, then the system's schemas in their order.
    guard let chosen = schema ?? schemas.first(where: { $0 == "public" }) ?? schemas.first, schemas.contains(chosen)
    else { return Terminal.complain("Did not find any relation named \"\(text)\".") }
    var result = PostgresResult(
      kind: .rows, columns: ["Column", "Type", "Nullable", "Default"].map { .init(name: $0, type: 25) })
    for row in found.rows where row[0] == chosen {
      let defaultText = row[8].map { "generated \($0.lowercased()) as identity" } ?? row[4] ?? ""
      result.rows.append([row[1], Self.typeText(row), row[3] == "NO" ? "not null" : "", defaultText])
    }
    let key = rows(
      "SELECT primary_key, sharding, tablets, size_bytes, table_id FROM sys.tables "
        + "WHERE schema_name = $1 AND table_name = $2",
      [chosen, name])
    var footers: [String] = []
    if let row = key?.rows.first {
      footers = [
        "Primary key: \(row[0] ?? "")", "Sharding: \(row[1] ?? ""), \(row[2] ?? "?") tablets, \(row[3] ?? "?") bytes",
      ]
      if let id = row[4] { footers += indexes(ofTable: name, in: chosen) + constraints(ofTable: id) }
    }
    show(result, title: "\(footers.isEmpty ? "View" : "Table") \"\(chosen).\(name)\"", footers: footers)
  }

  /// As psql lists them: the name, what kind it is, and the definition from the method on.
  private func indexes(ofTable name: String, in schema: String) -> [String] {
    let found = rows(
      "SELECT indexname, indexdef FROM pg_catalog.pg_indexes WHERE schemaname = $1 AND tablename = $2 "
        + "ORDER BY indexname", [schema, name])
    let lines = (found?.rows ?? []).map { row -> String in
      let definition = row[1] ?? ""
      let method = definition.range(of: " USING ").map { String(definition[$0.upperBound...]) } ?? ""
      return "    \"\(row[0] ?? "")\" \(definition.hasPrefix("CREATE UNIQUE") ? "UNIQUE, " : "")\(method)"
    }
    return lines.isEmpty ? [] : ["Indexes:"] + lines
  }

  /// Checks and foreign keys, and the foreign keys of others that refer to the table.
  private func constraints(ofTable id: String) -> [String] {
    func lines(_ title: String, _ condition: String, _ line: ([String?]) -> String) -> [String] {
      let found = rows(
        "SELECT conname, condef, conrelid FROM pg_catalog.pg_constraint WHERE \(condition) ORDER BY conname", [id])
      let lines = (found?.rows ?? []).map { "    " + line($0) }
      return lines.isEmpty ? [] : [title] + lines
    }
    func own(_ row: [String?]) -> String { "\"\(row[0] ?? "")\" \(row[1] ?? "")" }
    return lines("Check constraints:", "conrelid = $1 AND contype = 'c'", own)
      + lines("Foreign-key constraints:", "conrelid = $1 AND contype = 'f'", own)
      + lines("Referenced by:", "confrelid = $1") { row in
        let table = rows("SELECT relname FROM pg_catalog.pg_class WHERE oid = $1", [row[2]])?.rows.first?[0]
        return "TABLE \"\(table ?? row[2] ?? "")\" CONSTRAINT \(own(row))"
      }
  }

  /// `character varying` and its length, `numeric` and its digits.
  private static func typeText(_ row: [String?]) -> String {
    let type = row[2] ?? ""
    if let length = row[5] { return "\(type)(\(length))" }
    if type == "numeric", let precision = row[6] { return "\(type)(\(precision),\(row[7] ?? "0"))" }
    return type
  }
}
