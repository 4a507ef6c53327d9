import Coding
import DocStore
import Keys
import Operations
import Raft
import Schema
import Values

extension TabletReplica {
  /// Starts a write. The answer comes through `waiter`, once, whatever happens.
  func begin(_ request: MutateRequest, waiter: CheckedContinuation<TabletAnswer<MutationResult>, Never>) {
    if let refusal = refusal(MutationResult.self) { return waiter.resume(returning: refusal) }
    ticksUnused = 0
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
    guard operations.count < environment.settings.operationsMax else { return waiter.resume(returning: .notReady) }

    let lockRequest: LockTable.Request
    switch request.payload {
    case .documents(let documents): lockRequest = .keys(documents.map(\.documentKey))
    case .rows(let mutation):
      switch evaluator(for: mutation) {
      case .failure(let refused): return waiter.resume(returning: refused.answer)
      case .success(let evaluator):
        do throws(DocStoreError) {
          switch try evaluator.lockScope(of: mutation) {
          case .keys(let keys): lockRequest = .keys(keys)
          case .ranges: lockRequest = .wholeTablet
          }
        } catch {
          return waiter.resume(returning: answer(for: error))
        }
      }
    }
    let operation = WriteOperation(
      request: request, owner: nextOwner, lockDeadline: now + environment.settings.lockWaitNanoseconds,
      waiter: waiter)
    nextOwner += 1
    operations[request.id] = operation
    owners[operation.owner] = operation
    if locks.acquire(lockRequest, owner: operation.owner) {
      evaluate(operation)
    } else {
      probe("write waits for a row lock")
    }
  }

  private struct Refused: Error {
    var answer: TabletAnswer<MutationResult>
  }

  /// What evaluates mutations of this tablet's table, if the request and this node mean the same table.
  private func evaluator(for mutation: TableMutation) -> Result<MutationEvaluator, Refused> {
    guard let table = environment.catalog.current.tables[mutation.table] else {
      return .failure(Refused(answer: .unknownTablet))
    }
    guard table.version == mutation.schemaVersion else {
      return .failure(Refused(answer: .schemaMismatch(version: table.version)))
    }
    // A replaced or truncated table has other tablets: what is left of this one must not take rows any more.
    guard table.tablets.contains(id) else { return .failure(Refused(answer: .unknownTablet)) }
    guard !table.isFrozen else { return .failure(Refused(answer: .failed(.beingRewritten(table.name)))) }
    return .success(MutationEvaluator(codec: codec(of: table), bounds: bounds, context: evaluationContext))
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

  /// The operation holds its locks: computes what it writes, at the newest versions, and queues it for consensus.
  private func evaluate(_ operation: WriteOperation) {
    if let refusal = refusal(MutationResult.self) {
      probe("leadership or lease lost while a write waited")
      return complete(operation, refusal)
    }
    guard let store else { return complete(operation, .notReady) }
    switch operation.request.payload {
    case .documents(let documents):
      operation.documents = documents
      operation.result = MutationResult(affectedCount: documents.count, returned: [])
    case .rows(let mutation):
      switch evaluator(for: mutation) {
      case .failure(let refused): return complete(operation, refused.answer)
      case .success(let evaluator):
        do throws(DocStoreError) {
          let evaluated = try evaluator.evaluate(mutation, reading: store)
          operation.documents = evaluated.writes
          operation.result = evaluated.result
        } catch {
          return complete(operation, answer(for: error))
        }
      }
    }
    if operation.documents.isEmpty {
      return complete(operation, .done(operation.result ?? MutationResult(affectedCount: 0, returned: [])))
    }
    operation.time = environment.clock.now()
    queue.append(operation)
    turns.mark(self)
  }

  /// Answers an operation and lets its locks go, which lets others run.
  func complete(_ operation: WriteOperation, _ answer: TabletAnswer<MutationResult>) {
    operations.removeValue(forKey: operation.request.id)
    owners.removeValue(forKey: operation.owner)
    let granted = locks.release(operation.owner)
    operation.finish(answer)
    for owner in granted {
      if let next = owners[owner] { evaluate(next) }
    }
  }

  /// Proposes what was evaluated in this turn; writes that waited together share an entry.
  func proposeQueued() {
    while !queue.isEmpty {
      var bytes = 0
      var count = 0
      while count < queue.count, count == 0 || bytes < environment.settings.commandBytesMax {
        bytes += queue[count].documents.reduce(64) { $0 + $1.byteCount }
        count += 1
      }
      let batch = Array(queue.prefix(count))
      queue.removeFirst(count)
      let command = LogCommand(
        writes: batch.map { operation in
          LoggedWrite(
            id: operation.request.id, floor: operation.request.floor, time: operation.time,
            result: operation.encodedResult, documents: operation.documents)
        })
      refreshHorizon()
      switch raft.propose([command.encoded()], effects: &effects) {
      case .accepted(let first, let term):
        inFlight.append(InFlightEntry(index: first.raw, term: term.raw, operations: batch))
      case .notLeader: for operation in batch { complete(operation, .notLeader(hint: leaderNode)) }
      case .overloaded, .transferring: for operation in batch { complete(operation, .notReady) }
      }
    }
  }

  /// Leadership is over: what was proposed may or may not survive, what was not is given back untouched.
  func abandonOperations() {
    let proposed = inFlight.flatMap(\.operations)
    inFlight.removeAll()
    let rest = owners.values.sorted { $0.owner < $1.owner }
    queue.removeAll()
    operations.removeAll()
    owners.removeAll()
    locks = LockTable()
    let unknown = Set(proposed.map(\.owner))
    if !unknown.isEmpty { probe("leadership lost with writes in flight") }
    for operation in rest {
      operation.finish(unknown.contains(operation.owner) ? .outcomeUnknown : .notLeader(hint: leaderNode))
    }
    let waiters = readWaiters
    readWaiters = []
    for waiter in waiters { waiter.continuation.resume(returning: .notLeader(hint: leaderNode)) }
    if isRemoved { catchUps.refuseAll() }
  }

  func expireWaiters(now: UInt64) {
    if !owners.isEmpty {
      let busy = Set(inFlight.flatMap { $0.operations.map(\.owner) } + queue.map(\.owner))
      for operation in owners.values.sorted(by: { $0.owner < $1.owner })
      where operation.lockDeadline < now && !busy.contains(operation.owner) {
        var error = SQLError(.lockNotAvailable, "canceling statement due to lock timeout")
        error.detail = "The rows have been locked by other statements for too long."
        complete(operation, .failed(error))
      }
    }
    if readWaiters.contains(where: { $0.deadline < now }) {
      let expired = readWaiters.filter { $0.deadline < now }
      readWaiters.removeAll { $0.deadline < now }
      for waiter in expired { waiter.continuation.resume(returning: .notReady) }
    }
  }

  private func storedAnswer(_ bytes: [UInt8]) -> TabletAnswer<MutationResult> {
    var reader = ByteReader(bytes)
    do {
      return .done(try reader.readMutationResult())
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
}
