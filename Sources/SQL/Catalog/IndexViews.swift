import Keys
import Operations
import Schema
import Values

/// What the catalogs list as an index: a secondary one, or a primary key, whose rows are the table's own.
struct ListedIndex {
  var table: TableDescriptor
  /// Nil for the primary key.
  var index: IndexDescriptor?
  var oid: UInt32
  var hashColumnCount: Int

  var name: String { index?.name ?? table.primaryKey.constraintName }
  var keyCount: Int { index?.keys.count ?? table.primaryKey.columns.count }
  var includes: [Int] { index?.includes ?? [] }
  var isUnique: Bool { index?.isUnique ?? true }

  /// Each key as SQL, with how it is sorted.
  private var keys: [(sql: String, isDescending: Bool)] {
    index?.keys.map { ($0.sql, $0.isDescending) }
      ?? table.primaryKey.columns.map { (Deparser.quoted(table.columns[$0.column].name), $0.descending) }
  }

  /// As `pg_get_indexdef`, in YugabyteDB's words where PostgreSQL has none.
  var definition: String {
    let hashed = keys.prefix(hashColumnCount).map(\.sql)
    let sorted = keys.dropFirst(hashColumnCount).map { "\($0.sql) \($0.isDescending ? "DESC" : "ASC")" }
    let front =
      hashed.isEmpty ? [] : hashed.count == 1 ? ["\(hashed[0]) HASH"] : ["(\(hashed.joined(separator: ", "))) HASH"]
    var text = "CREATE \(isUnique ? "UNIQUE " : "")INDEX \(Deparser.quoted(name)) ON "
    text += "\(Deparser.quoted(table.schema)).\(Deparser.quoted(table.name)) USING lsm "
    text += "(\((front + sorted).joined(separator: ", ")))"
    if !includes.isEmpty {
      text += " INCLUDE (\(includes.map { Deparser.quoted(table.columns[$0].name) }.joined(separator: ", ")))"
    }
    if index?.nullsAreEqual ?? false { text += " NULLS NOT DISTINCT" }
    if let predicate = index?.predicate { text += " WHERE \(predicate.sql)" }
    return text
  }
}

extension CatalogSnapshot {
  /// A primary key has no relation of its own, and so no object id: it gets one that no table will have.
  private static let primaryKeyOIDs: UInt32 = 1 << 31

  var listedIndexes: [ListedIndex] {
    sortedTables.flatMap { table in
      let key =
        table.hasUserKey
        ? [
          ListedIndex(
            table: table, index: nil, oid: Self.primaryKeyOIDs | table.id.rawValue,
            hashColumnCount: table.primaryKey.hashColumnCount)
        ] : []
      return key
        + table.indexes.map { index in
          ListedIndex(
            table: table, index: index, oid: index.relation.rawValue,
            hashColumnCount: tables[index.relation]?.primaryKey.hashColumnCount ?? 0)
        }
    }
  }
}

extension ForeignKey {
  /// As `pg_get_constraintdef`.
  func definition(on table: TableDescriptor, to referenced: TableDescriptor?) -> String {
    let columns = self.columns.map { Deparser.quoted(table.columns[$0].name) }.joined(separator: ", ")
    let others = referencedColumns.compactMap { position in
      referenced?.columns.indices.contains(position) ?? false
        ? referenced.map { Deparser.quoted($0.columns[position].name) } : nil
    }.joined(separator: ", ")
    var text = "FOREIGN KEY (\(columns)) REFERENCES \(Deparser.quoted(referenced?.name ?? ""))(\(others))"
    if isMatchFull { text += " MATCH FULL" }
    if onUpdate != .noAction { text += " ON UPDATE \(onUpdate.sql)" }
    if onDelete != .noAction { text += " ON DELETE \(onDelete.sql)" }
    if !isValidated { text += " NOT VALID" }
    return text
  }
}

/// The views of `pg_catalog` about indexes and constraints. Lists of columns, which PostgreSQL has as vectors, are text.
enum IndexViews {
  private static func name(_ text: String) -> Datum { .text(text) }
  private static func vector(_ numbers: [Int]) -> Datum { .text(numbers.map(String.init).joined(separator: " ")) }

  static let index = VirtualTable(
    schema: "pg_catalog", name: "pg_index", oid: 2610,
    columns: [
      ("indexrelid", .oid), ("indrelid", .oid), ("indnatts", .int2), ("indnkeyatts", .int2),
      ("indisunique", .boolean), ("indnullsnotdistinct", .boolean), ("indisprimary", .boolean),
      ("indisvalid", .boolean), ("indisready", .boolean), ("indislive", .boolean), ("indkey", .text),
      ("indoption", .text), ("indexprs", .text), ("indpred", .text),
    ]
  ) { input in
    input.catalog.listedIndexes.map { listed in
      let table = listed.table
      func number(_ position: Int?) -> Int { position.map { Int(table.columns[$0].id) } ?? 0 }
      let keys = listed.index?.keys.map { number($0.column) } ?? table.keyPositions.map { number($0) }
      let descending = listed.index?.keys.map(\.isDescending) ?? table.primaryKey.columns.map(\.descending)
      let expressions = listed.index?.keys.filter { $0.column == nil }.map(\.sql) ?? []
      let state = listed.index?.state ?? .ready
      return [
        .oid(listed.oid), .oid(table.id.rawValue), .int2(Int16(clamping: listed.keyCount + listed.includes.count)),
        .int2(Int16(clamping: listed.keyCount)), .bool(listed.isUnique), .bool(listed.index?.nullsAreEqual ?? false),
        .bool(listed.index == nil), .bool(state.isReadable), .bool(state.addsEntries), .bool(true),
        vector(keys + listed.includes.map { number($0) }), vector(descending.map { $0 ? 3 : 0 }),
        expressions.isEmpty ? .null : .text(expressions.joined(separator: ", ")),
        listed.index?.predicate.map { .text($0.sql) } ?? .null,
      ]
    }
  }

  static let indexes = VirtualTable(
    schema: "pg_catalog", name: "pg_indexes", oid: 12_003,
    columns: [
      ("schemaname", SQLType(.name)), ("tablename", SQLType(.name)), ("indexname", SQLType(.name)),
      ("tablespace", SQLType(.name)), ("indexdef", .text),
    ]
  ) { input in
    input.catalog.listedIndexes.map { listed in
      [name(listed.table.schema), name(listed.table.name), name(listed.name), .null, .text(listed.definition)]
    }
  }

  static let constraint = VirtualTable(
    schema: "pg_catalog", name: "pg_constraint", oid: 2606,
    columns: [
      ("oid", .oid), ("conname", SQLType(.name)), ("connamespace", .oid), ("contype", .text),
      ("condeferrable", .boolean), ("condeferred", .boolean), ("convalidated", .boolean), ("conrelid", .oid),
      ("conindid", .oid), ("confrelid", .oid), ("confupdtype", .text), ("confdeltype", .text), ("confmatchtype", .text),
      ("conkey", .text), ("confkey", .text), ("condef", .text),
    ]
  ) { input in
    var rows: [Row] = []
    for table in input.catalog.sortedTables {
      func list(_ positions: [Int], of table: TableDescriptor?) -> Datum {
        guard let table else { return .null }
        let numbers = positions.filter(table.columns.indices.contains).map { String(table.columns[$0].id) }
        return .text("{\(numbers.joined(separator: ","))}")
      }
      func names(_ positions: [Int]) -> String {
        positions.map { Deparser.quoted(table.columns[$0].name) }.joined(separator: ", ")
      }
      func add(
        _ constraint: String, _ type: String, _ columns: [Int], index: UInt32 = 0, key: ForeignKey? = nil,
        _ definition: String
      ) {
        let referenced = key.flatMap { input.catalog.tables[$0.referencedTable] }
        rows.append([
          // Constraints are known by name within their table: the number only tells rows of this view apart.
          .oid(table.id.rawValue &* 1_000 &+ UInt32(rows.count)), name(constraint),
          .oid(SystemViews.namespaceOID(table.schema)), .text(type), .bool(false), .bool(false),
          .bool(key?.isValidated ?? true), .oid(table.id.rawValue), .oid(index),
          .oid(key?.referencedTable.rawValue ?? 0), .text(key?.onUpdate.letter ?? " "),
          .text(key?.onDelete.letter ?? " "), .text(key.map { $0.isMatchFull ? "f" : "s" } ?? " "),
          list(columns, of: table), key.map { list($0.referencedColumns, of: referenced) } ?? .null, .text(definition),
        ])
      }
      for check in table.checks {
        add(check.name, "c", check.expression.columnsUsed.sorted(), check.sql)
      }
      for listed in input.catalog.listedIndexes where listed.table.id == table.id {
        guard let index = listed.index else {
          add(
            listed.name, "p", table.keyPositions, index: listed.oid, "PRIMARY KEY (\(names(table.keyPositions)))")
          continue
        }
        guard index.isConstraint else { continue }
        let columns = index.keys.compactMap(\.column)
        var text = "UNIQUE \(index.nullsAreEqual ? "NULLS NOT DISTINCT " : "")(\(names(columns)))"
        if !index.includes.isEmpty { text += " INCLUDE (\(names(index.includes)))" }
        add(index.name, "u", columns, index: listed.oid, text)
      }
      for key in table.foreignKeys {
        add(
          key.name, "f", key.columns, index: key.referencedIndex?.rawValue ?? 0, key: key,
          key.definition(on: table, to: input.catalog.tables[key.referencedTable]))
      }
    }
    return rows
  }

  static let progress = VirtualTable(
    schema: "pg_catalog", name: "pg_stat_progress_create_index", oid: 12_004,
    columns: [
      ("pid", .int4), ("datname", SQLType(.name)), ("relid", .oid), ("index_relid", .oid), ("command", .text),
      ("phase", .text), ("tuples_done", .int8), ("partitions_total", .int8), ("partitions_done", .int8),
    ]
  ) { input in
    input.registry.indexBuilds.all.map { build in
      [
        .int4(build.processID), name(input.facts.database), .oid(build.table.rawValue),
        .oid(build.relation.rawValue), .text("CREATE INDEX CONCURRENTLY"), .text(build.phase.rawValue),
        .int8(Int64(build.rowCount)), .int8(Int64(build.tabletCount)), .int8(Int64(build.finishedTabletCount)),
      ]
    }
  }
}

extension ReferentialAction {
  fileprivate var letter: String {
    switch self {
    case .noAction: "a"
    case .restrict: "r"
    case .cascade: "c"
    case .setNull: "n"
    case .setDefault: "d"
    }
  }
}
