import Keys
import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-INDEX: one client builds indexes and drops them again, by SQL, while the others write into the table, row by row and
/// in transactions. In the end every index that was finished has just the entries of the table's rows (FAULTS §1.4 row
/// 42), and under a unique one no value is there twice.
package final class IndexWorkload: Workload {
  package let tables: [NewTable] = [Pairs.table("rows", tablets: 2)]
  package let clientCount = 4
  private let operationsPerClient: Int

  private struct State {
    /// Indexes whose end was heard and that nobody has begun to drop; whether they are unique.
    var finished: [String: Bool] = [:]
    var generation = 0
    var operations = 0
    var unknown = 0
  }
  private let state = Mutex(State())
  private static let keyCount: UInt64 = 24
  private static let valueCount: UInt64 = 48

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: client.number == 0 ? 2_000_000_000 : 400_000_000)
      if client.number == 0 {
        await changeIndexes(client)
      } else if client.oneIn(3) {
        await writeTogether(client)
      } else {
        await write(client)
      }
    }
  }

  // MARK: Indexes

  private func changeIndexes(_ client: SimulatedClient) async {
    let (name, isUnique) = state.withLock { state -> (String, Bool) in
      state.generation += 1
      return ("rows_v_\(state.generation)", client.oneIn(2))
    }
    let old = state.withLock { state -> String? in
      // One that stays is written to by everything that follows.
      guard state.finished.count > 1, let old = state.finished.keys.min() else { return nil }
      state.finished[old] = nil
      return old
    }
    if let old { note(await run("DROP INDEX \(old)", client)) }
    let reply = await run("CREATE \(isUnique ? "UNIQUE " : "")INDEX \(name) ON rows (v)", client)
    note(reply)
    if case .answer = reply { state.withLock { $0.finished[name] = isUnique } }
  }

  private func run(_ sql: String, _ client: SimulatedClient) async -> SimulatedClient.Reply<Void> {
    await client.ask(patienceNanoseconds: 30_000_000_000) { core throws(SQLError) in
      _ = try await core.run(sql, timeout: "25s")
    }
  }

  // MARK: Rows

  private func write(_ client: SimulatedClient) async {
    let mutation = Self.mutation(client)
    note(
      await client.ask { core throws(SQLError) in
        let rows = try PairTable("rows", at: core)
        _ = try await rows.mutate(try mutation(rows))
      })
  }

  private func writeTogether(_ client: SimulatedClient) async {
    let mutations = [Self.mutation(client), Self.mutation(client)]
    let pause = client.random(below: 300_000_000)
    note(
      await client.ask { core throws(SQLError) in
        let transaction = core.gateway.begin(TransactionOptions())
        do throws(SQLError) {
          for mutation in mutations {
            let rows = try PairTable("rows", at: core)
            transaction.beginStatement()
            _ = try await transaction.mutate(
              TableMutation(
                table: rows.table.id, schemaVersion: rows.table.version, mutation: try mutation(rows), returning: nil),
              deadline: rows.deadline)
            await core.runtime.loops[0].sleep(nanoseconds: pause)
          }
          try await transaction.commit(deadline: try PairTable("rows", at: core).deadline)
        } catch {
          await transaction.rollback()
          throw error
        }
      })
  }

  /// A write of one row, chosen now. A move to a key that is taken is refused.
  private static func mutation(
    _ client: SimulatedClient
  ) -> @Sendable (PairTable) throws(SQLError) -> Mutation {
    let key = Int64(client.random(below: keyCount))
    let value = Int64(client.random(below: valueCount))
    let other = Int64(client.random(below: keyCount))
    switch client.random(below: 5) {
    case 2:
      // The row moves, with its value or with another.
      let assignments = [
        Assignment(column: 0, value: Pairs.constant(other)), Assignment(column: 1, value: Pairs.constant(value)),
      ].prefix(client.oneIn(2) ? 1 : 2)
      return { (rows) throws(SQLError) in .update(try rows.selection(key), filter: nil, Array(assignments)) }
    case 0: return { (rows) throws(SQLError) in .delete(try rows.selection(key), filter: nil) }
    case 1:
      return { (rows) throws(SQLError) in
        .update(
          try rows.selection(key), filter: nil, [Assignment(column: 1, value: Pairs.constant(value))])
      }
    default:
      return { (_) throws(SQLError) in
        .insert(
          rows: [[.int8(key), .int8(value)]],
          onConflict: .update([Assignment(column: 1, value: Pairs.constant(value))], filter: nil))
      }
    }
  }

  private func note(_ reply: SimulatedClient.Reply<Void>) {
    state.withLock { state in
      state.operations += 1
      if case .unknown = reply { state.unknown += 1 }
    }
  }

  // MARK: Verdict

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let rows = (try read("rows") ?? []).map { [PairTable.integer($0[1]) ?? -1, PairTable.integer($0[0]) ?? -1] }
    for (name, isUnique) in state.withLock({ $0.finished }).sorted(by: { $0.key < $1.key }) {
      guard let entries = try read(name) else { return "index \(name) is not there, its client was told otherwise" }
      let found = entries.map { [PairTable.integer($0[0]) ?? -1, PairTable.integer($0[1]) ?? -1] }
      let missing = Set(rows).subtracting(found)
      let extra = Set(found).subtracting(rows)
      if !missing.isEmpty || !extra.isEmpty || found.count != rows.count {
        return
          "index \(name) lacks \(missing.sorted { $0[0] < $1[0] }) and has \(extra.sorted { $0[0] < $1[0] }) too much"
      }
      if isUnique, Set(rows.map { $0[0] }).count != rows.count {
        return "a value is there twice under the unique index \(name)"
      }
    }
    return nil
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.operations, $0.unknown) } }
}
