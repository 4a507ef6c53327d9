import PostgresClient
import Testing
import Workload

/// Transactions that write more than their leaders keep in memory, which is 1 MiB in each tablet here (`SharedCluster`).
@Suite("Transactions that are larger than their leaders' memory", .serialized)
struct LargeTransactionTests {
  private static let rows = 30_000
  private static let sum = "SELECT count(*), sum(n) FROM large"

  @Test("A block reads what it wrote and goes back to a savepoint; others see nothing of it, then all of it at once")
  func block() throws {
    let cluster = try SharedCluster.running()
    let writer = try PostgresConnection(cluster.targets[0])
    let other = try PostgresConnection(cluster.targets[1])
    try Self.fill(by: writer)
    try writer.execute("BEGIN")
    #expect(try writer.execute("UPDATE large SET n = n + 1").affectedRows == Self.rows)
    try writer.execute("SAVEPOINT first")
    #expect(try writer.execute("DELETE FROM large").affectedRows == Self.rows)
    #expect(try writer.execute(Self.sum).rows == [["0", nil]])
    try writer.execute("ROLLBACK TO first")
    #expect(try writer.execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows)"]])
    #expect(try writer.execute("UPDATE large SET n = n + 10 WHERE id % 2 = 0").affectedRows == Self.rows / 2)
    #expect(try writer.execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows * 6)"]])

    #expect(try other.execute(Self.sum).rows == [["\(Self.rows)", "0"]])
    let locked = #expect(throws: PostgresError.self) {
      try other.execute("SELECT n FROM large WHERE id = 7 FOR UPDATE NOWAIT")
    }
    #expect(locked?.sqlState == "55P03")
    try writer.execute("COMMIT")
    for target in cluster.targets {
      #expect(try PostgresConnection(target).execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows * 6)"]])
    }
    #expect(try other.execute("UPDATE large SET n = n + 1 WHERE id <= 10").affectedRows == 10)
    #expect(try other.execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows * 6 + 10)"]])
  }

  @Test("A leader is killed in the middle, and right after the commit: all of it or nothing")
  func kill() throws {
    let cluster = try SharedCluster.running()
    try Self.fill(by: PostgresConnection(cluster.targets[0]))
    let (victim, gateway) = try Self.leaderAndAnother(in: cluster)
    let writer = try PostgresConnection(cluster.targets[gateway - 1])
    try writer.execute("BEGIN")
    #expect(try writer.execute("UPDATE large SET n = n + 1").affectedRows == Self.rows)
    try cluster.node(victim, "kill")
    let lost = #expect(throws: PostgresError.self) { try writer.execute("COMMIT") }
    #expect(lost?.sqlState == "40001")
    #expect(try writer.execute(Self.sum).rows == [["\(Self.rows)", "0"]])
    try cluster.node(victim, "start")

    let (second, witness) = try Self.leaderAndAnother(in: cluster)
    let sure = try PostgresConnection(cluster.targets[witness - 1])
    try Wait.until("all rows are changed in one statement", seconds: 30) {
      (try? sure.execute("UPDATE large SET n = n + 1").affectedRows) == Self.rows
    }
    try cluster.node(second, "kill")
    #expect(try sure.execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows)"]])
    try cluster.node(second, "start")
    for target in cluster.targets {
      #expect(try PostgresConnection(target).execute(Self.sum).rows == [["\(Self.rows)", "\(Self.rows)"]])
    }
  }

  private static func fill(by connection: PostgresConnection) throws {
    try connection.execute("DROP TABLE IF EXISTS large")
    try connection.execute("CREATE TABLE large (id int PRIMARY KEY, n bigint NOT NULL, body text NOT NULL)")
    try connection.execute(
      "INSERT INTO large SELECT g, 0, repeat('x', 100) FROM generate_series(1, \(rows)) AS g")
  }

  /// A node that leads a tablet of the table, and another node.
  private static func leaderAndAnother(in cluster: LocalCluster) throws -> (leader: Int, other: Int) {
    var found: Int?
    try Wait.until("a tablet of the table has a leader") {
      let rows = try PostgresConnection(cluster.targets[0]).execute(
        "SELECT leader FROM sys.tablets WHERE table_name = 'large' AND leader IS NOT NULL ORDER BY leader DESC"
      ).rows
      found = rows.first?[0].flatMap { Int($0) }
      return found != nil
    }
    let leader = try #require(found)
    return (leader, leader % cluster.nodes + 1)
  }
}
