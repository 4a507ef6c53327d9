import NodeCore
import Operations
import Runtime
import Schema
import Synchronization
import Values

/// W-BANK: clients move money between accounts that lie in several tablets, at every isolation level. Every consistent
/// look at all accounts finds the same total, from the moment when they were all made in one transaction. Each transfer
/// also notes what it did in a table without a key of its own, as pgbench does: what an account holds is what its history
/// says.
package final class BankWorkload: Workload {
  package let tables = [Pairs.table("accounts", tablets: 3), Pairs.historyTable(tablets: 3)]
  package let clientCount = 6
  private let operationsPerClient: Int
  private static let accounts: Int64 = 8
  private static let balance: Int64 = 100
  private static var total: Int64 { accounts * balance }

  private struct State {
    var operations = 0
    var unknown = 0
    /// The accounts are known to be there.
    var isOpen = false
    var committed = 0
    var problem: String?
  }
  private let state = Mutex(State())

  package init(scale: Int) { operationsPerClient = 20 * scale }

  package func run(_ client: SimulatedClient) async {
    if client.number == 0 { await open(client) }
    for _ in 0..<operationsPerClient {
      await client.think(maxNanoseconds: 300_000_000)
      if client.oneIn(4) {
        await audit(client)
      } else {
        await transfer(client)
      }
    }
  }

  private func open(_ client: SimulatedClient) async {
    for _ in 0..<20 {
      let rows = (0..<Self.accounts).map { [Datum.int8($0), .int8(Self.balance)] }
      let reply = await client.ask { core throws(SQLError) in
        try await PairTable("accounts", at: core).mutate(.insert(rows: rows, onConflict: .doNothing))
      }
      if case .answer = reply { return state.withLock { $0.isOpen = true } }
      await client.think(maxNanoseconds: 500_000_000)
    }
  }

  private func transfer(_ client: SimulatedClient) async {
    // An account that is not there yet would have a history of what did not happen.
    guard state.withLock({ $0.isOpen }) else { return }
    let from = Int64(client.random(below: UInt64(Self.accounts)))
    let to = (from + 1 + Int64(client.random(below: UInt64(Self.accounts - 1)))) % Self.accounts
    let amount = Int64(client.random(below: 20))
    let isolation: IsolationLevel = [.readCommitted, .repeatableRead, .serializable][Int(client.random(below: 3))]
    let givesUp = client.oneIn(10)
    let pause = client.oneIn(3) ? client.random(below: 200_000_000) : 0
    // When the history is written: before, between or after the changes of the accounts.
    let notesAt = client.random(below: 3)
    let forgets = client.oneIn(4)
    let reply = await client.ask { core throws(SQLError) in
      let pairs = try PairTable("accounts", at: core)
      return try await pairs.inTransaction(isolation) { transaction throws(SQLError) in
        if isolation == .readCommitted {
          if notesAt == 0 {
            try await Self.record(client, [(from, -amount), (to, amount)], core, transaction, forgets)
          }
          try await transaction.add(-amount, to: from)
          if notesAt == 1 { try await Self.record(client, [(from, -amount)], core, transaction, forgets) }
          if pause > 0 { await core.runtime.loops[0].sleep(nanoseconds: pause) }
          try await transaction.add(amount, to: to)
          if notesAt == 1 { try await Self.record(client, [(to, amount)], core, transaction, forgets) }
          if notesAt == 2 {
            try await Self.record(client, [(from, -amount), (to, amount)], core, transaction, forgets)
          }
        } else {
          guard let left = try await transaction.read(from), let right = try await transaction.read(to) else { return }
          if pause > 0 { await core.runtime.loops[0].sleep(nanoseconds: pause) }
          try await transaction.set(from, to: left - amount)
          try await transaction.set(to, to: right + amount)
          try await Self.record(client, [(from, -amount), (to, amount)], core, transaction, forgets)
          guard try await transaction.read(from) == left - amount else {
            throw SQLError(.internalError, "a transaction does not see its own write")
          }
        }
        if givesUp { throw SQLError(.queryCanceled, "the client changed its mind") }
      }
    }
    state.withLock { state in
      state.operations += 1
      switch reply {
      case .answer: state.committed += 1
      case .unknown: state.unknown += 1
      case .refused(let error) where error.state == .internalError: note(error.message, &state)
      case .refused, .notSent: break
      }
    }
  }

  /// Adds rows to the history; and others, which are taken back before the transaction goes on.
  private static func record(
    _ client: SimulatedClient, _ changes: [(account: Int64, amount: Int64)], _ core: NodeCore,
    _ transaction: TransactionOfPairs, _ takesBack: Bool
  ) async throws(SQLError) {
    func add(_ changes: [(account: Int64, amount: Int64)]) async throws(SQLError) {
      let rows = changes.map { change in
        let id = UUIDValue(high: client.random(below: .max), low: client.random(below: .max))
        return [Datum.int8(change.account), .int8(change.amount), .uuid(id)]
      }
      let history = TransactionOfPairs(try PairTable("history", at: core), transaction.transaction)
      guard try await history.mutate(.insert(rows: rows, onConflict: .fail)) == rows.count else {
        throw SQLError(.internalError, "a new row was not counted")
      }
    }
    if takesBack {
      let mark = transaction.transaction.mark()
      try await add(changes)
      try await transaction.transaction.rollback(to: mark)
    }
    try await add(changes)
    // Whoever has written a row sees it.
    guard takesBack, client.oneIn(2) else { return }
    let seen = try await TransactionOfPairs(try PairTable("history", at: core), transaction.transaction).readAll()
    for change in changes
    where !seen.contains(where: { row in
      PairTable.integer(row[0]) == change.account && PairTable.integer(row[1]) == change.amount
    }) {
      throw SQLError(.internalError, "a transaction does not see a row that it has added")
    }
  }

  private func audit(_ client: SimulatedClient) async {
    let mustBeOpen = state.withLock { $0.isOpen }
    let isSnapshot = client.oneIn(2)
    let reply = await client.ask { core throws(SQLError) in
      let pairs = try PairTable("accounts", at: core)
      guard isSnapshot else { return try await pairs.readAll() }
      var rows: [Row] = []
      // Statement by statement, as of one snapshot.
      let transaction = TransactionOfPairs(pairs, core.gateway.begin(TransactionOptions(isolation: .repeatableRead)))
      for account in 0..<Self.accounts {
        if let value = try await transaction.read(account) { rows.append([.int8(account), .int8(value)]) }
      }
      await transaction.transaction.rollback()
      return rows
    }
    state.withLock { state in
      state.operations += 1
      if case .answer(let rows) = reply { check(rows, mustBeOpen: mustBeOpen, &state) }
    }
  }

  private func check(_ rows: [Row], mustBeOpen: Bool, _ state: inout State) {
    let sum = rows.reduce(0) { $0 + (PairTable.integer($1[1]) ?? 0) }
    if rows.isEmpty && !mustBeOpen { return }
    if rows.count != Int(Self.accounts) || sum != Self.total {
      let values = rows.map { "\(PairTable.integer($0[0]) ?? -1): \(PairTable.integer($0[1]) ?? -1)" }.sorted()
      note("\(rows.count) accounts hold \(sum), not \(Self.total): \(values.joined(separator: ", "))", &state)
    }
  }

  private func note(_ problem: String, _ state: inout State) { state.problem = state.problem ?? problem }

  package func verdict(read: (String) throws -> [Row]?) throws -> String? {
    let rows = try read("accounts") ?? []
    let history = try read("history") ?? []
    return state.withLock { state in
      check(rows, mustBeOpen: state.isOpen, &state)
      var changes: [Int64: Int64] = [:]
      for row in history {
        guard let account = PairTable.integer(row[0]), let amount = PairTable.integer(row[1]) else { continue }
        changes[account, default: 0] += amount
      }
      let wrong = rows.compactMap { row -> String? in
        guard let account = PairTable.integer(row[0]), let balance = PairTable.integer(row[1]) else { return nil }
        let expected = Self.balance + changes[account, default: 0]
        return balance == expected ? nil : "account \(account) holds \(balance), by its history \(expected)"
      }
      if !wrong.isEmpty { note(wrong.sorted().joined(separator: "; "), &state) }
      return state.problem
    }
  }

  package var tally: (operations: Int, unknown: Int) { state.withLock { ($0.operations, $0.unknown) } }
}
