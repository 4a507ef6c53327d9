import Checkers
import PostgresClient
import Synchronization

/// W-BANK: clients move money between accounts of several tablets in blocks of every level, and look at all accounts all
/// the time. Every look, by one statement or by a block with one snapshot, finds the same total and no account in debt.
final class BankWorkload: Sendable {
  private static let accounts: ClosedRange<Int64> = 0...7
  private static let balance: Int64 = 100
  static let schema = [
    "DROP TABLE IF EXISTS workload_bank",
    "CREATE TABLE workload_bank (id bigint PRIMARY KEY, balance bigint NOT NULL)",
    "INSERT INTO workload_bank SELECT i, \(balance) FROM generate_series(\(accounts.lowerBound), \(accounts.upperBound)) i",
  ]

  private struct Record {
    var committed = 0
    var aborted = 0
    var unknown = 0
    var looks = 0
    var problems: [String] = []
  }
  private let record = Mutex(Record())
  private let seed: UInt64
  private let checker = BankChecker(total: balance * Int64(accounts.count), accounts: accounts)

  init(seed: UInt64) { self.seed = seed }

  @Sendable func run(_ client: WorkloadClient, in run: WorkloadRun) {
    var generator = SeededGenerator(seed: seed &+ UInt64(client.number) &* 1_000_003)
    while !run.isStopping {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: look(client, run)
      case 1: lookInPieces(client, run, &generator)
      default: transfer(client, &generator)
      }
      run.think()
    }
  }

  // MARK: Transfers

  private func transfer(_ client: WorkloadClient, _ generator: inout SeededGenerator) {
    let level = IsolationLevel.allCases.randomElement(using: &generator) ?? .serializable
    let from = Int64.random(in: Self.accounts, using: &generator)
    let to = (from + Int64.random(in: 1..<Int64(Self.accounts.count), using: &generator)) % Int64(Self.accounts.count)
    let amount = Int64.random(in: 1...30, using: &generator)
    let isRelative = Bool.random(using: &generator)
    let ending = client.block(level) { execute throws(PostgresError) in
      if isRelative {
        let taken = try execute(
          "UPDATE workload_bank SET balance = balance - \(amount) WHERE id = \(from) AND balance >= \(amount)")
        guard taken.affectedRows == 1 else { return }
        _ = try execute("UPDATE workload_bank SET balance = balance + \(amount) WHERE id = \(to)")
        return
      }
      // New balances from those that were read: a lost update would make or lose money. Only READ COMMITTED needs locks.
      let locking = level == .readCommitted ? " FOR UPDATE" : ""
      let rows = Self.rows(
        try execute("SELECT id, balance FROM workload_bank WHERE id IN (\(from), \(to)) ORDER BY id" + locking))
      guard let source = rows[from], let target = rows[to], source >= amount else { return }
      _ = try execute("UPDATE workload_bank SET balance = \(source - amount) WHERE id = \(from)")
      _ = try execute("UPDATE workload_bank SET balance = \(target + amount) WHERE id = \(to)")
    }
    record.withLock { record in
      switch ending {
      case .committed: record.committed += 1
      case .aborted: record.aborted += 1
      case .unknown: record.unknown += 1
      }
    }
  }

  // MARK: Looks

  private static let everything = "SELECT id, balance FROM workload_bank"

  private func look(_ client: WorkloadClient, _ run: WorkloadRun) {
    let start = run.now
    guard case .done(let result) = client.execute(Self.everything) else { return }
    judge(.readCommitted, client.number, start, run.now, [.scan(Self.accounts, Self.rows(result))])
  }

  /// One row at a time, in one snapshot.
  private func lookInPieces(_ client: WorkloadClient, _ run: WorkloadRun, _ generator: inout SeededGenerator) {
    let level: IsolationLevel = Bool.random(using: &generator) ? .repeatableRead : .serializable
    let start = run.now
    var reads: [Operation] = []
    _ = client.block(level) { execute throws(PostgresError) in
      reads = []
      for id in Self.accounts.shuffled(using: &generator) {
        let rows = Self.rows(try execute("SELECT id, balance FROM workload_bank WHERE id = \(id)"))
        reads.append(.read(key: id, rows[id]))
      }
    }
    // Whatever the end was: what a transaction that aborts has seen was of one moment too.
    judge(level, client.number, start, run.now, reads)
  }

  /// The last look, when no client runs any more.
  func check(_ connection: PostgresConnection) throws(PostgresError) {
    let result = try connection.execute(Self.everything, timeout: .seconds(30))
    judge(.readCommitted, 0, 0, nil, [.scan(Self.accounts, Self.rows(result))])
  }

  private static func rows(_ result: PostgresResult) -> [Int64: Int64] {
    var rows: [Int64: Int64] = [:]
    for row in result.rows where row.count == 2 {
      if let id = row[0].flatMap({ Int64($0) }), let balance = row[1].flatMap({ Int64($0) }) { rows[id] = balance }
    }
    return rows
  }

  private func judge(
    _ level: IsolationLevel, _ session: Int, _ start: UInt64, _ end: UInt64?, _ operations: [Operation]
  ) {
    let anomalies = checker.check([Transaction(session: session, level, start: start, end: end, operations)])
    record.withLock { record in
      record.looks += 1
      if record.problems.count < 20 { record.problems += anomalies.map { "bank: \($0)" } }
    }
  }

  func report(into report: inout WorkloadReport) {
    record.withLock { record in
      report.summaries.append(
        "bank: \(record.committed) transfers committed, \(record.aborted) aborted, \(record.unknown) unknown, "
          + "\(record.looks) looks at all accounts")
      report.problems += record.problems
    }
  }
}
