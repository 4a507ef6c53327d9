import PostgresClient
import Synchronization

/// W-COUNT: clients add 1 to a few rows. A row's number is never below the increments that were acknowledged before the
/// read began, and never above those that were tried before it ended: none is lost, none happens twice.
final class CounterWorkload: Sendable {
  private static let rows = 4
  static let schema =
    [
      "DROP TABLE IF EXISTS workload_counter",
      "CREATE TABLE workload_counter (k bigint PRIMARY KEY, n bigint NOT NULL)",
    ]
    + (0..<rows).map { "INSERT INTO workload_counter (k, n) VALUES (\($0), 0)" }

  struct Ledger: Sendable {
    var acknowledged = [Int](repeating: 0, count: rows)
    /// Sent, and not refused: acknowledged, unknown or under way.
    var possible = [Int](repeating: 0, count: rows)
    var reads = 0
    var problems: [String] = []

    mutating func check(row: Int, value: Int, acknowledgedBefore: Int) {
      reads += 1
      if value < acknowledgedBefore { problem("row \(row) is \(value) after \(acknowledgedBefore) increments") }
      if value > possible[row] { problem("row \(row) is \(value) after at most \(possible[row]) increments") }
    }

    private mutating func problem(_ text: String) { if problems.count < 20 { problems.append("counter: " + text) } }
  }

  private let ledger = Mutex(Ledger())

  @Sendable func run(_ client: WorkloadClient, in run: WorkloadRun) {
    var turn = client.number
    while !run.isStopping {
      turn += 1
      let row = turn % Self.rows
      if turn % 10 == 0 { read(row, client) } else { increment(row, client) }
      run.think()
    }
  }

  private func increment(_ row: Int, _ client: WorkloadClient) {
    ledger.withLock { $0.possible[row] += 1 }
    switch client.execute("UPDATE workload_counter SET n = n + 1 WHERE k = $1", ["\(row)"]) {
    case .done(let result):
      ledger.withLock { ledger in
        ledger.acknowledged[row] += 1
        if result.affectedRows != 1 { ledger.problems.append("counter: an update of row \(row) found no row") }
      }
    case .failed, .notSent: ledger.withLock { $0.possible[row] -= 1 }
    case .unknown: break
    }
  }

  private static let one = "SELECT n FROM workload_counter WHERE k = $1"

  private func read(_ row: Int, _ client: WorkloadClient) {
    let before = ledger.withLock { $0.acknowledged[row] }
    guard case .done(let result) = client.execute(Self.one, ["\(row)"]) else { return }
    check(row, result, before)
  }

  private func check(_ row: Int, _ result: PostgresResult, _ before: Int) {
    let value = result.rows.first?.first.flatMap { $0 }.flatMap { Int($0) }
    ledger.withLock { $0.check(row: row, value: value ?? -1, acknowledgedBefore: before) }
  }

  func check(_ connection: PostgresConnection) throws(PostgresError) {
    for row in 0..<Self.rows {
      let before = ledger.withLock { $0.acknowledged[row] }
      check(row, try connection.execute(Self.one, ["\(row)"], timeout: .seconds(30)), before)
    }
  }

  func report(into report: inout WorkloadReport) {
    ledger.withLock { ledger in
      report.summaries.append(
        "counters: \(ledger.acknowledged.reduce(0, +)) increments acknowledged, "
          + "\(zip(ledger.possible, ledger.acknowledged).map(-).reduce(0, +)) unknown, \(ledger.reads) reads")
      report.problems += ledger.problems
    }
  }
}
