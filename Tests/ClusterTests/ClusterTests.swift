import Foundation
import PostgresClient
import Testing
import Workload

/// Real processes, real sockets, real clients: what an operator does, and what happens to them.
///
/// One cluster serves all tests of the suite, each of which leaves it whole.
@Suite("A cluster of three processes", .serialized)
struct ClusterTests {
  @Test("Every node answers every client")
  func basics() throws {
    let cluster = try SharedCluster.running()
    let connections = try cluster.targets.map { try PostgresConnection($0) }
    try connections[0].execute("DROP TABLE IF EXISTS note")
    try connections[0].execute("CREATE TABLE note (id bigint PRIMARY KEY, body text NOT NULL, score numeric(6,2))")
    for (index, connection) in connections.enumerated() {
      let result = try connection.execute(
        "INSERT INTO note VALUES ($1, $2, 1.5) RETURNING id", ["\(index)", "from node \(index + 1): 雨燕"])
      #expect(result.rows == [["\(index)"]])
      #expect(result.commandTag == "INSERT 0 1")
    }
    for connection in connections {
      let rows = try connection.execute("SELECT id, body, score FROM note ORDER BY id").rows
      #expect(rows.count == 3)
      #expect(rows.first == ["0", "from node 1: 雨燕", "1.50"])
      #expect(try connection.execute("SELECT count(*) FROM note").rows == [["3"]])
      let error = #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO note VALUES (0, 'again')") }
      #expect(error?.sqlState == "23505")
      #expect(throws: PostgresError.self) { try connection.execute("SELECT nothing FROM note") }
      #expect(connection.isUsable)
    }
    #expect(try connections[1].execute("UPDATE note SET body = 'x' WHERE id = 2").affectedRows == 1)
    #expect(try connections[2].execute("DELETE FROM note WHERE id = 2").affectedRows == 1)
    #expect(try connections[0].execute("SELECT count(*) FROM note").rows == [["2"]])
  }

  @Test("A node is killed while clients write: nothing is lost, and the others take over")
  func killOne() throws {
    let cluster = try SharedCluster.running()
    let run = try SharedWorkload.started(on: cluster)
    let start = run.successes
    try Wait.until("the clients are under way") { run.everyClient(since: start) }
    try cluster.node(2, "kill")
    let killed = run.successes
    try Wait.until("every client is served by two nodes", seconds: 20) {
      run.everyClient(hasAnswers: 40, since: killed)
    }
    let status = try cluster.status()
    #expect(status.text.contains("node 2: down"), "\(status.text)")
    try cluster.node(2, "start")
    let returned = run.successes
    try Wait.until("every client is served by three nodes") { run.everyClient(hasAnswers: 40, since: returned) }
    let report = run.finish()
    // The promise is 4 s; the machine that runs the tests may have other work to do.
    #expect(report.longestGap < .seconds(10), "\(report.text)")
    #expect(report.isGood, "\(report.text)")
  }

  @Test("A node is killed among open transactions: no money is lost or made, and no level's promise is broken")
  func killOneAmongTransactions() throws {
    let cluster = try SharedCluster.running()
    let run = try SharedWorkload.started(on: cluster, [.bank, .append])
    let start = run.successes
    try Wait.until("the clients are under way") { run.everyClient(since: start) }
    try cluster.node(1, "kill")
    let killed = run.successes
    try Wait.until("every client is served by two nodes", seconds: 20) { run.everyClient(since: killed) }
    try cluster.node(1, "start")
    let returned = run.successes
    try Wait.until("every client is served by three nodes", seconds: 20) { run.everyClient(since: returned) }
    let report = run.finish()
    #expect(report.isGood, "\(report.text)")
  }

  @Test("All nodes are killed at once and come back with all that was acknowledged")
  func killAll() throws {
    let cluster = try SharedCluster.running()
    let run = try SharedWorkload.started(on: cluster)
    let start = run.successes
    try Wait.until("the clients are under way") { run.everyClient(hasAnswers: 40, since: start) }
    cluster.killAll()
    try Wait.until("all processes have ended") { (1...3).allSatisfy { !cluster.isRunning($0) } }
    let status = try cluster.status()
    #expect(status.status != 0)
    #expect(status.text.contains("error: no node answers"), "\(status.text)")
    try cluster.start()
    let restarted = run.successes
    try Wait.until("every client is served again", seconds: 30) { run.everyClient(since: restarted) }
    let report = run.finish()
    #expect(report.isGood, "\(report.text)")
  }

  @Test("Stopping takes seconds and keeps the data")
  func stopAndStart() throws {
    let cluster = try SharedCluster.running()
    let first = try PostgresConnection(cluster.targets[0])
    try first.execute("DROP TABLE IF EXISTS kept")
    try first.execute("CREATE TABLE kept (id bigint PRIMARY KEY, body text)")
    for id in 0..<50 { try first.execute("INSERT INTO kept VALUES ($1, $2)", ["\(id)", "row \(id)"]) }
    let start = ContinuousClock.now
    try cluster.stop()
    let duration = ContinuousClock.now - start
    #expect(duration < .seconds(15), "stopping took \(duration)")
    #expect((1...3).allSatisfy { !cluster.isRunning($0) })
    #expect(throws: PostgresError.self) { try first.execute("SELECT 1") }
    try cluster.start()
    for target in cluster.targets {
      let rows = try PostgresConnection(target).execute("SELECT id, body FROM kept ORDER BY id").rows
      #expect(rows == (0..<50).map { ["\($0)", "row \($0)"] })
    }
  }

  @Test("Status shows a node that is down and leaders that moved")
  func status() throws {
    let cluster = try SharedCluster.running()
    let before = try cluster.status()
    #expect(before.status == 0)
    for number in 1...3 { #expect(before.text.contains("node \(number): up, process")) }
    try cluster.node(3, "kill")
    try Wait.until("no tablet is led by the dead node", seconds: 20) {
      guard let connection = try? PostgresConnection(cluster.targets[0]),
        let rows = try? connection.execute("SELECT leader FROM sys.tablets").rows
      else { return false }
      return !rows.isEmpty && rows.allSatisfy { $0[0] != nil && $0[0] != "3" }
    }
    try Wait.until("status shows the node as down and silent", seconds: 20) {
      let text = try cluster.status().text
      return text.contains("node 3: down") && text.contains("silent for") && text.contains("all with a leader")
    }
    let json = try cluster.status("--json")
    #expect((try? JSONSerialization.jsonObject(with: Data(json.text.utf8))) != nil, "\(json.text.prefix(200))")
    try cluster.node(3, "start")
    try Wait.until("status shows three live nodes", seconds: 20) {
      let text = try cluster.status().text
      return text.contains("node 3: up") && !text.contains("silent for")
    }
  }

  @Test("The pages for machines and operators answer")
  func pages() throws {
    let cluster = try SharedCluster.running()
    for port in [cluster.sqlPort + 3000, cluster.sqlPort + 3002] {
      for page in ["livez", "readyz", "metrics", "status"] {
        let answer = try Wire.http(port, page)
        #expect(answer.hasPrefix("HTTP/1.1 200"), "/\(page) on \(port): \(answer.prefix(200))")
      }
      #expect(try Wire.http(port, "metrics").contains("# TYPE "))
      #expect(try Wire.http(port, "nothing").hasPrefix("HTTP/1.1 404"))
    }
  }
}
