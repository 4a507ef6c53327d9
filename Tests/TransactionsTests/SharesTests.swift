import Keys
import Operations
import Schema
import Testing
import Transactions
import Values

@Suite("What the tablets of a table have of a statement")
struct SharesTests {
  /// A table of int8 keys with tablets from 0, 10 and 20 on.
  private static func world() throws -> (TableDescriptor, TabletShares) {
    var table = TableDescriptor(
      id: TableID(16_384), schema: "public", name: "t", version: 1,
      columns: [ColumnDescriptor(id: 1, name: "k", type: .int8, isNotNull: true, defaultValue: nil)],
      primaryKey: PrimaryKey(
        constraintName: "t_pkey", hashColumnCount: 0, columns: [KeyColumn(column: 0, descending: false)]),
      checks: [], tablets: [], sequences: [])
    let bounds =
      [table.wholeRange.lower] + (try [10, 20].map { try table.documentKey(keyValues: [.int8($0)]) })
      + [table.wholeRange.upper]
    var tablets: [TabletID: TabletDescriptor] = [:]
    for number in 0..<3 {
      let id = TabletID(UInt64(number) + 2)
      table.tablets.append(id)
      tablets[id] = TabletDescriptor(
        id: id, table: table.id, lower: bounds[number], upper: bounds[number + 1], replicas: [])
    }
    let catalog = CatalogSnapshot(version: 1, tables: [table.id: table], tablets: tablets, nodes: [:])
    return (table, TabletShares(of: table, in: catalog))
  }

  private static func result(_ rows: [Int64]) -> MutationResult {
    MutationResult(affectedCount: rows.count, returned: rows.map { [.int8($0)] }, changes: [])
  }

  private static func key(_ row: Row) -> Int64? {
    if case .int8(let key) = row.first { key } else { nil }
  }

  @Test("an insert's rows go to their tablets in key order, and come back in the order of the input")
  func inserts() throws {
    let (table, tablets) = try Self.world()
    let keys: [Int64] = [25, 3, 12, 3, 19, 1]
    let cut = try InsertShares(keys.map { [.int8($0)] }, of: table, shares: tablets)
    #expect(cut.shares.map(\.tablet.id) == [TabletID(2), TabletID(3), TabletID(4)])
    #expect(cut.shares.map(\.positions) == [[5, 1, 3], [2, 4], [0]])
    let merged = cut.merged([Self.result([1, 3, 3]), Self.result([12, 19]), Self.result([25])])
    #expect(merged.affectedCount == 6)
    #expect(merged.returned.map(Self.key) == keys)
  }

  @Test("rows that a conflict skipped are missing, and only they")
  func conflicts() throws {
    let (table, tablets) = try Self.world()
    let cut = try InsertShares([25, 3, 12, 1].map { [.int8($0)] }, of: table, shares: tablets)
    let merged = cut.merged([Self.result([3]), Self.result([]), Self.result([25])])
    #expect(merged.affectedCount == 2)
    #expect(merged.returned.count == 2)
  }

  @Test("a selection is cut where tablets begin")
  func selections() throws {
    let (table, tablets) = try Self.world()
    let points = try [9, 10, 30].map { (key: Int64) in try table.documentKey(keyValues: [.int8(key)]) }
    let shares = tablets.shares(of: .points(points))
    #expect(shares.map(\.tablet.id) == [TabletID(2), TabletID(3), TabletID(4)])
    #expect(shares.map(\.selection) == points.map { .points([$0]) })
    let range = KeyRange(lower: points[0], upper: points[1])
    #expect(tablets.shares(of: .ranges([range])).map(\.selection) == [.ranges([range])])
    let all = tablets.shares(of: .ranges([table.wholeRange]))
    #expect(all.map(\.selection) == tablets.tablets.map { .ranges([KeyRange(lower: $0.lower, upper: $0.upper)]) })
    #expect(tablets.shares(of: .ranges([])).isEmpty)
  }

  @Test("many reads of a tablet become one of all of it, so that no conflict is missed")
  func readSelections() throws {
    let (_, tablets) = try Self.world()
    let tablet = tablets.tablets[1]
    var read = ReadSelections(tablet)
    read.add(.points([[1]]))
    read.add(.points([[1]]))
    #expect(read.selections == [.points([[1]])])
    for number in 0..<1_000 { read.add(.points([[2, UInt8(number / 256), UInt8(number % 256)]])) }
    #expect(read.selections == [.ranges([KeyRange(lower: tablet.lower, upper: tablet.upper)])])
    read.add(.points([[3]]))
    #expect(read.selections.count == 1)
  }
}
