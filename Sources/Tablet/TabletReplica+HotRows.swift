import DocStore
import Keys
import Operations

/// Row locks are handed on as soon as what their holder wrote is proposed (see "Hot rows" on the module's page).
extension TabletReplica {
  /// An answer that has to wait for the log: it tells of writes that are proposed and not applied.
  enum LateAnswer {
    case statement(WriteOperation, TabletAnswer<MutateAnswer>)
    case step(StepWaiter, TabletAnswer<TransactionAnswer>)
  }

  // MARK: Handing on

  /// An entry was proposed: rows of it that somebody waits for are theirs now.
  func handOn(locksOf entry: InFlightEntry) {
    for operation in entry.operations {
      if case .step(let step) = operation, case .commit(let time) = step.kind {
        keepPromise(of: step.transaction, at: time, index: entry.index)
      }
      guard let owner = lastOwner(of: operation), locks.isAwaited(owner) else { continue }
      handOn(operation, of: owner, index: entry.index)
    }
  }

  /// A request has to wait: rows whose writes are proposed are its own now.
  func handOn(to waiting: WriteOperation) {
    while waitingForLocks[waiting.lockRequest] === waiting,
      let blockers = locks.blockers(of: waiting.lockRequest), handOn(from: blockers.owners)
    {}
  }

  /// What somebody wishes for and does not want to wait for; also where it is known and not even proposed how its holder ends.
  func handOn(wishedBy wish: LockTable.Wish, for owner: LockTable.Owner) {
    guard let held = locks.holders(against: wish, for: owner) else { return }
    let holders = Set(held.owners.compactMap { transactionOwners[$0] })
    if postponed.contains(where: { holders.contains($0.transaction) }) {
      proposePostponed()
      proposeQueued()
    }
    while let held = locks.holders(against: wish, for: owner), handOn(from: held.owners) {}
  }

  /// Whether one of the owners had something to hand on.
  private func handOn(from owners: [LockTable.Owner]) -> Bool {
    for owner in owners {
      guard let transaction = transactionOwners[owner].flatMap({ transactions[$0] }), transaction.isEnding,
        transaction.isOpen, !unapplied.hasPromise(of: transaction.id), locks.heldCount(of: owner) > 0
      else { continue }
      promise(transaction)
      return true
    }
    for entry in inFlight {
      for operation in entry.operations {
        guard let owner = lastOwner(of: operation), owners.contains(owner), locks.heldCount(of: owner) > 0 else {
          continue
        }
        handOn(operation, of: owner, index: entry.index)
        return true
      }
    }
    return false
  }

  /// Who needs its locks no longer than until the operation is in the log.
  private func lastOwner(of operation: LoggedOperation) -> LockTable.Owner? {
    // The catalog's leader evaluates changes over what is applied.
    if id == .catalog { return nil }
    switch operation {
    case .write(let write): return write.owner
    case .step(let step):
      switch step.kind {
      case .spill, .stage, .forget: return nil
      case .commit: return ledger.staged[step.transaction] == nil ? transactions[step.transaction]?.owner : nil
      case .resolve:
        guard let staged = ledger.staged[step.transaction], staged.spill == nil,
          staged.documents.count <= environment.settings.resolvedDocumentsMax
        else { return nil }
        return transactions[step.transaction]?.owner
      }
    }
  }

  private func handOn(_ operation: LoggedOperation, of owner: LockTable.Owner, index: UInt64) {
    probe("locks are handed on before their writes are applied")
    switch operation {
    case .write(let write): unapplied.propose(write.documents, at: write.time, index: index)
    case .step(let step):
      switch (step.kind, step.effect) {
      case (.commit(let time), .write(let documents)), (.commit(let time), .decide(_, let documents)):
        unapplied.propose(documents, at: time, index: index)
      case (.resolve(let time?), _):
        unapplied.propose(Array(ledger.staged[step.transaction]?.documents ?? []), at: time, index: index)
      default: break
      }
    }
    run(locks.release(owner))
  }

  // MARK: What was seen

  /// What an evaluation of these rows sees over the store.
  func overlay(over keys: [[UInt8]], of transaction: OpenTransaction?) -> OverlayView? {
    let own = transaction.map { view(of: $0, scanning: .points([])) }
    if unapplied.isEmpty { return own }
    return (own ?? OverlayView()).over(unapplied.documents(among: keys))
  }

  /// Notes that the operation looked at these rows: if they are not applied yet, and more of them can be told from its
  /// answer than what its own writes, which come later in the log, say again, the answer has to wait.
  func noteSeen(_ keys: [[UInt8]], by operation: WriteOperation, failing: Bool = false) {
    if let transaction = operation.transaction { transaction.follows.formUnion(unapplied.promisers(of: keys)) }
    guard let index = unapplied.lastIndex(of: keys) else { return }
    operation.transaction?.seenThrough = max(operation.transaction?.seenThrough ?? 0, index)
    if failing || operation.tellsRows || operation.documents.count < keys.count {
      operation.answeredAfter = max(operation.answeredAfter, index)
    }
  }

  /// Answers an operation, when everything is applied that the answer tells of.
  func completeInOrder(_ operation: WriteOperation, _ answer: TabletAnswer<MutateAnswer>) {
    guard operation.answeredAfter > raft.appliedIndex.raw else { return finish(operation, answer) }
    probe("an answer waits for the log")
    late.append((operation.answeredAfter, .statement(operation, answer)))
  }

  func answerInOrder(
    _ waiter: StepWaiter, _ answer: TabletAnswer<TransactionAnswer>, after index: UInt64
  ) {
    guard index > raft.appliedIndex.raw else { return waiter.resume(returning: answer) }
    late.append((index, .step(waiter, answer)))
  }

  /// Everything through `index` is applied.
  func answerLate(through index: UInt64) {
    guard late.contains(where: { $0.index <= index }) else { return }
    let due = late.filter { $0.index <= index }
    late.removeAll { $0.index <= index }
    for (_, answer) in due {
      switch answer {
      case .statement(let operation, let answer): if isRunning(operation) { finish(operation, answer) }
      case .step(let waiter, let answer): waiter.resume(returning: answer)
      }
    }
  }

  /// Whether nobody has answered it yet.
  func isRunning(_ operation: WriteOperation) -> Bool {
    let running = operation.transaction.map { $0.running } ?? operations
    return running[operation.request.id] === operation
  }

  private func finish(_ operation: WriteOperation, _ answer: TabletAnswer<MutateAnswer>) {
    if let transaction = operation.transaction, case .done(let done) = answer {
      transaction.remember(done, of: operation.request.id, floor: operation.request.floor)
    }
    complete(operation, answer)
  }

  /// Leadership is over: nobody knows what becomes of what was seen.
  func abandonLateAnswers() {
    unapplied = UnappliedWrites()
    let hint = leaderNode
    for case (_, .step(let waiter, _)) in late { waiter.resume(returning: .notLeader(hint: hint)) }
    for transaction in transactions.values.sorted(by: { $0.id < $1.id }) {
      for (_, waiter) in transaction.held { waiter.resume(returning: .notLeader(hint: hint)) }
      transaction.held = []
    }
    // Statements are answered with all others that run.
    late = []
    parked = [:]
  }
}
