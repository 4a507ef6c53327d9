import Keys
import Operations
import Tablet
import Values

/// How a transaction ends (DESIGN §10.2; the states are on the module's page).
extension GatewayTransaction {
  package func commit(deadline: Deadline?) async throws(SQLError) {
    let late: [LatePart]
    do throws(SQLError) {
      try requireActive()
      late = try await takeLate(deadline: deadline)
    } catch {
      await rollback()
      throw error
    }
    let version = try await commitInGate(late, deadline: deadline)
    // Not inside the gate: every node, this one too, waits there until what was begun under the old catalog is over.
    guard let version else { return }
    await gateway.services.catalogReached(version)
    await gateway.settleCatalog(version)
  }

  /// - Returns: the version of the catalog that has what the transaction changed there.
  private func commitInGate(_ late: [LatePart], deadline: Deadline?) async throws(SQLError) -> UInt64? {
    let (participants, readSet, written, changesSchema) = state.withLock { state in
      state.phase = .ended
      return (
        state.participants.values.sorted { $0.tablet.id < $1.tablet.id }, state.readSet, state.written,
        state.changesSchema
      )
    }
    // Until then it has to be alive for the leaders.
    defer { gateway.transactions.remove(id) }
    let ticket = gateway.commits.enter()
    defer { gateway.commits.leave(ticket) }
    do throws(SQLError) {
      try requireUnchanged(written)
    } catch {
      // An index or a foreign key came in between, and what was written knows nothing of it.
      release(participants)
      dropSchemaChanges()
      throw error
    }
    // Where nothing was written or locked, or no request was ever answered, there is nothing to keep.
    let needed = participants.filter {
      $0.epoch != nil && ($0.pendingBytes > 0 || $0.locksRows || $0.tablet.id == .catalog)
    }
    let deciding = changesSchema ? needed.filter { $0.tablet.id == .catalog } : needed.filter { $0.pendingBytes > 0 }
    guard let anchor = Self.anchor(of: deciding, near: gateway) else {
      // Nothing was written, so there is nothing to agree on; locks are let go.
      release(participants)
      return nil
    }
    if needed.count + late.count < participants.count {
      let names = Set(needed.map(\.tablet.id) + late.map(\.participant.tablet.id))
      release(participants.filter { !names.contains($0.tablet.id) })
    }
    do throws(SQLError) {
      return try await commit(anchor: anchor, needed, late, readSet, deadline: deadline)
    } catch {
      // What may have happened is left to those who find it: the anchor knows.
      if error.state != .statementCompletionUnknown {
        release(participants)
        dropSchemaChanges()
      }
      throw error
    }
  }

  package func rollback() async {
    let participants = state.withLock { state -> [Participant] in
      guard state.phase == .active else { return [] }
      state.phase = .ended
      return state.participants.values.sorted { $0.tablet.id < $1.tablet.id }
    }
    gateway.transactions.remove(id)
    release(participants)
    if !participants.isEmpty { dropSchemaChanges() }
  }

  /// The tablet that decides: it lets go of its rows a round earlier than the others, so it is the one whose rows most
  /// others want, then one that is led here, then the one with most to write.
  private static func anchor(of writers: [Participant], near gateway: Gateway) -> Participant? {
    writers.max { a, b in rank(a, gateway) < rank(b, gateway) }
  }

  private static func rank(_ participant: Participant, _ gateway: Gateway) -> (Int, Int, Int, UInt64) {
    let isLocal = gateway.router.knownLeader(of: participant.tablet.id) == gateway.router.node
    return (
      participant.contenderCount, isLocal ? 1 : 0, participant.pendingBytes, participant.tablet.id.rawValue
    )
  }

  private func commit(
    anchor: Participant, _ participants: [Participant], _ late: [LatePart], _ readSet: [TabletID: ReadSelections],
    deadline: Deadline?
  ) async throws(SQLError) -> UInt64? {
    var decided: (HybridTime, version: UInt64?)?
    var staged: [Participant] = []
    // A transaction may have spilled in the anchor without its gateway's having heard of so much: then it prepares there.
    for preparesAnchor in [false, true] where decided == nil {
      let step: CommitStep
      (step, staged) = try await self.step(
        anchor: anchor, participants, late, readSet, preparesAnchor: preparesAnchor, deadline: deadline)
      try await router.pass(.decide)
      decided = try await decide(step, at: anchor, deadline: deadline)
    }
    guard let (time, version) = decided else {
      throw SQLError(.internalError, "a commit asked for a prepare that it had")
    }
    gateway.transactions.committed(id, at: time)
    if !staged.isEmpty { gateway.spread(id, commitTime: time, to: staged, anchor: anchor) }
    return version
  }

  /// Prepares what has to be, and says how the anchor is to commit.
  /// - Returns: the step, and the participants that have prepared.
  private func step(
    anchor: Participant, _ participants: [Participant], _ late: [LatePart], _ readSet: [TabletID: ReadSelections],
    preparesAnchor: Bool, deadline: Deadline?
  ) async throws(SQLError) -> (CommitStep, [Participant]) {
    let others = participants.filter { $0.tablet.id != anchor.tablet.id }
    let readsElsewhere = readSet.keys.contains { $0 != anchor.tablet.id }
    let isLarge = preparesAnchor || anchor.pendingBytes > router.settings.inlineCommitBytesMax
    var step = CommitStep(
      id: RequestID(client: 0, sequence: 0), floor: 0, lastKept: anchor.lastKept, participants: [], after: .zero)
    var staged: [Participant] = others
    if others.isEmpty && late.isEmpty && !readsElsewhere && !isLarge {
      // One tablet: one round.
      if let own = readSet[anchor.tablet.id], let snapshot = state.withLock({ $0.snapshot }) {
        step.readSet = CommitStep.ReadSet(selections: own.selections, time: snapshot.time)
      }
    } else {
      let decidesLater = !readSet.isEmpty || isLarge
      if decidesLater { staged = participants }
      step.participants = (others + late.map(\.participant)).map(\.tablet.id).sorted()
      // Who gets the rows of a promise must find what follows from them as well: entries of indexes cannot come after it.
      if !decidesLater, anchor.contenderCount > 0, !changesIndexes(late) { announceEnd(at: anchor) }
      try await router.pass(.prepare)
      step.after = try await prepare(staged, late, anchor: anchor, deadline: deadline)
      staged += late.map(\.participant)
      if decidesLater { step.time = step.after }
      try await validate(readSet, through: step.after, deadline: deadline)
    }
    return (step, staged)
  }

  /// Others wait for the anchor's rows: they need not wait for the prepares. Nobody waits for this to arrive.
  private func announceEnd(at anchor: Participant) {
    router.loop.spawn { _ = await self.attempt(.ending(lastKept: anchor.lastKept), in: anchor) }
  }

  /// Stages everything in these tablets, at the same time. Returns the latest prepare time.
  private func prepare(
    _ participants: [Participant], _ late: [LatePart], anchor: Participant, deadline: Deadline?
  ) async throws(SQLError) -> HybridTime {
    var latest = HybridTime.zero
    let answers = await all(participants.count + late.count) { index throws(SQLError) in
      guard index < participants.count else {
        return try await self.prepare(late[index - participants.count], anchor: anchor.tablet.id, deadline: deadline)
      }
      let participant = participants[index]
      let step = TransactionStep.prepare(anchor: anchor.tablet.id, lastKept: participant.lastKept, late: nil)
      return try await self.router.step(step, of: self.id, in: participant, deadline: deadline)
    }
    // Somebody had it wait no longer: a deadlock, or a cancel.
    if answers.contains(where: { if case .failure = $0 { true } else { false } }),
      let interruption = state.withLock({ $0.interruption })
    {
      throw interruption
    }
    for answer in answers {
      guard case .time(let time) = try answer.get() else {
        throw SQLError(.internalError, "a prepare answered without a time")
      }
      latest = max(latest, time)
    }
    gateway.clock.raise(to: latest)
    return latest
  }

  /// Whether all that a serializable transaction read is still so at its commit time (DESIGN §10.4).
  private func validate(
    _ readSet: [TabletID: ReadSelections], through time: HybridTime, deadline: Deadline?
  ) async throws(SQLError) {
    guard !readSet.isEmpty, let snapshot = state.withLock({ $0.snapshot }) else { return }
    let catalog = gateway.catalog
    var requests: [(Participant, TransactionStep)] = []
    for (id, read) in readSet.sorted(by: { $0.key < $1.key }) {
      guard let tablet = catalog.tablets[id] else { throw .transactionLost }
      let step = TransactionStep.validate(read.selections, after: snapshot.time, through: time)
      requests.append((Participant(tablet: tablet), step))
    }
    let answers = await all(requests.count) { [requests] index throws(SQLError) in
      try await self.router.step(requests[index].1, of: self.id, in: requests[index].0, deadline: deadline)
    }
    for answer in answers { _ = try answer.get() }
  }

  /// - Returns: the commit time; and the version of the catalog that has what the transaction changed there. Nil where the
  ///   anchor has to prepare first.
  private func decide(
    _ step: CommitStep, at anchor: Participant, deadline: Deadline?
  ) async throws(SQLError) -> (HybridTime, version: UInt64?)? {
    let ticket = router.ids.next()
    defer { router.ids.finished(ticket.id) }
    var step = step
    step.id = ticket.id
    step.floor = ticket.floor
    if anchor.tablet.id == .catalog {
      let outcome = try await gateway.ask(.commit(id, epoch: anchor.epoch ?? 0, step), deadline: deadline)
      return (outcome.commitTime, outcome.version)
    }
    let answer = try await router.step(.commit(step), of: id, in: anchor, deadline: deadline, isWrite: true)
    switch try Self.value(of: answer) {
    case .time(let time): return (time, nil)
    case .unprepared: return nil
    case .done, .status: throw SQLError(.internalError, "a commit answered without a time")
    }
  }

  /// Asks `count` times at the same time.
  private func all(
    _ count: Int, _ ask: @escaping @Sendable (Int) async throws(SQLError) -> TabletAnswer<TransactionAnswer>
  ) async -> [Result<TransactionAnswer, SQLError>] {
    @Sendable func result(_ index: Int) async -> Result<TransactionAnswer, SQLError> {
      do throws(SQLError) {
        return .success(try Self.value(of: try await ask(index)))
      } catch {
        return .failure(error)
      }
    }
    // Most transactions have two tablets, and one of them decides: no task of its own for the other.
    if count == 1 { return [await result(0)] }
    return await withTaskGroup(of: (Int, Result<TransactionAnswer, SQLError>).self) { group in
      for index in 0..<count { group.addTask { (index, await result(index)) } }
      var all: [(Int, Result<TransactionAnswer, SQLError>)] = []
      for await answer in group { all.append(answer) }
      return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  static func value(of answer: TabletAnswer<TransactionAnswer>) throws(SQLError) -> TransactionAnswer {
    switch answer {
    case .done(let value): return value
    case .failed(let error): throw error
    // The table was dropped or rewritten under the transaction.
    case .unknownTablet, .schemaMismatch: throw .transactionLost
    case .notLeader, .notReady, .noRoom, .outcomeUnknown, .uncertain:
      throw SQLError(.internalError, "the router passed on an answer that it must handle")
    }
  }

  /// Lets go of everything in these tablets. Nobody waits for it: what does not arrive expires.
  private func release(_ participants: [Participant]) {
    if participants.isEmpty { return }
    router.loop.spawn {
      for participant in participants {
        _ = await self.attempt(.abort, in: participant)
      }
    }
  }
}
