import Foundation
import PostgresClient
import Synchronization

package struct WorkloadOptions: Sendable {
  /// The nodes; clients spread over all of them.
  package var targets: [PostgresConnection.Target]
  package var seed: UInt64
  /// Clients of each workload; at most 10, or the register checker's work explodes.
  package var setClients = 3
  package var registerClients = 6
  package var counterClients = 3
  /// After it a client gives its session up and takes the outcome for unknown.
  package var statementTimeout = Duration.seconds(5)
  /// How long a client waits between its operations, so that a run stays readable.
  package var thinkMicroseconds: UInt32 = 2_000

  package init(targets: [PostgresConnection.Target], seed: UInt64) {
    self.targets = targets
    self.seed = seed
  }
}

/// The workloads under way: a thread for each client, until ``finish()``.
package final class WorkloadRun: Sendable {
  package let options: WorkloadOptions
  private let epoch = ContinuousClock.now
  private let wantsToStop = Atomic<Bool>(false)
  private let threads = DispatchGroup()
  private let progress: Mutex<Progress>
  private let set = SetWorkload()
  private let registers: RegisterWorkload
  private let counters = CounterWorkload()

  private struct Progress {
    /// When each client last had an answer that something happened, in nanoseconds since the start.
    var lastSuccess: [UInt64]
    /// How often, for each client.
    var successes: [Int]
    var longestGap: UInt64 = 0
    /// The longest since it was last taken.
    var recentGap: UInt64 = 0
    /// How often each error came, by its code.
    var errors: [String: Int] = [:]
  }

  package init(_ options: WorkloadOptions) {
    self.options = options
    registers = RegisterWorkload(seed: options.seed)
    let count = options.setClients + options.registerClients + options.counterClients
    progress = Mutex(
      Progress(lastSuccess: [UInt64](repeating: 0, count: count), successes: [Int](repeating: 0, count: count)))
  }

  // MARK: Control

  /// Makes the tables anew and starts the clients.
  package func start() throws(PostgresError) {
    guard let target = options.targets.first else { throw PostgresError(message: "a workload needs a node") }
    let connection = try PostgresConnection(target, timeoutSeconds: 10)
    for sql in SetWorkload.schema + RegisterWorkload.schema + CounterWorkload.schema { try connection.execute(sql) }
    var number = 0
    for (count, body) in [
      (options.setClients, set.run), (options.registerClients, registers.run), (options.counterClients, counters.run),
    ] as [(Int, @Sendable (WorkloadClient, WorkloadRun) -> Void)] {
      for _ in 0..<count {
        let client = number
        number += 1
        threads.enter()
        Thread.detachNewThread { [self] in
          body(WorkloadClient(number: client, run: self), self)
          threads.leave()
        }
      }
    }
  }

  /// Stops the clients, reads everything once more on every node, and checks.
  package func finish() -> WorkloadReport {
    wantsToStop.store(true, ordering: .relaxed)
    threads.wait()
    var report = WorkloadReport(seed: options.seed)
    progress.withLock { progress in
      report.operations = progress.successes.reduce(0, +)
      report.longestGap = .nanoseconds(Int64(clamping: progress.longestGap))
      report.errors = progress.errors
    }
    for target in options.targets {
      do throws(PostgresError) {
        let connection = try PostgresConnection(target, timeoutSeconds: 10)
        try set.check(connection)
        try counters.check(connection)
      } catch {
        report.problems.append("the last read on port \(target.port) failed: \(error)")
      }
    }
    set.report(into: &report)
    registers.report(into: &report)
    counters.report(into: &report)
    return report
  }

  // MARK: What clients ask and tell

  var isStopping: Bool { wantsToStop.load(ordering: .relaxed) }

  /// Nanoseconds since the start; it never goes back.
  package var now: UInt64 { UInt64((ContinuousClock.now - epoch) / .nanoseconds(1)) }

  func think() { usleep(options.thinkMicroseconds) }

  func succeeded(client: Int) {
    let now = now
    progress.withLock { progress in
      let gap = now - min(now, progress.lastSuccess[client])
      progress.longestGap = max(progress.longestGap, gap)
      progress.recentGap = max(progress.recentGap, gap)
      progress.successes[client] += 1
      progress.lastSuccess[client] = now
    }
  }

  func failed(with error: PostgresError) {
    progress.withLock { $0.errors[error.sqlState ?? "no answer", default: 0] += 1 }
  }

  /// How often each client had an answer that something happened; ``everyClient(hasAnswers:since:)`` takes it.
  package var successes: [Int] { progress.withLock { $0.successes } }

  /// Whether every client had so many answers since `successes` was asked for. One alone says little: it may have come
  /// from a tablet that no fault had reached yet.
  package func everyClient(hasAnswers count: Int = 20, since before: [Int]) -> Bool {
    zip(successes, before).allSatisfy { $0 >= $1 + count }
  }

  /// The longest time that a client went without an answer, since the last call.
  package func takeLongestGap() -> Duration {
    progress.withLock { progress in
      defer { progress.recentGap = 0 }
      return .nanoseconds(Int64(clamping: progress.recentGap))
    }
  }

  /// Operations that were answered.
  package var operations: Int { successes.reduce(0, +) }
}
