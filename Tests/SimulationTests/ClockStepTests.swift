import Keys
import NodeCore
import Operations
import Simulation
import Testing
import Values

@Suite("All wall clocks are set back by three seconds")
struct ClockStepTests {
  @Test("and the nodes go on at once")
  func running() throws {
    let cluster = try begin()
    setBack(cluster)
    let start = cluster.world.nowNanoseconds
    try write(2, at: 2, cluster)
    #expect(try keys(at: 3, cluster) == [1, 2])
    #expect(cluster.world.nowNanoseconds - start < 500_000_000)
  }

  @Test("while all nodes are down: their times go on behind what they have on disk")
  func restarted() throws {
    let cluster = try begin()
    let before = cluster.registry.core(of: 1)?.clock.latest() ?? .max
    try write(2, at: 1, cluster)
    for node in cluster.members { cluster.crash(node, .powerCut) }
    setBack(cluster)
    // Each by itself, as it hears nobody: a write that was answered is on two disks at least.
    var later = 0
    for node in cluster.members {
      try cluster.start(node)
      if let time = cluster.registry.core(of: node)?.clock.latest(), time > before { later += 1 }
      cluster.crash(node, .powerCut)
    }
    #expect(later >= 2)
    try cluster.startAll()
    try ClusterWatch(cluster).settle()
    for node in cluster.members { #expect(try keys(at: node, cluster) == [1, 2]) }
  }

  private func begin() throws -> SimulatedCluster {
    let cluster = SimulatedCluster(seed: 11)
    try cluster.startAll()
    try ClusterWatch(cluster).settle()
    _ = try cluster.run(on: 1) {
      try await $0.gateway.change(.createTable(Pairs.table("t", tablets: 3), ifNotExists: false), deadline: nil)
    }
    try write(1, at: 1, cluster)
    return cluster
  }

  private func setBack(_ cluster: SimulatedCluster) {
    for node in cluster.members { cluster.world.clock(of: node).wallOffsetMicroseconds -= 3_000_000 }
  }

  private func write(_ key: Int64, at node: Int, _ cluster: SimulatedCluster) throws {
    _ = try cluster.run(on: node) {
      try await PairTable("t", at: $0).mutate(.insert(rows: [[.int8(key), .int8(key)]], onConflict: .fail))
    }
  }

  private func keys(at node: Int, _ cluster: SimulatedCluster) throws -> [Int64] {
    try cluster.run(on: node) { core in
      try await PairTable("t", at: core).readAll().compactMap { if case .int8(let key) = $0[0] { key } else { nil } }
        .sorted()
    }
  }
}
