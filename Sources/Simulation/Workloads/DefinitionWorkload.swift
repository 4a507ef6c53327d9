import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-DDL: clients create, change and drop tables, each under names of its own, write into them and look at them, each time
/// through any node. Whatever a client was told of a table is so from then on, at every node; that all nodes have the same
/// catalog in the end, and the right tablets, is the watch's business.
package final class DefinitionWorkload: Workload {
  package let tables: [NewTable] = []
  package let clientCount = 3
  private let operationsPerClient: Int

  /// What its client knows of a table.
  private struct Knowledge {
    /// Whether it exists: both where an outcome was never heard.
    var possible: Set<Bool> = [false]
    /// The row that was acknowledged last in the table that is certainly there.
    var row: Int64?
    /// Rows whose write was never answered: each may come in at any later time.
    var late: Set<Int64> = []
    /// What its column `c` has in every row; nil where it has no such column.
    var column: Int64?
    /// A change of its columns was never answered.
    var isInDoubt = false
  }
  private struct State {
    var tables: [String: Knowledge] = [:]
    var operations = 0
    var unknown = 0
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 10 * scale }

  package func run(_ client: SimulatedClient) async {
    var generations = [0, 0]
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 800_000_000)
      let slot = Int(client.random(below: 2))
      // A change that was never answered may come at any later time, so nothing more can be said of that name.
      var name = Self.name(client, slot, generation: generations[slot])
      if state.withLock({ $0.tables[name].map { $0.possible.count == 2 || $0.isInDoubt } ?? false }) {
        generations[slot] += 1
        name = Self.name(client, slot, generation: generations[slot])
      }
      let known = state.withLock { $0.tables[name] } ?? Knowledge()
      switch client.random(below: known.possible == [true] ? 8 : 4) {
      case 0..<2: await look(at: name, client)
      case 2..<4: await change(name, creates: known.possible == [false], tablets: 1 + number % 2, client)
      case 4..<6: await write(Int64(number), into: name, client)
      default: await alter(name, column: known.column == nil ? Int64(number) : nil, client)
      }
    }
  }

  private static func name(_ client: SimulatedClient, _ slot: Int, generation: Int) -> String {
    "t\(client.number)_\(slot)_\(generation)"
  }

  // MARK: Changes

  private func change(_ name: String, creates: Bool, tablets: Int, _ client: SimulatedClient) async {
    let reply = await client.ask(patienceNanoseconds: 12_000_000_000) { core throws(SQLError) in
      let deadline = Deadline(nanoseconds: core.runtime.clock.monotonicNanoseconds() + 9_000_000_000)
      let change: CatalogChange =
        creates
        ? .createTable(Pairs.table(name, tablets: tablets), ifNotExists: false)
        : .dropTables([TableName(schema: "public", name: name)], ifExists: false, cascade: false)
      return try await core.gateway.change(change, deadline: deadline)
    }
    tell(name, reply) { known in
      switch reply {
      case .answer:
        if !known.possible.contains(!creates) { return "\(creates ? "created" : "dropped") though it could not be" }
        known = Knowledge(possible: [creates])
      case .unknown: known = Knowledge(possible: [true, false])
      case .refused(let error) where error.state == .duplicateTable || error.state == .undefinedTable:
        // The catalog says that it is as the statement wished it were not.
        if !known.possible.contains(creates) { return "\(creates ? "not created" : "not dropped"): \(error.message)" }
      case .refused, .notSent: break
      }
      return nil
    }
  }

  /// - Parameter column: what the new column has in every row; nil to drop it.
  private func alter(_ name: String, column: Int64?, _ client: SimulatedClient) async {
    let change = column.map { "ADD COLUMN c int8 DEFAULT \($0)" } ?? "DROP COLUMN c"
    let reply = await client.ask(patienceNanoseconds: 12_000_000_000) { core throws(SQLError) in
      try await core.run("ALTER TABLE \(name) \(change)", timeout: "9s")
    }
    tell(name, reply) { known in
      switch reply {
      case .answer: known.column = column
      case .refused(let error):
        if Self.denies.contains(error.state) { return "\(change) was refused: \(error.message)" }
        known.isInDoubt = true
      case .unknown: known.isInDoubt = true
      case .notSent: break
      }
      return nil
    }
  }

  // MARK: Rows

  private func write(_ row: Int64, into name: String, _ client: SimulatedClient) async {
    let reply = await client.ask { core throws(SQLError) in
      try await core.run(
        "INSERT INTO \(name) (k, v) VALUES (1, \(row)) ON CONFLICT (k) DO UPDATE SET v = excluded.v", timeout: "4s")
    }
    tell(name, reply) { known in
      switch reply {
      case .answer: known.row = row
      case .unknown: known.late.insert(row)
      case .refused(let error) where Self.denies.contains(error.state):
        return "a write was refused: \(error.message)"
      case .refused, .notSent: break
      }
      return nil
    }
  }

  private func look(at name: String, _ client: SimulatedClient) async {
    let column = state.withLock { $0.tables[name]?.column }
    let reply = await client.ask { core throws(SQLError) in
      try await core.run("SELECT v\(column == nil ? "" : ", c") FROM \(name)", timeout: "4s")
    }
    tell(name, reply) { known in
      switch reply {
      case .answer(let rows):
        if known.possible == [false] { return "it was read though it was dropped" }
        let value = rows.first.flatMap { PairTable.integer($0[0]) }
        if rows.count > 1 || value != known.row && value.map({ known.late.contains($0) }) != true {
          return "it was read to hold \(rows), not \(known.row.map { "\($0)" } ?? "nothing")"
        }
        if let column, let row = rows.first, PairTable.integer(row[1]) != column {
          return "its new column was read to be \(row[1]), not \(column)"
        }
      case .refused(let error) where Self.denies.contains(error.state):
        if known.possible == [true] { return "a read was refused: \(error.message)" }
      case .refused, .unknown, .notSent: break
      }
      return nil
    }
  }

  /// What a node says of a table or column that is not there, or is there already.
  private static let denies: [SQLState] = [.undefinedTable, .undefinedColumn, .duplicateColumn]

  /// Takes in what a client was told of a table of its own. `body` says what is wrong with it, if anything is.
  private func tell<Value>(
    _ name: String, _ reply: SimulatedClient.Reply<Value>, _ body: (inout Knowledge) -> String?
  ) {
    state.withLock { state in
      state.operations += 1
      if case .unknown = reply { state.unknown += 1 }
      if let problem = body(&state.tables[name, default: Knowledge()]) {
        state.problem = state.problem ?? "table \(name): \(problem)"
      }
    }
  }

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
