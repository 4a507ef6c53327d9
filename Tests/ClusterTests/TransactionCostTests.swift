import Foundation
import PostgresClient
import Testing

/// What transactions cost in consensus, which is steadier than what they cost in time.
extension ClusterTests {
  @Test("What nobody waits for at the end of a transaction goes with the entries of the next")
  func resolutionsShareEntries() throws {
    let cluster = try SharedCluster.running()
    let client = try PostgresConnection(cluster.targets[0])
    try client.execute("DROP TABLE IF EXISTS spread")
    try client.execute("CREATE TABLE spread (id int PRIMARY KEY, n int)")
    /// Of all nodes.
    func total(_ counter: String) throws -> Double {
      try (0..<3).reduce(0) { sum, node in
        let lines = try Wire.http(cluster.sqlPort + 3000 + node, "metrics").split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix(counter + " ") || $0.hasPrefix(counter + "{") })
        return sum + (try #require(line.split(separator: " ").last.flatMap { Double($0) }))
      }
    }
    let (records, entries) = ("apus_consensus_records_total", "apus_consensus_entries_total")
    let before = (records: try total(records), entries: try total(entries))
    // Each has rows in all three tablets: two prepare, one decides, two resolve.
    for transaction in 0..<100 {
      let rows = (0..<12).map { "(\(transaction * 12 + $0), 0)" }.joined(separator: ", ")
      try client.execute("INSERT INTO spread VALUES \(rows)")
    }
    #expect(try client.execute("SELECT count(*) FROM spread").rows == [["1200"]])
    let (recordCount, entryCount) = (try total(records) - before.records, try total(entries) - before.entries)
    #expect(recordCount >= 450, "\(recordCount) records")
    #expect(entryCount < recordCount * 0.8, "\(entryCount) entries for \(recordCount) records")
  }
}
