import DocStore
import Keys
import Logging
import Operations
import Raft
import Runtime
import Schema
import Storage
import Values
import WriteAheadLog

/// The tablets of one loop. Everything they do happens here, on that loop, turn by turn: what arrived during a turn is
/// stepped, then one append goes to the log and one frame to each node.
package actor TabletHost {
  nonisolated package let loop: any Loop
  nonisolated package var counters: TabletCounters.Values { environment.counters.values }
  nonisolated package var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  nonisolated let environment: TabletEnvironment
  /// The node's hybrid time: what is proposed here next is later.
  nonisolated package var hybridTime: HybridTime { environment.clock.now() }
  var replicas: [TabletID: TabletReplica] = [:]
  /// Tablets that are being opened or removed, and what arrived for them meanwhile.
  var opening: Set<TabletID> = []
  var early: [TabletID: [(from: ReplicaID, message: Message)]] = [:]
  var turns: TurnQueue
  /// Flushes and checkpoints, one after the other.
  let flusher: any BlockingWorker
  /// Reads that may meet many rows.
  let readers: [any BlockingWorker]
  var nextReader = 0
  /// The replica whose store is being rewritten.
  var compacting: TabletReplica?
  /// Since when the disk has been full, in monotonic nanoseconds.
  var fullSince: UInt64?
  private(set) var ticks: UInt64 = 0
  var isStopped = false
  private var ticksToPreference = 0
  private var ticksToFlush = 0
  var checkpoints: [CheckpointKey: OutgoingCheckpoint] = [:]
  /// Damaged replicas: none of them is in `replicas`, so they hear no message and answer none.
  var rebuilds: [TabletID: Rebuild] = [:]

  package init(environment: TabletEnvironment, name: String) {
    self.environment = environment
    loop = environment.loop
    flusher = environment.runtime.blocking.makeWorker(named: "flush-\(name)")
    readers = (0..<2).map { environment.runtime.blocking.makeWorker(named: "read-\(name)-\($0)") }
    let loop = environment.loop
    let relay = HostRelay()
    let delay = environment.settings.resolutionDelayNanoseconds
    turns = TurnQueue {
      loop.execute { relay.host?.assumeIsolated { $0.endTurn() } }
    } later: {
      loop.schedule(after: delay) { relay.host?.assumeIsolated { $0.endDelay() } }
    }
    relay.host = self
  }

  /// Starts the ticks. Call once.
  package func start() {
    scheduleTick()
  }

  package func stop() {
    isStopped = true
    for replica in replicas.values {
      replica.isRemoved = true
      replica.abandonOperations()
      replica.store?.close()
    }
    flusher.shutdown()
    for reader in readers { reader.shutdown() }
  }

  private func scheduleTick() {
    if isStopped { return }
    loop.schedule(after: environment.settings.tickNanoseconds) { [weak self] in
      self?.assumeIsolated { host in
        host.tick()
        host.scheduleTick()
      }
    }
  }

  private func tick() {
    ticks += 1
    for id in replicas.keys.sorted() { replicas[id]?.tick() }
    tendTransactions()
    tendFullDisk()
    ticksToFlush -= 1
    if ticksToFlush <= 0 {
      ticksToFlush = environment.settings.flushTicks
      flushWhatIsDue()
      compactWhatIsDue()
    }
    preferLeaders()
  }

  /// Leaders that moved away in a failure go back, a few at a time.
  private func preferLeaders() {
    ticksToPreference -= 1
    guard ticksToPreference <= 0 else { return }
    ticksToPreference = environment.settings.preferenceTicks
    var begun = 0
    for id in replicas.keys.sorted() where begun < environment.settings.transfersAtOnce {
      if replicas[id]?.preferLeader() == true { begun += 1 }
    }
  }

  // MARK: Turns

  func endTurn() {
    if isStopped { return }
    var output = TurnOutput()
    for replica in turns.take() { replica.runTurn(into: &output) }
    if !output.records.isEmpty {
      let persisted = output.persisted
      environment.log.append(output.records, on: loop) { [weak self] in
        self?.assumeIsolated { host in
          for report in persisted { host.replicas[report.tablet]?.persisted(report) }
        }
      }
    }
    for (node, envelopes) in output.messages.sorted(by: { $0.key < $1.key }) {
      environment.counters.sent(messages: envelopes.count)
      environment.post(node, RaftFrame.encode(envelopes))
    }
    for (tablet, follower) in turns.takeWantedCheckpoints() { sendCheckpoint(of: tablet, to: follower) }
  }

  /// What was postponed has waited for long enough.
  private func endDelay() {
    if isStopped { return }
    for replica in turns.takeForLater() where !replica.isRemoved { replica.proposePostponed() }
  }

  /// Raft messages arrived from another node.
  func receive(_ envelopes: [TurnOutput.Envelope]) {
    if isStopped { return }
    for envelope in envelopes {
      if let replica = replicas[envelope.tablet] {
        guard replica.replica == envelope.to, !mustDecline(envelope.message) else { continue }
        replica.receive(envelope.message, from: envelope.from)
      } else if rebuilds[envelope.tablet] == nil {
        keepEarly(envelope)
      }
    }
  }

  /// A new tablet's first messages may come before this node's catalog knows it.
  private func keepEarly(_ envelope: TurnOutput.Envelope) {
    guard early.count < 1024 else { return early.removeAll() }
    var kept = early[envelope.tablet] ?? []
    guard kept.count < 16 else { return }
    kept.append((envelope.from, envelope.message))
    early[envelope.tablet] = kept
  }

  // MARK: Requests

  /// Carries out a mutation at this node's replica, if it leads.
  package func mutate(_ request: MutateRequest) async -> TabletAnswer<MutateAnswer> {
    guard let replica = replicas[request.tablet] else { return absent(request.tablet) }
    guard let selection = request.searchedSelection else {
      return await withCheckedContinuation { replica.begin(request, found: nil, waiter: $0) }
    }
    // The rows are found as of a time at which nothing more can appear, so that none that is committed is missed.
    let context = request.transaction
    let begun = await withCheckedContinuation {
      replica.beginRead(
        at: context?.readTime, limit: context?.uncertaintyLimit, of: selection, for: context?.id, waiter: $0)
    }
    guard case .done(let time) = begun else { return begun.map { _ in MutateAnswer(result: .none) } }
    let point = ReadPoint(
      time: time, uncertaintyLimit: uncertaintyLimit(asked: context?.uncertaintyLimit, readingAt: time))
    let found: ReadOutcome<FoundRows>
    switch replica.search(for: request, at: point) {
    case .failure(let refused): return refused.answer
    case .success(let search):
      do {
        found = try await search.isShort ? search.run() : work(on: nextWorker()) { try search.run() }
      } catch let error as DocStoreError {
        return replica.answer(for: error)
      } catch {
        return .failed(SQLError(.internalError, "a search for rows could not run: \(error)"))
      }
    }
    switch found {
    case .uncertain(let later): return .uncertain(later)
    case .found(let rows):
      return await withCheckedContinuation { replica.begin(request, found: rows, waiter: $0) }
    }
  }

  func nextWorker() -> any BlockingWorker {
    nextReader = (nextReader + 1) % readers.count
    return readers[nextReader]
  }

  /// Only what this leader had already written when the statement first came can be in the client's past.
  func uncertaintyLimit(asked: HybridTime?, readingAt time: HybridTime) -> HybridTime {
    guard let asked, asked > time else { return time }
    return max(time, min(asked, environment.clock.latest()))
  }

  /// Returns whether this node's replica has applied all that was committed when this was called; false where the leader
  /// cannot be asked now.
  package func catchUp(_ tablet: TabletID) async -> Bool {
    guard let replica = replicas[tablet], replica.store != nil else { return false }
    return await withCheckedContinuation { continuation in
      let context = replica.catchUps.begin(continuation)
      replica.raft.requestReadIndex(context: context, now: replica.now, effects: &replica.effects)
      turns.mark(replica)
    }
  }

  /// Whether a request was carried out here before; only a leader that can serve knows.
  package func fate(of id: RequestID, in tablet: TabletID) -> TabletAnswer<Bool> {
    guard let replica = replicas[tablet] else { return absent(tablet) }
    if let refusal = replica.refusal(Bool.self) { return refusal }
    switch replica.retries.lookUp(id) {
    case .new: return .done(false)
    case .done: return .done(true)
    case .forgotten: return .outcomeUnknown
    }
  }

  func absent<Value>(_ tablet: TabletID) -> TabletAnswer<Value> {
    opening.contains(tablet) ? .notReady : .unknownTablet
  }

  // MARK: Status

  /// What this node knows of its replicas, in order.
  package func status() -> [ReplicaStatus] {
    replicas.values.sorted { $0.id < $1.id }.map { replica in
      var matches: [NodeID: UInt64] = [:]
      for progress in replica.raft.progress() {
        if let node = replica.nodes[progress.id] { matches[node] = progress.match.raw }
      }
      matches[environment.node] = replica.raft.lastPosition.index.raw
      return ReplicaStatus(
        tablet: replica.id, isLeader: replica.raft.role == .leader, leader: replica.leaderNode,
        term: replica.raft.term.raw, commitIndex: replica.raft.commitIndex.raw,
        appliedIndex: replica.raft.appliedIndex.raw, matchIndexes: replica.raft.role == .leader ? matches : [:],
        sizeBytes: UInt64((replica.store?.approximateSize ?? 0) + (replica.store?.memtableBytes ?? 0)))
    }
  }

  /// Whether this node's replica of the tablet leads and can serve.
  package func isServing(_ tablet: TabletID) -> Bool {
    replicas[tablet].map { $0.refusal(Void.self) == nil } ?? false
  }

  /// When this node's replica began to lead the tablet, in monotonic nanoseconds; nil where it does not lead.
  package func leadingSince(_ tablet: TabletID) -> UInt64? { replicas[tablet]?.leadingSince }
}

/// Lets the turn queue reach its host, which is made after it.
private final class HostRelay: @unchecked Sendable {
  // `@unchecked`: set once in the host's initializer, before anything can schedule a turn; read on the host's loop.
  weak var host: TabletHost?
}

/// One replica as its node sees it.
package struct ReplicaStatus: Sendable {
  package var tablet: TabletID
  package var isLeader: Bool
  package var leader: NodeID?
  package var term: UInt64
  package var commitIndex: UInt64
  package var appliedIndex: UInt64
  /// Only at the leader: how far each node's log is known to go.
  package var matchIndexes: [NodeID: UInt64]
  package var sizeBytes: UInt64
}
