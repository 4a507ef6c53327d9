import PostgresClient
import Synchronization

/// W-SET: clients insert rows that nobody deletes, and read all of them again and again. A row that was acknowledged
/// before a read began must be in it; a row whose insert failed, or that nobody inserted, must not; none is there twice.
final class SetWorkload: Sendable {
  static let schema = [
    "DROP TABLE IF EXISTS workload_set", "CREATE TABLE workload_set (id bigint PRIMARY KEY, client bigint NOT NULL)",
  ]

  private let ledger = Mutex(SetLedger())

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
