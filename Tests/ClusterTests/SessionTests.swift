import Foundation
import PostgresClient
import Testing
import Workload

/// What one node's client sees of other nodes' transactions and sessions, and does to them.
extension ClusterTests {
  /// Two sessions on nodes 1 and 2, the second of which waits for a row of the first, and one on node 3 that looks on.
  private struct Standstill {
    let cluster: LocalCluster
    let holder: PostgresConnection
    let waiter: PostgresConnection
    let onlooker: PostgresConnection
    let holderID: String
    let waiterID: String

    init(table: String) throws {
      cluster = try SharedCluster.running()
      holder = try PostgresConnection(cluster.targets[0])
      waiter = try PostgresConnection(cluster.targets[1])
      onlooker = try PostgresConnection(cluster.targets[2])
      func processID(_ connection: PostgresConnection) throws -> String {
        try #require(try connection.execute("SELECT pg_backend_pid()").rows.first?.first ?? nil)
      }
      holderID = try processID(holder)
      waiterID = try processID(waiter)
      try onlooker.execute("DROP TABLE IF EXISTS \(table)")
      try onlooker.execute("CREATE TABLE \(table) (id int PRIMARY KEY, n int)")
      try onlooker.execute("INSERT INTO \(table) VALUES (1, 10)")
      try holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE \(table) SET n = 11 WHERE id = 1")
      try waiter.execute("BEGIN")
      try wait(on: table)
    }

    /// Lets the waiter ask for the row, and returns when the onlooker sees it wait.
    func wait(on table: String) throws {
      try waiter.send("SELECT n FROM \(table) WHERE id = 1 FOR UPDATE")
      try Wait.until("the waiter is seen to wait") {
        try rows("SELECT blocking_pids FROM sys.transactions WHERE pid = \(waiterID) AND is_waiting") == [[holderID]]
      }
    }

    func rows(_ sql: String) throws -> [[String?]] { try onlooker.execute(sql).rows }

    /// The SQLSTATE with which the waiter's statement ends.
    func waitersError() -> String? {
      var state: String?
      do throws(PostgresError) {
        while try waiter.nextResult(timeout: .seconds(20)) != nil {}
      } catch {
        state = error.sqlState
        while waiter.isUsable, (try? waiter.nextResult(timeout: .seconds(20))) != nil {}
      }
      return state
    }
  }

  @Test("A change of a table waits for who has written to it")
  func changeWaitsForWriters() throws {
    let cluster = try SharedCluster.running()
    let writer = try PostgresConnection(cluster.targets[0])
    let builder = try PostgresConnection(cluster.targets[1])
    let onlooker = try PostgresConnection(cluster.targets[2])
    try onlooker.execute("DROP TABLE IF EXISTS awaited")
    try onlooker.execute("CREATE TABLE awaited (id int PRIMARY KEY, n int)")
    try onlooker.execute("INSERT INTO awaited VALUES (1, 10), (2, 20)")
    try writer.execute("BEGIN; UPDATE awaited SET n = 11 WHERE id = 1")
    let pid = try #require(try builder.execute("SELECT pg_backend_pid()").rows.first?.first ?? nil)
    try builder.send("CREATE INDEX awaited_n ON awaited (n)")
    try Wait.until("the index is being made") {
      try onlooker.execute("SELECT relname FROM pg_class WHERE relname = 'awaited_n'").rows == [["awaited_n"]]
    }
    try Wait.until("everybody sees that it waits") {
      let waits = try onlooker.execute(
        "SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = \(pid)")
      let locks = try onlooker.execute("SELECT locktype, mode, granted FROM pg_locks WHERE pid = \(pid)")
      return waits.rows == [["IPC", "SchemaChange"]] && locks.rows == [["relation", "AccessExclusiveLock", "f"]]
    }
    try writer.execute("COMMIT")
    while try builder.nextResult(timeout: .seconds(20)) != nil {}
    #expect(try onlooker.execute("SELECT id FROM awaited WHERE n = 11").rows == [["1"]])
  }

  @Test("COPY of many batches loads every row, alone, in a block, and into a table of the block", arguments: [0, 1, 2])
  func copyLoadsAll(way: Int) throws {
    let connection = try PostgresConnection(try SharedCluster.running().targets[way])
    // A test before may have killed a node that now gets its tablets back, and transactions with them lose their locks.
    for attempt in 1... {
      do throws(PostgresError) {
        return try load(way: way, connection)
      } catch {
        guard error.sqlState == "40001", attempt < 5 else { throw error }
        while try connection.nextResult(timeout: .seconds(60)) != nil {}
        try connection.execute("ROLLBACK")
      }
    }
  }

  private func load(way: Int, _ connection: PostgresConnection) throws(PostgresError) {
    try connection.execute("DROP TABLE IF EXISTS loaded")
    if way == 2 { try connection.execute("BEGIN") }
    try connection.execute("CREATE TABLE loaded (id int PRIMARY KEY, v text)")
    if way == 1 { try connection.execute("BEGIN") }
    let count = 40_000
    try connection.send("COPY loaded FROM STDIN")
    #expect(try connection.nextResult(timeout: .seconds(20))?.kind == .copyIn)
    for start in stride(from: 1, through: count, by: 1_000) {
      let lines = (start..<start + 1_000).map { "\($0)\tvalue \($0)\n" }.joined()
      try connection.sendCopy(Array(lines.utf8))
    }
    try connection.finishCopy()
    while try connection.nextResult(timeout: .seconds(60)) != nil {}
    if way > 0 { try connection.execute("COMMIT") }
    let rows = try connection.execute("SELECT count(*), sum(id) FROM loaded").rows
    #expect(rows == [["\(count)", "\(count * (count + 1) / 2)"]])
  }

  @Test("Every node says who holds, who waits, and for whom")
  func openTransactions() throws {
    let scene = try Standstill(table: "held")
    let (holder, waiter) = (scene.holderID, scene.waiterID)
    #expect(
      try scene.rows(
        """
        SELECT node, isolation, tables, tablets, is_waiting, wait_table FROM sys.transactions
        WHERE pid IN (\(holder), \(waiter)) ORDER BY node
        """) == [
          ["1", "repeatable read", "public.held", "1", "f", nil],
          ["2", "read committed", "public.held", "1", "t", "public.held"],
        ])
    #expect(
      try scene.rows("SELECT bytes_written > 0 FROM sys.transactions WHERE pid = \(holder)") == [["t"]])
    let locks = try scene.rows(
      "SELECT pid, locktype, mode, granted FROM pg_locks WHERE pid IN (\(holder), \(waiter)) ORDER BY pid, granted, mode"
    )
    #expect(
      locks == [
        [holder, "transactionid", "ExclusiveLock", "t"], [holder, "relation", "RowExclusiveLock", "t"],
        [waiter, "transactionid", "ShareLock", "f"], [waiter, "transactionid", "ExclusiveLock", "t"],
        [waiter, "relation", "RowShareLock", "t"],
      ])
    #expect(try scene.rows("SELECT pg_blocking_pids(\(waiter))") == [["{\(holder)}"]])
    #expect(try scene.rows("SELECT pg_blocking_pids(\(holder))") == [["{}"]])

    #expect(
      try scene.rows(
        """
        SELECT pid, state, wait_event_type, wait_event FROM pg_stat_activity
        WHERE pid IN (\(holder), \(waiter)) ORDER BY pid
        """) == [
          [holder, "idle in transaction", "Client", "ClientRead"], [waiter, "active", "Lock", "transactionid"],
        ])

    let text = try Program.run(
      SharedCluster.binary.path, ["transactions", "--http", "127.0.0.1:\(scene.cluster.sqlPort + 3002)", "--waiting"])
    #expect(text.status == 0)
    #expect(text.text.contains("waits for") && text.text.contains(" on public.held for "), "\(text.text)")

    try scene.holder.execute("COMMIT")
    #expect(scene.waitersError() == nil)
    try scene.waiter.execute("COMMIT")
    #expect(try scene.rows("SELECT pid FROM sys.transactions WHERE pid IN (\(holder), \(waiter))").isEmpty)
  }

  @Test("A session is cancelled and ended from another node")
  func signals() throws {
    let scene = try Standstill(table: "signalled")
    #expect(try scene.rows("SELECT pg_cancel_backend(\(scene.waiterID))") == [["t"]])
    #expect(scene.waitersError() == "57014")
    #expect(try scene.rows("SELECT pg_terminate_backend(\(scene.holderID))") == [["t"]])
    let error = #expect(throws: PostgresError.self) { try scene.holder.execute("SELECT 1") }
    #expect(error?.sqlState == "57P01" || error?.sqlState == nil)
    try Wait.until("the ended session's lock is free") {
      try scene.rows("SELECT pid FROM sys.transactions WHERE pid = \(scene.holderID)").isEmpty
    }
    #expect(try scene.rows("UPDATE signalled SET n = 12 WHERE id = 1 RETURNING n") == [["12"]])
    // Nobody, on a node that there is and on one that there is not.
    for process in [1 << 20 | 1_048_000, 77 << 20 | 1] {
      #expect(try scene.rows("SELECT pg_cancel_backend(\(process))") == [["f"]])
    }
  }

  @Test("A client's cancel request may come to any node, and needs the secret")
  func cancelRequests() throws {
    let scene = try Standstill(table: "cancelled")
    // A session by hand, as a client library does not show its secret.
    let socket = try Wire.Socket(port: scene.cluster.sqlPort)
    socket.send(Wire.startup())
    let greeting = socket.receive(through: "Z")
    let key = try #require(Wire.backendKey(in: greeting))
    let process = Int32(bitPattern: key.process)
    socket.send(Wire.message("Q", Array("SELECT pg_sleep(600)\0".utf8)))
    try Wait.until("the statement runs") {
      try scene.rows("SELECT state FROM pg_stat_activity WHERE pid = \(process) AND query LIKE '%pg_sleep(600)'")
        == [["active"]]
    }
    func cancel(_ secret: UInt32) throws {
      let other = try Wire.Socket(port: scene.cluster.sqlPort + 2)
      other.send(Wire.integer(16) + Wire.integer(80_877_102) + Wire.integer(key.process) + Wire.integer(secret))
      #expect(other.receive().isEmpty)
    }
    try cancel(key.secret ^ 1)
    #expect(try scene.rows("SELECT state FROM pg_stat_activity WHERE pid = \(process)") == [["active"]])
    try cancel(key.secret)
    #expect(String(decoding: socket.receive(through: "Z"), as: UTF8.self).contains("57014"))
    try scene.holder.execute("ROLLBACK")
    #expect(scene.waitersError() == nil)
  }
}
