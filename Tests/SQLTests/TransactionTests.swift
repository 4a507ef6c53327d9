import Operations
import SQL
import Synchronization
import Testing
import Values

/// What a session asks of the data plane, and when. What it says to the client is in `Scripts/transactions.sql`.
@Suite struct TransactionTests {
  private func filled() async throws -> TestSession {
    let session = try await TestSession()
    _ = await session.transcript("CREATE TABLE t (id int PRIMARY KEY, n int)")
    _ = await session.transcript("INSERT INTO t SELECT i, i * 10 FROM generate_series(1, 9) i")
    _ = session.plane.takeCalls()
    return session
  }

  // MARK: Who needs a transaction

  @Test(
    "A single read or write is a transaction of its own, and costs nothing else",
    arguments: [
      ("SELECT n FROM t WHERE id = 1", "plain read"), ("UPDATE t SET n = 1", "plain mutate"),
      ("INSERT INTO t VALUES (20, 1), (21, 2)", "plain mutate"),
      ("SET work_mem = '1MB'; DELETE FROM t", "plain mutate"),
      ("SELECT 1", ""), ("BEGIN; SELECT 1; COMMIT", ""),
      ("SELECT n FROM t WHERE id = 1 FOR UPDATE", "statement, read locking update wait, commit"),
      ("INSERT INTO t SELECT id + 20 FROM t", "statement, read, mutate, commit"),
      ("BEGIN; SELECT n FROM t; DELETE FROM t; ROLLBACK", "statement, read, statement, mutate, rollback"),
      ("DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2", "statement, mutate, statement, mutate, commit"),
      ("DELETE FROM t; SELECT 1/0", "statement, mutate, rollback"),
      ("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; SELECT n FROM t; COMMIT", "statement, statement, read, commit"),
    ])
  func calls(_ sql: String, _ expected: String) async throws {
    let test = try await filled()
    let said = await test.transcript(sql)
    #expect(
      test.plane.takeCalls().replacing(", plain read", with: "").replacing(", plain mutate", with: "") == expected,
      "\(said)")
  }

  @Test("The data plane hears of level, mode, lock timeout and read time")
  func options() async throws {
    let test = try await filled()
    _ = await test.transcript("SET lock_timeout = '3s'; SET default_transaction_isolation = 'repeatable read'")
    _ = await test.transcript("UPDATE t SET n = 1")
    _ = await test.transcript("BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY; SELECT n FROM t; COMMIT")
    _ = await test.transcript("SELECT n FROM t AS OF SYSTEM TIME '-10s'")
    let begun = test.plane.state.withLock { $0.begun }.suffix(3)
    #expect(begun.map(\.isolation) == [.repeatableRead, .serializable, .repeatableRead])
    #expect(begun.map(\.isReadOnly) == [false, true, true])
    #expect(begun.map(\.lockTimeoutMilliseconds) == [3_000, 3_000, 3_000])
    #expect(begun.last?.readTime?.microseconds == TestClock().wallMicroseconds() - 10_000_000)
  }

  @Test("lock_timeout holds from the next statement on, also in a block, and goes back with a savepoint")
  func lockTimeout() async throws {
    let test = try await filled()
    _ = await test.transcript("BEGIN")
    _ = await test.transcript("DELETE FROM t WHERE id = 1")
    _ = await test.transcript("SAVEPOINT here")
    _ = test.plane.takeCalls()
    _ = await test.transcript("SET lock_timeout = '7ms'")
    _ = await test.transcript("DELETE FROM t WHERE id = 2")
    #expect(test.plane.takeCalls() == "lock timeout 7, statement, mutate")
    _ = await test.transcript("ROLLBACK TO here")
    _ = test.plane.takeCalls()
    _ = await test.transcript("DELETE FROM t WHERE id = 2")
    #expect(test.plane.takeCalls() == "lock timeout 0, statement, mutate")
  }

  @Test("A write on its own has the session's isolation level")
  func levelOfSingleWrites() async throws {
    let test = try await filled()
    for level in ["repeatable read", "serializable"] {
      _ = await test.transcript("SET default_transaction_isolation = '\(level)'")
      _ = test.plane.takeCalls()
      _ = await test.transcript("INSERT INTO t VALUES (20, 1), (21, 2) ON CONFLICT (id) DO UPDATE SET n = 2")
      #expect(test.plane.takeCalls() == "plain mutate at \(level)")
    }
  }

  // MARK: Pipelines

  /// Parse, Bind and Execute of each, all but the last without a Sync behind it.
  private func pipeline(_ session: any Session, _ statements: [String]) async throws(SQLError) {
    for (index, sql) in statements.enumerated() {
      try await session.parse(name: "", sql: sql, parameterTypes: [])
      try await session.bind(portal: "", statement: "", parameters: [], parameterFormats: [], resultFormats: [])
      _ = try await session.execute(
        portal: "", maxRows: 0, syncFollows: index == statements.count - 1, sink: TranscriptSink())
    }
    try await session.sync()
  }

  @Test("A pipeline is one transaction up to its Sync")
  func pipelines() async throws {
    let test = try await filled()
    try await pipeline(test.session, ["DELETE FROM t WHERE id = 1"])
    #expect(test.plane.takeCalls() == "plain mutate")
    try await pipeline(test.session, ["DELETE FROM t WHERE id = 2", "DELETE FROM t WHERE id = 3"])
    #expect(test.plane.takeCalls().hasPrefix("statement, mutate"))
    #expect(test.plane.state.withLock { $0.begun.count } == 1)
    await #expect(throws: SQLError.self) {
      try await pipeline(test.session, ["DELETE FROM t WHERE id = 4", "SELECT 1/0", "DELETE FROM t WHERE id = 5"])
    }
    #expect(test.plane.takeCalls().hasSuffix("rollback"))
    try await test.session.sync()
    #expect(await test.session.ready().status == .idle)
    #expect(await test.transcript("SELECT min(id) FROM t") == "min:integer\n4\nSELECT 1")
  }

  @Test("A pipeline whose Sync comes late commits then")
  func lateSync() async throws {
    let test = try await filled()
    try await test.session.parse(name: "", sql: "DELETE FROM t", parameterTypes: [])
    try await test.session.bind(portal: "", statement: "", parameters: [], parameterFormats: [], resultFormats: [])
    _ = try await test.session.execute(portal: "", maxRows: 0, syncFollows: false, sink: TranscriptSink())
    #expect(test.plane.state.withLock { $0.rows.values.reduce(0) { $0 + $1.count } } == 9)
    try await test.session.sync()
    #expect(test.plane.state.withLock { $0.rows.values.reduce(0) { $0 + $1.count } } == 0)
  }

  @Test("A commit that fails at Sync is the client's to hear, and leaves no transaction")
  func failedCommit() async throws {
    let test = try await filled()
    test.plane.fail(.commit)
    await #expect(throws: SQLError.self) {
      try await pipeline(test.session, ["DELETE FROM t WHERE id = 2", "DELETE FROM t WHERE id = 3"])
    }
    #expect(await test.session.ready().status == .idle)
    #expect(await test.transcript("SELECT count(*) FROM t") == "count:bigint\n9\nSELECT 1")
    test.plane.fail(.commit)
    #expect(await test.transcript("BEGIN; DELETE FROM t; COMMIT").hasPrefix("BEGIN\nDELETE 9\nERROR: 40001"))
    #expect(await test.transcript("SELECT count(*) FROM t") == "count:bigint\n9\nSELECT 1")
  }

  @Test("An error in Parse or Bind fails the block, and a failed block takes nothing but its end")
  func failedBlock() async throws {
    let test = try await filled()
    let session = test.session
    try await session.parse(name: "q", sql: "SELECT n FROM t", parameterTypes: [])
    _ = await test.transcript("BEGIN")
    await #expect(throws: SQLError.self) { try await session.parse(name: "", sql: "SELEC 1", parameterTypes: []) }
    try await session.sync()
    #expect(await session.ready().status == .failed)
    for attempt in 0..<3 {
      let error = await #expect(throws: SQLError.self) {
        switch attempt {
        case 0: try await session.parse(name: "", sql: "SELECT 1", parameterTypes: [])
        case 1:
          try await session.bind(portal: "", statement: "q", parameters: [], parameterFormats: [], resultFormats: [])
        default: _ = try await session.describe(statement: "q")
        }
      }
      #expect(error?.state == .inFailedTransaction)
    }
    try await pipeline(session, ["ROLLBACK"])
    #expect(await session.ready().status == .idle)
  }

  @Test("In a block portals live on behind Sync, up to the block's end")
  func portals() async throws {
    let test = try await filled()
    let session = test.session
    try await pipeline(session, ["BEGIN"])
    try await session.parse(name: "", sql: "SELECT id FROM t ORDER BY id", parameterTypes: [])
    try await session.bind(portal: "p", statement: "", parameters: [], parameterFormats: [], resultFormats: [])
    let sink = TranscriptSink()
    for _ in 0..<2 {
      _ = try await session.execute(portal: "p", maxRows: 2, sink: sink)
      try await session.sync()
    }
    #expect(sink.text == "1\n2\n3\n4")
    try await pipeline(session, ["COMMIT"])
    await #expect(throws: SQLError(.invalidCursorName, "portal \"p\" does not exist")) {
      _ = try await session.execute(portal: "p", maxRows: 2, sink: sink)
    }
  }

  // MARK: Statements that run again

  @Test(
    "A statement that lost runs again where the client cannot tell",
    arguments: [
      ("SELECT n FROM t WHERE id = 1", MemoryDataPlane.Call.read, 2, "n:integer\n10\nSELECT 1"),
      ("DELETE FROM t WHERE id = 1", .mutate, 5, "DELETE 1"),
      ("INSERT INTO t SELECT id + 20, n FROM t WHERE id = 1", .mutate, 2, "INSERT 0 1"),
      ("INSERT INTO t SELECT id + 20, n FROM t WHERE id = 1", .commit, 2, "INSERT 0 1"),
      ("SELECT n FROM t WHERE id = 1 FOR UPDATE", .read, 1, "n:integer\n10\nSELECT 1"),
      (
        "BEGIN ISOLATION LEVEL SERIALIZABLE; DELETE FROM t WHERE id = 1; COMMIT", .mutate, 2,
        "BEGIN\nDELETE 1\nCOMMIT"
      ),
    ])
  func restarts(_ sql: String, _ call: MemoryDataPlane.Call, _ times: Int, _ expected: String) async throws {
    let test = try await filled()
    test.plane.fail(call, times: times)
    #expect(await test.transcript(sql) == expected)
  }

  @Test("In READ COMMITTED each statement of a block runs again, and what came before it stays")
  func restartInBlock() async throws {
    let test = try await filled()
    _ = await test.transcript("BEGIN; DELETE FROM t WHERE id = 1")
    test.plane.fail(.mutate, times: 2)
    #expect(await test.transcript("UPDATE t SET n = n + 1 WHERE id = 2; COMMIT") == "UPDATE 1\nCOMMIT")
    #expect(await test.transcript("SELECT id, n FROM t ORDER BY id LIMIT 1") == "id:integer|n:integer\n2|21\nSELECT 1")
  }

  @Test("It gives up in the end, and at once where an earlier statement saw the same snapshot")
  func noRestart() async throws {
    let test = try await filled()
    test.plane.fail(.mutate, times: 6)
    #expect(await test.transcript("DELETE FROM t").hasPrefix("ERROR: 40001"))
    _ = await test.transcript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM t WHERE id = 1")
    test.plane.fail(.mutate)
    #expect(await test.transcript("DELETE FROM t").hasPrefix("ERROR: 40001"))
    #expect(await test.transcript("COMMIT") == "ROLLBACK")
    #expect(await test.transcript("SELECT count(*) FROM t") == "count:bigint\n9\nSELECT 1")
    // A commit that failed behind rows that were sent.
    test.plane.fail(.commit)
    #expect(await test.transcript("SELECT n FROM t WHERE id = 1 FOR UPDATE").hasSuffix("the test says so"))
  }

  // MARK: Locks

  @Test("With LIMIT only the rows that come out are locked, and SKIP LOCKED goes on to the next ones")
  func lockingFirst() async throws {
    let test = try await filled()
    let table = try #require(test.plane.catalog.table(schema: "public", name: "t"))
    let keys = try (1...9).map { try table.documentKey(keyValues: [.int4(Int32($0))]) }
    test.plane.state.withLock { $0.lockedElsewhere = [keys[8], keys[6]] }
    #expect(
      await test.transcript("SELECT id FROM t ORDER BY n DESC LIMIT 2 FOR UPDATE SKIP LOCKED")
        == "id:integer\n8\n6\nSELECT 2")
    let locked = test.plane.state.withLock { $0.locks }.flatMap { lock -> [[UInt8]] in
      if case .points(let keys) = lock.selection { keys } else { [] }
    }
    #expect(Set(locked) == Set(Array(keys[5...])))
    #expect(
      await test.transcript("SELECT id FROM t ORDER BY n DESC LIMIT 2 FOR UPDATE NOWAIT").hasPrefix("ERROR: 55P03"))
  }

  // MARK: COPY

  private func copy(_ test: TestSession, _ range: ClosedRange<Int>, bad: Bool = false) async -> String {
    let rows = range.map { "\($0)\t\($0)\n" } + (bad ? ["x\t1\n"] : [])
    return await test.transcript("COPY t FROM STDIN", copyInput: rows.map { Array($0.utf8) })
  }

  @Test("COPY is one transaction, or several where that is asked for")
  func copies() async throws {
    let test = try await filled()
    #expect(await copy(test, 101...8_600).hasSuffix("COPY 8500"))
    #expect(test.plane.takeCalls() == "statement, mutate, mutate, mutate, commit")
    #expect(await copy(test, 9_001...11_100, bad: true).contains("22P02"))
    #expect(test.plane.takeCalls().hasSuffix("rollback"))
    #expect(await test.transcript("SELECT max(id) FROM t") == "max:integer\n8600\nSELECT 1")

    _ = await test.transcript("SET apus.copy_rows_per_transaction = 2")
    _ = test.plane.takeCalls()
    let said = await copy(test, 20_001...20_005)
    #expect(said.contains("rows were committed 2 at a time") && said.hasSuffix("COPY 5"))
    #expect(
      test.plane.takeCalls()
        == "statement, mutate, commit, statement, mutate, commit, statement, mutate, commit")
    #expect(await copy(test, 20_006...20_010, bad: true).contains("2 rows were committed before the error, and stay."))
    _ = await test.transcript("BEGIN")
    #expect(await copy(test, 21_001...21_005) == "COPY IN 2\nCOPY 5\n(in a block)")
    _ = await test.transcript("ROLLBACK")
    #expect(await test.transcript("SELECT max(id) FROM t") == "max:integer\n20007\nSELECT 1")
  }

  // MARK: Time

  @Test("A client that says nothing in a block, and a transaction that takes too long, hear of it")
  func timeouts() async throws {
    let test = try await filled()
    _ = await test.transcript("SET idle_in_transaction_session_timeout = '5s'")
    #expect(await test.session.ready().idleLimit == nil)
    _ = await test.transcript("BEGIN")
    let limit = try #require(await test.session.ready().idleLimit)
    #expect(limit.nanoseconds == 5_000_000_000)
    #expect(limit.error.state.code == "25P03")
    _ = await test.transcript("SET LOCAL transaction_timeout = 20")
    #expect(await test.session.ready().idleLimit?.error.state.code == "25P04")
    #expect(
      await test.transcript("SELECT pg_sleep(1000)").hasPrefix(
        "ERROR: 25P04: terminating connection due to transaction timeout"))
  }

  @Test("A client that leaves in the middle of a block leaves nothing behind")
  func leaving() async throws {
    let test = try await filled()
    _ = await test.transcript("BEGIN; DELETE FROM t")
    await test.session.terminate()
    #expect(test.plane.takeCalls().hasSuffix("rollback"))
  }

  // MARK: Other sessions

  @Test("One session sees another, cancels its statement, and ends it")
  func otherSessions() async throws {
    let plane = MemoryDataPlane()
    let factory = SQLSessionFactory(dataPlane: plane, clock: TestClock(), random: SeededSource(1))
    func make(_ processID: Int32) async throws -> TestSession {
      TestSession(
        plane: plane,
        session: try await factory.makeSession(
          user: "tester", database: "apus", settings: [], processID: processID, loop: TestLoop()))
    }
    let (one, other) = (try await make(1), try await make(2))
    let ended = Mutex<SQLError?>(nil)
    await other.session.attach(SessionClient(address: "10.0.0.1") { error in ended.withLock { $0 = error } })
    _ = await other.transcript("BEGIN")
    #expect(
      await one.transcript("SELECT pid, client_addr, state, wait_event FROM pg_stat_activity ORDER BY pid")
        == "pid:integer|client_addr:text|state:text|wait_event:text\n1|∅|active|∅\n"
        + "2|10.0.0.1|idle in transaction|ClientRead\nSELECT 2")

    async let answer = other.transcript("SELECT pg_sleep(1000)")
    while await one.transcript("SELECT state FROM pg_stat_activity WHERE pid = 2").contains("idle") {}
    let isDone = Mutex(false)
    async let canceller: Void = {
      while !isDone.withLock({ $0 }) { _ = await one.transcript("SELECT pg_cancel_backend(2)") }
    }()
    #expect(await answer.hasPrefix("ERROR: 57014: canceling statement due to user request"))
    isDone.withLock { $0 = true }
    await canceller

    #expect(await one.transcript("SELECT pg_terminate_backend(2)").contains("\nt\n"))
    #expect(ended.withLock { $0?.state } == .adminShutdown)
    await other.session.terminate()
    #expect(await one.transcript("SELECT pg_cancel_backend(2)").contains("PID 2 is not"))
  }
}
