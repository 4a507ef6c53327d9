import Checkers
import PostgresClient
import Synchronization

/// W-REG: clients read, insert, update, conditionally update and delete single rows; every row's history must be linearizable. A row
/// rests after some operations and another takes its place, because the checker's work grows fast with a history.
final class RegisterWorkload: Sendable {
  static let schema = [
    "DROP TABLE IF EXISTS workload_register", "CREATE TABLE workload_register (k bigint PRIMARY KEY, v bigint)",
  ]

  private static let operationsPerKey = 150
  private static let keysAtOnce = 3

  private struct Histories {
    /// By key, from 0.
    var keys: [[RegisterOperation]] = Array(repeating: [], count: keysAtOnce)
    /// How many operations were begun on each key.
    var begun = [Int](repeating: 0, count: keysAtOnce)
    /// The keys in use.
    var current = Array(0..<keysAtOnce)
    var nextValue: Int64 = 0
  }

  private let histories = Mutex(Histories())
  private let seed: UInt64

  init(seed: UInt64) { self.seed = seed }

  @Sendable func run(_ client: WorkloadClient, in run: WorkloadRun) {
    var generator = SeededGenerator(seed: seed &+ UInt64(client.number) &* 1_000_003)
    // What this client last read of each key: the old value that a conditional update asks for.
    var seen: [Int: Int64] = [:]
    while !run.isStopping {
      let slot = Int.random(in: 0..<Self.keysAtOnce, using: &generator)
      let (key, value) = histories.withLock { histories in
        if histories.begun[histories.current[slot]] >= Self.operationsPerKey {
          histories.current[slot] = histories.keys.count
          histories.keys.append([])
          histories.begun.append(0)
        }
        let key = histories.current[slot]
        histories.begun[key] += 1
        histories.nextValue += 1
        return (key, histories.nextValue)
      }
      switch Int.random(in: 0..<20, using: &generator) {
      case ..<9: seen[key] = read(key, client, run) ?? seen[key]
      case ..<12: upsert(key, value, client, run)
      case ..<13: insert(key, value, client, run)
      case ..<14: delete(key, client, run)
      case ..<15: update(key, value, client, run)
      default:
        if let old = seen[key] { exchange(key, old, value, client, run) } else { seen[key] = read(key, client, run) }
      }
      run.think()
    }
  }

  private func read(_ key: Int, _ client: WorkloadClient, _ run: WorkloadRun) -> Int64? {
    let start = run.now
    guard case .done(let result) = client.execute("SELECT v FROM workload_register WHERE k = $1", ["\(key)"]) else {
      return nil
    }
    let value = result.rows.first?.first.flatMap { $0 }.flatMap { Int64($0) }
    record(.init(.read(value), start: start, end: run.now), of: key)
    return value
  }

  private func upsert(_ key: Int, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    change(
      key, client, run,
      "INSERT INTO workload_register (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
      ["\(value)"]
    ) { _ in .upsert(value) }
  }

  private func insert(_ key: Int, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    change(
      key, client, run, "INSERT INTO workload_register (k, v) VALUES ($1, $2) ON CONFLICT DO NOTHING", ["\(value)"]
    ) { .insert(value, succeeded: $0) }
  }

  private func update(_ key: Int, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    change(key, client, run, "UPDATE workload_register SET v = $2 WHERE k = $1", ["\(value)"]) {
      .update(value, found: $0)
    }
  }

  private func exchange(_ key: Int, _ old: Int64, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    change(
      key, client, run, "UPDATE workload_register SET v = $3 WHERE k = $1 AND v = $2", ["\(old)", "\(value)"]
    ) { .compareAndSet(expected: old, new: value, succeeded: $0) }
  }

  private func delete(_ key: Int, _ client: WorkloadClient, _ run: WorkloadRun) {
    change(key, client, run, "DELETE FROM workload_register WHERE k = $1", []) { .delete(found: $0) }
  }

  /// - Parameter kind: the operation, from whether a row was changed; nil where nobody knows.
  private func change(
    _ key: Int, _ client: WorkloadClient, _ run: WorkloadRun, _ sql: String, _ values: [String],
    _ kind: (Bool?) -> RegisterOperation.Kind
  ) {
    let start = run.now
    switch client.execute(sql, ["\(key)"] + values) {
    case .done(let result): record(.init(kind(result.affectedRows == 1), start: start, end: run.now), of: key)
    case .unknown: record(.init(kind(nil), start: start, end: nil), of: key)
    case .failed, .notSent: break
    }
  }

  private func record(_ operation: RegisterOperation, of key: Int) {
    histories.withLock { $0.keys[key].append(operation) }
  }

  func report(into report: inout WorkloadReport) {
    let keys = histories.withLock { $0.keys }
    let count = keys.map(\.count).reduce(0, +)
    let unknown = keys.joined().count { $0.end == nil }
    report.summaries.append("registers: \(count) operations on \(keys.count) rows, \(unknown) unknown")
    for (key, history) in keys.enumerated() {
      switch LinearizabilityChecker.check(history) {
      case .linearizable: break
      case .violation:
        report.problems.append(
          "register \(key): its \(history.count) operations cannot have happened one after the other")
      case .undecided:
        report.problems.append("register \(key): its \(history.count) operations are too many to judge")
      }
    }
  }
}
