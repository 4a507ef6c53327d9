import DocStore
import Keys
import Operations
import Values

/// The steps by which a transaction as a whole ends: prepare, commit, resolve, abort.
extension TabletReplica {
  typealias StepWaiter = CheckedContinuation<TabletAnswer<TransactionAnswer>, Never>

  /// Carries out a step. The answer comes through `waiter`, once.
  func begin(_ request: TransactionRequest, waiter: StepWaiter) {
    if let refusal = refusal(TransactionAnswer.self) { return waiter.resume(returning: refusal) }
    let known = transactions[request.transaction].flatMap { $0.epoch == request.epoch ? $0 : nil }
    known?.lastHeard = now
    if holdsBack(request, transactions[request.transaction], waiter: waiter) { return }
    switch request.step {
    case .prepare(let anchor, let lastKept, let late):
      prepare(request.transaction, known, anchor: anchor, lastKept: lastKept, late: late, waiter: waiter)
    case .ending(let lastKept):
      ending(known, lastKept: lastKept)
      waiter.resume(returning: .done(.done))
    case .commit(let commit): self.commit(request.transaction, known, commit, waiter: waiter)
    case .validate(let selections, let after, let through):
      waiter.resume(returning: validate(request.transaction, selections, after: after, through: through))
    case .rollBack(let statement, let through):
      // As with `abort`, of whatever epoch: one that the gateway does not know, it cannot commit either.
      guard let open = transactions[request.transaction], open.isOpen else {
        return waiter.resume(returning: .failed(.transactionLost))
      }
      rollBack(open, to: statement, through: through)
      // What the client has seen of others is behind no write of its own any more.
      answerInOrder(waiter, .done(.done), after: open.seenThrough)
    case .abort:
      // The gateway may not have heard of an epoch: what it asked for last was not answered.
      if let open = transactions[request.transaction], open.isOpen { letGo(of: open.id) }
      // What is on its way through the log is dropped when it is there (`applied`).
      if spilling[request.transaction] != nil {
        giveUpSpilling(request.transaction)
      } else if ledger.staged[request.transaction] != nil {
        return resolve(request.transaction, nil, waiter: waiter)
      } else {
        transactions[request.transaction]?.lastHeard = 0
      }
      waiter.resume(returning: .done(.done))
    case .drain: waiter.resume(returning: drain())
    case .withdraw(let id):
      if let operation = operations[id], waitingForLocks[operation.lockRequest] != nil {
        complete(operation, .failed(SQLError(.queryCanceled, "canceling statement due to user request")))
      }
      waiter.resume(returning: .done(.done))
    case .resolve(let commitTime): resolve(request.transaction, commitTime, waiter: waiter)
    case .forget(let transactions):
      forget(transactions.filter { ledger.decisions[$0] != nil })
      waiter.resume(returning: .done(.done))
    case .status: waiter.resume(returning: .done(.status(status(of: request.transaction))))
    }
  }

  /// Whether the catalog still names this tablet: what would be written to one of a dropped table is lost.
  private var isCurrent: Bool {
    let catalog = environment.catalog.current
    return id == .catalog || catalog.tablets[id].map { catalog.isCurrent($0) } ?? false
  }

  private func drain() -> TabletAnswer<TransactionAnswer> {
    guard !isCurrent else { return .notReady }
    proposePostponed()
    for (id, transaction) in transactions.sorted(by: { $0.key < $1.key }) where transaction.isOpen { letGo(of: id) }
    let isIdle = transactions.isEmpty && ledger.isEmpty && inFlight.isEmpty && queue.isEmpty
    return isIdle ? .done(.done) : .notReady
  }

  // MARK: Prepare

  private func prepare(
    _ id: TransactionID, _ known: OpenTransaction?, anchor: TabletID, lastKept: UInt32, late: LateWrites?,
    waiter: StepWaiter
  ) {
    if let prepared = ledger.staged[id]?.prepareTime {
      probe("prepare answered from the ledger")
      return waiter.resume(returning: .done(.time(prepared)))
    }
    guard let known, isCurrent else { return waiter.resume(returning: .failed(.transactionLost)) }
    switch known.state {
    case .staging(let step): return step.join(waiter)
    case .prepared, .committing: return waiter.resume(returning: .failed(.transactionLost))
    case .open: keep(through: lastKept, of: known, refusingThrough: .max)
    }
    guard known.running.isEmpty else {
      return waiter.resume(returning: .failed(SQLError(.internalError, "prepare while a statement runs")))
    }
    if refusesWrites { return waiter.resume(returning: .failed(.diskFull)) }
    if let late { known.prepareRequest = (late.id, late.floor) }
    if known.hasSpilled { return prepareSpilled(known, anchor: anchor, waiter: waiter) }
    if known.pieces == nil { known.pieces = piecesToStage(of: known, anchor: anchor) }
    stageNext(of: known, waiters: nil)
    if case .staging(let step) = known.state { step.join(waiter) }
  }

  /// What the transaction has to stage, cut so that no entry of the log gets too large.
  private func piecesToStage(of transaction: OpenTransaction, anchor: TabletID) -> [StagedPiece] {
    let documents = transaction.overlay.writes()
    var pieces: [StagedPiece] = []
    var piece = StagedPiece(
      transaction: transaction.id, anchor: anchor, documents: [],
      locks: transaction.locksToStage(locks), isLast: false)
    var bytes = 0
    for document in documents {
      if bytes + document.byteCount > environment.settings.stagedPieceBytesMax, !piece.documents.isEmpty {
        pieces.append(piece)
        piece.documents = []
        piece.locks = []
        bytes = 0
      }
      piece.documents.append(document)
      bytes += document.byteCount
    }
    piece.isLast = true
    return pieces + [piece]
  }

  /// Queues the next piece. One is on its way at a time, so that they cannot arrive in another order.
  private func stageNext(of transaction: OpenTransaction, waiters previous: StepOperation?) {
    guard let piece = transaction.pieces?.first else { return }
    let step = stageStep(piece, of: transaction)
    previous?.handOver(to: step)
    transaction.state = .staging(step)
    queue(step)
  }

  /// The last piece has the name of the request that brought late writes, so that the retry table knows it.
  func stageStep(_ piece: StagedPiece, of transaction: OpenTransaction) -> StepOperation {
    let request = piece.isLast ? transaction.prepareRequest : nil
    return StepOperation(
      transaction.id, .stage, .stage(piece), time: environment.clock.now(), id: request?.id ?? LoggedWrite.nobody,
      floor: request?.floor ?? 0)
  }

  func queue(_ step: StepOperation) {
    queue.append(.step(step))
    turns.mark(self)
  }

  // MARK: Commit

  private func commit(_ id: TransactionID, _ known: OpenTransaction?, _ commit: CommitStep, waiter: StepWaiter) {
    switch retries.lookUp(commit.id) {
    case .done(let result):
      probe("commit answered from the retry table")
      guard let time = CommitResult.time(decoding: result) else { return waiter.resume(returning: .outcomeUnknown) }
      return waiter.resume(returning: .done(.time(time)))
    case .forgotten: return waiter.resume(returning: .outcomeUnknown)
    case .new: break
    }
    guard let known, isCurrent else {
      probe("a commit came to a leader that does not know the transaction")
      return waiter.resume(returning: .failed(.transactionLost))
    }
    switch (known.state, commit.time) {
    case (.committing(let step), _): return step.join(waiter)
    case (.open, nil) where known.hasSpilled:
      probe("a commit needs a prepare, since the transaction has spilled")
      return waiter.resume(returning: .done(.unprepared))
    case (.open, nil): keep(through: commit.lastKept, of: known, refusingThrough: .max)
    case (.prepared, .some): break
    case (.open, .some), (.staging, _), (.prepared, nil):
      return waiter.resume(returning: .failed(SQLError(.internalError, "a commit at the wrong stage")))
    }
    guard known.running.isEmpty else {
      return waiter.resume(returning: .failed(SQLError(.internalError, "commit while a statement runs")))
    }
    if refusesWrites {
      probe("commit refused on a full disk")
      // The client is told "no", so the same request must not succeed where it comes a second time.
      if case .open = known.state { letGo(of: id) } else { known.disown() }
      return waiter.resume(returning: .failed(.diskFull))
    }
    if let readSet = commit.readSet {
      // Nothing of others is on its way that could come before this commit's time, drawn below in the same step.
      if let conflict = conflict(of: id, readSet.selections, after: readSet.time, through: .max) {
        // The client is told "no", so the same request must not succeed where it comes a second time.
        if case .failed = conflict { letGo(of: id) }
        return waiter.resume(returning: conflict)
      }
    }
    if commit.after > environment.clock.latest() { environment.clock.raise(to: commit.after) }
    let time = environment.clock.now()
    let commitTime = commit.time ?? time
    guard commitTime <= commit.timeMax else {
      probe("a commit came too late for its documents")
      return waiter.resume(returning: .notReady)
    }
    precondition(
      commitTime > commit.after || commit.time != nil, "a commit at \(commitTime), not after \(commit.after)")
    // What was prepared here is resolved as everywhere else.
    let documents = (commit.time == nil ? known.overlay.writes() : []) + commit.documents
    let effect: LoggedEffect =
      commit.participants.isEmpty && commit.time == nil
      ? .write(documents)
      : .decide(
        Decision(
          transaction: id, commitTime: commitTime,
          participants: (commit.participants + (commit.time == nil ? [] : [self.id])).sorted()), documents)
    let step = StepOperation(id, .commit(commitTime), effect, time: time, id: commit.id, floor: commit.floor)
    step.join(waiter)
    known.state = .committing(step)
    queue(step)
  }

  // MARK: Resolve

  /// Commits or drops what is staged, and answers when it is done.
  func resolve(_ id: TransactionID, _ commitTime: HybridTime?, waiter: StepWaiter?) {
    guard let staged = ledger.staged[id] else {
      waiter?.resume(returning: .done(.done))
      return
    }
    if let running = resolving[id] {
      if let waiter { running.join(waiter) }
      return
    }
    guard let step = resolution(of: id, commitTime) else {
      waiter?.resume(returning: .notReady)
      return
    }
    if let waiter { step.join(waiter) }
    resolving[id] = step
    if isAwaited(staged) { queue(step) } else { postpone(step) }
  }

  /// Whether somebody waits for what a transaction has staged, or soon will, as it is much, or for every node to know.
  private func isAwaited(_ staged: TransactionLedger.Staged) -> Bool {
    if staged.spill != nil { return true }
    if id == .catalog || !readWaiters.isEmpty || staged.documents.count + staged.locks.count > 64 { return true }
    return locks.waiterCount(on: staged.documents.map(\.documentKey) + staged.locks.map(\.key)) > 0
  }

  /// Nobody waits for a resolution: it can go with what is proposed next, which spares the log an entry of its own.
  private func postpone(_ step: StepOperation) {
    if postponed.isEmpty { turns.markLater(self) }
    postponed.append(step)
  }

  /// Puts what was postponed behind what is to be proposed.
  func queuePostponed() {
    for step in postponed {
      step.time = environment.clock.now()
      queue.append(.step(step))
    }
    postponed.removeAll(keepingCapacity: true)
  }

  /// Whether a transaction whose resolution was postponed stands in the operation's way.
  func waitsForPostponed(_ operation: WriteOperation) -> Bool {
    if postponed.isEmpty { return false }
    let blockers = locks.blockers(of: operation.lockRequest)?.owners.compactMap { transactionOwners[$0] } ?? []
    return postponed.contains { blockers.contains($0.transaction) }
  }

  /// Somebody has come to wait for what was postponed, or it is time.
  func proposePostponed() {
    if postponed.isEmpty { return }
    queuePostponed()
    turns.mark(self)
  }

  private func resolution(of id: TransactionID, _ commitTime: HybridTime?) -> StepOperation? {
    // Who has the rows next writes later.
    if let commitTime { environment.clock.raise(to: commitTime) }
    let effect: LoggedEffect
    if let spill = ledger.staged[id]?.spill {
      guard let part = nextPart(of: spill, id) else { return nil }
      effect = .resolveSpilled(id, commitTime: commitTime, part)
    } else {
      effect = .resolve(id, commitTime: commitTime, count: environment.settings.resolvedDocumentsMax)
    }
    return StepOperation(id, .resolve(commitTime), effect, time: environment.clock.now())
  }

  /// Decisions that nobody will ask for again.
  func forget(_ transactions: [TransactionID]) {
    guard let first = transactions.first else { return }
    queue(StepOperation(first, .forget, .forget(transactions), time: environment.clock.now()))
  }

  private func status(of id: TransactionID) -> TransactionStatus {
    if let decision = ledger.decisions[id] { return .committed(decision.commitTime) }
    // With epoch 0 a former leader's: nobody has the epoch that a commit would have to name.
    if let known = transactions[id], known.epoch != 0 { return .pending }
    return .aborted
  }

  // MARK: Through the log

  /// A step of this leader is in the log and applied.
  func applied(_ step: StepOperation) {
    switch step.kind {
    case .stage:
      guard let transaction = transactions[step.transaction] else { return step.finish(.outcomeUnknown) }
      transaction.pieces?.removeFirst()
      if transaction.pieces?.isEmpty == false {
        // A fence came between its pieces: what is staged is dropped by recovery, since nobody can prepare it any more.
        guard isCurrent(transaction.oldestVersion) else {
          transaction.disown()
          return step.finish(.failed(.transactionLost))
        }
        return stageNext(of: transaction, waiters: step)
      }
      transaction.state = .prepared
      step.finish(.done(.time(step.time)))
    case .spill(let intents): spilled(intents, of: step.transaction)
    case .commit(let time):
      step.finish(.done(.time(time)))
      if ledger.staged[step.transaction] == nil {
        letGo(of: step.transaction)
      } else {
        resolve(step.transaction, time, waiter: nil)
      }
    case .resolve(let commitTime):
      resolving[step.transaction] = nil
      if case .resolveSpilled(_, _, let part) = step.effect, let owner = transactions[step.transaction]?.owner {
        run(locks.release(owner, awaitedIn: part.range))
      }
      guard ledger.staged[step.transaction] != nil else { return step.finish(.done(.done)) }
      guard let next = resolution(of: step.transaction, commitTime) else { return step.finish(.notReady) }
      step.handOver(to: next)
      resolving[step.transaction] = next
      queue(next)
    case .forget: step.finish(.done(.done))
    }
  }

  /// A step was not proposed: the transaction is where it was before.
  func refused(_ step: StepOperation) {
    switch step.kind {
    case .stage: transactions[step.transaction]?.state = .open
    case .spill: spillRefused(of: step.transaction)
    case .commit: transactions[step.transaction]?.state = ledger.staged[step.transaction] == nil ? .open : .prepared
    case .resolve: resolving[step.transaction] = nil
    case .forget: break
    }
  }

  // MARK: Validation

  /// Whether what a serializable transaction read at `after` is still so at `through`. The caller has made sure that
  /// nobody can write at or before `through` any more (`TabletHost`).
  private func validate(
    _ id: TransactionID, _ selections: [KeySelection], after: HybridTime, through: HybridTime
  ) -> TabletAnswer<TransactionAnswer> {
    conflict(of: id, selections, after: after, through: through) ?? .done(.done)
  }

  /// Why a transaction cannot be as if it ran at `through`: somebody changed what it read, or is about to.
  private func conflict(
    of id: TransactionID, _ selections: [KeySelection], after: HybridTime, through: HybridTime
  ) -> TabletAnswer<TransactionAnswer>? {
    guard let store else { return .notReady }
    guard after >= historyCutoff else { return .failed(.snapshotTooOld) }
    let name = environment.catalog.current.anyTable(table)?.name ?? "\(table)"
    do throws(DocStoreError) {
      for selection in selections {
        // One that is prepared may yet commit before `through`; waiting for it could be waiting for each other.
        if blocker(of: selection, at: through, exceptThrough: after, exceptAfter: through, except: id) != nil {
          return .failed(.readConflict(name))
        }
        if try ChangeSearch(store: store).hasChange(in: selection, after: after, through: through) {
          return .failed(.readConflict(name))
        }
        if through == .max, isWritten(selection, except: id) { return .failed(.readConflict(name)) }
      }
      return nil
    } catch {
      return answer(for: error)
    }
  }

  /// Whether a write on its way through the log touches the selection.
  private func isWritten(_ selection: KeySelection, except id: TransactionID) -> Bool {
    let operations = inFlight.flatMap(\.operations) + queue
    return operations.contains { operation in
      switch operation {
      case .write(let write): write.documents.contains { selection.contains($0.documentKey) }
      case .step(let step):
        switch step.effect {
        case .write(let documents), .decide(_, let documents):
          step.transaction != id && documents.contains { selection.contains($0.documentKey) }
        case .stage(let piece):
          step.transaction != id
            && (piece.documents.contains { selection.contains($0.documentKey) }
              || hasSpilled(piece.transaction, in: selection))
        // It is not prepared yet.
        case .spill: false
        case .resolve, .resolveSpilled, .forget: false
        }
      }
    }
  }
}

extension KeySelection {
  fileprivate func contains(_ key: [UInt8]) -> Bool {
    switch self {
    case .points(let keys): keys.contains(key)
    case .ranges(let ranges): ranges.contains { $0.contains(key) }
    }
  }
}
