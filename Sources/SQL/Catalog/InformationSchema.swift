import Schema
import Values

/// `information_schema` (SQL:2016, part 11), as PostgreSQL 15 shows it, cut to what exists here.
enum InformationSchema {
  static let all = [tables, columns, schemata, tableConstraints, keyColumnUsage, referentialConstraints]

  private static func text(_ value: String?) -> Datum { value.map { .text($0) } ?? .null }
  private static func yes(_ isSo: Bool) -> Datum { .text(isSo ? "YES" : "NO") }

  static let tables = VirtualTable(
    schema: "information_schema", name: "tables", oid: 13_001,
    columns: [
      ("table_catalog", SQLType(.name)), ("table_schema", SQLType(.name)), ("table_name", SQLType(.name)),
      ("table_type", .text), ("self_referencing_column_name", SQLType(.name)), ("reference_generation", .text),
      ("user_defined_type_catalog", SQLType(.name)), ("user_defined_type_schema", SQLType(.name)),
      ("user_defined_type_name", SQLType(.name)), ("is_insertable_into", .text), ("is_typed", .text),
      ("commit_action", .text),
    ]
  ) { input in
    func row(_ schema: String, _ name: String, isView: Bool) -> Row {
      [
        .text(input.facts.database), .text(schema), .text(name), .text(isView ? "VIEW" : "BASE TABLE"), .null, .null,
        .null, .null, .null, yes(!isView), yes(false), .null,
      ]
    }
    return input.catalog.sortedTables.map { row($0.schema, $0.name, isView: false) }
      + input.views.tables.map { row($0.schema, $0.name, isView: true) }
  }

  static let columns = VirtualTable(
    schema: "information_schema", name: "columns", oid: 13_002,
    columns: [
      ("table_catalog", SQLType(.name)), ("table_schema", SQLType(.name)), ("table_name", SQLType(.name)),
      ("column_name", SQLType(.name)), ("ordinal_position", .int4), ("column_default", .text), ("is_nullable", .text),
      ("data_type", .text), ("character_maximum_length", .int4), ("character_octet_length", .int4),
      ("numeric_precision", .int4), ("numeric_precision_radix", .int4), ("numeric_scale", .int4),
      ("datetime_precision", .int4), ("udt_catalog", SQLType(.name)), ("udt_schema", SQLType(.name)),
      ("udt_name", SQLType(.name)), ("is_identity", .text), ("identity_generation", .text), ("is_generated", .text),
      ("is_updatable", .text),
    ]
  ) { input in
    func row(
      _ schema: String, _ table: String, _ name: String, _ number: Int, _ type: SQLType, isNotNull: Bool,
      defaultValue: String?, identity: String?, isUpdatable: Bool
    ) -> Row {
      let shape = TypeShape(type)
      let entry = TypeCatalog.entry(type.kind)
      return [
        .text(input.facts.database), .text(schema), .text(table), .text(name), .int4(Int32(number)),
        text(defaultValue), yes(!isNotNull), .text(entry.sqlName), shape.length, shape.octets, shape.precision,
        shape.radix, shape.scale, shape.fraction, .text(input.facts.database), .text("pg_catalog"),
        .text(entry.internalName), yes(identity != nil), text(identity), .text("NEVER"), yes(isUpdatable),
      ]
    }
    var rows: [Row] = []
    for table in input.catalog.sortedTables {
      for column in table.visibleColumns {
        var (defaultValue, identity): (String?, String?) = (nil, nil)
        switch column.defaultValue {
        case .expression(_, let sql): defaultValue = sql
        case .sequence:
          defaultValue = table.sequence(ofColumn: column.id).map { "nextval('\($0.name)'::regclass)" }
        case .identity(let always): identity = always ? "ALWAYS" : "BY DEFAULT"
        case .rowID, nil: break
        }
        rows.append(
          row(
            table.schema, table.name, column.name, Int(column.id), column.type, isNotNull: column.isNotNull,
            defaultValue: defaultValue, identity: identity, isUpdatable: true))
      }
    }
    for view in input.views.tables {
      for (index, column) in view.columns.enumerated() {
        rows.append(
          row(
            view.schema, view.name, column.name, index + 1, column.type, isNotNull: false, defaultValue: nil,
            identity: nil, isUpdatable: false))
      }
    }
    return rows
  }

  /// What the columns about lengths and digits say of a type.
  private struct TypeShape {
    var length = Datum.null
    var octets = Datum.null
    var precision = Datum.null
    var radix = Datum.null
    var scale = Datum.null
    var fraction = Datum.null

    init(_ type: SQLType) {
      switch type.kind {
      case .text, .varchar, .char:
        octets = .int4(1_073_741_824)
        if case .length(let count) = type.modifier { (length, octets) = (.int4(count), .int4(count &* 4)) }
      case .int2: (precision, radix, scale) = (.int4(16), .int4(2), .int4(0))
      case .int4: (precision, radix, scale) = (.int4(32), .int4(2), .int4(0))
      case .int8: (precision, radix, scale) = (.int4(64), .int4(2), .int4(0))
      case .float4: (precision, radix) = (.int4(24), .int4(2))
      case .float8: (precision, radix) = (.int4(53), .int4(2))
      case .numeric:
        radix = .int4(10)
        if case .precisionScale(let digits, let behind) = type.modifier {
          (precision, scale) = (.int4(digits), .int4(behind))
        }
      case .date: fraction = .int4(0)
      case .time, .timestamp, .timestampTZ, .interval:
        fraction = .int4(6)
        if case .fraction(let digits) = type.modifier { fraction = .int4(digits) }
      default: break
      }
    }
  }

  static let schemata = VirtualTable(
    schema: "information_schema", name: "schemata", oid: 13_003,
    columns: [
      ("catalog_name", SQLType(.name)), ("schema_name", SQLType(.name)), ("schema_owner", SQLType(.name)),
    ]
  ) { input in
    var names = Set(input.catalog.tables.values.map(\.schema))
    names.formUnion(["public", "pg_catalog", "information_schema", "sys"])
    return names.sorted().map { [.text(input.facts.database), .text($0), .text(input.facts.user)] }
  }

  static let tableConstraints = VirtualTable(
    schema: "information_schema", name: "table_constraints", oid: 13_004,
    columns: [
      ("constraint_catalog", SQLType(.name)), ("constraint_schema", SQLType(.name)),
      ("constraint_name", SQLType(.name)), ("table_catalog", SQLType(.name)), ("table_schema", SQLType(.name)),
      ("table_name", SQLType(.name)), ("constraint_type", .text), ("is_deferrable", .text),
      ("initially_deferred", .text), ("enforced", .text),
    ]
  ) { input in
    var rows: [Row] = []
    for table in input.catalog.sortedTables {
      func add(_ name: String, _ type: String) {
        rows.append([
          .text(input.facts.database), .text(table.schema), .text(name), .text(input.facts.database),
          .text(table.schema), .text(table.name), .text(type), yes(false), yes(false), yes(true),
        ])
      }
      if table.hasUserKey { add(table.primaryKey.constraintName, "PRIMARY KEY") }
      for index in table.indexes where index.isConstraint { add(index.name, "UNIQUE") }
      for key in table.foreignKeys { add(key.name, "FOREIGN KEY") }
      for check in table.checks { add(check.name, "CHECK") }
    }
    return rows
  }

  static let keyColumnUsage = VirtualTable(
    schema: "information_schema", name: "key_column_usage", oid: 13_005,
    columns: [
      ("constraint_catalog", SQLType(.name)), ("constraint_schema", SQLType(.name)),
      ("constraint_name", SQLType(.name)), ("table_catalog", SQLType(.name)), ("table_schema", SQLType(.name)),
      ("table_name", SQLType(.name)), ("column_name", SQLType(.name)), ("ordinal_position", .int4),
      ("position_in_unique_constraint", .int4),
    ]
  ) { input in
    var rows: [Row] = []
    for table in input.catalog.sortedTables {
      func add(_ constraint: String, _ columns: [Int], referenced: [Int]? = nil) {
        for (index, column) in columns.enumerated() {
          rows.append([
            .text(input.facts.database), .text(table.schema), .text(constraint), .text(input.facts.database),
            .text(table.schema), .text(table.name), .text(table.columns[column].name), .int4(Int32(index + 1)),
            referenced.map { .int4(Int32($0[index])) } ?? .null,
          ])
        }
      }
      if table.hasUserKey { add(table.primaryKey.constraintName, table.keyPositions) }
      for index in table.indexes where index.isConstraint { add(index.name, index.keys.compactMap(\.column)) }
      for key in table.foreignKeys {
        let target = input.catalog.tables[key.referencedTable]
        let order =
          key.referencedIndex.flatMap { target?.index(relation: $0) }?.keys.compactMap(\.column)
          ?? target?.keyPositions ?? []
        add(key.name, key.columns, referenced: key.referencedColumns.map { (order.firstIndex(of: $0) ?? 0) + 1 })
      }
    }
    return rows
  }

  static let referentialConstraints = VirtualTable(
    schema: "information_schema", name: "referential_constraints", oid: 13_006,
    columns: [
      ("constraint_catalog", SQLType(.name)), ("constraint_schema", SQLType(.name)),
      ("constraint_name", SQLType(.name)), ("unique_constraint_catalog", SQLType(.name)),
      ("unique_constraint_schema", SQLType(.name)), ("unique_constraint_name", SQLType(.name)),
      ("match_option", .text), ("update_rule", .text), ("delete_rule", .text),
    ]
  ) { input in
    input.catalog.sortedTables.flatMap { table in
      table.foreignKeys.map { key -> Row in
        let target = input.catalog.tables[key.referencedTable]
        let unique =
          key.referencedIndex.flatMap { target?.index(relation: $0)?.name } ?? target?.primaryKey.constraintName
        return [
          .text(input.facts.database), .text(table.schema), .text(key.name), .text(input.facts.database),
          text(target?.schema), text(unique), .text(key.isMatchFull ? "FULL" : "NONE"), .text(key.onUpdate.sql),
          .text(key.onDelete.sql),
        ]
      }
    }
  }
}

extension TableDescriptor {
  /// Whether the key is one that the user gave.
  var hasUserKey: Bool { !primaryKey.columns.contains { columns[$0.column].isHidden } }
}
