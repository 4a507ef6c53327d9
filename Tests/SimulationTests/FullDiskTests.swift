import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Simulation
import Tablet
import Testing
import Values

@Suite("A full disk")
struct FullDiskTests {
  @Test("A leader without room hands over, and follows again when there is room", arguments: [1, 2, 3] as [UInt64])
  func handsOver(seed: UInt64) throws { try handOver(seed: seed, leaving: 100) }

  @Test("So does one whose log has room, and whose stores have not", arguments: [1, 2, 3] as [UInt64])
  func handsOverForStores(seed: UInt64) throws { try handOver(seed: seed, leaving: nil) }

  private func handOver(seed: UInt64, leaving bytes: Int?) throws {
    let (cluster, watch) = try SimulatedCluster.withTable(seed: seed)
    let full = try leader(of: cluster)
    cluster.fillDisk(of: full, leaving: bytes)
    for key in Int64(1)...40 {
      try insert(key, at: full, of: cluster)
      cluster.world.advance(nanoseconds: 200_000_000)
    }
    #expect(try leader(of: cluster) != full, "SEED=\(seed)")
    #expect(try cluster.run(on: full) { await $0.tablets.isDiskFull })
    #expect(try count(at: full, of: cluster) == 40, "SEED=\(seed)")
    cluster.emptyDisk(of: full)
    cluster.world.advance(nanoseconds: 5_000_000_000)
    try watch.settle()
    #expect(try !cluster.run(on: full) { await $0.tablets.isDiskFull })
    try watch.checkStores()
    #expect(try count(at: full, of: cluster) == 40, "SEED=\(seed)")
  }

  @Test("Where nobody else can lead, writes are refused until there is room", arguments: [1, 3])
  func refuses(size: Int) throws {
    let (cluster, watch) = try SimulatedCluster.withTable(seed: 1, size: size)
    try insert(1, at: 1, of: cluster)
    for node in cluster.members { cluster.fillDisk(of: node, leaving: 0) }
    cluster.world.advance(nanoseconds: 1_000_000_000)
    // The logs have room left that they reserved, and take what fits there. Then comes one that nobody can write down; what
    // becomes of it is not known before there is room.
    var key: Int64 = 2
    while (try? insert(key, at: 1, of: cluster)) != nil {
      key += 1
      try #require(key < 1000)
    }
    let acknowledged = Int(key) - 1
    cluster.world.advance(nanoseconds: 10_000_000_000)
    for key in key + 1...key + 4 {
      var state: SQLState?
      do throws(any Error) { try insert(key, at: 1, of: cluster) } catch { state = (error as? SQLError)?.state }
      #expect(state == .diskFull, "\(key): \(String(describing: state))")
    }
    for node in cluster.members { cluster.emptyDisk(of: node) }
    cluster.world.advance(nanoseconds: 2_000_000_000)
    try watch.settle()
    try insert(1000, at: 1, of: cluster)
    try watch.settle()
    try watch.checkStores()
    let rows = try count(at: 1, of: cluster)
    #expect(rows == acknowledged + 1 || rows == acknowledged + 2)
  }

  @Test("Workloads stay correct while disks fill up", arguments: WorkloadKind.allCases)
  func workloads(kind: WorkloadKind) throws {
    var settings = SimulationRun.Settings(workload: kind)
    settings.scale = 2
    settings.faults = FaultPlan(families: [.fullDisk, .crash], intervalNanoseconds: 600_000_000)
    var held: UInt64 = 0
    for seed in UInt64(1)...4 {
      let report = try SimulationRun.run(seed: seed, settings: settings)
      for probe in report.probes where probe.name == "full disk hands over" { held += probe.count }
    }
    #expect(held > 0)
  }

  private func leader(of cluster: SimulatedCluster) throws -> Int {
    for node in cluster.members {
      let leads = try cluster.run(on: node) { core in
        let tablet = try PairTable("t", at: core).table.tablets[0]
        return await core.tablets.host(of: tablet).isServing(tablet)
      }
      if leads { return node }
    }
    return 0
  }

  private func insert(_ key: Int64, at node: Int, of cluster: SimulatedCluster) throws {
    try cluster.run(on: node) { core in
      _ = try await PairTable("t", at: core).mutate(.insert(rows: [[.int8(key), .int8(key)]], onConflict: .fail))
    }
  }

  private func count(at node: Int, of cluster: SimulatedCluster) throws -> Int {
    try cluster.run(on: node) { core in try await PairTable("t", at: core).readAll().count }
  }
}
