import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-DDL: clients create and drop tables, each under names of its own, and write into them. Every table is in the end as
/// its client was told; that all nodes have the same catalog and the right tablets is the watch's business.
package final class DefinitionWorkload: Workload {
  package let tables: [NewTable] = []
  package let clientCount = 3
  private let operationsPerClient: Int

  /// What a client knows of a table of its own.
  private struct Knowledge {
    /// Whether it exists: both where an outcome was never heard.
    var possible: Set<Bool> = [false]
    /// The row that was acknowledged last in the table that is certainly there.
    var row: Int64?
    /// Rows whose write was never answered: each may come in at any later time.
    var late: Set<Int64> = []
  }
  private struct State {
    var tables: [String: Knowledge] = [:]
    var operations = 0
    var unknown = 0
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 6 * scale }

  package func run(_ client: SimulatedClient) async {
    var generations = [0, 0]
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 800_000_000)
      let slot = Int(client.random(below: 2))
      // A change that was never answered may come at any later time, so nothing more can be said of that name.
      var name = Self.name(client, slot, generation: generations[slot])
      if state.withLock({ $0.tables[name]?.possible.count == 2 }) {
        generations[slot] += 1
        name = Self.name(client, slot, generation: generations[slot])
      }
      let possible = state.withLock { $0.tables[name]?.possible ?? [false] }
      if possible == [true], client.oneIn(2) {
        await write(Int64(number), into: name, client)
      } else {
        await change(name, creates: possible == [false] || client.oneIn(2), tablets: 1 + number % 2, client)
      }
    }
  }

  private static func name(_ client: SimulatedClient, _ slot: Int, generation: Int) -> String {
    "t\(client.number)_\(slot)_\(generation)"
  }

  private func change(_ name: String, creates: Bool, tablets: Int, _ client: SimulatedClient) async {
    let reply = await client.ask(patienceNanoseconds: 12_000_000_000) { core throws(SQLError) in
      let deadline = Deadline(nanoseconds: core.runtime.clock.monotonicNanoseconds() + 9_000_000_000)
      let change: CatalogChange =
        creates
        ? .createTable(Pairs.table(name, tablets: tablets), ifNotExists: false)
        : .dropTables([TableName(schema: "public", name: name)], ifExists: false, cascade: false)
      return try await core.gateway.change(change, deadline: deadline)
    }
    state.withLock { state in
      var known = state.tables[name] ?? Knowledge()
      state.operations += 1
      switch reply {
      case .answer:
        if !known.possible.contains(!creates) {
          note("\(creates ? "creating" : "dropping") \(name) succeeded though it could not", in: &state)
        }
        known = Knowledge(possible: [creates], row: nil)
      case .unknown:
        state.unknown += 1
        known = Knowledge(possible: [true, false], row: nil)
      case .refused(let error) where error.state == .duplicateTable || error.state == .undefinedTable:
        // The catalog says that it is as the statement wished it were not.
        if !known.possible.contains(creates) {
          note("\(creates ? "creating" : "dropping") \(name) was refused: \(error.message)", in: &state)
        }
      case .refused, .notSent: break
      }
      state.tables[name] = known
    }
  }

  private func write(_ row: Int64, into name: String, _ client: SimulatedClient) async {
    let reply = await client.ask { core throws(SQLError) in
      try await PairTable(name, at: core).mutate(
        .insert(
          rows: [[.int8(1), .int8(row)]],
          onConflict: .update([Assignment(column: 1, value: Pairs.constant(row))], filter: nil)))
    }
    state.withLock { state in
      switch reply {
      case .answer: state.tables[name]?.row = row
      case .unknown: state.tables[name]?.late.insert(row)
      // A node that is cut off answers from the catalog that it has: it may not know the table yet.
      case .refused, .notSent: break
      }
    }
  }

  private func note(_ problem: String, in state: inout State) { state.problem = state.problem ?? problem }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let known = state.withLock { $0.tables }
    for (name, table) in known.sorted(by: { $0.key < $1.key }) {
      let rows = try read(name)
      if !table.possible.contains(rows != nil) {
        return "table \(name) is \(rows == nil ? "not there" : "there"), its client was told otherwise"
      }
      if let row = table.row, table.possible == [true] {
        let value = rows?.first.flatMap { PairTable.integer($0[1]) }
        if value != row, value.map({ table.late.contains($0) }) != true {
          return "table \(name) has the row \(value.map { "\($0)" } ?? "none"), not \(row)"
        }
      }
    }
    return state.withLock { $0.problem }
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.operations, $0.unknown) } }
}
