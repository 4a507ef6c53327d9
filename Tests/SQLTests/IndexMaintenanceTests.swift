import Expressions
import Keys
import Operations
import Schema
import Testing
import Transactions
import Values

/// Changes of rows in, mutations of indexes out. That whole tables keep whole indexes is the business of
/// `IndexPropertyTests`.
@Suite struct IndexMaintenanceTests {
  /// `t (id int PRIMARY KEY, k int, note text)` with one index over `k`.
  private func catalog(
    isUnique: Bool = false, includes: [Int] = [], predicate: Expression? = nil, state: IndexState = .ready
  ) -> (CatalogSnapshot, TableDescriptor) {
    func column(_ id: UInt16, _ name: String, _ type: SQLType) -> ColumnDescriptor {
      ColumnDescriptor(id: id, name: name, type: type, isNotNull: false, defaultValue: nil)
    }
    var table = TableDescriptor(
      id: TableID(7), schema: "public", name: "t", version: 3,
      columns: [column(1, "id", .int4), column(2, "k", .int4), column(3, "note", .text)],
      primaryKey: PrimaryKey(
        constraintName: "t_pkey", hashColumnCount: 0, columns: [KeyColumn(column: 0, descending: false)]),
      checks: [], tablets: [], sequences: [])
    let new = NewIndex(
      name: "t_k", isUnique: isUnique,
      keys: [IndexKey(expression: .column(1, .int4), sql: "k", isDescending: false)], includes: includes,
      predicate: predicate.map { IndexPredicate(expression: $0, sql: "…") }, hashColumnCount: 0,
      sharding: .range(splits: []))
    let relation = new.relation(TableID(8), of: table, tablets: [])
    table.indexes = [new.descriptor(relation: relation.id, state: state)]
    let snapshot = CatalogSnapshot(
      version: 1, tables: [table.id: table, relation.id: relation], tablets: [:], nodes: [:])
    return (snapshot, table)
  }

  private func row(_ id: Int32, _ key: Int32?, _ note: String = "") -> Row {
    [.int4(id), key.map { .int4($0) } ?? .null, .text(note)]
  }

  /// What is asked of the index's relation, in words.
  private func story(_ changes: [RowChange], _ made: (CatalogSnapshot, TableDescriptor)) throws -> [String] {
    let relation = try #require(made.0.tables[TableID(8)])
    return try IndexMaintenance.mutations(following: changes, of: made.1, in: made.0).map { mutation in
      #expect(mutation.table == relation.id && mutation.schemaVersion == relation.version)
      switch mutation.mutation {
      case .delete(.points(let keys), nil):
        return "delete " + (try keys.map { "\(try relation.keyValues(of: $0))" }.joined(separator: " "))
      case .insert(let rows, let onConflict):
        let kind =
          switch onConflict {
          case .fail: "insert"
          case .doNothing: "add"
          case .update: "put"
          }
        return "\(kind) " + rows.map { "\($0)" }.joined(separator: " ")
      default: return "something else"
      }
    }
  }

  @Test("An insert adds an entry, a delete removes one, and an update of the key does both, the removal first")
  func rowsComeAndGo() throws {
    let made = catalog()
    #expect(
      try story([RowChange(old: nil, new: row(1, 5))], made) == ["add [Values.Datum.int4(5), Values.Datum.int4(1)]"])
    #expect(
      try story([RowChange(old: row(1, 5), new: nil)], made) == ["delete [Values.Datum.int4(5), Values.Datum.int4(1)]"])
    #expect(
      try story([RowChange(old: row(1, 5), new: row(1, 6))], made) == [
        "delete [Values.Datum.int4(5), Values.Datum.int4(1)]", "add [Values.Datum.int4(6), Values.Datum.int4(1)]",
      ])
  }

  @Test("An update of other columns leaves the index alone, unless it keeps them")
  func otherColumns() throws {
    let change = RowChange(old: row(1, 5, "a"), new: row(1, 5, "b"))
    #expect(try story([change], catalog()).isEmpty)
    #expect(try story([change], catalog(includes: [2])).count == 2)
  }

  @Test("A statement may give each row another one's key: all removals stand before all additions")
  func keysChangePlaces() throws {
    let changes = [RowChange(old: row(1, 5), new: row(1, 6)), RowChange(old: row(2, 6), new: row(2, 5))]
    let said = try story(changes, catalog(isUnique: true))
    #expect(said.count == 2 && said[0].hasPrefix("delete") && said[1].hasPrefix("insert"))
  }

  @Test("Rows that the predicate leaves out have no entry, before or after")
  func partial() throws {
    let made = catalog(predicate: .not(.isNull(.column(2, .text))))
    let out: Row = [.int4(1), .int4(5), .null]
    #expect(try story([RowChange(old: nil, new: out)], made).isEmpty)
    #expect(try story([RowChange(old: out, new: row(1, 5, "a"))], made).count == 1)
    #expect(try story([RowChange(old: row(1, 5, "a"), new: out)], made).first?.hasPrefix("delete") == true)
  }

  @Test("While an index only deletes, nothing is added to it")
  func deleteOnly() throws {
    let made = catalog(state: .deleteOnly)
    #expect(try story([RowChange(old: nil, new: row(1, 5))], made).isEmpty)
    #expect(try story([RowChange(old: row(1, 5), new: row(1, 6))], made).count == 1)
    for state in IndexState.allCases where state != .deleteOnly {
      #expect(try story([RowChange(old: nil, new: row(1, 5))], catalog(state: state)).count == 1)
    }
  }

  @Test("In a unique index keys meet, and those with NULL do not")
  func ties() throws {
    let (snapshot, table) = catalog(isUnique: true)
    let relation = try #require(snapshot.tables[TableID(8)])
    let maker = IndexEntries(of: table.indexes[0], on: table)
    func key(_ id: Int32, _ key: Int32?) throws -> [UInt8] {
      try relation.documentKey(for: try #require(try maker.entry(for: row(id, key))))
    }
    #expect(try key(1, 5) == key(2, 5))
    #expect(try key(1, nil) != key(2, nil))
  }

  @Test("An index that is gone is a reason to run the statement again")
  func goneIndex() throws {
    let (snapshot, table) = catalog()
    var tables = snapshot.tables
    tables[TableID(8)] = nil
    let rest = CatalogSnapshot(version: 2, tables: tables, tablets: [:], nodes: [:])
    #expect {
      try IndexMaintenance.mutations(following: [RowChange(old: nil, new: row(1, 5))], of: table, in: rest)
    } throws: { ($0 as? SQLError)?.state == .serializationFailure }
  }
}
