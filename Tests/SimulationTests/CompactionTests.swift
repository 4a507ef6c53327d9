import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Simulation
import Tablet
import Testing
import Values

@Suite("Garbage in stores")
struct CompactionTests {
  private static let historyMicroseconds: UInt64 = 2_000_000

  /// Written in all: 300 versions of each of ten rows. What is younger than the history, and as much again as makes a
  /// compaction worth it, may be there.
  @Test("A table that is overwritten again and again stays small", arguments: [1, 2, 3] as [UInt64])
  func staysSmall(seed: UInt64) throws {
    let (cluster, watch) = try begin(seed: seed)
    try cluster.run(on: 1) { core in
      let rows = (0..<10).map { [Datum.int8($0), .int8(0)] }
      _ = try await PairTable("t", at: core).mutate(.insert(rows: rows, onConflict: .fail))
    }
    for round in 1...10 {
      try cluster.run(on: 1) { core in
        for _ in 0..<30 {
          _ = try await PairTable("t", at: core).increaseAll()
          await core.runtime.loops[0].sleep(nanoseconds: 100_000_000)
        }
      }
      if round == 5 {
        // Whoever starts again remembers what may be gone.
        cluster.crash(2, .powerCut)
        try cluster.start(2)
      }
    }
    try check(cluster, watch, versionsMax: 1000)
  }

  @Test("Rows that were deleted leave nothing behind")
  func forgetsTombstones() throws {
    let (cluster, watch) = try begin(seed: 4)
    for round in Int64(0)..<40 {
      try cluster.run(on: 1) { core in
        let table = try PairTable("t", at: core)
        let rows = (0..<20).map { [Datum.int8(1000 * round + $0), .int8(round)] }
        _ = try await table.mutate(.insert(rows: rows, onConflict: .fail))
        _ = try await table.deleteAll()
        await core.runtime.loops[0].sleep(nanoseconds: 500_000_000)
      }
    }
    try check(cluster, watch, versionsMax: 600)
  }

  private func begin(seed: UInt64) throws -> (SimulatedCluster, ClusterWatch) {
    try SimulatedCluster.withTable(seed: seed) { tablets in
      tablets.historyMicroseconds = Self.historyMicroseconds
      tablets.garbageBytesMin = 1 << 10
    }
  }

  private func check(_ cluster: SimulatedCluster, _ watch: ClusterWatch, versionsMax: Int) throws {
    try watch.settle()
    try watch.checkStores()
    for node in cluster.members {
      let count = try cluster.run(on: node) { core in
        let tablet = try PairTable("t", at: core).table.tablets[0]
        return try await core.tablets.host(of: tablet).versions(of: tablet).count
      }
      #expect(count < versionsMax, "node \(node), SEED=\(cluster.seed)")
    }
    #expect(cluster.world.faults.probeCounts.contains { $0.name == "store compacted" && $0.count > 0 })
  }
}
