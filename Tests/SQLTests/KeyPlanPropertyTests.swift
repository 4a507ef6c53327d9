import Operations
import SQL
import Testing

/// A planned selection of keys must never change what a condition yields.
@Suite struct KeyPlanPropertyTests {
  @Test("A condition on key columns selects the same rows by key as by a full scan", arguments: Seed.sample(24))
  func selectionEqualsScan(seed: Seed) async throws {
    var random = SeededGenerator(seed)
    let session = try await TestSession()
    let keys = [
      "PRIMARY KEY ((a) HASH, b ASC, c ASC)", "PRIMARY KEY (a ASC, b DESC, c ASC)", "PRIMARY KEY ((a, b) HASH, c DESC)",
      "PRIMARY KEY (c DESC, a ASC, b ASC)", "PRIMARY KEY ((b, a) HASH, c ASC)",
    ]
    let key = keys[Int.random(in: 0..<keys.count, using: &random)]
    // The twin has the same rows under a key that no condition names.
    _ = await session.transcript("CREATE TABLE t (a int, b bigint, c text, n serial, \(key))")
    _ = await session.transcript("CREATE TABLE scan (a int, b bigint, c text)")
    var rows: Set<String> = []
    for _ in 0..<60 { rows.insert("(\(Self.int(&random)), \(Self.int(&random)), \(Self.text(&random)))") }
    let values = rows.sorted().joined(separator: ", ")
    #expect(await session.transcript("INSERT INTO t (a, b, c) VALUES \(values)").contains("INSERT 0 \(rows.count)"))
    #expect(await session.transcript("INSERT INTO scan VALUES \(values)").contains("INSERT 0 \(rows.count)"))

    for _ in 0..<60 {
      let condition = Self.condition(&random, depth: 0)
      let planned = await session.transcript("SELECT a, b, c FROM t WHERE \(condition) ORDER BY a, b, c")
      let scanned = await session.transcript("SELECT a, b, c FROM scan WHERE \(condition) ORDER BY a, b, c")
      #expect(planned == scanned, "\(seed) \(key): \(condition)")
      #expect(!planned.contains("ERROR"), "\(seed): \(condition): \(planned)")
    }
  }

  @Test("A span of a hashed key reads, locks and changes what a full scan would", arguments: Seed.sample(16))
  func spanEqualsScan(seed: Seed) async throws {
    var random = SeededGenerator(seed)
    let session = try await TestSession()
    let type = ["smallint", "int", "bigint"][Int.random(in: 0..<3, using: &random)]
    _ = await session.transcript("CREATE TABLE t (k \(type) PRIMARY KEY, v int)")
    _ = await session.transcript("CREATE TABLE scan (k \(type), v int)")
    let largest = ["smallint": "32767", "int": "2147483647", "bigint": "9223372036854775807"][type] ?? ""
    let values = (0..<40).map { "(\($0 * 3 - 60), \($0))" } + ["(\(largest), 40)", "(-\(largest) - 1, 41)"]
    for table in ["t", "scan"] {
      let said = await session.transcript("INSERT INTO \(table) VALUES \(values.joined(separator: ", "))")
      #expect(said.contains("INSERT 0 42"))
    }
    let ends = ["32767", "2147483647", "9223372036854775807", "-9223372036854775808", "NULL", "1000"]
    func end() -> String {
      Int.random(in: 0..<5, using: &random) == 0
        ? ends[Int.random(in: 0..<ends.count, using: &random)] : String(Int.random(in: -70...70, using: &random))
    }
    for _ in 0..<40 {
      let (low, high) = (end(), end())
      let condition = [
        "k BETWEEN \(low) AND \(high)", "k > \(low) AND k <= \(high)", "\(low) <= k AND k < \(high) AND k > \(end())",
        "k >= \(low) AND k < \(high) AND v % 2 = 0",
      ][Int.random(in: 0..<4, using: &random)]
      let statement = [
        "SELECT k, v FROM # WHERE \(condition) ORDER BY k", "SELECT count(*), sum(v) FROM # WHERE \(condition)",
        "SELECT k FROM # WHERE \(condition) ORDER BY k LIMIT 3", "UPDATE # SET v = v + 1 WHERE \(condition)",
        "BEGIN; SELECT k FROM # WHERE \(condition) ORDER BY k FOR UPDATE; COMMIT",
        "DELETE FROM # WHERE \(condition) AND v % 7 = 3",
      ][Int.random(in: 0..<6, using: &random)]
      let planned = await session.transcript(statement.replacing("#", with: "t"))
      let scanned = await session.transcript(statement.replacing("#", with: "scan"))
      #expect(planned == scanned, "\(seed) \(type): \(statement)")
      #expect(!planned.contains("ERROR"), "\(seed): \(statement): \(planned)")
    }
    let all = "SELECT k, v FROM # ORDER BY k"
    let rows = await session.transcript(all.replacing("#", with: "t"))
    #expect(rows == (await session.transcript(all.replacing("#", with: "scan"))), "\(seed)")
  }

  @Test("An ORDER BY that follows the key reads in key order, and gives what a sort gives", arguments: Seed.sample(8))
  func keyOrderEqualsSort(seed: Seed) async throws {
    var random = SeededGenerator(seed)
    let session = try await TestSession()
    _ = await session.transcript(
      "CREATE TABLE t (a int, b bigint, PRIMARY KEY (a ASC, b DESC)) SPLIT AT VALUES ((2), (4))")
    var rows: Set<String> = []
    for _ in 0..<40 { rows.insert("(\(Self.int(&random)), \(Self.int(&random)))") }
    _ = await session.transcript("INSERT INTO t VALUES \(rows.sorted().joined(separator: ", "))")
    for limit in 0..<12 {
      let byKey = await session.transcript("SELECT a, b FROM t ORDER BY a, b DESC LIMIT \(limit) OFFSET \(limit / 3)")
      let bySort = await session.transcript(
        "SELECT a, b FROM t ORDER BY a + 0, b + 0 DESC LIMIT \(limit) OFFSET \(limit / 3)")
      #expect(byKey == bySort, "\(seed) limit \(limit)")
    }
  }

  private static func int(_ random: inout SeededGenerator) -> String { String(Int.random(in: 0..<6, using: &random)) }
  private static func text(_ random: inout SeededGenerator) -> String {
    "'" + ["", "a", "ab", "b", "é", "z"][Int.random(in: 0..<6, using: &random)] + "'"
  }

  /// A value that may not fit the column, or be NULL.
  private static func oddInt(_ random: inout SeededGenerator) -> String {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: "3000000000"
    case 1: "-3000000000"
    case 2: "NULL"
    case 3: "2.5"
    case 4: "3.0"
    case 5: "'3'"
    case 6: "3::smallint"
    default: int(&random)
    }
  }

  private static func condition(_ random: inout SeededGenerator, depth: Int) -> String {
    let kind = Int.random(in: 0..<(depth < 2 ? 10 : 7), using: &random)
    let column = ["a", "b"][Int.random(in: 0..<2, using: &random)]
    let comparison = ["=", "<", "<=", ">", ">=", "<>"][Int.random(in: 0..<6, using: &random)]
    switch kind {
    case 0, 1: return "\(column) = \(oddInt(&random))"
    case 2: return "\(oddInt(&random)) \(comparison) \(column)"
    case 3: return "\(column) IN (\(oddInt(&random)), \(oddInt(&random)), \(oddInt(&random)))"
    case 4: return "\(column) BETWEEN \(int(&random)) AND \(oddInt(&random))"
    case 5: return "c \(comparison) \(text(&random))"
    case 6: return "c IN (\(text(&random)), \(text(&random)))"
    case 7:
      return "\(condition(&random, depth: depth + 1)) AND \(condition(&random, depth: depth + 1))"
    case 8: return "(\(condition(&random, depth: depth + 1)) OR \(condition(&random, depth: depth + 1)))"
    default: return "NOT (\(condition(&random, depth: depth + 1)))"
    }
  }
}
