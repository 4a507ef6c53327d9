import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Simulation
import Tablet
import Testing
import Values

/// Reads of rows that a transaction has prepared. Its commit may have been acknowledged already: what was prepared comes
/// into the store only when the decision has reached its tablet.
@Suite("Reads of what is prepared")
struct PreparedReadTests {
  @Test("A read waits for what is prepared up to the end of its uncertainty")
  func waitsWithinUncertainty() throws {
    let cluster = try begin()
    try cluster.run(on: 1) { core in
      let before = core.clock.now()
      let staged = try await StagedInsert(key: 1, at: core)
      #expect(staged.time > before)
      let limit = before.adding(microseconds: 500_000)
      async let answer = staged.read(at: before, uncertainThrough: limit)
      // It has come, and found what is prepared.
      await core.runtime.loops[0].sleep(nanoseconds: 100_000_000)
      await staged.commit()
      guard case .uncertain(let later) = await answer else {
        Issue.record("\(await answer)")
        return
      }
      #expect(later == staged.time)
    }
  }

  @Test("While a store has no room for what was resolved, its leader serves nothing; then it serves all")
  func waitsForRoom() throws {
    let cluster = try begin()
    let staged = try cluster.run(on: 1) { try await StagedInsert(key: 1, at: $0) }
    cluster.fillDisk(of: 1, leaving: nil)
    try cluster.run(on: 1) { core in
      // The flush finds no room, and then neither do writes.
      for host in core.tablets.hosts { await host.flushAll() }
      core.runtime.loops[0].spawn { await staged.commit() }
      await core.runtime.loops[0].sleep(nanoseconds: 100_000_000)
      for time in [nil, staged.time, core.clock.now()] {
        guard case .notReady = await staged.read(at: time) else {
          Issue.record("a read at \(String(describing: time)) is served")
          continue
        }
      }
    }
    cluster.emptyDisk(of: 1)
    try cluster.run(on: 1) { core in
      await core.runtime.loops[0].sleep(nanoseconds: 2_000_000_000)
      guard case .done(let rows) = await staged.read(at: nil) else {
        Issue.record("no read is served")
        return
      }
      #expect(rows.rows.count == 1)
    }
  }

  /// One node, one table of one tablet.
  private func begin() throws -> SimulatedCluster {
    let cluster = SimulatedCluster(seed: 1, size: 1)
    try cluster.startAll()
    let watch = ClusterWatch(cluster)
    try watch.settle()
    try cluster.run(on: 1) { core in
      _ = try await core.gateway.change(.createTable(Pairs.table("t", tablets: 1), ifNotExists: false), deadline: nil)
    }
    try watch.settle()
    return cluster
  }
}

/// An insert into a tablet that was prepared by hand, and that nobody resolves but who holds it.
private struct StagedInsert: Sendable {
  let core: NodeCore
  let pairs: PairTable
  let tablet: TabletID
  let id: TransactionID
  let time: HybridTime

  struct Unexpected: Error {}

  init(key: Int64, at core: NodeCore) async throws {
    self.core = core
    pairs = try PairTable("t", at: core)
    tablet = pairs.table.tablets[0]
    id = TransactionID(start: core.clock.now(), client: 7, gateway: core.configuration.node)
    let host = core.tablets.host(of: tablet)
    let insert = TableMutation(
      table: pairs.table.id, schemaVersion: pairs.table.version,
      mutation: .insert(rows: [[.int8(key), .int8(key)]], onConflict: .fail), returning: nil)
    let context = TransactionContext(
      id: id, isolation: .readCommitted, readTime: nil, uncertaintyLimit: nil, statement: 1, oldestRunning: 1,
      lastKept: 0,
      epoch: nil,
      lockTimeoutMilliseconds: 0)
    let request = MutateRequest(
      tablet: tablet, id: RequestID(client: 7, sequence: 1), floor: 0, payload: .rows(insert), transaction: context)
    guard case .done(let written) = await host.mutate(request) else { throw Unexpected() }
    let prepare = TransactionRequest(
      tablet: tablet, transaction: id, epoch: written.epoch, step: .prepare(anchor: tablet, lastKept: 1, late: nil))
    guard case .done(.time(let time)) = await host.step(prepare) else { throw Unexpected() }
    self.time = time
  }

  /// Tells the tablet that it is committed.
  func commit() async {
    let request = TransactionRequest(tablet: tablet, transaction: id, epoch: 0, step: .resolve(commitTime: time))
    _ = await core.tablets.host(of: tablet).step(request)
  }

  /// Reads the whole table.
  func read(at time: HybridTime?, uncertainThrough limit: HybridTime? = nil) async -> TabletAnswer<ReadAnswer> {
    await core.tablets.host(of: tablet).read(
      ReadRequest(
        tablet: tablet, read: pairs.tableRead(of: .ranges([pairs.table.wholeRange])), time: time,
        uncertaintyLimit: limit, resume: nil, maxRows: 100, maxBytes: 1 << 20))
  }
}
