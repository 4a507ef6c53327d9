import Operations
import Values

/// How often, and after what pause, a statement runs again that lost against another transaction.
enum RestartPolicy {
  static let restartsMax = 5
  private static let firstPauseNanoseconds: UInt64 = 1_000_000

  /// Twice as long each time, less up to half of it by chance, so that two losers do not meet again.
  static func pauseNanoseconds(before restart: Int, random: UInt64) -> UInt64 {
    let whole = firstPauseNanoseconds << UInt64(restart)
    return whole - random % (whole / 2)
  }
}

extension SQLSession {
  /// Carries a statement out up to its first rows. If it fails with 40001 it is undone and runs again, as long as the
  /// client cannot tell: none of its rows were sent, and no statement before it relied on the same snapshot.
  func startRestarting(_ begun: Execution, sink: any ResultSink) async throws(SQLError) -> StatementResult {
    var execution = begun
    var restarts = 0
    while true {
      let data = try dataTransaction(for: execution.plan.rowAccess, writes: execution.plan.writes)
      let mark = data?.mark()
      data?.beginStatement()
      execution.executor.transaction = data
      do throws(SQLError) {
        let result = try await carryOut(execution, sink: sink).withFirstRows()
        if data != nil { try await finishStep(result) }
        return result
      } catch {
        guard error.state == .serializationFailure, restarts < RestartPolicy.restartsMax,
          await undo(data, to: mark)
        else { throw error }
      }
      restarts += 1
      registry.countRestart()
      let pause = RestartPolicy.pauseNanoseconds(before: restarts, random: random.next())
      guard await loop.sleep(nanoseconds: pause) else { throw RunningStatement.Reason.userRequest.error }
      // What it lost against may have been a change of the table.
      execution.plan = try plan(of: execution.statement)
    }
  }

  /// A statement of the data plane's transaction succeeded. If it was the only one, and has no rows to come, it commits
  /// now, while it could still run again.
  private func finishStep(_ result: StatementResult) async throws(SQLError) {
    transaction?.statementCount += 1
    guard let current = transaction, current.phase == .implicit, current.statementCount == 1, place.isLast,
      result.isComplete
    else { return }
    transaction?.data = nil
    do throws(SQLError) {
      try await current.data?.commit(deadline: statementDeadline())
    } catch {
      if error.state != .statementCompletionUnknown { await current.data?.rollback() }
      throw error
    }
  }

  /// - Returns: whether the transaction is as it was before the statement.
  private func undo(_ data: (any Transaction)?, to mark: SavepointMark?) async -> Bool {
    // A read or write of its own that fails with 40001 has done nothing.
    guard let data, let mark else { return true }
    // `finishStep` rolled it back.
    if transaction?.data == nil { return true }
    if data.options.isolation == .readCommitted {
      do throws(SQLError) {
        try await data.rollback(to: mark)
        return true
      } catch {
        // It can only be rolled back whole.
      }
    }
    guard let current = transaction, current.statementCount == 0, current.savepoints.isEmpty else { return false }
    transaction?.data = nil
    await data.rollback()
    return true
  }
}

extension StatementResult {
  /// Whether all that it yields is here.
  var isComplete: Bool {
    switch self {
    case .command: true
    case .rows(_, _, let tag, _): tag != .select && tag != .fetch
    }
  }

  /// The same, with the first rows fetched.
  func withFirstRows() async throws(SQLError) -> StatementResult {
    guard case .rows(let cursor, let columns, let tag, let count) = self, tag == .select else { return self }
    let first = try await cursor.next()
    return .rows(FetchedCursor(first, then: cursor), columns: columns, tag, count: count)
  }
}

/// Rows whose first batch was fetched already.
final class FetchedCursor: RowCursor {
  private var first: [Row]?
  private var rest: (any RowCursor)?

  init(_ first: [Row]?, then rest: any RowCursor) {
    self.first = first
    self.rest = first == nil ? nil : rest
  }

  func next() async throws(SQLError) -> [Row]? {
    if let rows = first {
      first = nil
      return rows
    }
    guard let rows = try await rest?.next() else {
      rest = nil
      return nil
    }
    return rows
  }
}
