import Testing

/// Tables with indexes against twins without: whatever way a query takes, it yields the same rows, and after each
/// statement every index has just the entries that the rows ask for (`TestSession.transcript` looks).
@Suite struct IndexPropertyTests {
  private static let indexes = [
    "INDEX ON t (a)", "INDEX ON t (a DESC, b)", "INDEX ON t ((a, b) HASH)", "INDEX ON t (b HASH, c)",
    "INDEX ON t (lower(c), a)", "INDEX ON t (a) INCLUDE (c)", "INDEX ON t ((a + b))",
    "INDEX ON t (b) WHERE a > 2", "INDEX ON t (c, b DESC) WHERE c IS NOT NULL", "UNIQUE INDEX ON t (u)",
    "UNIQUE INDEX ON t (u DESC, a)", "UNIQUE INDEX ON t (u) WHERE b = 1",
  ]

  @Test("Queries by indexes yield what scans yield, whatever was written before", arguments: Seed.sample(24))
  func indexesEqualScans(seed: Seed) async throws {
    var random = SeededGenerator(seed)
    let session = try await TestSession()
    _ = await session.transcript("CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, c text, u numeric)")
    _ = await session.transcript("CREATE TABLE scan (id int PRIMARY KEY, a int, b bigint, c text, u numeric)")
    var later = Self.indexes.shuffled(using: &random).prefix(4).map { $0 }
    // Some before there are rows, the others in between.
    while later.count > 2, let index = later.popLast() {
      #expect(await session.transcript("CREATE \(index)") == "CREATE INDEX", "\(seed) \(index)")
    }
    for step in 0..<60 {
      if step % 20 == 10, let index = later.popLast() {
        // Rows that are there may be duplicates.
        let said = await session.transcript("CREATE \(index)")
        #expect(
          said == "CREATE INDEX" || (index.hasPrefix("UNIQUE") && said.hasPrefix("ERROR: 23505")),
          "\(seed) \(index): \(said)")
      }
      let statement = Self.write(&random, number: step)
      let said = await session.transcript(statement.replacing("TABLE", with: "t"))
      let twin = await session.transcript(statement.replacing("TABLE", with: "scan"))
      // The twin has no unique index: it follows only what the table took.
      if said.contains("ERROR") {
        #expect(said.contains("23505"), "\(seed) \(statement): \(said)")
        _ = await session.transcript("TRUNCATE scan")
        _ = await session.transcript("INSERT INTO scan SELECT id, a, b, c, u FROM t")
      } else {
        #expect(said == twin, "\(seed) \(statement)")
      }
      #expect(!said.contains("FAULT"), "\(seed) \(statement): \(said)")
      let query = Self.query(&random)
      let planned = await session.transcript(query.replacing("TABLE", with: "t"))
      let scanned = await session.transcript(query.replacing("TABLE", with: "scan"))
      #expect(planned == scanned, "\(seed) \(query)")
      #expect(!planned.contains("ERROR"), "\(seed) \(query): \(planned)")
    }
  }

  @Test("ON CONFLICT over a unique index leaves one row for each key", arguments: Seed.sample(12))
  func upserts(seed: Seed) async throws {
    var random = SeededGenerator(seed)
    let session = try await TestSession()
    _ = await session.transcript("CREATE TABLE t (id serial PRIMARY KEY, k int UNIQUE, n int DEFAULT 1)")
    var counts: [Int: Int] = [:]
    for _ in 0..<40 {
      let keys = Set((0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 0..<9, using: &random) })
      let adds = Bool.random(using: &random)
      let values = keys.sorted().map { "(\($0))" }.joined(separator: ", ")
      let action =
        adds ? "(k) DO UPDATE SET n = t.n + excluded.n" : Bool.random(using: &random) ? "DO NOTHING" : "(k) DO NOTHING"
      let said = await session.transcript("INSERT INTO t (k) VALUES \(values) ON CONFLICT \(action)")
      let affected = adds ? keys.count : keys.count { counts[$0] == nil }
      #expect(said == "INSERT 0 \(affected)", "\(seed)")
      for key in keys { counts[key] = adds ? (counts[key] ?? 0) + 1 : counts[key] ?? 1 }
    }
    let rows = await session.transcript("SELECT k, n FROM t ORDER BY k")
    let expected = counts.sorted { $0.key < $1.key }.map { "\($0.key)|\($0.value)" }
    #expect(rows.split(separator: "\n").dropFirst().dropLast().map(String.init) == expected, "\(seed)")
  }

  private static func int(_ random: inout SeededGenerator) -> String {
    Int.random(in: 0..<8, using: &random) == 0 ? "NULL" : String(Int.random(in: 0..<6, using: &random))
  }
  private static func text(_ random: inout SeededGenerator) -> String {
    ["''", "'a'", "'A'", "'b'", "'é'", "NULL"][Int.random(in: 0..<6, using: &random)]
  }
  private static func unique(_ random: inout SeededGenerator) -> String {
    Int.random(in: 0..<3, using: &random) == 0
      ? "NULL" : "\(Int.random(in: 0..<40, using: &random)).\(Bool.random(using: &random) ? "0" : "00")"
  }

  private static func write(_ random: inout SeededGenerator, number: Int) -> String {
    switch Int.random(in: 0..<9, using: &random) {
    case 8: return "UPDATE TABLE SET id = id + 1, a = \(int(&random)) WHERE \(condition(&random))"
    case 0...3:
      let rows = (0..<Int.random(in: 1...4, using: &random)).map {
        "(\(number * 10 + $0), \(int(&random)), \(int(&random)), \(text(&random)), \(unique(&random)))"
      }
      return "INSERT INTO TABLE VALUES \(rows.joined(separator: ", "))"
    case 4: return "UPDATE TABLE SET a = \(int(&random)), c = \(text(&random)) WHERE \(condition(&random))"
    case 5: return "UPDATE TABLE SET b = b + 1 WHERE \(condition(&random))"
    case 6: return "UPDATE TABLE SET u = \(unique(&random)) WHERE \(condition(&random))"
    default: return "DELETE FROM TABLE WHERE \(condition(&random)) AND id % 3 = 0"
    }
  }

  private static func condition(_ random: inout SeededGenerator) -> String {
    let parts = (0..<Int.random(in: 1...3, using: &random)).map { _ -> String in
      switch Int.random(in: 0..<9, using: &random) {
      case 0: "a = \(int(&random))"
      case 1: "b IN (\(int(&random)), \(int(&random)))"
      case 2: "a > \(int(&random))"
      case 3: "a BETWEEN \(int(&random)) AND \(int(&random))"
      case 4: "lower(c) = \(text(&random))"
      case 5: "u = \(unique(&random))"
      case 6: "c >= \(text(&random))"
      case 7: "a + b = \(int(&random))"
      default: "b = 1"
      }
    }
    return parts.joined(separator: " AND ")
  }

  private static func query(_ random: inout SeededGenerator) -> String {
    let condition = condition(&random)
    return switch Int.random(in: 0..<6, using: &random) {
    case 0: "SELECT * FROM TABLE WHERE \(condition) ORDER BY id"
    case 1: "SELECT count(*), sum(a), max(c) FROM TABLE WHERE \(condition)"
    case 2: "SELECT a, count(*) FROM TABLE WHERE \(condition) GROUP BY a ORDER BY a"
    case 3: "SELECT a, id FROM TABLE WHERE \(condition) ORDER BY a, id LIMIT 5"
    case 4: "SELECT DISTINCT c FROM TABLE WHERE \(condition) ORDER BY c"
    default: "SELECT a, b, id FROM TABLE WHERE a = 3 ORDER BY a DESC, b, id LIMIT 4 OFFSET 1"
    }
  }
}
