import NodeCore
import Operations
import Runtime
import Simulation
import Testing
import Values

@Suite("A node that is cut off from the catalog")
struct CatalogLeaseTests {
  @Test("does not deny a table that was created meanwhile, and finds it when it is back")
  func creation() throws {
    let cluster = try begin()
    cluster.world.network.partition([[1, 2], [3]])
    _ = try cluster.run(on: 1) { try await $0.run("CREATE TABLE t (k int8 PRIMARY KEY)", timeout: "20s") }
    // The change is not answered while the node might still say that there is no such table.
    #expect(cluster.registry.core(of: 3)?.gateway.catalogIsCurrent == false)
    let error = try outcome(of: "SELECT k FROM t", on: 3, cluster)
    #expect(error?.state == .cannotConnectNow)
    #expect(error?.message.hasPrefix("this node has not heard from the catalog for 1") == true, "\(error as Any)")
    cluster.world.network.heal()
    #expect(try outcome(of: "SELECT k FROM t", on: 3, cluster) == nil)
  }

  @Test("does not read a table that was dropped, where another has its name now")
  func replacement() throws {
    let cluster = try begin()
    _ = try cluster.run(on: 1) { try await $0.run("CREATE TABLE t (k int8 PRIMARY KEY)", timeout: "20s") }
    #expect(try outcome(of: "INSERT INTO t VALUES (1)", on: 3, cluster) == nil)
    cluster.world.network.partition([[1, 2], [3]])
    for sql in ["DROP TABLE t", "CREATE TABLE t (k int8 PRIMARY KEY, v int8 DEFAULT 7)"] {
      _ = try cluster.run(on: 1) { try await $0.run(sql, timeout: "20s") }
    }
    #expect(try outcome(of: "SELECT k FROM t", on: 3, cluster)?.state == .cannotConnectNow)
    cluster.world.network.heal()
    let rows = try cluster.run(on: 3) { try await $0.run("SELECT k, v FROM t", timeout: "20s") }
    #expect(rows.isEmpty)
  }

  @Test("still does what needs no catalog, and says what it knows of the cluster")
  func views() throws {
    let cluster = try begin()
    cluster.world.network.partition([[1, 2], [3]])
    cluster.world.advance(nanoseconds: 5_000_000_000)
    for sql in ["SELECT 1", "SET work_mem = '1MB'", "BEGIN", "SELECT node, is_live FROM sys.nodes", "SHOW search_path"]
    {
      #expect(try outcome(of: sql, on: 3, cluster) == nil, "\(sql)")
    }
    // A lease is not held by whom no majority answers, either.
    #expect(try outcome(of: "SELECT relname FROM pg_class", on: 3, cluster)?.state == .cannotConnectNow)
  }

  @Test("costs a change no more than its lease, and the next one nothing")
  func waiting() throws {
    let cluster = try begin()
    cluster.world.network.partition([[1, 2], [3]])
    cluster.world.advance(nanoseconds: 10_000_000_000)
    let start = cluster.world.nowNanoseconds
    _ = try cluster.run(on: 1) { try await $0.run("CREATE TABLE t (k int8 PRIMARY KEY)", timeout: "20s") }
    #expect(cluster.world.nowNanoseconds - start < 1_000_000_000)
  }

  private func begin() throws -> SimulatedCluster {
    let cluster = SimulatedCluster(seed: 7)
    let watch = ClusterWatch(cluster)
    try cluster.startAll()
    try watch.settle()
    let cores = cluster.members.compactMap { cluster.registry.core(of: $0) }
    #expect(cluster.world.run(until: { cores.allSatisfy(\.gateway.catalogIsCurrent) }, limitNanoseconds: 5_000_000_000))
    return cluster
  }

  /// What a statement ends with; nil where it succeeds.
  private func outcome(of sql: String, on node: Int, _ cluster: SimulatedCluster) throws -> SQLError? {
    try cluster.run(on: node) { core in
      do {
        _ = try await core.run(sql, timeout: "20s")
        return nil
      } catch let error as SQLError {
        return error
      }
    }
  }
}
