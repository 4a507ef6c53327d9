import Checkers
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-REG: clients read, write, compare-and-set, insert and delete single rows; each row's history must be linearizable.
package final class RegisterWorkload: Workload {
  package let tables = [Pairs.table("registers", tablets: 3)]
  package let clientCount = 5
  private let operationsPerClient: Int
  private let registers: UInt64
  private let histories = Mutex<[Int64: [RegisterOperation]]>([:])

  /// A register gets at most a few hundred operations, of few clients: what the checker can decide.
  package init(scale: Int) {
    operationsPerClient = 24 * scale
    registers = UInt64(2 * scale)
  }

  package func run(_ client: SimulatedClient) async {
    // The value that this client last saw in each register: what a compare-and-set hopes for.
    var lastSeen: [Int64: Int64] = [:]
    for number in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 400_000_000)
      let register = Int64(client.random(below: registers))
      let new = Int64(client.number) * 1_000_000 + Int64(number)
      let kind = choose(client, new: new, lastSeen: lastSeen[register])
      let start = client.now
      let reply = await client.ask { core throws(SQLError) in
        try await Self.carryOut(kind, on: register, at: PairTable("registers", at: core))
      }
      switch reply {
      case .answer(let done):
        if case .read(let value) = done { lastSeen[register] = value }
        record(RegisterOperation(done, start: start, end: client.now), of: register)
      case .unknown:
        if case .read = kind { break }
        record(RegisterOperation(kind, start: start, end: nil), of: register)
      case .refused, .notSent: break
      }
    }
  }

  private func choose(_ client: SimulatedClient, new: Int64, lastSeen: Int64?) -> RegisterOperation.Kind {
    switch client.random(below: 20) {
    case 0..<9: .read(nil)
    case 9..<13: .upsert(new)
    case 13..<14: .insert(new, succeeded: nil)
    case 14..<16: .update(new, found: nil)
    case 16..<19: .compareAndSet(expected: lastSeen ?? -1, new: new, succeeded: nil)
    default: .delete(found: nil)
    }
  }

  /// - Returns: the operation with its outcome.
  private static func carryOut(
    _ kind: RegisterOperation.Kind, on key: Int64, at pairs: PairTable
  ) async throws(SQLError) -> RegisterOperation.Kind {
    switch kind {
    case .read: return .read(try await pairs.read(key))
    case .upsert(let new):
      _ = try await pairs.mutate(
        .insert(
          rows: [[.int8(key), .int8(new)]],
          onConflict: .update([Assignment(column: 1, value: Pairs.constant(new))], filter: nil)))
      return kind
    case .insert(let new, _):
      let count = try await pairs.mutate(.insert(rows: [[.int8(key), .int8(new)]], onConflict: .doNothing))
      return .insert(new, succeeded: count == 1)
    case .update(let new, _):
      let count = try await pairs.mutate(
        .update(pairs.selection(key), filter: nil, [Assignment(column: 1, value: Pairs.constant(new))]))
      return .update(new, found: count == 1)
    case .compareAndSet(let expected, let new, _):
      let count = try await pairs.mutate(
        .update(
          pairs.selection(key), filter: Pairs.equal(Pairs.value, Pairs.constant(expected)),
          [Assignment(column: 1, value: Pairs.constant(new))]))
      return .compareAndSet(expected: expected, new: new, succeeded: count == 1)
    case .delete:
      return .delete(found: try await pairs.mutate(.delete(pairs.selection(key), filter: nil)) == 1)
    }
  }

  private func record(_ operation: RegisterOperation, of register: Int64) {
    histories.withLock { $0[register, default: []].append(operation) }
  }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let rows = try read("registers") ?? []
    let histories = histories.withLock { $0 }
    for (register, history) in histories.sorted(by: { $0.key < $1.key }) {
      // What is there at the end is one more read.
      let last = rows.first { PairTable.integer($0[0]) == register }.flatMap { PairTable.integer($0[1]) }
      let end = history.map { max($0.start, $0.end ?? 0) }.max() ?? 0
      let whole = history + [RegisterOperation(.read(last), start: end + 1, end: end + 2)]
      switch LinearizabilityChecker.check(whole) {
      case .linearizable: continue
      case .undecided: return "the history of register \(register) is too wide to decide"
      case .violation(let explained):
        let lines = whole.sorted { $0.start < $1.start }.map { "  \($0)" }.joined(separator: "\n")
        return "register \(register) is not linearizable (\(explained) of \(whole.count) explained):\n\(lines)"
      }
    }
    return nil
  }

  package var tally: (operations: Int, unknown: Int) {
    histories.withLock { histories in
      histories.values.reduce(into: (0, 0)) { tally, history in
        tally.0 += history.count
        tally.1 += history.count { $0.end == nil }
      }
    }
  }
}
