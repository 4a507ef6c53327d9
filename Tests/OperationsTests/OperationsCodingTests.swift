import Coding
import Expressions
import Keys
import Operations
import Schema
import TestSupport
import Testing
import Values

/// One of each kind of message, with all of its cases.
private enum Sample {
  static let filter = Expression.and([
    .isBool(.column(1, .boolean), expected: true), .not(.isNull(.column(0, .int4))),
  ])
  static let ranges = KeySelection.ranges([
    KeyRange(lower: [1], upper: [2]), KeyRange(lower: [2], upper: [3, 0]),
  ])
  static let points = KeySelection.points([[1], [1, 2], [4]])

  static let reads: [TableRead] = [ranges, points, .points([]), .ranges([])].map { selection in
    TableRead(
      table: TableID(16_384), schemaVersion: 3, selection: selection,
      pipeline: RowPipeline(filter: filter, output: .rows(projection: [.column(0, .int4)], limit: 10)),
      isOrdered: true)
  }

  static let mutations: [TableMutation] = {
    let assignments = [Assignment(column: 1, value: .constant(.text("x"), .text))]
    let rows: [Row] = [[.int4(1), .text("a"), .null], []]
    let all: [Mutation] = [
      .insert(rows: rows, onConflict: .fail), .insert(rows: [], onConflict: .doNothing),
      .insert(rows: rows, onConflict: .update(assignments, filter: filter)),
      .insert(rows: rows, onConflict: .update(assignments, filter: nil)), .update(points, filter: filter, assignments),
      .update(ranges, filter: nil, []), .delete(ranges, filter: filter), .delete(points, filter: nil),
    ]
    return all.enumerated().map { index, mutation in
      TableMutation(
        table: TableID(16_384), schemaVersion: 1, mutation: mutation,
        returning: index % 2 == 0 ? [.column(0, .int4)] : nil)
    }
  }()

  static let index = NewIndex(
    name: "i", isUnique: true, nullsAreEqual: true, isConstraint: true,
    keys: [IndexKey(expression: .column(0, .int4), sql: "a", isDescending: true)], includes: [0],
    predicate: IndexPredicate(expression: .isNull(.column(0, .int4)), sql: "(a IS NULL)"), hashColumnCount: 1,
    sharding: .hash(tabletCount: 2))

  static let foreignKey = NewForeignKey(
    name: "f", columns: [0], referencedTable: TableID(8), referencedColumns: [2], referencedIndex: "u",
    onDelete: .cascade, onUpdate: .setDefault, isMatchFull: true)

  static let alterations: [TableAlteration] = [
    .setIndexState(relation: TableID(9), .ready, readableFrom: HybridTime(rawValue: 5)),
    .dropIndex(relation: TableID(9)), .addForeignKey(foreignKey), .validateForeignKey("f"), .dropForeignKey("f"),
    .addCheck(CheckConstraint(name: "c", expression: filter, sql: "CHECK (x)")), .dropCheck("c"),
    .addColumn(ColumnDescriptor(id: 1, name: "b", type: .text, isNotNull: false, defaultValue: nil)),
  ]

  static let changes: [CatalogChange] = {
    let names = [TableName(schema: "public", name: "t"), TableName(schema: "s", name: "é")]
    func table(_ sharding: NewTable.Sharding) -> NewTable {
      NewTable(
        name: names[0],
        columns: [
          ColumnDescriptor(id: 1, name: "a", type: .int4, isNotNull: true, defaultValue: .identity(always: false))
        ],
        primaryKey: PrimaryKey(
          constraintName: "t_pkey", hashColumnCount: 0, columns: [KeyColumn(column: 0, descending: true)]),
        checks: [CheckConstraint(name: "c", expression: filter, sql: "CHECK (x)")],
        sequences: [SequenceDescriptor(name: "s", column: 1, start: .min, increment: 1, cache: 50)], sharding: sharding,
        indexes: [index], foreignKeys: [foreignKey])
    }
    return [
      .createTable(table(.hash(tabletCount: nil)), ifNotExists: true),
      .createTable(table(.hash(tabletCount: 3)), ifNotExists: false),
      .createTable(table(.range(splits: [[1], [2, 3]])), ifNotExists: false),
      .dropTables(names, ifExists: true, cascade: true), .truncate([TableID(7), TableID(8)]),
      .freeze(TableID(9), expectedVersion: 3, isFrozen: true),
      .replaceStorage(of: TableID(7), expectedVersion: 4, by: TableID(9)),
      .createIndex(index, on: TableID(7), ifNotExists: true),
    ] + alterations.map { .alterTable(TableID(7), $0) }
  }()

  static let status: ClusterStatus = {
    let node = NodeDescriptor(
      id: NodeID(2), cloud: "c", region: "r", zone: "z", rpcAddress: "a", sqlAddress: "b", httpAddress: "c",
      incarnation: 5)
    let tablet = TabletDescriptor(
      id: TabletID(9), table: TableID(3), lower: [1], upper: [2],
      replicas: [ReplicaDescriptor(node: NodeID(2), replica: 4)])
    return ClusterStatus(
      nodes: [
        NodeStatus(
          node: node, isLive: true, silentMicroseconds: 7, leaderCount: 1, replicaCount: 2, catalogVersion: 3)
      ],
      tablets: [
        TabletStatus(
          tablet: tablet, leader: NodeID(2), term: 4, commitIndex: 9, matchIndexes: [NodeID(2): 9, NodeID(1): 0],
          sizeBytes: 1 << 33),
        TabletStatus(tablet: tablet, leader: nil, term: 0, commitIndex: 0, matchIndexes: [:], sizeBytes: 0),
      ])
  }()

  static let result = MutationResult(affectedCount: 2, returned: [[.int4(1)], [.null]])
}

/// How a message is written and read, so that one test serves all kinds.
private struct Message: CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  /// Reads the message and writes it again.
  let rewrite: (inout ByteReader) throws -> [UInt8]
  var testDescription: String { name }

  init<T>(
    _ name: String, _ value: T, _ write: @escaping (inout ByteWriter, T) -> Void,
    _ read: @escaping (inout ByteReader) throws -> T
  ) {
    self.name = name
    func written(_ value: T) -> [UInt8] {
      var writer = ByteWriter()
      write(&writer, value)
      return writer.bytes
    }
    bytes = written(value)
    rewrite = { reader in written(try read(&reader)) }
  }

  static var all: [Message] {
    Sample.reads.map { Message("read", $0, { $0.write($1) }, { try $0.readTableRead() }) }
      + Sample.mutations.map { Message("mutation", $0, { $0.write($1) }, { try $0.readTableMutation() }) }
      + Sample.changes.map { Message("change", $0, { $0.write($1) }, { try $0.readCatalogChange() }) }
      + [
        Message("status", Sample.status, { $0.write($1) }, { try $0.readClusterStatus() }),
        Message("result", Sample.result, { $0.write($1) }, { try $0.readMutationResult() }),
        Message(
          "change result", CatalogChangeResult.done(skipped: [TableName(schema: "a", name: "b")]),
          { $0.write($1) }, { try $0.readCatalogChangeResult() }),
        Message("rows", Sample.result.returned, { $0.write($1) }, { try $0.readRows() }),
      ]
  }
}

@Suite struct OperationsCodingTests {
  @Test("Every message comes back as it was, and ends where it ended")
  func roundTrip() throws {
    for message in Message.all {
      var reader = ByteReader(message.bytes)
      #expect(try message.rewrite(&reader) == message.bytes, "\(message.name)")
      #expect(reader.isAtEnd, "\(message.name)")
    }
  }

  @Test("What a session does comes back as it was, and a piece of it throws")
  func sessionStatus() throws {
    var status = SessionStatus(processID: 3 << 20 | 7)
    (status.user, status.database, status.state, status.query) = ("ann", "apus", "active", "SELECT '雨'")
    (status.start, status.stateChange, status.transactionStart) = (1, 3, 2)
    status.clientAddress = "::1"
    for status in [status, SessionStatus(processID: -1)] {
      var writer = ByteWriter()
      status.write(to: &writer)
      var reader = ByteReader(writer.bytes)
      #expect(try SessionStatus(from: &reader) == status)
      for count in 0..<writer.bytes.count {
        var cut = ByteReader(Array(writer.bytes.prefix(count)))
        #expect(throws: CodingError.self) { try SessionStatus(from: &cut) }
      }
    }
    #expect(ProcessID.node(of: 3 << 20 | 7) == NodeID(3))
  }

  @Test("A message that is cut short throws")
  func truncated() {
    for message in Message.all where message.name != "rows" {
      for count in 0..<message.bytes.count {
        #expect(throws: CodingError.self, "\(message.name) at \(count)") {
          var reader = ByteReader(Array(message.bytes[..<count]))
          _ = try message.rewrite(&reader)
        }
      }
    }
  }

  @Test("Bytes that no writer wrote throw, and never trap", arguments: Seed.sample(8))
  func hostileBytes(seed: Seed) {
    var random = seed
    for message in Message.all {
      for _ in 0..<1_500 {
        var bytes = message.bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        var reader = ByteReader(bytes)
        _ = try? message.rewrite(&reader)
      }
    }
  }

  @Test("Keys and ranges out of order are refused: what executes them relies on it")
  func orderOfSelections() {
    let wrong: [KeySelection] = [
      .points([[2], [1]]), .points([[1], [1]]),
      .ranges([KeyRange(lower: [1], upper: [3]), KeyRange(lower: [2], upper: [4])]),
      .ranges([KeyRange(lower: [5], upper: [6]), KeyRange(lower: [1], upper: [2])]),
      .ranges([KeyRange(lower: [2], upper: [1])]),
    ]
    for selection in wrong {
      var writer = ByteWriter()
      writer.write(selection)
      #expect(throws: CodingError.self) {
        var reader = ByteReader(writer.bytes)
        _ = try reader.readKeySelection()
      }
    }
  }
}
