import SQL
import Testing
import Values

/// Text from outside may be anything: it gets an answer or an error, and the process goes on.
@Suite struct ParserFuzzTests {
  private static let seeds = [
    "SELECT a.x, count(*) FILTER (WHERE x > 0) FROM t a WHERE y IN (1, -2) AND z BETWEEN 0 AND 3 ORDER BY 1 DESC LIMIT 5",
    "CREATE TABLE t (a serial, b varchar(10) DEFAULT 'x' CHECK (b <> ''), PRIMARY KEY ((a) HASH, b DESC)) SPLIT INTO 3 TABLETS",
    "CREATE TABLE r (a int, PRIMARY KEY (a ASC)) SPLIT AT VALUES ((1), (2))",
    "INSERT INTO t (a, b) VALUES (1, DEFAULT), (2, 0) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
    "UPDATE t SET a = CASE WHEN b THEN 1 ELSE $1 END WHERE c IS NOT NULL", "DELETE FROM t WHERE a = $$x$$ || E'\\n'",
    "COPY t (a) FROM STDIN WITH (FORMAT csv, HEADER)", "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
    "SET timezone TO 'UTC'; SHOW ALL; -- comment\nSELECT /* /* nested */ */ U&'\\0041', \"q\"\"q\", 1e10, .5, 0x1",
  ]

  @Test("Mutated statements never crash the parser", arguments: Seed.sample(8))
  func mutatedStatements(seed: Seed) {
    var random = SeededGenerator(seed)
    for _ in 0..<500 {
      var bytes = Array(Self.seeds[Int.random(in: 0..<Self.seeds.count, using: &random)].utf8)
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.insert(UInt8.random(in: 1...127, using: &random), at: place)
        case 1: if place < bytes.count { bytes.remove(at: place) }
        case 2:
          let other = Array(Self.seeds[Int.random(in: 0..<Self.seeds.count, using: &random)].utf8)
          let start = Int.random(in: 0..<other.count, using: &random)
          bytes.insert(contentsOf: other[start..<min(other.count, start + 12)], at: place)
        default: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        }
      }
      parse(String(decoding: bytes, as: UTF8.self), seed)
    }
  }

  @Test("Random text never crashes the parser", arguments: Seed.sample(4))
  func randomText(seed: Seed) {
    var random = SeededGenerator(seed)
    for _ in 0..<800 {
      let bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      parse(String(decoding: bytes, as: UTF8.self), seed)
    }
  }

  private func parse(_ text: String, _ seed: Seed) {
    do {
      let script = try SQLParser.parse(text)
      #expect(script.statements.count <= SQLParser.statementCountMax)
    } catch {
      #expect(error.position ?? 1 >= 1 && error.position ?? 1 <= text.unicodeScalars.count + 2, "\(seed): \(text)")
    }
  }

  /// Each of them makes the tree deeper by one level for each repetition.
  private static let nestings: [(open: String, middle: String, close: String)] = [
    ("(", "1", ")"), ("1+", "1", ""), ("- ", "1", ""), ("NOT ", "true", ""), ("(SELECT ", "1", ")"),
    ("CASE WHEN true THEN ", "1", " END"), ("CASE WHEN true AND ", "1", " END"), ("f(", "1", ")"), ("", "1", "::int"),
    ("", "1", " UNION SELECT 1"), ("", "1, 2", " UNION SELECT 1, 2"), ("ARRAY[", "1", "]"), ("", "1", " COLLATE \"C\""),
    ("", "1", " IS NULL"), ("", "1", " AT TIME ZONE 'UTC'"), ("(1 AS end, ", "1", ")"),
    ("", "a", " OPERATOR(pg_catalog.+) 1"),
    ("1 IN (", "1", ")"), ("", "1", " NOTNULL"), ("1 BETWEEN 1 AND ", "1", ""), ("(VALUES ", "(1)", ")"),
    ("", "a", "[1]"),
    ("(SELECT 1 AS \"case\", ", "1", ")"), ("", "a", ".b"), ("[", "", "]"), ("{", "", "}"), ("$a$", "", ""),
    ("'", "", ""), ("/*", "", "*/"), ("/**/", "1", ""), ("+", "1", ""), ("1 BETWEEN 1 AND (", "1", ")"),
    ("CASE (", "1", ") WHEN 1 THEN 2 END"),
  ]

  @Test("Deep nesting is refused, not a stack overflow", arguments: [100, 900, 5_000, 100_000])
  func deepNesting(count: Int) async throws {
    let session = try await TestSession()
    for (open, middle, close) in Self.nestings {
      let text =
        "SELECT " + String(repeating: open, count: count) + middle + String(repeating: close, count: count)
      let answer = await session.transcript(text)
      #expect(!answer.isEmpty)
    }
    let joins = "SELECT * FROM t" + String(repeating: " JOIN t ON true", count: count)
    #expect(await session.transcript(joins).contains("ERROR"))
  }

  @Test("A million brackets are refused before they are read")
  func millionBrackets() async throws {
    let session = try await TestSession()
    let text = "SELECT " + String(repeating: "(", count: 1_000_000) + "1" + String(repeating: ")", count: 1_000_000)
    #expect(await session.transcript(text).hasPrefix("ERROR: 54001"))
  }

  @Test("What is too long or not text is refused with its own code")
  func limits() async throws {
    let session = try await TestSession()
    #expect(await session.transcript("SELECT '\u{0}'").hasPrefix("ERROR: 22021"))
    let long = "SELECT '" + String(repeating: "x", count: SQLParser.textBytesMax) + "'"
    #expect(await session.transcript(long).hasPrefix("ERROR: 54000"))
    let many = String(repeating: "SELECT 1;", count: SQLParser.statementCountMax + 1)
    #expect(await session.transcript(many).hasPrefix("ERROR: 54000"))
    let list = "SELECT 1 IN (" + String(repeating: "1, ", count: 40_000) + "1)"
    #expect(await session.transcript(list).hasPrefix("ERROR: 54000"))
    let flat = "SELECT 1 WHERE " + String(repeating: "1 = 1 AND ", count: 5_000) + "true"
    #expect(await session.transcript(flat) == "?column?:integer\n1\nSELECT 1")
  }
}
