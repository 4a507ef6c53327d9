import Operations
import SQL
import Synchronization
import Testing
import Values

/// Parse, Bind, Describe, Execute, Sync, as drivers send them.
@Suite struct ExtendedQueryTests {
  private func filled() async throws -> TestSession {
    let session = try await TestSession()
    _ = await session.transcript("CREATE TABLE t (id int PRIMARY KEY, n bigint, s varchar(5))")
    _ = await session.transcript("INSERT INTO t SELECT i, i * 10, 'r' || i FROM generate_series(1, 9) i")
    return session
  }

  private func text(_ value: String) -> ArraySlice<UInt8> { Array(value.utf8)[...] }

  @Test("A prepared update finds its row by key, with types inferred from the columns")
  func preparedUpdate() async throws {
    let test = try await filled()
    let session = test.session
    try await session.parse(name: "u", sql: "UPDATE t SET n = n + $1 WHERE id = $2 RETURNING n", parameterTypes: [])
    let described = try await session.describe(statement: "u")
    #expect(described.parameterTypes == [.int8, .int4])
    #expect(described.columns?.map(\.name) == ["n"])
    for _ in 0..<3 {
      let sink = TranscriptSink()
      try await session.bind(
        portal: "", statement: "u", parameters: [text("5"), text("3")], parameterFormats: [], resultFormats: [])
      guard case .complete("UPDATE 1") = try await session.execute(portal: "", maxRows: 1, sink: sink) else {
        Issue.record("not one row")
        return
      }
      try await session.sync()
    }
    #expect(await test.transcript("SELECT n FROM t WHERE id = 3") == "n:bigint\n45\nSELECT 1")
    #expect(test.plane.state.withLock { $0.reads.last?.selection.isOnePoint } == true)
  }

  @Test("A portal gives its rows in pieces, and ends with its transaction")
  func suspension() async throws {
    let test = try await filled()
    let session = test.session
    try await session.parse(name: "", sql: "SELECT id FROM t ORDER BY id", parameterTypes: [])
    try await session.bind(portal: "p", statement: "", parameters: [], parameterFormats: [], resultFormats: [.binary])
    #expect(try await session.describe(portal: "p")?.map(\.format) == [.binary])
    let sink = TranscriptSink()
    for _ in 0..<2 {
      guard case .suspended = try await session.execute(portal: "p", maxRows: 4, sink: sink) else {
        Issue.record("should be suspended")
        return
      }
    }
    guard case .complete("SELECT 1") = try await session.execute(portal: "p", maxRows: 4, sink: sink) else {
      Issue.record("should be complete")
      return
    }
    #expect(sink.rowsSeen == 9)
    try await session.sync()
    await #expect(throws: SQLError(.invalidCursorName, "portal \"p\" does not exist")) {
      _ = try await session.execute(portal: "p", maxRows: 4, sink: sink)
    }
  }

  @Test("Parameters take the types that their places ask for")
  func inference() async throws {
    let session = try await filled().session
    let cases: [(sql: String, given: [UInt32], types: [SQLType])] = [
      ("SELECT $1", [], [.text]), ("SELECT $1 + 1", [], [.int4]), ("SELECT $1::date, $1", [], [.date]),
      ("SELECT id FROM t WHERE s = $1 AND n > $2", [], [.text, .int8]),
      ("SELECT id FROM t WHERE id = $1", [21], [.int2]),
      ("INSERT INTO t VALUES ($1, $2, $3)", [], [.int4, .int8, SQLType(.varchar)]),
      ("SELECT id FROM t LIMIT $1 OFFSET $2", [], [.int8, .int8]), ("SELECT coalesce($1, 1)", [], [.int4]),
      ("SELECT id FROM t WHERE id IN ($1, $2)", [], [.int4, .int4]),
    ]
    for (sql, given, types) in cases {
      try await session.parse(name: "", sql: sql, parameterTypes: given)
      #expect(try await session.describe(statement: "").parameterTypes == types, "\(sql)")
    }
    await #expect(throws: SQLError.self) {
      try await session.parse(name: "", sql: "SELECT $2::int", parameterTypes: [])
    }
  }

  @Test("Binary parameters, NULLs and wrong counts")
  func binding() async throws {
    let session = try await filled().session
    try await session.parse(name: "q", sql: "SELECT id FROM t WHERE id = $1", parameterTypes: [23])
    let sink = TranscriptSink()
    try await session.bind(
      portal: "", statement: "q", parameters: [[0, 0, 0, 7]], parameterFormats: [.binary], resultFormats: [])
    _ = try await session.execute(portal: "", maxRows: 0, sink: sink)
    #expect(sink.text == "7")
    try await session.bind(portal: "", statement: "q", parameters: [nil], parameterFormats: [], resultFormats: [])
    guard case .complete("SELECT 0") = try await session.execute(portal: "", maxRows: 0, sink: sink) else {
      Issue.record("NULL equals nothing")
      return
    }
    await #expect(throws: SQLError.self) {
      try await session.bind(portal: "", statement: "q", parameters: [], parameterFormats: [], resultFormats: [])
    }
    await #expect(throws: SQLError.self) {
      try await session.bind(
        portal: "", statement: "q", parameters: [[1, 2]], parameterFormats: [.binary], resultFormats: [])
    }
  }

  @Test("Statements and portals are limited in number, and the empty statement is empty")
  func limits() async throws {
    var limits = SessionLimits()
    limits.preparedStatementsMax = 3
    limits.portalsMax = 2
    let test = try await TestSession(limits: limits)
    for number in 0..<3 { try await test.session.parse(name: "s\(number)", sql: "SELECT 1", parameterTypes: []) }
    await #expect(throws: SQLError.self) {
      try await test.session.parse(name: "s3", sql: "SELECT 1", parameterTypes: [])
    }
    for number in 0..<2 {
      try await test.session.bind(
        portal: "p\(number)", statement: "s0", parameters: [], parameterFormats: [], resultFormats: [])
    }
    await #expect(throws: SQLError.self) {
      try await test.session.bind(
        portal: "p2", statement: "s0", parameters: [], parameterFormats: [], resultFormats: [])
    }
    await test.session.close(statement: "s0")
    try await test.session.parse(name: "s0", sql: " ", parameterTypes: [])
    try await test.session.sync()
    try await test.session.bind(portal: "", statement: "s0", parameters: [], parameterFormats: [], resultFormats: [])
    guard case .empty = try await test.session.execute(portal: "", maxRows: 0, sink: TranscriptSink()) else {
      Issue.record("not empty")
      return
    }
  }

  @Test("A plan is made anew when the catalog changes, and refused if its result would change")
  func replanning() async throws {
    let test = try await filled()
    try await test.session.parse(name: "q", sql: "SELECT * FROM t WHERE id = 1", parameterTypes: [])
    _ = await test.transcript("DROP TABLE t")
    _ = await test.transcript("CREATE TABLE t (id text PRIMARY KEY)")
    await #expect(throws: SQLError.self) { _ = try await test.session.describe(statement: "q") }
  }

  @Test("Cancellation and the statement's timeout end a sleep with 57014")
  func cancellation() async throws {
    let test = try await TestSession()
    _ = await test.transcript("SET statement_timeout = 20")
    #expect(
      await test.transcript("SELECT pg_sleep(1000)")
        == "ERROR: 57014: canceling statement due to statement timeout")
    _ = await test.transcript("SET statement_timeout = 0")
    async let answer = test.transcript("SELECT pg_sleep(1000)")
    // A cancellation that comes before the statement runs does nothing, so it is repeated until the answer is there.
    let isDone = Mutex(false)
    async let canceller: Void = {
      while !isDone.withLock({ $0 }) {
        test.session.cancel()
        await Task.yield()
      }
    }()
    #expect(await answer == "ERROR: 57014: canceling statement due to user request")
    isDone.withLock { $0 = true }
    await canceller
    #expect(await test.transcript("SELECT 1") == "?column?:integer\n1\nSELECT 1")
  }
}

extension KeySelection {
  fileprivate var isOnePoint: Bool { if case .points(let keys) = self { keys.count == 1 } else { false } }
}
