import Keys
import NodeCore
import Operations
import Runtime
import Simulation
import Testing
import Values

@Suite("A long read that nobody waits for")
struct CancelTests {
  private static let probe = "read stopped half-way"

  @Test("stops at this node's tablet")
  func local() throws {
    let (cluster, leader) = try begin()
    let core = try #require(cluster.registry.core(of: leader))
    let task = core.runtime.loops[0].spawn { _ = try? await PairTable("t", at: core).readAll() }
    // The thread that reads needs two microseconds at least to wake up.
    cluster.world.advance(nanoseconds: 1_000)
    task.cancel()
    cluster.world.advance(nanoseconds: 100_000_000)
    #expect(cluster.world.faults.probeCount(Self.probe) == 1)
  }

  @Test("stops at another node's tablet")
  func remote() throws {
    let (cluster, leader) = try begin()
    let asker = try #require(cluster.members.first { $0 != leader })
    let core = try #require(cluster.registry.core(of: asker))
    // The leader finds the request and, right behind it, that it is not wanted any more.
    cluster.world.pause(leader)
    let task = core.runtime.loops[0].spawn { _ = try? await PairTable("t", at: core).readAll() }
    cluster.world.advance(nanoseconds: 50_000_000)
    task.cancel()
    cluster.world.advance(nanoseconds: 50_000_000)
    cluster.world.resume(leader)
    cluster.world.advance(nanoseconds: 100_000_000)
    #expect(cluster.world.faults.probeCount(Self.probe) == 1)
  }

  /// A cluster with a table of one tablet, and the node that leads it.
  private func begin() throws -> (SimulatedCluster, leader: Int) {
    let cluster = SimulatedCluster(seed: 3)
    let watch = ClusterWatch(cluster)
    try cluster.startAll()
    try watch.settle()
    let tablet = try cluster.run(on: 1) { core in
      _ = try await core.gateway.change(.createTable(Pairs.table("t", tablets: 1), ifNotExists: false), deadline: nil)
      let table = try PairTable("t", at: core)
      for key in Int64(1)...20 {
        _ = try await table.mutate(.insert(rows: [[.int8(key), .int8(key)]], onConflict: .fail))
      }
      return table.table.tablets[0]
    }
    try watch.settle()
    for node in cluster.members {
      if try cluster.run(on: node, { core in await core.tablets.host(of: tablet).isServing(tablet) }) {
        return (cluster, node)
      }
    }
    throw cluster.failed("nobody leads the table")
  }
}
