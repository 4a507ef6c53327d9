import Logging
import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// One seed: a cluster, its clients and its faults, from the first start to the last check.
///
/// The clients work while the nemesis breaks things; then everything is mended, the cluster settles, and every store is
/// held against the committed log; then all nodes lose power at once, come back, and must say the same again.
package struct SimulationRun {
  package struct Settings: Sendable {
    package var workload: WorkloadKind
    package var nodes = 3
    /// How much the workload has to do.
    package var scale = 1
    /// Nil: drawn from the seed.
    package var faults: FaultPlan?
    /// What nodes log, to standard error; nothing at `critical`.
    package var logLevel = Logger.Level.critical

    package init(workload: WorkloadKind) { self.workload = workload }
  }

  package struct Report: Sendable {
    package var seed: UInt64
    package var workload: WorkloadKind
    package var operations = 0
    package var unknown = 0
    package var faults: [FaultPlan.Family: Int] = [:]
    package var simulatedNanoseconds: UInt64 = 0
    package var steps: UInt64 = 0
    package var committedEntries = 0
    package var eventHash: UInt64 = 0
    package var probes: [(name: String, count: UInt64)] = []
  }

  /// Between two looks of the nemesis and the watch.
  private static let slice: UInt64 = 20_000_000
  /// Far longer than any client insists on one operation.
  private static let clientsMax: UInt64 = 1_800_000_000_000

  /// - Throws: `SimulationFailure` for anything that must not be.
  package static func run(seed: UInt64, settings: Settings) throws -> Report {
    var random = SeededRandom(seed: seed ^ 0x7275_6e)
    var drawn = FaultPlan.draw(from: &random)
    // The cases that remain (see the page of `Keys`): a process that was stopped while all clocks were set forth and back,
    // and nodes that have no replica and start with clocks that were set back.
    if settings.workload.judgesRealTime, drawn.families.contains(.pause) || settings.nodes > 3 {
      drawn.families.removeAll { $0 == .clockStep }
    }
    var world = SimulatedWorld.Settings()
    world.perturbs = random.oneIn(2)
    let cluster = SimulatedCluster(seed: seed, size: settings.nodes, world: world, logLevel: settings.logLevel)
    if random.oneIn(3) {
      // Longer than any transaction of a workload, and far shorter than a run.
      cluster.tuneTablets = { tablets in
        tablets.historyMicroseconds = 10_000_000
        tablets.garbageBytesMin = 256
      }
    }
    do {
      return try run(on: cluster, settings: settings, faults: settings.faults ?? drawn)
    } catch let failure as SimulationFailure {
      throw failure
    } catch {
      throw cluster.failed("\(error)")
    }
  }

  private static func run(on cluster: SimulatedCluster, settings: Settings, faults: FaultPlan) throws -> Report {
    let watch = ClusterWatch(cluster)
    let workload = settings.workload.make(scale: settings.scale)
    try cluster.startAll()
    try watch.settle()
    for table in workload.tables {
      _ = try cluster.run(on: 1) { core in
        try await core.gateway.change(.createTable(table, ifNotExists: false), deadline: nil)
      }
    }

    let done = DoneCount()
    for number in 0..<workload.clientCount {
      let client = SimulatedClient(number, of: cluster)
      client.loop.spawn {
        await workload.run(client)
        done.add()
      }
    }
    var nemesis = Nemesis(plan: faults, seed: cluster.seed, now: cluster.world.nowNanoseconds)
    let end = cluster.world.nowNanoseconds + clientsMax
    while done.count < workload.clientCount {
      let isDone = cluster.world.run(until: { done.count == workload.clientCount }, limitNanoseconds: slice)
      if let failure = cluster.registry.firstFailure { throw cluster.failed(failure) }
      try watch.look()
      if !isDone { nemesis.step(cluster) }
      if cluster.world.nowNanoseconds > end { throw cluster.failed("clients hang (L-QUIESCE)") }
    }
    nemesis.healAll(cluster)
    try check(cluster, watch, workload)
    for node in cluster.members { cluster.crash(node, .powerCut) }
    for node in cluster.members { cluster.launch(node) }
    try check(cluster, watch, workload)

    var report = Report(seed: cluster.seed, workload: settings.workload)
    (report.operations, report.unknown) = workload.tally
    report.faults = nemesis.counts
    report.simulatedNanoseconds = cluster.world.nowNanoseconds
    report.steps = cluster.world.steps
    report.committedEntries = watch.logs.entryCount
    report.eventHash = cluster.world.eventHash
    report.probes = cluster.world.faults.probeCounts
    return report
  }

  private static func check(_ cluster: SimulatedCluster, _ watch: ClusterWatch, _ workload: any Workload) throws {
    try watch.settle()
    // A write that was still under way when the clients gave up may come in while the stores are compared.
    var problem: (any Error)?
    for _ in 0..<5 {
      do {
        try watch.checkStores()
        problem = nil
        break
      } catch {
        problem = error
        cluster.world.advance(nanoseconds: 10_000_000_000)
        try watch.settle()
      }
    }
    if let problem { throw problem }
    if let verdict = try workload.verdict(read: { try rows(of: $0, cluster) }) { throw cluster.failed(verdict) }
  }

  /// Clocks that differ, and an index that is still on its way in or out.
  private static let mayPass: [SQLState] = [.objectNotInPrerequisiteState, .serializationFailure]

  /// All rows of a table; nil where there is none.
  private static func rows(of table: String, _ cluster: SimulatedCluster) throws -> [Row]? {
    let read = { @Sendable (core: NodeCore) async throws -> [Row]? in
      guard core.catalog.current.relation(schema: "public", name: table) != nil else { return nil }
      return try await PairTable(table, at: core).readAll()
    }
    // Clocks that were all set back leave some nodes ahead of those that were started since: until these have caught up,
    // a read of several tablets may be refused.
    for _ in 0..<5 {
      do {
        return try cluster.run(on: 1, read)
      } catch let error as SQLError where Self.mayPass.contains(error.state) {
        cluster.world.advance(nanoseconds: 2_000_000_000)
      }
    }
    return try cluster.run(on: 1, read)
  }
}

/// Counts the clients that are done.
private final class DoneCount: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func add() { value.withLock { $0 += 1 } }
}
