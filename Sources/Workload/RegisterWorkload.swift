import PostgresClient
import Simulation
import Synchronization

/// W-REG: clients read, write and conditionally update single rows; every row's history must be linearizable. A row
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
      switch (Int.random(in: 0..<10, using: &generator), seen[key]) {
      case (0..<5, _), (8..., nil): seen[key] = read(key, client, run) ?? seen[key]
      case (5..<8, _): write(key, value, client, run)
      case (_, let old?): exchange(key, old, value, client, run)
      default: break
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

  private func write(_ key: Int, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    let start = run.now
    let outcome = client.execute(
      "INSERT INTO workload_register (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
      ["\(key)", "\(value)"])
    switch outcome {
    case .done: record(.init(.upsert(value), start: start, end: run.now), of: key)
    case .unknown: record(.init(.upsert(value), start: start, end: nil), of: key)
    case .failed, .notSent: break
    }
  }

  private func exchange(_ key: Int, _ old: Int64, _ value: Int64, _ client: WorkloadClient, _ run: WorkloadRun) {
    let start = run.now
    let outcome = client.execute(
      "UPDATE workload_register SET v = $3 WHERE k = $1 AND v = $2", ["\(key)", "\(old)", "\(value)"])
    switch outcome {
    case .done(let result):
      let kind = RegisterOperation.Kind.compareAndSet(expected: old, new: value, succeeded: result.affectedRows == 1)
      record(.init(kind, start: start, end: run.now), of: key)
    case .unknown:
      record(.init(.compareAndSet(expected: old, new: value, succeeded: nil), start: start, end: nil), of: key)
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
