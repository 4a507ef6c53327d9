import Foundation
import PostgresClient
import Synchronization

/// The workloads there are; the raw values are what `apus workload` calls them.
package enum WorkloadKind: String, CaseIterable, Sendable {
  case set
  case register
  case counter
  case bank
  case append
}

package struct WorkloadOptions: Sendable {
  /// The nodes; clients spread over all of them.
  package var targets: [PostgresConnection.Target]
  package var seed: UInt64
  /// Clients of each workload; at most 10, or the register checker's work explodes.
  package var setClients = 3
  package var registerClients = 6
  package var counterClients = 3
  package var bankClients = 3
  package var appendClients = 4
  /// Those that run.
  package var kinds: Set<WorkloadKind>
  /// After it a client gives its session up and takes the outcome for unknown.
  package var statementTimeout = Duration.seconds(5)
  /// How long a client waits between its operations, so that a run stays readable.
  package var thinkMicroseconds: UInt32 = 2_000

  package init(
    targets: [PostgresConnection.Target], seed: UInt64, kinds: some Sequence<WorkloadKind> = WorkloadKind.allCases
  ) {
    self.targets = targets
    self.seed = seed
    self.kinds = Set(kinds)
  }

  func clients(of kind: WorkloadKind) -> Int {
    guard kinds.contains(kind) else { return 0 }
    return switch kind {
    case .set: setClients
    case .register: registerClients
    case .counter: counterClients
    case .bank: bankClients
    case .append: appendClients
    }
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
  private let bank: BankWorkload
  private let append: AppendWorkload

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
    bank = BankWorkload(seed: options.seed)
    append = AppendWorkload(seed: options.seed)
    let count = WorkloadKind.allCases.reduce(0) { $0 + options.clients(of: $1) }
    progress = Mutex(
      Progress(lastSuccess: [UInt64](repeating: 0, count: count), successes: [Int](repeating: 0, count: count)))
  }

  // MARK: Control

  /// Makes the tables anew and starts the clients.
  package func start() throws(PostgresError) {
    guard let target = options.targets.first else { throw PostgresError(message: "a workload needs a node") }
    let connection = try PostgresConnection(target, timeoutSeconds: 10)
    let kinds = WorkloadKind.allCases.filter(options.kinds.contains)
    for kind in kinds { for sql in schema(of: kind) { try connection.execute(sql) } }
    var number = 0
    for kind in kinds {
      let body = body(of: kind)
      for _ in 0..<options.clients(of: kind) {
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

  private func schema(of kind: WorkloadKind) -> [String] {
    switch kind {
    case .set: SetWorkload.schema
    case .register: RegisterWorkload.schema
    case .counter: CounterWorkload.schema
    case .bank: BankWorkload.schema
    case .append: AppendWorkload.schema
    }
  }

  private func body(of kind: WorkloadKind) -> @Sendable (WorkloadClient, WorkloadRun) -> Void {
    switch kind {
    case .set: set.run
    case .register: registers.run
    case .counter: counters.run
    case .bank: bank.run
    case .append: append.run
    }
  }

  /// The last reads, on one node.
  private func check(_ kind: WorkloadKind, _ connection: PostgresConnection) throws(PostgresError) {
    switch kind {
    case .set: try set.check(connection)
    case .register: break
    case .counter: try counters.check(connection)
    case .bank: try bank.check(connection)
    // As a session of its own for each node.
    case .append: try append.check(connection, at: now, session: 1_000_000 + connection.target.port)
    }
  }

  private func report(_ kind: WorkloadKind, into report: inout WorkloadReport) {
    switch kind {
    case .set: set.report(into: &report)
    case .register: registers.report(into: &report)
    case .counter: counters.report(into: &report)
    case .bank: bank.report(into: &report)
    case .append: append.report(into: &report)
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
    let kinds = WorkloadKind.allCases.filter(options.kinds.contains)
    for target in options.targets {
      do throws(PostgresError) {
        let connection = try PostgresConnection(target, timeoutSeconds: 10)
        for kind in kinds { try check(kind, connection) }
      } catch {
        report.problems.append("the last read on port \(target.port) failed: \(error)")
      }
    }
    for kind in kinds { self.report(kind, into: &report) }
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
