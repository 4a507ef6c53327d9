import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-COUNT: clients add one to counters (`UPDATE … SET v = v + 1`). Each acknowledged addition counts exactly once, each
/// of unknown outcome at most once; a counter never goes back.
package final class CountWorkload: Workload {
  package let tables = [Pairs.table("counters", tablets: 2)]
  package let clientCount = 5
  private let operationsPerClient: Int
  private static let counters: Int64 = 4

  private struct Counter {
    var acknowledged: Int64 = 0
    /// Additions that were asked for and not refused.
    var possible: Int64 = 0
    var unknown = 0
  }
  private struct State {
    var counters: [Int64: Counter] = [:]
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 24 * scale }

  package func run(_ client: SimulatedClient) async {
    if client.number == 0 {
      // The counters' rows: whoever finds no row has added nothing.
      for counter in 0..<Self.counters { await create(counter, client) }
    }
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 300_000_000)
      let counter = Int64(client.random(below: UInt64(Self.counters)))
      if client.oneIn(4) {
        await read(counter, client)
      } else {
        await add(to: counter, client)
      }
    }
  }

  private func create(_ counter: Int64, _ client: SimulatedClient) async {
    for _ in 0..<20 {
      let reply = await client.ask { core throws(SQLError) in
        try await PairTable("counters", at: core).mutate(
          .insert(rows: [[.int8(counter), .int8(0)]], onConflict: .doNothing))
      }
      if case .answer = reply { return }
      await client.think(maxNanoseconds: 500_000_000)
    }
  }

  private func add(to counter: Int64, _ client: SimulatedClient) async {
    state.withLock { $0.counters[counter, default: Counter()].possible += 1 }
    let reply = await client.ask { core throws(SQLError) in
      let pairs = try PairTable("counters", at: core)
      return try await pairs.mutate(
        .update(
          pairs.selection(counter), filter: nil,
          [Assignment(column: 1, value: Pairs.sum(Pairs.value, Pairs.constant(1)))]))
    }
    state.withLock { state in
      var entry = state.counters[counter] ?? Counter()
      switch reply {
      case .answer(1): entry.acknowledged += 1
      case .answer, .refused, .notSent: entry.possible -= 1
      case .unknown: entry.unknown += 1
      }
      state.counters[counter] = entry
    }
  }

  private func read(_ counter: Int64, _ client: SimulatedClient) async {
    let before = state.withLock { $0.counters[counter]?.acknowledged ?? 0 }
    let reply = await client.ask { core throws(SQLError) in
      try await PairTable("counters", at: core).read(counter)
    }
    if case .answer(let value) = reply { check(value ?? 0, of: counter, atLeast: before) }
  }

  private func check(_ value: Int64, of counter: Int64, atLeast acknowledged: Int64) {
    state.withLock { state in
      let possible = state.counters[counter]?.possible ?? 0
      if value < acknowledged || value > possible {
        state.problem =
          state.problem
          ?? "counter \(counter) is \(value), with \(acknowledged) additions acknowledged and \(possible) possible"
      }
    }
  }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let rows = try read("counters") ?? []
    for counter in 0..<Self.counters {
      let row = rows.first { PairTable.integer($0[0]) == counter }
      let acknowledged = state.withLock { $0.counters[counter]?.acknowledged ?? 0 }
      check(row.flatMap { PairTable.integer($0[1]) } ?? 0, of: counter, atLeast: acknowledged)
    }
    return state.withLock { $0.problem }
  }

  package var tally: (operations: Int, unknown: Int) {
    state.withLock { state in
      state.counters.values.reduce(into: (0, 0)) { $0 = ($0.0 + Int($1.possible), $0.1 + $1.unknown) }
    }
  }
}
