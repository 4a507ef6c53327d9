import Foundation
import PostgresClient

/// Faults on a local cluster's processes, one after the other, while the workloads run.
package struct Chaos {
  package enum Fault: CaseIterable, Sendable {
    case killOne
    case killEachInTurn
    case killAll
    case pauseOne
    /// Killed and started again at once, before the others have missed it.
    case restartOne
  }

  package let cluster: LocalCluster
  package let seed: UInt64
  package let rounds: Int
  /// No round begins after it.
  package let limit: Duration
  /// How long a client may go without an answer while a majority lives.
  package let budget: Duration
  private var generator: SeededGenerator
  private let clock = ContinuousClock.now
  private var slow: [String] = []
  private var write: (String) -> Void = { _ in }

  package init(cluster: LocalCluster, seed: UInt64, rounds: Int, limit: Duration, budget: Duration) {
    self.cluster = cluster
    self.seed = seed
    self.rounds = rounds
    self.limit = limit
    self.budget = budget
    generator = SeededGenerator(seed: seed)
  }

  /// Starts the cluster, does the rounds, stops it, and checks.
  /// - Parameter write: gets the timeline, line by line.
  /// - Returns: whether every answer was right and in time.
  package mutating func run(_ write: @escaping (String) -> Void) throws -> Bool {
    self.write = write
    write("seed \(seed), \(rounds) rounds, data in \(cluster.directory.path)")
    try cluster.start()
    defer { _ = try? cluster.stop() }
    say("the cluster serves")
    let workload = WorkloadRun(WorkloadOptions(targets: cluster.targets, seed: seed))
    try workload.start()
    do {
      try wait(workload, "the workloads run", limit: .seconds(30))
      // Every fault comes once before any comes again.
      var bag: [Fault] = []
      for round in 1...rounds where ContinuousClock.now - clock < limit {
        if bag.isEmpty { bag = Fault.allCases.shuffled(using: &generator) }
        try play(bag.removeLast(), round, workload)
      }
    } catch {
      _ = workload.finish()
      throw error
    }
    say("the faults are over")
    try wait(workload, "every client is served", limit: .seconds(30))
    var report = workload.finish()
    report.problems += slow
    write(report.text)
    return report.isGood
  }

  // MARK: Faults

  private mutating func play(_ fault: Fault, _ round: Int, _ workload: WorkloadRun) throws {
    let node = victim()
    switch fault {
    case .killOne:
      try kill(node, workload)
      try cluster.node(node, "start")
      say("node \(node) is back")
    case .killEachInTurn:
      for node in 1...cluster.nodes {
        try kill(node, workload)
        try cluster.node(node, "start")
        say("node \(node) is back")
      }
    case .killAll:
      say("kill -9 of all nodes")
      cluster.killAll()
      // The processes are gone before the scripts look at them.
      while (1...cluster.nodes).contains(where: cluster.isRunning) { usleep(10_000) }
      try cluster.start()
      say("all nodes are back")
      try wait(workload, "every client is served", limit: .seconds(30))
    case .pauseOne:
      // Shorter than an election takes, or longer: then the node awakes as a leader whom nobody follows any more.
      let pause = Duration.milliseconds(Int.random(in: 300...6000, using: &generator))
      say("SIGSTOP of node \(node) for \(WorkloadReport.seconds(pause)) s or more")
      let end = ContinuousClock.now + pause
      _ = workload.takeLongestGap()
      cluster.signal(node, SIGSTOP)
      defer { cluster.signal(node, SIGCONT) }
      // A client of the paused node notices by its own time limit alone.
      try waitInTime(workload, budget + workload.options.statementTimeout + .seconds(2))
      while ContinuousClock.now < end { usleep(10_000) }
      cluster.signal(node, SIGCONT)
      say("SIGCONT of node \(node)")
    case .restartOne:
      say("kill -9 of node \(node), started again at once")
      _ = workload.takeLongestGap()
      try cluster.node(node, "kill")
      try cluster.node(node, "start")
      try waitInTime(workload, budget)
    }
    try wait(workload, "round \(round) is over", limit: .seconds(30))
  }

  /// Mostly the node that leads most of the workloads' tablets, for there a fault hurts; any other one now and then.
  private mutating func victim() -> Int {
    let other = Int.random(in: 1...cluster.nodes, using: &generator)
    guard Int.random(in: 0..<4, using: &generator) > 0 else { return other }
    var tablets: [Int: Int] = [:]
    for target in cluster.targets {
      guard let connection = try? PostgresConnection(target, timeoutSeconds: 2),
        let leaders = try? connection.execute("SELECT leader, table_name FROM sys.tablets", timeout: .seconds(2))
      else { continue }
      for row in leaders.rows where row[1]?.hasPrefix("workload_") == true {
        if let leader = row[0].flatMap({ Int($0) }) { tablets[leader, default: 0] += 1 }
      }
      break
    }
    return tablets.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? other
  }

  private mutating func kill(_ node: Int, _ workload: WorkloadRun) throws {
    say("kill -9 of node \(node)")
    _ = workload.takeLongestGap()
    try cluster.node(node, "kill")
    try waitInTime(workload, budget)
  }

  // MARK: Waiting

  struct Stuck: Error, CustomStringConvertible { var description: String }

  /// Waits until every client is served again, and notes it when one was not for longer than it may be.
  private mutating func waitInTime(_ workload: WorkloadRun, _ budget: Duration) throws {
    try wait(workload, "every client is served", limit: budget + .seconds(60))
    let gap = workload.takeLongestGap()
    say("longest time without an answer: \(WorkloadReport.seconds(gap)) s")
    if gap > budget {
      slow.append("a client had no answer for \(WorkloadReport.seconds(gap)) s, seen at \(time)")
      say("LONGER THAN \(WorkloadReport.seconds(budget)) s")
    }
  }

  private func wait(_ workload: WorkloadRun, _ what: String, limit: Duration) throws {
    let before = workload.successes
    let deadline = ContinuousClock.now + limit
    while !workload.everyClient(since: before) {
      guard ContinuousClock.now < deadline else {
        throw Stuck(description: "not after \(WorkloadReport.seconds(limit)) s: \(what) (seed \(seed))")
      }
      usleep(10_000)
    }
    say(what)
  }

  private var time: String { "\(WorkloadReport.seconds(ContinuousClock.now - clock)) s" }

  private func say(_ text: String) { write("\(String(repeating: " ", count: max(0, 8 - time.count)))\(time)  \(text)") }
}
