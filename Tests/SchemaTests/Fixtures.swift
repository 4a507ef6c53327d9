import Expressions
import Keys
import Schema
import Values

enum Make {
  static func column(_ id: UInt16, _ type: SQLType) -> ColumnDescriptor {
    ColumnDescriptor(id: id, name: "c\(id)", type: type, isNotNull: true, defaultValue: nil)
  }

  /// A table whose first columns are its key.
  static func table(
    _ types: [SQLType], hashed: Int = 0, descending: [Bool]? = nil, id: UInt32 = 16_384
  ) -> TableDescriptor {
    let descending = descending ?? types.map { _ in false }
    return TableDescriptor(
      id: TableID(id), schema: "public", name: "t", version: 1,
      columns: types.enumerated().map { column(UInt16($0 + 1), $1) },
      primaryKey: PrimaryKey(
        constraintName: "t_pkey", hashColumnCount: hashed,
        columns: descending.enumerated().map { KeyColumn(column: $0, descending: $1) }),
      checks: [], tablets: [], sequences: [])
  }

  /// With everything that a descriptor can have.
  static let everything: TableDescriptor = {
    var table = Make.table([.int4, .text, SQLType(.numeric, .precisionScale(10, 2)), .int8, .uuid], hashed: 1)
    table.primaryKey.columns = [KeyColumn(column: 1, descending: false), KeyColumn(column: 0, descending: true)]
    table.columns[0].defaultValue = .sequence
    table.columns[1].defaultValue = .expression(.constant(.text("x"), .text), sql: "'x'::text")
    table.columns[3].defaultValue = .identity(always: true)
    table.columns[4].defaultValue = .rowID
    table.columns[4].isHidden = true
    table.checks = [
      CheckConstraint(
        name: "t_check", expression: .not(.isNull(.column(1, .text))), sql: "CHECK ((c2 IS NOT NULL))")
    ]
    table.tablets = [TabletID(5), TabletID(6)]
    table.sequences = [
      SequenceDescriptor(name: "t_c1_seq", column: 1, start: 1, increment: -2, cache: 100)
    ]
    table.indexes = [
      IndexDescriptor(
        relation: TableID(16_400), name: "t_i", isUnique: true, nullsAreEqual: true, isConstraint: true,
        keys: [
          IndexKey(expression: .column(0, .int4), sql: "c1", isDescending: true),
          IndexKey(expression: .not(.isNull(.column(1, .text))), sql: "(c2 IS NOT NULL)", isDescending: false),
        ], includes: [3, 4],
        predicate: IndexPredicate(expression: .isNull(.column(2, SQLType(.numeric))), sql: "(c3 IS NULL)"),
        state: .writeOnly, readableFrom: HybridTime(rawValue: 1 << 60))
    ]
    table.foreignKeys = [
      ForeignKey(
        name: "t_fk", columns: [1, 0], referencedTable: TableID(7), referencedColumns: [0, 3],
        referencedIndex: TableID(8), onDelete: .setNull, onUpdate: .cascade, isMatchFull: true, isValidated: false)
    ]
    return table
  }()

  static let tablet = TabletDescriptor(
    id: TabletID(5), table: TableID(16_384), lower: [0, 0, 64, 0], upper: [0, 0, 64, 1],
    replicas: [ReplicaDescriptor(node: NodeID(1), replica: 9), ReplicaDescriptor(node: NodeID(3), replica: 1 << 40)])

  static let node = NodeDescriptor(
    id: NodeID(1), cloud: "c", region: "r", zone: "z", rpcAddress: "h:1", sqlAddress: "h:2", httpAddress: "h:3",
    incarnation: .max)
}
