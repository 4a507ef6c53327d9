import Expressions
import Keys
import NodeCore
import Operations
import Schema
import Simulation
import Testing
import Values

@Suite("A simulated cluster")
struct SimulatedClusterTests {
  static func pairs(_ sharding: NewTable.Sharding) -> NewTable {
    NewTable(
      name: TableName(schema: "public", name: "pairs"),
      columns: [
        ColumnDescriptor(id: 1, name: "k", type: .int8, isNotNull: true, defaultValue: nil),
        ColumnDescriptor(id: 2, name: "v", type: .int8, isNotNull: false, defaultValue: nil),
      ],
      primaryKey: PrimaryKey(
        constraintName: "pairs_pkey", hashColumnCount: 1, columns: [KeyColumn(column: 0, descending: false)]),
      checks: [], sequences: [], sharding: sharding)
  }

  @Test("creates a table, writes through one node and reads through another", arguments: [1, 2, 3] as [UInt64])
  func writesAndReads(seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed)
    try cluster.startAll()
    _ = try cluster.run(on: 1) { node in
      try await node.gateway.change(.createTable(Self.pairs(.hash(tabletCount: 3)), ifNotExists: false), deadline: nil)
    }
    for key in 0..<20 {
      let result = try cluster.run(on: 1 + key % 3) { node in
        let table = try #require(node.catalog.current.table(schema: "public", name: "pairs"))
        return try await node.gateway.mutate(
          TableMutation(
            table: table.id, schemaVersion: table.version,
            mutation: .insert(rows: [[.int8(Int64(key)), .int8(Int64(key * 10))]], onConflict: .fail), returning: nil),
          deadline: nil)
      }
      #expect(result.affectedCount == 1)
    }
    let rows = try cluster.run(on: 3) { node in
      let table = try #require(node.catalog.current.table(schema: "public", name: "pairs"))
      let batches = try await node.gateway.read(
        TableRead(
          table: table.id, schemaVersion: table.version, selection: .ranges([table.wholeRange]),
          pipeline: RowPipeline(
            filter: nil, output: .rows(projection: [.column(0, .int8), .column(1, .int8)], limit: nil)),
          isOrdered: false), deadline: nil)
      var rows: [Row] = []
      while let batch = try await batches.next() { rows.append(contentsOf: batch) }
      return rows
    }
    #expect(rows.count == 20, "seed \(seed)")
    #expect(cluster.fatalErrors.isEmpty)
  }
}
