import Checkers
import PostgresClient
import Synchronization

/// W-APPEND: blocks of every level append unique values to lists of several tablets and read whole lists; single
/// statements do it too. `AppendChecker` judges the history. A list rests when it is long, and another takes its place,
/// because each read shows all of it.
final class AppendWorkload: Sendable {
  static let schema = [
    "DROP TABLE IF EXISTS workload_append",
    "CREATE TABLE workload_append (k bigint PRIMARY KEY, list text NOT NULL)",
  ]

  private static let listsAtOnce = 5
  private static let appendsPerList = 60

  private struct Record {
    var history: [Transaction] = []
    /// The lists in use, and how many appends to each were begun.
    var lists = Array(0..<Int64(listsAtOnce))
    var begun = [Int](repeating: 0, count: listsAtOnce)
    var nextList = Int64(listsAtOnce)
    var nextValue: Int64 = 0
  }
  private let record = Mutex(Record())
  private let seed: UInt64

  init(seed: UInt64) { self.seed = seed }

  /// What a transaction is going to do.
  private enum Step {
    case append(key: Int64, Int64)
    case read(key: Int64)
  }

  @Sendable func run(_ client: WorkloadClient, in run: WorkloadRun) {
    var generator = SeededGenerator(seed: seed &+ UInt64(client.number) &* 1_000_003)
    while !run.isStopping {
      if Int.random(in: 0..<5, using: &generator) == 0 {
        single(step(&generator), client, run)
      } else {
        let level = IsolationLevel.allCases.randomElement(using: &generator) ?? .serializable
        block((0..<Int.random(in: 2...4, using: &generator)).map { _ in step(&generator) }, level, client, run)
      }
      run.think()
    }
  }

  private func step(_ generator: inout SeededGenerator) -> Step {
    let slot = Int.random(in: 0..<Self.listsAtOnce, using: &generator)
    let reads = Bool.random(using: &generator)
    return record.withLock { record in
      if reads { return .read(key: record.lists[slot]) }
      if record.begun[slot] >= Self.appendsPerList {
        record.lists[slot] = record.nextList
        record.begun[slot] = 0
        record.nextList += 1
      }
      record.begun[slot] += 1
      record.nextValue += 1
      return .append(key: record.lists[slot], record.nextValue)
    }
  }

  // MARK: Transactions

  private func block(_ steps: [Step], _ level: IsolationLevel, _ client: WorkloadClient, _ run: WorkloadRun) {
    let start = run.now
    var done: [Operation] = []
    let ending = client.block(level) { execute throws(PostgresError) in
      for step in steps { done.append(Self.operation(step, try execute(Self.sql(of: step)))) }
    }
    let outcome: Transaction.Outcome =
      switch ending {
      case .committed: .committed()
      case .aborted: .aborted
      case .unknown: .unknown
      }
    note(level, outcome, start, run.now, done, client)
  }

  /// A statement on its own is a transaction, too, and takes another way through the cluster.
  private func single(_ step: Step, _ client: WorkloadClient, _ run: WorkloadRun) {
    let start = run.now
    switch client.execute(Self.sql(of: step)) {
    case .done(let result):
      note(.readCommitted, .committed(), start, run.now, [Self.operation(step, result)], client)
    case .unknown:
      // A read that was not answered says nothing.
      if case .append(let key, let value) = step {
        note(.readCommitted, .unknown, start, run.now, [.append(key: key, value)], client)
      }
    case .failed:
      if case .append(let key, let value) = step {
        note(.readCommitted, .aborted, start, run.now, [.append(key: key, value)], client)
      }
    case .notSent: break
    }
  }

  private func note(
    _ level: IsolationLevel, _ outcome: Transaction.Outcome, _ start: UInt64, _ end: UInt64, _ operations: [Operation],
    _ client: WorkloadClient
  ) {
    let transaction = Transaction(
      session: client.number, level, outcome, start: start, end: outcome == .unknown ? nil : end, operations)
    record.withLock { $0.history.append(transaction) }
  }

  private static func sql(of step: Step) -> String {
    switch step {
    case .append(let key, let value):
      "INSERT INTO workload_append AS old (k, list) VALUES (\(key), '\(value)') "
        + "ON CONFLICT (k) DO UPDATE SET list = old.list || ',' || excluded.list"
    case .read(let key): "SELECT list FROM workload_append WHERE k = \(key)"
    }
  }

  private static func operation(_ step: Step, _ result: PostgresResult) -> Operation {
    switch step {
    case .append(let key, let value): return .append(key: key, value)
    case .read(let key):
      let text = result.rows.first?.first.flatMap { $0 } ?? ""
      return .readList(key: key, text.split(separator: ",").map { Int64($0) ?? -1 })
    }
  }

  // MARK: Judging

  /// The last read of all lists, when no client runs any more.
  func check(_ connection: PostgresConnection, at now: UInt64, session: Int) throws(PostgresError) {
    let result = try connection.execute("SELECT k, list FROM workload_append ORDER BY k", timeout: .seconds(30))
    let reads = result.rows.compactMap { row -> Operation? in
      guard row.count == 2, let key = row[0].flatMap({ Int64($0) }), let list = row[1] else { return nil }
      return .readList(key: key, list.split(separator: ",").map { Int64($0) ?? -1 })
    }
    let transaction = Transaction(session: session, .serializable, start: now, end: now + 1, reads)
    record.withLock { $0.history.append(transaction) }
  }

  func report(into report: inout WorkloadReport) {
    let (history, lists) = record.withLock { ($0.history, $0.nextList) }
    report.summaries.append(
      "append: \(history.count(where: \.isCommitted)) transactions on \(lists) lists committed, "
        + "\(history.count { $0.outcome == .aborted }) aborted, \(history.count { $0.outcome == .unknown }) unknown")
    report.problems += AppendChecker().check(history).map { "append: \($0)" }
  }
}
