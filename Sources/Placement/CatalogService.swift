import DocStore
import Keys
import Logging
import Operations
import Runtime
import Schema
import Tablet
import Values

/// The part of the placement service that decides: runs on every node, works where the catalog tablet's leader is.
///
/// One change at a time: each is planned on the catalog that has all earlier ones, written to the catalog tablet in one
/// consensus round, and answered when every node has it or surely holds no catalog lease from before it.
package actor CatalogService {
  nonisolated package let loop: any Loop
  nonisolated package var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let host: TabletHost
  private let replica: CatalogReplica
  private let box: CatalogBox
  private let replicationFactor: Int
  private let logger: Logger
  /// All nodes that may talk to this one, and itself.
  private let members: [NodeID]
  /// Nodes that answered lately, this one included.
  private let liveNodes: @Sendable () -> Set<NodeID>
  /// Asks a node to answer once its catalog has a version and nothing begun under an older one is being committed there;
  /// whether it did, in a time.
  private let awaitCatalog: AwaitCatalog
  package typealias AwaitCatalog =
    @Sendable (NodeID, _ version: UInt64, _ timeoutNanoseconds: UInt64) async -> Bool
  private let clock: any Clock
  private var leases = CatalogLeases()
  private let ids: RequestIDSource
  private var isBusy = false
  private var queue: [CheckedContinuation<Void, Never>] = []

  package init(
    host: TabletHost, replica: CatalogReplica, box: CatalogBox, replicationFactor: Int, ids: RequestIDSource,
    clock: any Clock, logger: Logger, members: [NodeID], liveNodes: @escaping @Sendable () -> Set<NodeID>,
    awaitCatalog: @escaping AwaitCatalog
  ) {
    self.clock = clock
    self.members = members
    loop = host.loop
    self.host = host
    self.replica = replica
    self.box = box
    self.replicationFactor = replicationFactor
    self.ids = ids
    self.logger = logger
    self.liveNodes = liveNodes
    self.awaitCatalog = awaitCatalog
  }

  /// Carries out a request if this node leads the catalog. A change is answered when every node has it (`settle`); a commit
  /// when it is decided.
  package func change(_ request: CatalogChangeRequest) async -> TabletAnswer<CatalogChangeOutcome> {
    if case .settle(let version) = request.action {
      let fate = await host.fate(of: LoggedWrite.nobody, in: .catalog)
      if let refusal = fate.refusal(as: CatalogChangeOutcome.self) { return refusal }
      await settle(version)
      return .done(CatalogChangeOutcome(result: .done(skipped: []), version: version))
    }
    await enter()
    let answer = await changeAlone(request)
    leave()
    guard case .done(let outcome) = answer else { return answer }
    if case .commit = request.action { return answer }
    await settle(outcome.version)
    return answer
  }

  private func changeAlone(_ request: CatalogChangeRequest) async -> TabletAnswer<CatalogChangeOutcome> {
    let fate = await host.fate(of: request.id, in: .catalog)
    if let refusal = fate.refusal(as: CatalogChangeOutcome.self) { return refusal }
    let catalog = box.current
    if case .done(true) = fate {
      // A retry of a change that is in the catalog already.
      return .done(CatalogChangeOutcome(result: .done(skipped: []), version: catalog.version))
    }
    let planner = CatalogPlanner(
      catalog: catalog, counters: replica.counters, liveNodes: liveNodes(), replicationFactor: replicationFactor)
    let plan: CatalogPlanner.Plan
    switch request.action {
    case .change(let change, let owner):
      do throws(SQLError) {
        switch try planner.decide(change, owner: owner) {
        case .plan(let made): plan = made
        case .blocked(let blocker):
          return .done(
            CatalogChangeOutcome(result: .done(skipped: []), version: catalog.version, blocker: blocker))
        }
      } catch {
        return .failed(error)
      }
    case .commit(let transaction, let epoch, let commit):
      return await self.commit(transaction, epoch, commit, planner)
    case .rollBack(let transaction, let statement): plan = planner.discard(transaction, after: statement)
    case .abort(let transaction):
      // First, so that nothing which is dropped here can be committed.
      let abort = TransactionRequest(tablet: .catalog, transaction: transaction, epoch: 0, step: .abort)
      let answer = await host.step(abort)
      guard case .done = answer else { return answer.refusal(as: CatalogChangeOutcome.self) ?? .notReady }
      plan = planner.discard(transaction, after: nil)
    case .settle(let version): return .done(CatalogChangeOutcome(result: .done(skipped: []), version: version))
    }
    if plan.isEmpty {
      return .done(CatalogChangeOutcome(result: .done(skipped: plan.skipped), version: catalog.version))
    }
    return await write(plan.documents, id: request.id, floor: request.floor).map { _ in
      CatalogChangeOutcome(result: .done(skipped: plan.skipped), version: catalog.version + 1)
    }
  }

  /// New indexes are for readers whose snapshot is this much later than their documents are made, in microseconds: the
  /// commit time is drawn in between.
  private static let readableDelay: UInt64 = 20_000

  /// The decision, and what the transaction has changed, in one entry of the catalog's log.
  private func commit(
    _ transaction: TransactionID, _ epoch: UInt64, _ commit: CommitStep, _ planner: CatalogPlanner
  ) async -> TabletAnswer<CatalogChangeOutcome> {
    var commit = commit
    let readableFrom = max(host.hybridTime, commit.after).adding(microseconds: Self.readableDelay)
    commit.timeMax = readableFrom
    commit.documents = planner.publish(transaction, readableFrom: readableFrom).documents
    let request = TransactionRequest(
      tablet: .catalog, transaction: transaction, epoch: epoch, step: .commit(commit))
    switch await host.step(request) {
    case .done(.time(let time)):
      return .done(
        CatalogChangeOutcome(result: .done(skipped: []), version: box.current.version, commitTime: time))
    case .done: return .failed(SQLError(.internalError, "a commit answered without a time"))
    case let answer: return answer.refusal(as: CatalogChangeOutcome.self) ?? .notReady
    }
  }

  private func write(_ documents: [DocumentWrite], id: RequestID, floor: UInt64) async -> TabletAnswer<MutationResult> {
    await host.mutate(MutateRequest(tablet: .catalog, id: id, floor: floor, payload: .documents(documents)))
      .map(\.result)
  }

  /// A node says who it is. Refused if another node has that number.
  package func register(_ node: NodeDescriptor) async -> TabletAnswer<UInt64> {
    await enter()
    defer { leave() }
    let fate = await host.fate(of: RequestID(client: 0, sequence: 0), in: .catalog)
    if let refusal = fate.refusal(as: UInt64.self) { return refusal }
    let catalog = box.current
    if let known = catalog.nodes[node.id] {
      if known == node { return .done(catalog.version) }
      guard known.incarnation == node.incarnation else {
        return .failed(
          SQLError(
            .objectNotInPrerequisiteState, "node \(node.id.rawValue) of this cluster is another one",
            detail: "Its data directory is not the one that was registered: the node has lost its data.",
            hint: "Give the new node a number that was never used."))
      }
    }
    let puts: [CatalogRecord] = [.node(node), .version(catalog.version + 1)]
    let ticket = ids.next()
    defer { ids.finished(ticket.id) }
    return await write(
      puts.map(\.document), id: ticket.id, floor: ticket.floor
    ).map { _ in catalog.version + 1 }
  }

  /// Takes at least `count` values of a sequence, or what the sequence's cache says if that is more.
  package func takeSequence(_ request: SequenceRequest) async -> TabletAnswer<SequenceRange> {
    await enter()
    defer { leave() }
    let key = request.key
    guard let table = box.current.anyTable(key.table),
      let sequence = table.sequences.first(where: { $0.column == key.column })
    else { return .failed(SQLError(.undefinedTable, "the sequence was dropped")) }
    let fate = await host.fate(of: request.id, in: .catalog)
    if let refusal = fate.refusal(as: SequenceRange.self) { return refusal }
    // Taken by a call whose answer was lost: a gap, as gaps are normal.
    if case .done(true) = fate { return .outcomeUnknown }
    let first = replica.nextValue(of: key) ?? sequence.start
    let taken = max(request.count, sequence.cache, 1)
    let (span, overflow) = sequence.increment.multipliedReportingOverflow(by: taken)
    let (next, overflow2) = first.addingReportingOverflow(span)
    guard !overflow, !overflow2 else {
      return .failed(
        SQLError(
          "2200H", "nextval: reached maximum value of sequence \"\(sequence.name)\" (\(Int64.max))"))
    }
    let record = CatalogRecord.sequence(key, next: next)
    return await write([record.document], id: request.id, floor: request.floor).map { _ in
      SequenceRange(first: first, increment: sequence.increment, count: taken)
    }
  }

  // MARK: Tablets of dropped tables

  /// Nanoseconds between two looks for tablets that nobody needs any more.
  private static let sweepInterval: UInt64 = 500_000_000

  /// Takes the tablets of dropped tables away once every transaction that wrote to them is over: others may still ask them
  /// for its outcome.
  /// - Parameter isDrained: asks a tablet's leader.
  package func startSweeping(isDrained: @escaping @Sendable (TabletID) async -> Bool) {
    loop.schedule(after: Self.sweepInterval) { [weak self] in
      guard let self else { return }
      self.loop.spawn {
        await self.sweep(isDrained)
        await self.startSweeping(isDrained: isDrained)
      }
    }
  }

  private func sweep(_ isDrained: @Sendable (TabletID) async -> Bool) async {
    guard await host.isServing(.catalog) else { return }
    await dropAbandoned()
    await removeTablets(isDrained)
  }

  /// What transactions had changed that are aborted.
  private func dropAbandoned() async {
    for owner in Set(box.current.pending.values.map(\.owner)).sorted() {
      let question = TransactionRequest(tablet: .catalog, transaction: owner, epoch: 0, step: .status)
      guard case .done(.status(.aborted)) = await host.step(question) else { continue }
      logger.info("dropping the schema changes of an aborted transaction", metadata: ["transaction": "\(owner)"])
      await changeInBackground(.abort(owner))
    }
  }

  private func changeInBackground(_ action: CatalogChangeRequest.Action) async {
    let ticket = ids.next()
    defer { ids.finished(ticket.id) }
    _ = await change(CatalogChangeRequest(id: ticket.id, floor: ticket.floor, action: action))
  }

  private func removeTablets(_ isDrained: @Sendable (TabletID) async -> Bool) async {
    let left = box.current.tablets.values.filter { !box.current.isCurrent($0) }.map(\.id).sorted()
    if left.isEmpty { return }
    var drained: [TabletID] = []
    for tablet in left where await isDrained(tablet) { drained.append(tablet) }
    if drained.isEmpty { return }
    await enter()
    defer { leave() }
    let catalog = box.current
    let gone = drained.filter { id in catalog.tablets[id].map { !catalog.isCurrent($0) } ?? false }
    if gone.isEmpty { return }
    let version = CatalogRecord.version(catalog.version + 1).document
    let documents = gone.map {
      DocumentWrite(documentKey: CatalogRecord.Key.tablet($0).encoded, packedRow: nil)
    }
    let ticket = ids.next()
    defer { ids.finished(ticket.id) }
    _ = await write([version] + documents, id: ticket.id, floor: ticket.floor)
  }

  // MARK: Who has it

  /// A node asks for a catalog lease.
  /// - Returns: the version that it must have before it may use the lease.
  package func renewLease(of node: NodeID) async -> TabletAnswer<UInt64> {
    let fate = await host.fate(of: LoggedWrite.nobody, in: .catalog)
    if let refusal = fate.refusal(as: UInt64.self) { return refusal }
    // With nothing in between: whoever commits a change from now on sees that this lease was given.
    leases.gave(node, at: clock.monotonicNanoseconds())
    return .done(box.current.version)
  }

  /// Returns when every node has a version of the catalog, and commits nothing under an older one any more, or is not heard
  /// and surely holds no lease from before. Any node can be asked, but the catalog's leader knows most of leases.
  package func settle(_ version: UInt64) async {
    let committed = clock.monotonicNanoseconds()
    let leadingSince = await host.leadingSince(.catalog)
    await withTaskGroup(of: Void.self) { group in
      for node in members {
        let leaseEnd = leases.end(of: node, leadingSince: leadingSince, committed: committed)
        group.addTask { await self.reaches(version, node, leaseEnd: leaseEnd) }
      }
    }
  }

  /// Asks until the node has the version. One that is not heard any more is waited for until it surely holds no lease from
  /// before: from then on it serves nobody until it has the catalog as it is then.
  private func reaches(_ version: UInt64, _ node: NodeID, leaseEnd: UInt64) async {
    while !Task.isCancelled {
      let now = clock.monotonicNanoseconds()
      guard now < leaseEnd || liveNodes().contains(node) else { return }
      let patience = now < leaseEnd ? min(leaseEnd - now, Self.answerMax) : Self.answerMax
      if await awaitCatalog(node, version, patience) { return }
      await loop.sleep(nanoseconds: 50_000_000)
    }
  }

  private static let answerMax: UInt64 = 2_000_000_000

  // MARK: One at a time

  private func enter() async {
    if isBusy {
      await withCheckedContinuation { queue.append($0) }
    } else {
      isBusy = true
    }
  }

  private func leave() {
    if queue.isEmpty {
      isBusy = false
    } else {
      queue.removeFirst().resume()
    }
  }
}

extension TabletAnswer {
  /// What this says of the catalog's leader, as the answer to another request; nil where the question was answered.
  fileprivate func refusal<Other>(as: Other.Type) -> TabletAnswer<Other>? {
    switch self {
    case .done: nil
    case .failed(let error): .failed(error)
    case .notLeader(let hint): .notLeader(hint: hint)
    case .outcomeUnknown: .outcomeUnknown
    case .noRoom: .noRoom
    case .notReady, .unknownTablet, .schemaMismatch, .uncertain: .notReady
    }
  }
}

extension CatalogPlanner.Plan {
  var documents: [DocumentWrite] {
    puts.map(\.document) + removals.map { DocumentWrite(documentKey: $0.encoded, packedRow: nil) }
  }
}

extension CatalogRecord {
  var document: DocumentWrite { DocumentWrite(documentKey: key.encoded, packedRow: value) }
}
