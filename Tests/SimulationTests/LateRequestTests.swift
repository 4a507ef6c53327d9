import Keys
import NodeCore
import Operations
import Simulation
import Tablet
import Testing
import Values

@Suite("A transaction's first request to a tablet, which comes after its statement was taken back,")
struct LateRequestTests {
  @Test("is not committed with the transaction", arguments: [true, false])
  func late(comesBeforeTheNextStatement isEarlier: Bool) throws {
    let (cluster, asker, leader) = try begin()
    let transaction = try cluster.run(on: asker) { $0.gateway.beginTransaction(TransactionOptions()) }
    try cluster.run(on: asker) { try await $0.insert(1, into: "a", transaction) }
    let mark = transaction.mark()
    cluster.world.network.partition([[leader], cluster.members.filter { $0 != leader }])
    #expect(throws: SQLError.self) {
      try cluster.run(on: asker) { try await $0.insert(2, into: "b", transaction, patience: 300_000_000) }
    }
    cluster.world.network.heal()
    cluster.world.advance(nanoseconds: 5_000_000_000)
    // The tablet knows nothing of the transaction, so there is nothing to take back.
    try cluster.run(on: asker) { _ in try await transaction.rollback(to: mark) }

    let late = { @Sendable (core: NodeCore) async throws in
      let table = try PairTable("b", at: core).table
      let mutation = TableMutation(
        table: table.id, schemaVersion: table.version,
        mutation: .insert(rows: [[.int8(2), .int8(2)]], onConflict: .fail), returning: nil)
      let request = MutateRequest(
        tablet: table.tablets[0], id: RequestID(client: 99, sequence: 1), floor: 0, payload: .rows(mutation),
        transaction: TransactionContext(
          id: transaction.id, isolation: .readCommitted, readTime: nil, uncertaintyLimit: nil, statement: 2,
          oldestRunning: 2, lastKept: 0, epoch: nil, lockTimeoutMilliseconds: 0))
      let answer = await core.tablets.host(of: table.tablets[0]).mutate(request)
      if case .done = answer { return true } else { return false }
    }
    if isEarlier { #expect(try cluster.run(on: leader, late)) }
    try cluster.run(on: asker) { try await $0.insert(3, into: "b", transaction) }
    if !isEarlier { #expect(try !cluster.run(on: leader, late)) }
    try cluster.run(on: asker) { _ in try await transaction.commit(deadline: nil) }
    #expect(try keys(of: "a", at: asker, cluster) == [1])
    #expect(try keys(of: "b", at: asker, cluster) == [3])
  }

  @Test("takes nothing from statements that overlap, as the batches of COPY do")
  func overlapping() throws {
    let (cluster, asker, _) = try begin()
    let transaction = try cluster.run(on: asker) { $0.gateway.beginTransaction(TransactionOptions()) }
    try cluster.run(on: asker) { core in
      await withTaskGroup(of: Void.self) { group in
        for key in Int64(1)...40 {
          group.addTask {
            await core.runtime.loops[0].sleep(nanoseconds: UInt64(key) * 7 % 11 * 100_000)
            try? await core.insert(key, into: key % 3 == 0 ? "a" : "b", transaction)
          }
        }
      }
      try await transaction.commit(deadline: nil)
    }
    let all = try keys(of: "a", at: asker, cluster) + keys(of: "b", at: asker, cluster)
    #expect(all.sorted() == Array(1...40))
  }

  /// A cluster with two tables, of which `leader` leads the second, and another node.
  private func begin() throws -> (SimulatedCluster, asker: Int, leader: Int) {
    let cluster = SimulatedCluster(seed: 5)
    let watch = ClusterWatch(cluster)
    try cluster.startAll()
    try watch.settle()
    let tablet = try cluster.run(on: 1) { core in
      for name in ["a", "b"] {
        _ = try await core.gateway.change(
          .createTable(Pairs.table(name, tablets: 1), ifNotExists: false), deadline: nil)
      }
      return try PairTable("b", at: core).table.tablets[0]
    }
    try watch.settle()
    for node in cluster.members {
      if try cluster.run(on: node, { core in await core.tablets.host(of: tablet).isServing(tablet) }) {
        return (cluster, try #require(cluster.members.first { $0 != node }), node)
      }
    }
    throw cluster.failed("nobody leads the table")
  }

  private func keys(of table: String, at node: Int, _ cluster: SimulatedCluster) throws -> [Int64] {
    try cluster.run(on: node) { core in
      try await PairTable(table, at: core).readAll().compactMap { if case .int8(let key) = $0[0] { key } else { nil } }
        .sorted()
    }
  }
}

extension NodeCore {
  fileprivate func insert(
    _ key: Int64, into name: String, _ transaction: any Transaction, patience: UInt64 = 10_000_000_000
  ) async throws(SQLError) {
    let table = try PairTable(name, at: self).table
    _ = try await transaction.mutate(
      TableMutation(
        table: table.id, schemaVersion: table.version,
        mutation: .insert(rows: [[.int8(key), .int8(key)]], onConflict: .fail), returning: nil),
      deadline: Deadline(nanoseconds: runtime.clock.monotonicNanoseconds() + patience))
  }
}
