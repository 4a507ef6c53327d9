import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Simulation
import Tablet
import Testing
import Values

@Suite("A replica whose log lost records")
struct DamagedReplicaTests {
  /// Easy to find in a log.
  private static let value: Int64 = 0x1122_3344_5566_7788

  private struct Cast {
    var tablet: TabletID
    var leader: Int
    var witness: Int
    var absent: Int
  }

  /// The write is on the leader and the witness. The witness forgets it, and then the leader is gone: the third node and
  /// the witness are a majority, but of replicas that do not have the write.
  @Test("does not vote the write away that it acknowledged", arguments: [1, 2, 3, 4] as [UInt64])
  func doesNotVote(seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed)
    let watch = ClusterWatch(cluster)
    let cast = try begin(cluster, watch)
    cluster.world.network.partition([[cast.leader, cast.witness], [cast.absent]])
    try cluster.run(on: cast.leader) { core in
      _ = try await PairTable("t", at: core).mutate(
        .insert(rows: [[.int8(1), .int8(Self.value)]], onConflict: .fail))
    }
    // Some more frames, so that the one with the write is not the last.
    cluster.world.advance(nanoseconds: 2_000_000_000)
    cluster.crash(cast.witness, .kill)
    #expect(damage(cluster.world.disk(of: cast.witness)), "the write is not in the witness's log")
    cluster.crash(cast.leader, .kill)
    cluster.world.network.heal()
    try cluster.start(cast.witness)
    for _ in 0..<100 {
      cluster.world.advance(nanoseconds: 100_000_000)
      for node in [cast.witness, cast.absent] {
        let isServing = try cluster.run(on: node) { core in
          await core.tablets.host(of: cast.tablet).isServing(cast.tablet)
        }
        try #require(!isServing, "node \(node) serves without the write, SEED=\(seed)")
      }
    }
    try cluster.start(cast.leader)
    try watch.settle()
    let read = try cluster.run(on: cast.absent) { core in try await PairTable("t", at: core).read(1) }
    #expect(read == Self.value, "SEED=\(seed)")
    try watch.checkStores()
    #expect(cluster.world.faults.probeCounts.contains { $0.name == "damaged replica rebuilt" && $0.count > 0 })
    // It is a full member again: with one of the others it carries the group.
    cluster.crash(cast.leader, .powerCut)
    let again = try cluster.run(on: cast.witness) { core in try await PairTable("t", at: core).read(1) }
    #expect(again == Self.value, "SEED=\(seed)")
  }

  @Test("is rebuilt while clients work and nodes crash", arguments: WorkloadKind.allCases)
  func heals(kind: WorkloadKind) throws {
    var settings = SimulationRun.Settings(workload: kind)
    settings.scale = 2
    settings.faults = FaultPlan(families: [.logDamage, .crash], intervalNanoseconds: 400_000_000)
    var rebuilt: UInt64 = 0
    for seed in UInt64(1)...10 {
      let report = try SimulationRun.run(seed: seed, settings: settings)
      for probe in report.probes where probe.name == "damaged replica rebuilt" { rebuilt += probe.count }
    }
    #expect(rebuilt > 0)
  }

  private func begin(_ cluster: SimulatedCluster, _ watch: ClusterWatch) throws -> Cast {
    try cluster.startAll()
    try watch.settle()
    try cluster.run(on: 1) { core in
      _ = try await core.gateway.change(.createTable(Pairs.table("t", tablets: 1), ifNotExists: false), deadline: nil)
    }
    try watch.settle()
    let tablet = try cluster.run(on: 1) { core in try PairTable("t", at: core).table.tablets[0] }
    var leader = 0
    for node in cluster.members {
      if try cluster.run(on: node, { core in await core.tablets.host(of: tablet).isServing(tablet) }) { leader = node }
    }
    let others = cluster.members.filter { $0 != leader }
    return Cast(tablet: tablet, leader: leader, witness: others[0], absent: others[1])
  }

  /// Turns a bit over in the logged write.
  private func damage(_ disk: SimulatedDisk) -> Bool {
    let directory = "\(SimulatedCluster.dataDirectory)/wal"
    let stored = (0..<8).map { UInt8(truncatingIfNeeded: Self.value >> (8 * $0)) }
    for name in disk.list(directory) {
      let path = "\(directory)/\(name)"
      let bytes = disk.bytes(of: path) ?? []
      for place in bytes.indices where bytes[place...].starts(with: stored) {
        disk.flipBit(ofByte: place, in: path)
        return true
      }
    }
    return false
  }
}
