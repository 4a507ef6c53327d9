import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-SET: clients insert different elements and read the whole set. An acknowledged element is in every read that begins
/// after its answer; nothing is there that nobody inserted; a retry inside the cluster is never seen as a duplicate.
package final class SetWorkload: Workload {
  package let tables = [Pairs.table("elements", tablets: 3)]
  package let clientCount = 5
  private let operationsPerClient: Int

  private struct State {
    /// When each acknowledged element's answer came.
    var acknowledged: [Int64: UInt64] = [:]
    var asked: Set<Int64> = []
    var unknown = 0
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 24 * scale }

  package func run(_ client: SimulatedClient) async {
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 300_000_000)
      if client.oneIn(5) {
        await readAll(client)
      } else {
        await insert(Int64(client.number) * 1_000_000 + Int64(number), client)
      }
    }
  }

  private func insert(_ element: Int64, _ client: SimulatedClient) async {
    state.withLock { _ = $0.asked.insert(element) }
    let reply = await client.ask { core throws(SQLError) in
      try await PairTable("elements", at: core).mutate(
        .insert(rows: [[.int8(element), .int8(element)]], onConflict: .fail))
    }
    state.withLock { state in
      switch reply {
      case .answer(1): state.acknowledged[element] = client.now
      case .answer(let count): note("inserting \(element) changed \(count) rows", in: &state)
      case .unknown: state.unknown += 1
      case .refused(let error):
        if error.state == .uniqueViolation {
          note("inserting \(element), which nobody else does, found it there", in: &state)
        }
        // Nothing was changed, so it must never be seen.
        state.asked.remove(element)
      case .notSent: state.asked.remove(element)
      }
    }
  }

  private func readAll(_ client: SimulatedClient) async {
    let start = client.now
    let reply = await client.ask { core throws(SQLError) in
      try await PairTable("elements", at: core).readAll()
    }
    guard case .answer(let rows) = reply else { return }
    check(rows, since: start)
  }

  private func check(_ rows: [Row], since start: UInt64) {
    let seen = rows.compactMap { PairTable.integer($0[0]) }
    state.withLock { state in
      if Set(seen).count != seen.count { note("a read has an element twice", in: &state) }
      for element in seen.sorted() where !state.asked.contains(element) {
        note("a read has \(element), which was not inserted or was refused", in: &state)
      }
      let seen = Set(seen)
      for (element, time) in state.acknowledged.sorted(by: { $0.key < $1.key })
      where time < start && !seen.contains(element) {
        note(
          "\(element), acknowledged at \(time / 1000) µs, is missing in a read from \(start / 1000) µs on", in: &state)
      }
    }
  }

  private func note(_ problem: String, in state: inout State) { state.problem = state.problem ?? problem }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    check(try read("elements") ?? [], since: .max)
    return state.withLock { $0.problem }
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.asked.count, $0.unknown) } }
}
