import PostgresClient
import Synchronization

/// W-SET: clients insert rows that nobody deletes, and read all of them again and again. A row that was acknowledged
/// before a read began must be in it; a row whose insert failed, or that nobody inserted, must not; none is there twice.
final class SetWorkload: Sendable {
  static let schema = [
    "DROP TABLE IF EXISTS workload_set", "CREATE TABLE workload_set (id bigint PRIMARY KEY, client bigint NOT NULL)",
  ]

  /// The log of what clients did, in the order of their answers. Also the checker's own record of a read.
  struct Ledger: Sendable {
    var acknowledged: [Int64] = []
    var refused: Set<Int64> = []
    var unknown: Set<Int64> = []
    /// Inserts that were sent: those above, and those under way.
    var tried: Set<Int64> = []
    var reads = 0
    var problems: [String] = []

    /// Checks one read of all rows.
    /// - Parameter acknowledgedBefore: how many inserts had been acknowledged when it began.
    mutating func check(_ ids: [Int64], acknowledgedBefore: Int) {
      reads += 1
      let found = Set(ids)
      if found.count != ids.count { problem("a read gave \(ids.count - found.count) rows twice") }
      let missing = acknowledged[..<acknowledgedBefore].filter { !found.contains($0) }
      if let first = missing.first {
        problem("a read misses \(missing.count) acknowledged rows, as \(first)")
      }
      let ghosts = found.filter { !tried.contains($0) || refused.contains($0) }
      if let first = ghosts.min() { problem("a read has \(ghosts.count) rows that nobody inserted, as \(first)") }
    }

    private mutating func problem(_ text: String) { if problems.count < 20 { problems.append("set: " + text) } }
  }

  private let ledger = Mutex(Ledger())

  @Sendable func run(_ client: WorkloadClient, in run: WorkloadRun) {
    var sequence: Int64 = 0
    while !run.isStopping {
      sequence += 1
      if sequence % 200 == Int64(client.number) {
        read(client)
        continue
      }
      let id = Int64(client.number) * 1_000_000_000 + sequence
      ledger.withLock { _ = $0.tried.insert(id) }
      switch client.execute("INSERT INTO workload_set (id, client) VALUES ($1, $2)", ["\(id)", "\(client.number)"]) {
      case .done: ledger.withLock { $0.acknowledged.append(id) }
      case .failed, .notSent: ledger.withLock { _ = $0.refused.insert(id) }
      case .unknown: ledger.withLock { _ = $0.unknown.insert(id) }
      }
      run.think()
    }
  }

  private static let everything = "SELECT id FROM workload_set"

  private func read(_ client: WorkloadClient) {
    let before = ledger.withLock { $0.acknowledged.count }
    guard case .done(let result) = client.execute(Self.everything) else { return }
    check(result, before)
  }

  private func check(_ result: PostgresResult, _ before: Int) {
    let ids = result.rows.compactMap { $0.first.flatMap { $0 }.flatMap { Int64($0) } }
    ledger.withLock { $0.check(ids, acknowledgedBefore: before) }
  }

  /// The last read, when no client runs any more.
  func check(_ connection: PostgresConnection) throws(PostgresError) {
    let before = ledger.withLock { $0.acknowledged.count }
    check(try connection.execute(Self.everything, timeout: .seconds(30)), before)
  }

  func report(into report: inout WorkloadReport) {
    ledger.withLock { ledger in
      report.summaries.append(
        "set: \(ledger.acknowledged.count) rows acknowledged, \(ledger.unknown.count) unknown, "
          + "\(ledger.reads) reads of all rows")
      report.problems += ledger.problems
    }
  }
}
