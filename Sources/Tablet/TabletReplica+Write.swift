import Coding
import DocStore
import Keys
import Operations
import Raft
import Schema
import Storage
import Values

extension TabletReplica {
  typealias MutateWaiter = CheckedContinuation<TabletAnswer<MutateAnswer>, Never>

  /// Starts a write. The answer comes through `waiter`, once, whatever happens.
  /// - Parameter found: the rows of a request that does not name them (see `TabletHost.mutate`).
  func begin(_ request: MutateRequest, found: FoundRows?, waiter: MutateWaiter) {
    if let refusal = refusal(MutateAnswer.self) { return waiter.resume(returning: refusal) }
    ticksUnused = 0
    if request.transaction != nil { return beginInTransaction(request, found: found, waiter: waiter) }
    switch retries.lookUp(request.id) {
    case .done(let result):
      probe("retry answered from the retry table")
      return waiter.resume(returning: storedAnswer(result))
    case .forgotten:
      probe("retry below the floor")
      return waiter.resume(returning: .outcomeUnknown)
    case .new: break
    }
    if let running = operations[request.id] {
      probe("retry joined the running write")
      return running.join(waiter)
    }
    if refusesWrites {
      probe("write refused on a full disk")
      return waiter.resume(returning: .failed(.diskFull))
    }
    guard operations.count < environment.settings.operationsMax else { return waiter.resume(returning: .notReady) }
    let operation = WriteOperation(
      request: request, owner: drawNumber(), transaction: nil, lockRequest: drawNumber(),
      lockDeadline: now + environment.settings.lockWaitNanoseconds, waiter: waiter)
    operations[request.id] = operation
    lock(operation, found: found)
  }

  func drawNumber() -> UInt64 {
    defer { nextNumber += 1 }
    return nextNumber
  }

  /// Locks the rows that the operation looks at; then it is evaluated.
  func lock(_ operation: WriteOperation, found: FoundRows?) {
    var wish: LockTable.Wish
    switch wishedLocks(of: operation, found: found?.keys) {
    case .failure(let refused): return complete(operation, refused.answer)
    case .success(let found): wish = found
    }
    operation.rest = found?.rest
    // Those of rows that it has written go with the rows when it spills.
    if let transaction = operation.transaction,
      locks.heldCount(of: operation.owner) - transaction.overlay.count + wish.keys.count
        > environment.settings.rowLocksMax
    {
      return complete(operation, .failed(.tooManyLocks(environment.settings.rowLocksMax)))
    }
    let adopted: [AdoptedLock]
    do { adopted = try adoptLocksOfIntents(on: wish.keys, for: operation.owner) } catch {
      return complete(operation, answer(for: .storage(error)))
    }
    defer { giveUp(adopted) }
    var policy = LockWaitPolicy.wait
    if case .lock(_, let locking) = operation.request.payload { policy = locking.policy }
    if policy != .wait { handOn(wishedBy: wish, for: operation.owner) }
    switch policy {
    case .wait: break
    case .noWait:
      if let held = locks.holders(against: wish, for: operation.owner) {
        return complete(operation, .failed(lockNotAvailable(held)))
      }
    case .skipLocked:
      wish.keys = locks.free(wish, for: operation.owner)
      if case .lock(let read, _) = operation.request.payload, case .rows(_, let limit?) = read.pipeline.output {
        wish.keys = Array(wish.keys.prefix(limit))
      }
    }
    operation.keys = wish.keys
    let isGranted = locks.acquire(
      wish, request: operation.lockRequest, owner: operation.owner, holdsWhileWaiting: operation.transaction != nil)
    if isGranted { return evaluate(operation) }
    probe("write waits for a row lock")
    operation.contenderCount = 1
    waitingForLocks[operation.lockRequest] = operation
    if waitsForPostponed(operation) { proposePostponed() }
    handOn(to: operation)
  }

  struct Refused: Error {
    var answer: TabletAnswer<MutateAnswer>
  }

  private func wishedLocks(of operation: WriteOperation, found: [[UInt8]]?) -> Result<LockTable.Wish, Refused> {
    do throws(DocStoreError) {
      switch operation.request.payload {
      case .documents(let documents):
        let keys = documents.map(\.documentKey).sorted { KeyRange.isLess($0, $1) }
        return .success(LockTable.Wish(keys: keys, strength: .update))
      case .rows(let mutation):
        let strength: RowLockStrength = if case .update = mutation.mutation { .noKeyUpdate } else { .update }
        if let found { return .success(LockTable.Wish(keys: found, strength: strength)) }
        switch evaluator(of: mutation.table, version: mutation.schemaVersion, in: operation.request.transaction) {
        case .failure(let refused): return .failure(refused)
        case .success(let evaluator):
          guard case .keys(let keys) = try evaluator.lockScope(of: mutation) else {
            return .failure(Refused(answer: .notReady))
          }
          return .success(LockTable.Wish(keys: keys, strength: strength))
        }
      case .lock(_, let locking):
        guard let found else { return .failure(Refused(answer: .notReady)) }
        return .success(LockTable.Wish(keys: found, strength: locking.strength))
      }
    } catch {
      return .failure(Refused(answer: answer(for: error)))
    }
  }

  /// The search for the rows that a request does not name. It can run on any thread.
  func search(for request: MutateRequest, at point: ReadPoint) -> Result<RowSearch, Refused> {
    guard let store, let table = request.table else { return .failure(Refused(answer: .notReady)) }
    switch evaluator(of: table.id, version: table.version, in: request.transaction) {
    case .failure(let refused): return .failure(refused)
    case .success(let evaluator):
      let selection = request.searchedSelection ?? .points([])
      let transaction = request.transaction.flatMap { transactions[$0.id] }
      guard let committed = committedIntents(in: selection, at: point.time, except: transaction?.id) else {
        return .failure(Refused(answer: .notReady))
      }
      var overlay = transaction.map { view(of: $0, scanning: selection) }
      if !committed.isEmpty { overlay = (overlay ?? OverlayView()).over(committed: committed) }
      let reader = RowReader(
        store: store, codec: evaluator.codec, historyCutoff: historyCutoff, overlay: overlay)
      return .success(
        RowSearch(
          request: request, evaluator: evaluator, reader: reader, point: point,
          countMax: environment.settings.searchedKeysMax))
    }
  }

  /// What evaluates mutations of this tablet's table, if the request and this node mean the same table.
  private func evaluator(
    of id: TableID, version: UInt32, in transaction: TransactionContext?
  ) -> Result<MutationEvaluator, Refused> {
    let catalog = environment.catalog.current
    guard let table = catalog.table(id, version: version) else {
      guard let other = catalog.tables[id] else { return .failure(Refused(answer: .unknownTablet)) }
      return .failure(Refused(answer: .schemaMismatch(version: other.version)))
    }
    // Its gateway knew nothing of the transaction that is changing the table, and has to look again. What that transaction
    // has made of the table only its own gateway knows.
    if catalog.tables[id]?.version == version, catalog.holder(of: id, besides: transaction?.id) != nil {
      return .failure(Refused(answer: .schemaMismatch(version: table.version)))
    }
    guard isCurrent(version) else { return .failure(Refused(answer: .notReady)) }
    // A replaced or truncated table has other tablets: what is left of this one must not take rows any more.
    guard table.tablets.contains(self.id) else { return .failure(Refused(answer: .unknownTablet)) }
    guard !table.isFrozen else { return .failure(Refused(answer: .failed(.beingRewritten(table.name)))) }
    return .success(
      MutationEvaluator(
        codec: codec(of: table), bounds: bounds, context: evaluationContext,
        limits: transaction == nil ? MutationLimits() : .ofTransaction))
  }

  /// How a failure of the document store looks from outside. A broken store ends the node: what it would answer from
  /// now on cannot be trusted.
  func answer<Value>(for error: DocStoreError) -> TabletAnswer<Value> {
    switch error {
    case .statement(let error): return .failed(error)
    case .schemaChanged(let version): return .schemaMismatch(version: version)
    case .wrongTablet: return .unknownTablet
    case .storage(.closed): return .unknownTablet
    case .storage(let error):
      environment.fatal("tablet \(id) cannot read its store: \(error)")
      return .notReady
    }
  }

  // MARK: With the locks

  /// The operation holds its locks: computes what it writes, at the newest versions. A write of its own is queued for
  /// consensus; a transaction's waits for the commit.
  func evaluate(_ operation: WriteOperation) {
    if let refusal = refusal(MutateAnswer.self) {
      probe("leadership or lease lost while a write waited")
      return complete(operation, refusal)
    }
    guard let store else { return complete(operation, .notReady) }
    let promisers = unapplied.promisers(of: operation.keys)
    if !promisers.isEmpty, !mayFollow(operation) { return park(operation, behind: promisers) }
    do throws(DocStoreError) {
      if case .documents(let documents) = operation.request.payload {
        for document in documents {
          if let fence = SchemaFence(document) { raise(fence) }
        }
        operation.documents = documents
        operation.result = MutationResult(affectedCount: documents.count, returned: [])
      } else if let table = operation.request.table {
        switch evaluator(of: table.id, version: table.version, in: operation.request.transaction) {
        case .failure(let refused): return complete(operation, refused.answer)
        case .success(let evaluator):
          if !operation.isInsert {
            try requireSnapshot(operation, evaluator, store)
            if isSliced(operation) {
              return evaluateInSlices(operation, evaluator)
            }
          }
          try evaluate(operation, keys: operation.keys, evaluator, store)
          // A key that is taken is said to be, also where it was taken after the snapshot.
          if operation.isInsert { try requireSnapshot(operation, evaluator, store) }
        }
      }
    } catch {
      if !promisers.isEmpty { return park(operation, behind: promisers) }
      noteSeen(operation.keys, by: operation, failing: true)
      return completeInOrder(operation, answer(for: error))
    }
    // What is left as it was would be told of.
    if !promisers.isEmpty, operation.documents.count < operation.keys.count {
      return park(operation, behind: promisers)
    }
    noteSeen(operation.evaluatedKeys, by: operation)
    if let transaction = operation.transaction { return keep(operation, in: transaction) }
    if operation.documents.isEmpty { return completeInOrder(operation, operation.answer) }
    operation.time = environment.clock.now()
    queue.append(.write(operation))
    turns.mark(self)
  }

  private func evaluate(
    _ operation: WriteOperation, keys: [[UInt8]], _ evaluator: MutationEvaluator, _ store: any Store
  ) throws(DocStoreError) {
    let overlay = overlay(over: keys, of: operation.transaction)
    operation.evaluatedKeys = keys
    switch operation.request.payload {
    case .documents: break
    case .rows(let mutation):
      let evaluated = try evaluator.evaluate(mutation.restricted(to: keys), reading: store, overlay: overlay)
      operation.documents = evaluated.writes
      operation.add(evaluated.result)
    case .lock(let read, _):
      operation.add(try evaluator.readNewest(read, keys: keys, reading: store, overlay: overlay))
    }
  }

  /// Whether an operation has more rows than one turn should evaluate.
  func isSliced(_ operation: WriteOperation) -> Bool {
    let settings = environment.settings
    return operation.keys.count > (operation.transaction == nil ? settings.evaluatedKeysMax : settings.slicedKeysMax)
  }

  /// A statement of many rows, some with each turn: in between, the loop sees to everything else. The rows are locked, so
  /// they do not change meanwhile.
  private func evaluateInSlices(_ operation: WriteOperation, _ evaluator: MutationEvaluator) {
    // What is more than one entry of the log should take is done as a transaction, says the gateway.
    guard operation.transaction != nil else { return complete(operation, .failed(evaluator.limits.error)) }
    slicing.append((operation, evaluator))
    turns.mark(self)
  }

  /// The next slice of each large statement.
  func evaluateNextSlices() {
    if slicing.isEmpty { return }
    let all = slicing
    slicing = []
    for (operation, evaluator) in all {
      // It may have been taken back, or its transaction is over.
      guard let transaction = operation.transaction, transaction.running[operation.request.id] === operation else {
        continue
      }
      if refusesWrites {
        complete(operation, .failed(.diskFull))
        continue
      }
      // Some of it may be done, so it cannot be told to come again.
      guard refusal(Void.self) == nil, let store, !mustWaitForSpill(transaction) else {
        slicing.append((operation, evaluator))
        continue
      }
      let end = min(operation.evaluatedCount + environment.settings.slicedKeysMax, operation.keys.count)
      do throws(DocStoreError) {
        let slice = Array(operation.keys[operation.evaluatedCount..<end])
        try evaluate(operation, keys: slice, evaluator, store)
        noteSeen(slice, by: operation)
      } catch {
        noteSeen(operation.keys, by: operation, failing: true)
        completeInOrder(operation, answer(for: error))
        continue
      }
      operation.evaluatedCount = end
      if end == operation.keys.count {
        keep(operation, in: transaction)
      } else if put(operation, into: transaction) {
        slicing.append((operation, evaluator))
        turns.mark(self)
      }
    }
  }

  /// `REPEATABLE READ` and above: what is changed or locked must not have changed since the snapshot.
  private func requireSnapshot(
    _ operation: WriteOperation, _ evaluator: MutationEvaluator, _ store: any Store
  ) throws(DocStoreError) {
    guard let context = operation.request.transaction, context.isolation > .readCommitted,
      let snapshot = context.readTime
    else { return }
    // What was deleted after such a snapshot may have left no trace.
    guard snapshot >= historyCutoff else { throw .statement(.snapshotTooOld) }
    let reader = RowReader(store: store, codec: evaluator.codec, historyCutoff: historyCutoff)
    for key in operation.keys {
      let newest = if let time = unapplied.time(of: key) { time } else { try reader.newestTime(of: key) ?? .zero }
      if newest > snapshot {
        throw .statement(.writeConflict(evaluator.codec.table.name))
      }
    }
  }

  /// Answers an operation and lets its locks go, which lets others run.
  func complete(_ operation: WriteOperation, _ answer: TabletAnswer<MutateAnswer>) {
    waitingForLocks[operation.lockRequest] = nil
    let granted: [LockTable.RequestNumber]
    if let transaction = operation.transaction {
      // Its locks stay until the transaction ends, also those of a statement that failed.
      transaction.running[operation.request.id] = nil
      granted = locks.cancel(operation.lockRequest)
    } else {
      operations.removeValue(forKey: operation.request.id)
      granted = locks.release(operation.owner)
    }
    operation.finish(answer)
    run(granted)
  }

  /// Those who have their locks now go on.
  func run(_ granted: [LockTable.RequestNumber]) {
    for request in granted {
      if let next = waitingForLocks.removeValue(forKey: request) { evaluate(next) }
    }
  }

  /// Proposes what was evaluated in this turn; writes that waited together share an entry.
  func proposeQueued() {
    if !queue.isEmpty { queuePostponed() }
    while !queue.isEmpty {
      var bytes = 0
      var count = 0
      while count < queue.count, count == 0 || bytes < environment.settings.commandBytesMax {
        bytes += queue[count].byteCount
        count += 1
      }
      let batch = Array(queue.prefix(count))
      queue.removeFirst(count)
      let command = LogCommand(writes: batch.map(\.record))
      refreshHorizon()
      switch raft.propose([command.encoded()], effects: &effects) {
      case .accepted(let first, let term):
        environment.counters.proposed(records: batch.count)
        let entry = InFlightEntry(index: first.raw, term: term.raw, operations: batch)
        inFlight.append(entry)
        handOn(locksOf: entry)
      case .notLeader: for operation in batch { refuse(operation, .notLeader(hint: leaderNode)) }
      case .overloaded, .transferring: for operation in batch { refuse(operation, .notReady) }
      }
    }
  }

  private enum Refusal {
    case notLeader(hint: NodeID?)
    case notReady
  }

  /// It was not proposed: nothing happened.
  private func refuse(_ operation: LoggedOperation, _ refusal: Refusal) {
    switch operation {
    case .write(let write):
      switch refusal {
      case .notLeader(let hint): complete(write, .notLeader(hint: hint))
      case .notReady: complete(write, .notReady)
      }
    case .step(let step):
      refused(step)
      switch refusal {
      case .notLeader(let hint): step.finish(.notLeader(hint: hint))
      case .notReady: step.finish(.notReady)
      }
    }
  }

  /// Leadership is over: what was proposed may or may not survive, what was not is given back untouched.
  func abandonOperations() {
    if !inFlight.isEmpty { probe("leadership lost with writes in flight") }
    for operation in inFlight.flatMap(\.operations) {
      switch operation {
      case .write(let write): write.finish(.outcomeUnknown)
      case .step(let step): step.finish(.outcomeUnknown)
      }
    }
    inFlight.removeAll()
    let hint = leaderNode
    // Those that were answered above have nobody left to answer.
    for operation in queue {
      if case .step(let step) = operation { step.finish(.notLeader(hint: hint)) }
    }
    queue.removeAll()
    for operation in operations.values.sorted(by: { $0.owner < $1.owner }) { operation.finish(.notLeader(hint: hint)) }
    operations.removeAll()
    waitingForLocks.removeAll()
    abandonLateAnswers()
    slicing = []
    abandonTransactions()
    locks = LockTable()
    let waiters = readWaiters
    readWaiters = []
    for waiter in waiters { waiter.continuation.resume(returning: .notLeader(hint: hint)) }
    if isRemoved { catchUps.refuseAll() }
  }

  func expireWaiters(now: UInt64) {
    if waitingForLocks.contains(where: { $0.value.lockDeadline < now }) {
      let late = waitingForLocks.filter { $0.value.lockDeadline < now }
      for (_, operation) in late.sorted(by: { $0.key < $1.key }) where waitingForLocks[operation.lockRequest] != nil {
        var error = SQLError(.lockNotAvailable, "canceling statement due to lock timeout")
        error.detail = blockerDetail(of: operation) ?? "The rows have been locked by other statements for too long."
        complete(operation, .failed(error))
      }
    }
    if readWaiters.contains(where: { $0.deadline < now }) {
      let expired = readWaiters.filter { $0.deadline < now }
      readWaiters.removeAll { $0.deadline < now }
      for waiter in expired { waiter.continuation.resume(returning: .notReady) }
    }
  }

  private func storedAnswer(_ bytes: [UInt8]) -> TabletAnswer<MutateAnswer> {
    var reader = ByteReader(bytes)
    do {
      return .done(MutateAnswer(result: try reader.readMutationResult()))
    } catch {
      environment.logger.error("stored result cannot be read", metadata: ["tablet": "\(id)", "error": "\(error)"])
      return .outcomeUnknown
    }
  }
}

extension WriteOperation {
  var encodedResult: [UInt8] {
    var writer = ByteWriter()
    writer.write(result ?? MutationResult(affectedCount: 0, returned: []))
    return writer.bytes
  }

  var answer: TabletAnswer<MutateAnswer> {
    .done(
      MutateAnswer(
        result: result ?? MutationResult(affectedCount: 0, returned: []), epoch: transaction?.epoch ?? 0,
        pendingBytes: transaction?.pendingBytes ?? 0, locksRows: transaction?.locksRows ?? false,
        contenderCount: contenderCount, rest: rest))
  }
}
