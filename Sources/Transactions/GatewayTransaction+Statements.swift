import Keys
import Operations
import Schema
import Tablet
import Values

/// How a statement that locks or writes reaches its tablets, all at the same time.
extension GatewayTransaction {
  private static var restartsMax: Int { 20 }
  /// Rows to be changed by their keys that are sent at a time.
  private static var changedKeysMax: Int { 5_000 }

  /// Rows of one tablet that a statement may bring here, for `RETURNING` and for what follows from them in indexes and foreign
  /// keys: they are in this node's memory until it ends.
  private static var heldRowsMax: Int { 500_000 }
  private static var holdsTooMuch: SQLError {
    SQLError(
      .outOfMemory, "out of memory",
      detail:
        "The statement changes more than \(heldRowsMax) rows of one tablet, and RETURNING, an index or a foreign key "
        + "needs to see all of them.",
      hint: "Change fewer rows at a time, or create the index afterwards.")
  }

  /// One statement that locks or writes, on all its tablets at the same time. Where one of them meets a version that may
  /// be in the client's past, all of it is undone and begins again at that time.
  /// - Parameter isNewest: it sees what is committed now, whatever the transaction's snapshot is.
  func statement(
    on parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], searches: Bool, isNewest: Bool = false,
    table: TableDescriptor, deadline: Deadline?
  ) async throws(SQLError) -> [MutationResult] {
    if parts.isEmpty { return [] }
    var newest = isNewest ? gateway.uncertainSnapshot() : nil
    for _ in 0..<Self.restartsMax {
      let before = mark()
      var snapshot = newest
      if newest == nil, searches || options.isolation > .readCommitted {
        snapshot = await self.snapshot(forSeveralTablets: parts.count > 1)
      }
      let outcome = try await send(
        parts, snapshot: snapshot, isolation: isNewest ? .readCommitted : options.isolation, deadline: deadline)
      switch outcome {
      case .done(let results):
        if let snapshot, !isNewest { hasRead(at: snapshot.time) }
        return results
      case .uncertain(let later):
        if let known = newest {
          newest = Snapshot(time: later, uncertaintyLimit: max(known.uncertaintyLimit, later))
        } else {
          try moveSnapshot(to: later)
        }
        try await rollback(to: before)
      case .changed: throw Gateway.changed(table.name)
      }
    }
    throw TableReader.tooManyRestarts
  }

  private enum Outcome {
    case done([MutationResult])
    case uncertain(HybridTime)
    case changed
  }

  private func send(
    _ parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async throws(SQLError) -> Outcome {
    let statement = state.withLock { state in
      state.statement += 1
      state.interruption = nil
      for part in parts where state.participants[part.tablet.id] == nil {
        state.participants[part.tablet.id] = Participant(tablet: part.tablet)
      }
      for part in parts { if case .rows = part.payload { state.participants[part.tablet.id]?.writes = true } }
      state.running.insert(state.statement)
      return state.statement
    }
    let received = await withTaskCancellationHandler {
      await self.answers(
        of: parts, statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
    } onCancel: {
      interrupt(SQLError(.queryCanceled, "canceling statement due to user request"))
    }
    state.withLock { state in
      state.running.remove(statement)
      state.wait = nil
    }
    if let interruption = state.withLock({ $0.interruption }) { throw interruption }
    var results: [MutationResult] = []
    var later: HybridTime?
    for answer in received {
      switch try answer.get() {
      case .done(let done): results.append(done.result)
      case .failed(let error): throw error
      case .uncertain(let time): later = max(later ?? time, time)
      case .schemaMismatch, .unknownTablet: return .changed
      case .notLeader, .notReady, .noRoom, .outcomeUnknown:
        throw SQLError(.internalError, "the router passed on an answer that it must handle")
      }
    }
    return later.map { .uncertain($0) } ?? .done(results)
  }

  func answers(
    of parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> [Result<TabletAnswer<MutateAnswer>, SQLError>] {
    // Most statements are for one tablet: no task of its own for that.
    if parts.count == 1 {
      return [
        await answer(
          of: parts[0], statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
      ]
    }
    return await withTaskGroup(of: (Int, Result<TabletAnswer<MutateAnswer>, SQLError>).self) { group in
      for (index, part) in parts.enumerated() {
        group.addTask {
          (
            index,
            await self.answer(
              of: part, statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
          )
        }
      }
      var all: [(Int, Result<TabletAnswer<MutateAnswer>, SQLError>)] = []
      for await answer in group { all.append(answer) }
      return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  /// What one tablet says to its part of a statement. A part that changes very many rows goes there in pieces, one after the
  /// other: so nobody has all of its keys in memory, and each answer comes soon.
  func answer(
    of part: (tablet: TabletDescriptor, payload: MutateRequest.Payload), statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> Result<TabletAnswer<MutateAnswer>, SQLError> {
    var snapshot = snapshot
    var (payload, next) = part.payload.cut(keysMax: Self.changedKeysMax)
    var all: MutateAnswer?
    while true {
      let answer = await self.answer(
        to: payload, in: part.tablet, statement: statement, snapshot: snapshot, isolation: isolation,
        deadline: deadline)
      guard case .success(.done(var done)) = answer else { return answer }
      if var before = all {
        before.result.add(done.result)
        done.result = before.result
      }
      if done.result.changes.count + done.result.returned.count > Self.heldRowsMax {
        return .failure(Self.holdsTooMuch)
      }
      all = done
      if let rest = done.rest {
        // As of the time of the first piece.
        snapshot = snapshot ?? Snapshot(time: rest.time, uncertaintyLimit: rest.time)
        payload = payload.restricted(to: .ranges(rest.ranges))
      } else if let left = next {
        (payload, next) = left.cut(keysMax: Self.changedKeysMax)
      } else {
        return .success(.done(done))
      }
    }
  }

  private func answer(
    to payload: MutateRequest.Payload, in tablet: TabletDescriptor, statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> Result<TabletAnswer<MutateAnswer>, SQLError> {
    let context = state.withLock { state in
      TransactionContext(
        id: id, isolation: isolation, readTime: snapshot?.time, uncertaintyLimit: snapshot?.uncertaintyLimit,
        statement: statement, oldestRunning: min(state.running.min() ?? statement, statement),
        lastKept: state.participants[tablet.id]?.lastKept ?? 0,
        epoch: state.participants[tablet.id]?.epoch, lockTimeoutMilliseconds: state.lockTimeoutMilliseconds)
    }
    do throws(SQLError) {
      let answer = try await router.mutate(tablet, payload, transaction: context, deadline: deadline)
      if case .done(let done) = answer {
        state.withLock { state in
          guard var participant = state.participants[tablet.id] else { return }
          participant.epoch = done.epoch
          participant.lastKept = max(participant.lastKept, statement)
          participant.pendingBytes = done.pendingBytes
          participant.locksRows = done.locksRows
          participant.contenderCount = max(participant.contenderCount, done.contenderCount)
          state.participants[tablet.id] = participant
        }
      }
      return .success(answer)
    } catch {
      return .failure(error)
    }
  }
}

extension MutateRequest.Payload {
  /// The first piece of a change of rows that are named by their keys, and what is left of it.
  fileprivate func cut(keysMax: Int) -> (first: Self, rest: Self?) {
    guard case .rows(let mutation) = self else { return (self, nil) }
    switch mutation.mutation {
    case .update(.points(let keys), _, _), .delete(.points(let keys), _):
      if keys.count <= keysMax { return (self, nil) }
      return (
        restricted(to: .points(Array(keys.prefix(keysMax)))), restricted(to: .points(Array(keys.dropFirst(keysMax))))
      )
    case .insert, .update, .delete: return (self, nil)
    }
  }

  /// The same change of other rows.
  fileprivate func restricted(to selection: KeySelection) -> Self {
    guard case .rows(var mutation) = self else { return self }
    switch mutation.mutation {
    case .insert: break
    case .update(_, let filter, let assignments): mutation.mutation = .update(selection, filter: filter, assignments)
    case .delete(_, let filter): mutation.mutation = .delete(selection, filter: filter)
    }
    return .rows(mutation)
  }
}
