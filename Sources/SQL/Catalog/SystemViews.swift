import Keys
import Operations
import Schema
import Values

/// `pg_catalog`, as far as single relations of it are read: built-in types and tables, with PostgreSQL's column lists
/// cut to what exists here.
enum SystemViews {
  static let all = [
    namespace, classes, attributes, types, tables, settings, database, roles, IndexViews.index, IndexViews.indexes,
    IndexViews.constraint, IndexViews.progress,
  ]

  /// Object ids of the schemas: PostgreSQL's own, and 2200 for `public`.
  static func namespaceOID(_ schema: String) -> UInt32 {
    switch schema {
    case "pg_catalog": 11
    case "information_schema": 13_000
    case "sys": 15_000
    default: 2200
    }
  }

  static let ownerOID: UInt32 = 10
  private static func name(_ text: String) -> Datum { .text(text) }

  static let namespace = VirtualTable(
    schema: "pg_catalog", name: "pg_namespace", oid: 2615,
    columns: [("oid", .oid), ("nspname", SQLType(.name)), ("nspowner", .oid)]
  ) { input in
    var names = Set(input.catalog.tables.values.map(\.schema))
    names.formUnion(["public", "pg_catalog", "information_schema", "sys"])
    return names.sorted().map { [.oid(namespaceOID($0)), name($0), .oid(ownerOID)] }
  }

  static let classes = VirtualTable(
    schema: "pg_catalog", name: "pg_class", oid: 1259,
    columns: [
      ("oid", .oid), ("relname", SQLType(.name)), ("relnamespace", .oid), ("relowner", .oid), ("relam", .oid),
      ("relkind", .text), ("relpersistence", .text), ("relnatts", .int2), ("relchecks", .int2),
      ("relhasindex", .boolean), ("relhasrules", .boolean), ("relhastriggers", .boolean), ("reltuples", .float4),
      ("relispartition", .boolean),
    ]
  ) { input in
    func row(
      _ oid: UInt32, _ relation: String, _ schema: String, _ kind: String, _ columns: Int, _ checks: Int,
      hasForeignKeys: Bool = false
    ) -> Row {
      // PostgreSQL's access methods: 2 is heap, 403 is btree. Its foreign keys are triggers.
      [
        .oid(oid), name(relation), .oid(namespaceOID(schema)), .oid(ownerOID),
        .oid(kind == "r" ? 2 : kind == "i" ? 403 : 0), .text(kind),
        .text("p"), .int2(Int16(clamping: columns)), .int2(Int16(clamping: checks)), .bool(kind == "r"), .bool(false),
        .bool(hasForeignKeys), .float4(-1), .bool(false),
      ]
    }
    let views = input.views.tables.map { row($0.oid, $0.name, $0.schema, "v", $0.columns.count, 0) }
    let tables = input.catalog.sortedTables.map {
      row(
        $0.id.rawValue, $0.name, $0.schema, "r", $0.visibleColumns.count, $0.checks.count,
        hasForeignKeys: !$0.foreignKeys.isEmpty || !input.catalog.referencing($0.id).isEmpty)
    }
    let indexes = input.catalog.listedIndexes.map { index in
      row(index.oid, index.name, index.table.schema, "i", index.keyCount + index.includes.count, 0)
    }
    return views + tables + indexes
  }

  static let attributes = VirtualTable(
    schema: "pg_catalog", name: "pg_attribute", oid: 1249,
    columns: [
      ("attrelid", .oid), ("attname", SQLType(.name)), ("atttypid", .oid), ("attlen", .int2), ("attnum", .int2),
      ("atttypmod", .int4), ("attnotnull", .boolean), ("atthasdef", .boolean), ("attidentity", .text),
      ("attgenerated", .text), ("attisdropped", .boolean),
    ]
  ) { input in
    func row(
      _ relation: UInt32, _ column: String, _ type: SQLType, _ number: Int, isNotNull: Bool, hasDefault: Bool,
      identity: String
    ) -> Row {
      let entry = TypeCatalog.entry(type.kind)
      return [
        .oid(relation), name(column), .oid(entry.oid), .int2(entry.length), .int2(Int16(clamping: number)),
        .int4(TypeCatalog.typmod(type)), .bool(isNotNull), .bool(hasDefault), .text(identity), .text(""),
        .bool(false),
      ]
    }
    var rows: [Row] = []
    for view in input.views.tables {
      for (index, column) in view.columns.enumerated() {
        rows.append(
          row(view.oid, column.name, column.type, index + 1, isNotNull: false, hasDefault: false, identity: ""))
      }
    }
    for table in input.catalog.sortedTables {
      for column in table.visibleColumns {
        var identity = ""
        if case .identity(let always) = column.defaultValue { identity = always ? "a" : "d" }
        rows.append(
          row(
            table.id.rawValue, column.name, column.type, Int(column.id), isNotNull: column.isNotNull,
            hasDefault: column.defaultValue != nil && identity.isEmpty, identity: identity))
      }
    }
    return rows
  }

  static let types = VirtualTable(
    schema: "pg_catalog", name: "pg_type", oid: 1247,
    columns: [
      ("oid", .oid), ("typname", SQLType(.name)), ("typnamespace", .oid), ("typowner", .oid), ("typlen", .int2),
      ("typtype", .text), ("typcategory", .text), ("typispreferred", .boolean), ("typdelim", .text), ("typrelid", .oid),
      ("typelem", .oid), ("typarray", .oid), ("typnotnull", .boolean), ("typbasetype", .oid), ("typtypmod", .int4),
    ]
  ) { _ in
    TypeKind.allCases.map(TypeCatalog.entry).sorted { $0.oid < $1.oid }.map { entry in
      [
        .oid(entry.oid), name(entry.internalName), .oid(11), .oid(ownerOID), .int2(entry.length),
        .text(entry.category == "P" ? "p" : "b"), .text(String(entry.category)), .bool(entry.isPreferred), .text(","),
        // The array types that these would name are not there.
        .oid(0), .oid(0), .oid(0), .bool(false), .oid(0), .int4(-1),
      ]
    }
  }

  static let tables = VirtualTable(
    schema: "pg_catalog", name: "pg_tables", oid: 12_000,
    columns: [
      ("schemaname", SQLType(.name)), ("tablename", SQLType(.name)), ("tableowner", SQLType(.name)),
      ("tablespace", SQLType(.name)), ("hasindexes", .boolean), ("hasrules", .boolean), ("hastriggers", .boolean),
      ("rowsecurity", .boolean),
    ]
  ) { input in
    input.catalog.sortedTables.map { table in
      [
        name(table.schema), name(table.name), name(input.facts.user), .null, .bool(true), .bool(false), .bool(false),
        .bool(false),
      ]
    }
  }

  static let settings = VirtualTable(
    schema: "pg_catalog", name: "pg_settings", oid: 12_001,
    columns: [
      ("name", .text), ("setting", .text), ("unit", .text), ("category", .text), ("short_desc", .text),
      ("context", .text), ("vartype", .text), ("source", .text), ("min_val", .text), ("max_val", .text),
      ("boot_val", .text), ("reset_val", .text), ("pending_restart", .boolean),
    ]
  ) { input in
    input.settings.all.map { definition, value, reset in
      let (type, unit, low, high) = definition.shape
      return [
        .text(definition.name), .text(definition.inBaseUnit(value)), unit.map { .text($0) } ?? .null,
        .text(definition.category), .text(definition.summary), .text(definition.isReadOnly ? "internal" : "user"),
        .text(type), .text(value == reset ? "default" : "session"), low.map { .text($0) } ?? .null,
        high.map { .text($0) } ?? .null, .text(definition.inBaseUnit(definition.initial)),
        .text(definition.inBaseUnit(reset)), .bool(false),
      ]
    }
  }

  static let database = VirtualTable(
    schema: "pg_catalog", name: "pg_database", oid: 1262,
    columns: [
      ("oid", .oid), ("datname", SQLType(.name)), ("datdba", .oid), ("encoding", .int4), ("datcollate", .text),
      ("datctype", .text), ("datistemplate", .boolean), ("datallowconn", .boolean),
    ]
  ) { input in
    [
      [
        .oid(5), name(input.facts.database), .oid(ownerOID), .int4(6), .text("C"), .text("C.UTF-8"), .bool(false),
        .bool(true),
      ]
    ]
  }

  static let roles = VirtualTable(
    schema: "pg_catalog", name: "pg_roles", oid: 12_002,
    columns: [
      ("oid", .oid), ("rolname", SQLType(.name)), ("rolsuper", .boolean), ("rolinherit", .boolean),
      ("rolcreaterole", .boolean), ("rolcreatedb", .boolean), ("rolcanlogin", .boolean),
    ]
  ) { input in
    [
      [
        .oid(ownerOID), name(input.facts.user), .bool(true), .bool(true), .bool(true), .bool(true), .bool(true),
      ]
    ]
  }
}

extension CatalogSnapshot {
  /// Without the relations of indexes.
  var sortedTables: [TableDescriptor] { tables.values.filter { !$0.isIndex }.sorted { $0.id < $1.id } }
}

extension SettingDefinition {
  /// `vartype`, `unit`, `min_val`, `max_val` of `pg_settings`.
  fileprivate var shape: (type: String, unit: String?, low: String?, high: String?) {
    switch kind {
    case .boolean: ("bool", nil, nil, nil)
    case .integer(let bounds, let unit):
      ("integer", unit?.rawValue, String(bounds.lowerBound), String(bounds.upperBound))
    case .real(let bounds): ("real", nil, String(bounds.lowerBound), String(bounds.upperBound))
    case .choice: ("enum", nil, nil, nil)
    case .string: ("string", nil, nil, nil)
    }
  }

  /// `pg_settings` shows numbers in the base unit, where SHOW takes the greatest that divides.
  fileprivate func inBaseUnit(_ shown: String) -> String {
    guard case .integer(_, let unit?) = kind else { return shown }
    return String(Settings.base(shown, unit))
  }
}
