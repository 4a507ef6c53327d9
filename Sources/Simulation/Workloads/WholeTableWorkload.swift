import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-WHOLE: transactions change all rows of a table, back to savepoints and on, and all rows always have one value: for
/// everybody who looks, and for a transaction that looks at its own writes. Who has locked one row keeps all from changing.
///
/// What it is after are transactions that spill: their writes are many, in many pieces, and so are their locks.
package final class WholeTableWorkload: Workload {
  package let tables = [Pairs.table("whole", tablets: 2)]
  package let clientCount = 4
  private let operationsPerClient: Int
  private static let rows: Int64 = 12

  private struct State {
    var operations = 0
    var unknown = 0
    /// The rows are known to be there.
    var isOpen = false
    /// What was added to every row for certain, and what may have been besides.
    var added: Int64 = 0
    var maybeAdded: Int64 = 0
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 14 * scale }

  package func run(_ client: SimulatedClient) async {
    if client.number == 0 { await open(client) }
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 400_000_000)
      switch client.random(below: 4) {
      case 0: await look(client)
      case 1: await hold(client)
      default: await change(client)
      }
    }
  }

  private func open(_ client: SimulatedClient) async {
    for _ in 0..<20 {
      let reply = await client.ask { core throws(SQLError) in
        try await PairTable("whole", at: core).mutate(.insert(rows: Self.all(0), onConflict: .doNothing))
      }
      if case .answer = reply { return state.withLock { $0.isOpen = true } }
      await client.think(maxNanoseconds: 500_000_000)
    }
  }

  private static func all(_ value: Int64) -> [Row] { (0..<rows).map { [.int8($0), .int8(value)] } }

  // MARK: Changing

  private func change(_ client: SimulatedClient) async {
    let isolation = client.drawIsolation()
    let replaces = client.oneIn(3)
    let (undoes, undoesByDeleting) = (client.oneIn(2), client.oneIn(2))
    let addsAgain = client.oneIn(2)
    let givesUp = client.oneIn(8)
    let pause = client.drawPause()
    let reply: SimulatedClient.Reply<Bool> = await client.ask { core throws(SQLError) in
      let pairs = try PairTable("whole", at: core)
      var isEmpty = false
      try await pairs.inTransaction(isolation) { transaction throws(SQLError) in
        var value: Int64 = 0
        if replaces {
          // Locks all of them first, so that what is read is still so when it is replaced.
          guard try await transaction.addToAll(0) > 0 else {
            isEmpty = true
            return
          }
          value = (try await transaction.value(of: Self.rows) ?? 0) + 1
          try await transaction.deleteAll()
          guard try await transaction.value(of: Self.rows) == nil else {
            throw Self.broken("rows outlive their deletion")
          }
          _ = try await transaction.mutate(.insert(rows: Self.all(value), onConflict: .fail))
        } else {
          guard try await transaction.addToAll(1) > 0 else {
            isEmpty = true
            return
          }
          value = try await transaction.value(of: Self.rows) ?? 0
        }
        if undoes {
          let mark = transaction.transaction.mark()
          if undoesByDeleting { try await transaction.deleteAll() } else { try await transaction.addToAll(1_000) }
          let undone = try await transaction.value(of: Self.rows)
          if undone != (undoesByDeleting ? nil : value + 1_000) { throw Self.broken("it sees \(undone ?? -1)") }
          try await transaction.transaction.rollback(to: mark)
        }
        if pause > 0 { await core.runtime.loops[0].sleep(nanoseconds: pause) }
        if addsAgain { try await transaction.addToAll(0) }
        let last = try await transaction.value(of: Self.rows)
        guard last == value else { throw Self.broken("it wrote \(value) and sees \(last ?? -1)") }
        if givesUp { throw SQLError(.queryCanceled, "the client changed its mind") }
      }
      return !isEmpty
    }
    state.withLock { state in
      state.operations += 1
      switch reply {
      case .answer(true): state.added += 1
      case .answer(false), .notSent: break
      case .unknown:
        state.unknown += 1
        state.maybeAdded += 1
      case .refused(let error): note(error, &state)
      }
    }
  }

  private static func broken(_ what: String) -> SQLError {
    SQLError(.internalError, "a transaction of all rows: \(what)")
  }

  // MARK: Looking

  private func look(_ client: SimulatedClient) async {
    let mustBeOpen = state.withLock { $0.isOpen }
    let reply = await client.ask { core throws(SQLError) in try await PairTable("whole", at: core).readAll() }
    state.withLock { state in
      state.operations += 1
      if case .answer(let rows) = reply { check(rows, mustBeOpen: mustBeOpen, &state) }
    }
  }

  /// While one row is locked nobody changes any.
  private func hold(_ client: SimulatedClient) async {
    let key = Int64(client.random(below: UInt64(Self.rows)))
    let locking = RowLocking(strength: .share, policy: client.oneIn(3) ? .noWait : .wait)
    let pause = client.drawPause()
    let reply: SimulatedClient.Reply<Void> = await client.ask { core throws(SQLError) in
      try await PairTable("whole", at: core).inTransaction(.readCommitted) { transaction throws(SQLError) in
        guard let value = try await transaction.read(key, locking: locking) else { return }
        if pause > 0 { await core.runtime.loops[0].sleep(nanoseconds: pause) }
        let all = try await transaction.value(of: Self.rows)
        guard all == value else { throw Self.broken("one was locked at \(value), and then they are \(all ?? -1)") }
      }
    }
    state.withLock { state in
      state.operations += 1
      if case .refused(let error) = reply { note(error, &state) }
    }
  }

  // MARK: Judging

  private func check(_ rows: [Row], mustBeOpen: Bool, _ state: inout State) {
    if rows.isEmpty && !mustBeOpen { return }
    let values = Set(rows.compactMap { PairTable.integer($0[1]) })
    if rows.count != Int(Self.rows) || values.count != 1 {
      let shown = rows.map { "\(PairTable.integer($0[0]) ?? -1): \(PairTable.integer($0[1]) ?? -1)" }.sorted()
      state.problem =
        state.problem ?? "\(rows.count) rows with \(values.count) values: \(shown.joined(separator: ", "))"
    }
  }

  private func note(_ error: SQLError, _ state: inout State) {
    // A key that is there twice is no fault of the client's.
    guard error.state == .internalError || error.state == .uniqueViolation else { return }
    state.problem = state.problem ?? error.message
  }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let rows = try read("whole") ?? []
    return state.withLock { state in
      check(rows, mustBeOpen: state.isOpen, &state)
      if let value = rows.first.flatMap({ PairTable.integer($0[1]) }),
        !(state.added...state.added + state.maybeAdded).contains(value)
      {
        state.problem =
          state.problem ?? "the rows are at \(value), after \(state.added) changes and \(state.maybeAdded) unknown ones"
      }
      return state.problem
    }
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.operations, $0.unknown) } }
}

extension TransactionOfPairs {
  /// Returns how many rows there are.
  @discardableResult
  fileprivate func addToAll(_ amount: Int64) async throws(SQLError) -> Int {
    try await mutate(
      .update(
        .ranges([pairs.table.wholeRange]), filter: nil,
        [Assignment(column: 1, value: Pairs.sum(Pairs.value, Pairs.constant(amount)))]))
  }

  fileprivate func deleteAll() async throws(SQLError) {
    _ = try await mutate(.delete(.ranges([pairs.table.wholeRange]), filter: nil))
  }

  /// The one value of all rows; nil where there are none.
  fileprivate func value(of count: Int64) async throws(SQLError) -> Int64? {
    let rows = try await readAll()
    if rows.isEmpty { return nil }
    let values = Set(rows.compactMap { PairTable.integer($0[1]) })
    guard let value = values.first, values.count == 1, rows.count == Int(count) else {
      throw SQLError(.internalError, "a transaction sees \(rows.count) rows with the values \(values.sorted())")
    }
    return value
  }
}
