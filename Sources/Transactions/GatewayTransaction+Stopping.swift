import Keys
import Operations
import Tablet
import Values

/// What ends a call early, and what takes statements back.
extension GatewayTransaction {
  /// Makes the running call end with this error: its requests stop to wait. Does nothing when none runs.
  func interrupt(_ error: SQLError) {
    let (statement, tablets) = state.withLock { state in
      if state.interruption == nil { state.interruption = error }
      return (state.statement, state.participants.values.sorted { $0.tablet.id < $1.tablet.id })
    }
    guard statement > 0 else { return }
    // In a task of its own: the one that runs the statement is cancelled, or waits for the very answers.
    router.loop.spawn { await self.takeBack(statement - 1, through: statement, tablets) }
  }

  /// Takes back statements in all these tablets; whether all of them still know the transaction.
  @discardableResult
  func takeBack(_ statement: UInt32, through: UInt32, _ tablets: [Participant]) async -> Bool {
    let results = await withTaskGroup(of: Bool.self) { group in
      for participant in tablets {
        group.addTask {
          let step = TransactionStep.rollBack(to: statement, through: through)
          let answer = try? await self.router.step(step, of: self.id, in: participant, deadline: self.soon)
          return switch answer {
          case .done: true
          // One that never answered a request may know nothing of the transaction, and need not. But it has to say so.
          case .failed: participant.epoch == nil
          case .notLeader, .notReady, .noRoom, .unknownTablet, .schemaMismatch, .outcomeUnknown, .uncertain, nil: false
          }
        }
      }
      var all = true
      for await result in group { all = all && result }
      return all
    }
    return results
  }

  /// A step that is tried for a while; whether it was done.
  func attempt(_ step: TransactionStep, in participant: Participant) async -> Bool {
    do throws(SQLError) {
      if case .done = try await router.step(step, of: id, in: participant, deadline: soon) { return true }
      return false
    } catch {
      return false
    }
  }

  var soon: Deadline { Deadline(nanoseconds: router.now &+ 5_000_000_000) }

  package func rollback(to mark: SavepointMark) async throws(SQLError) {
    try requireActive()
    state.withLock { state in
      state.late.removeAll { $0.statement > mark.sequence }
      state.lateRowCount = state.late.reduce(0) { $0 + $1.rowCount }
    }
    // Tablets refuse statements with numbers up to now from here on, also those that stay.
    if state.withLock({ !$0.late.isEmpty && !$0.participants.isEmpty }) { try await sendLate(of: nil, deadline: soon) }
    let (statement, tablets, loaded) = state.withLock { state in
      (state.statement, state.participants.values.sorted { $0.tablet.id < $1.tablet.id }, state.loaded)
    }
    guard loaded <= mark.sequence else {
      throw SQLError(
        .serializationFailure, "could not go back behind rows that were loaded into a new table",
        hint: "Run the transaction again.")
    }
    guard statement > mark.sequence, !tablets.isEmpty else { return }
    state.withLock { state in
      for (tablet, participant) in state.participants {
        state.participants[tablet]?.lastKept = min(participant.lastKept, mark.sequence)
      }
    }
    guard await takeBack(mark.sequence, through: statement, tablets) else { throw .transactionLost }
    try await rollBackSchema(to: mark)
  }
}
