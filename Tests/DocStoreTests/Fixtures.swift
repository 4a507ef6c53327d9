import DocStore
import Expressions
import Keys
import Schema
import Storage
import Values

/// Short ways to say what the stories are about.
enum Make {
  static func column(_ id: UInt16, _ name: String, _ type: SQLType, notNull: Bool = false) -> ColumnDescriptor {
    ColumnDescriptor(id: id, name: name, type: type, isNotNull: notNull, defaultValue: nil)
  }

  /// `CREATE TABLE t (a int PRIMARY KEY, b text, c int CHECK (c > 0))`, sharded by range unless `hashed`.
  static func table(hashed: Bool = false, version: UInt32 = 1) -> TableDescriptor {
    TableDescriptor(
      id: TableID(16_384), schema: "public", name: "t", version: version,
      columns: [column(1, "a", .int4, notNull: true), column(2, "b", .text), column(3, "c", .int4)],
      primaryKey: PrimaryKey(
        constraintName: "t_pkey", hashColumnCount: hashed ? 1 : 0, columns: [KeyColumn(column: 0, descending: false)]),
      checks: [
        CheckConstraint(name: "t_c_check", expression: c > 0, sql: "CHECK ((c > 0))")
      ], tablets: [TabletID(2)], sequences: [])
  }

  static func row(_ a: Int32, _ b: String?, _ c: Int32?) -> Row {
    [.int4(a), b.map { .text($0) } ?? .null, c.map { .int4($0) } ?? .null]
  }

  static let context = EvaluationContext(statementTime: 0, transactionTime: 0)

  static func store() throws -> any Store {
    try MemoryStorageEngine().openStore(at: "t", options: StoreOptions())
  }

  // Expressions over the table's columns.
  static let a = Expression.column(0, .int4)
  static let b = Expression.column(1, .text)
  static let c = Expression.column(2, .int4)
  static let excludedB = Expression.column(4, .text)
  static let excludedC = Expression.column(5, .int4)
}

extension Expression {
  static func int(_ value: Int32) -> Expression { .constant(.int4(value), .int4) }
  static func text(_ value: String) -> Expression { .constant(.text(value), .text) }
  /// `pg_proc` ids of int4eq, int4gt, int4lt and int4pl.
  static func == (a: Expression, b: Int32) -> Expression { .call(FunctionID(65), [a, .int(b)], .boolean) }
  static func > (a: Expression, b: Int32) -> Expression { .call(FunctionID(147), [a, .int(b)], .boolean) }
  static func < (a: Expression, b: Int32) -> Expression { .call(FunctionID(66), [a, .int(b)], .boolean) }
  static func + (a: Expression, b: Expression) -> Expression { .call(FunctionID(177), [a, b], .int4) }
}

extension TableDescriptor {
  func writes(of rows: [Row]) throws -> [DocumentWrite] {
    let codec = RowCodec(table: self)
    return try rows.map { row in
      var packed: [UInt8] = []
      try codec.encode(row, into: &packed)
      return DocumentWrite(documentKey: try documentKey(for: row), packedRow: packed)
    }
  }
}

extension Store {
  /// Commits writes at one time, as the tablet does.
  func commit(_ writes: [DocumentWrite], at time: HybridTime) throws {
    var batch = WriteBatch()
    batch.put(writes, at: time)
    let index = (appliedFrontier?.index ?? 0) + 1
    try write(batch, frontier: Frontier(index: index, term: 1, hybridTime: time))
  }

  /// Commits rows of a table; nil deletes the row with that key.
  func commit(_ rows: [Row], of table: TableDescriptor, at microseconds: UInt64) throws {
    try commit(try table.writes(of: rows), at: HybridTime(microseconds: microseconds))
  }
}

/// A row as text, NULL as `-`: short enough to compare whole results.
func show(_ rows: [Row]) -> [String] {
  rows.map { row in
    row.map { datum in
      switch datum {
      case .null: "-"
      case .int4(let value): "\(value)"
      case .int8(let value): "\(value)"
      case .text(let value): value
      default: "\(datum)"
      }
    }.joined(separator: " ")
  }
}
