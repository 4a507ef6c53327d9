import Checkers
import NodeCore
import Operations
import Synchronization
import Transactions
import Values

/// The transactions of a run, and how clients run them.
final class History: Sendable {
  private struct State {
    var records: [TransactionRecord] = []
    /// A client that does not know what became of its last transaction goes on as somebody else: that one may still be
    /// under way.
    var session: [Int: Int] = [:]
    var nextSession = 0
    var problem: String?
  }
  private let state = Mutex(State())

  static let isolations: [Operations.IsolationLevel] = [.readCommitted, .repeatableRead, .serializable]

  /// Runs statements on a node in a transaction and commits it.
  /// - Returns: whether it committed, as far as the client knows.
  @discardableResult
  func transact(
    _ client: SimulatedClient, _ isolation: Operations.IsolationLevel,
    _ body: @escaping @Sendable (RecordedTransaction) async throws(SQLError) -> Void
  ) async -> Bool {
    await record(client, isolation) { core, record throws(SQLError) in
      core.gateway.keepCommitTimes()
      let transaction = core.gateway.beginTransaction(TransactionOptions(isolation: isolation))
      do throws(SQLError) {
        try await body(RecordedTransaction(core, transaction, record))
        record.commits()
        try await transaction.commit(deadline: Self.deadline(core))
        record.committed(at: core.gateway.takeCommitTime(of: transaction.id)?.rawValue)
      } catch {
        await transaction.rollback()
        throw error
      }
    }
  }

  /// Runs one statement outside of any transaction.
  @discardableResult
  func autocommit(
    _ client: SimulatedClient,
    _ body: @escaping @Sendable (NodeCore, TransactionRecord) async throws(SQLError) -> Void
  ) async -> Bool {
    await record(client, .readCommitted) { core, record throws(SQLError) in
      record.commits()
      try await body(core, record)
      record.committed(at: nil)
    }
  }

  private func record(
    _ client: SimulatedClient, _ isolation: Operations.IsolationLevel,
    _ body: @escaping @Sendable (NodeCore, TransactionRecord) async throws(SQLError) -> Void
  ) async -> Bool {
    let record = begin(client, isolation)
    let reply = await client.ask { core throws(SQLError) in
      do throws(SQLError) {
        try await body(core, record)
      } catch {
        record.failed(error.state == .statementCompletionUnknown ? .outcomeUnknown : .definite)
        throw error
      }
    }
    let now = client.now
    switch reply {
    case .answer: record.answered(.committed, at: now)
    case .refused(let error):
      record.answered(.refused, at: now)
      if error.state == .internalError { note("a transaction failed: \(error.message)") }
    case .unknown:
      record.answered(.unknown, at: now)
      state.withLock { $0.session[client.number] = nil }
    case .notSent: record.answered(.notSent, at: now)
    }
    if case .answer = reply { return true } else { return false }
  }

  private func begin(_ client: SimulatedClient, _ isolation: Operations.IsolationLevel) -> TransactionRecord {
    state.withLock { state in
      if state.session[client.number] == nil {
        state.nextSession += 1
        state.session[client.number] = state.nextSession
      }
      let record = TransactionRecord(
        session: state.session[client.number] ?? 0, isolation, start: client.now)
      state.records.append(record)
      return record
    }
  }

  static func deadline(_ core: NodeCore) -> Deadline {
    Deadline(nanoseconds: core.runtime.clock.monotonicNanoseconds() + 4_000_000_000)
  }

  /// Something that is wrong whatever the history says.
  func note(_ problem: String) { state.withLock { $0.problem = $0.problem ?? problem } }

  // MARK: At the end

  /// All of it, and a last look at what is there, by somebody who comes when all is quiet.
  func transactions(lastRead operations: [Checkers.Operation]) -> [Checkers.Transaction] {
    let records = state.withLock { $0.records }
    let last = Checkers.Transaction(
      session: -1, .readCommitted, .committed(), start: .max - 2, end: .max - 1, operations)
    return records.compactMap(\.transaction) + [last]
  }

  /// - Returns: what is wrong, in words.
  func verdict(_ anomalies: [Anomaly]) -> String? {
    if let problem = state.withLock({ $0.problem }) { return problem }
    guard let worst = anomalies.first else { return nil }
    // The others often say more: what replay finds names the very read.
    let others = anomalies.dropFirst().map { "\n\($0.name): \($0.explanation.prefix(600))" }
    return "\(worst)\(others.prefix(6).joined())"
  }

  var tally: (operations: Int, unknown: Int) {
    let records = state.withLock { $0.records }
    return (records.count, records.count { $0.wasUnknown })
  }
}
