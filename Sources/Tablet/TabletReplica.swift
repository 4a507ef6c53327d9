import DequeModule
import DocStore
import Expressions
import Keys
import Logging
import Operations
import Raft
import Runtime
import Schema
import Storage
import Values
import WriteAheadLog

/// One replica of one tablet: its Raft group, its store, and at the leader its locks and waiting requests.
///
/// It belongs to the `TabletHost` of its loop and is touched only there, so everything in it is synchronous. Inputs leave
/// effects behind; the host's turn carries them out (`TabletReplica+Turn`).
///
/// Invariants:
/// - Hybrid times of writes grow with the log: they are drawn and proposed in one order.
/// - A row with a write that is proposed and not applied is locked, or the write is in `unapplied`, so an evaluation never
///   misses a version.
/// - A read is served at a time below every write that is not applied, and within the confirmed horizon.
final class TabletReplica {
  let id: TabletID
  let table: TableID
  let bounds: KeyRange
  let replica: ReplicaID
  /// Who should lead while it is well: the first that the catalog lists.
  let preferred: ReplicaID?
  /// Where its members are.
  let nodes: [ReplicaID: NodeID]
  let environment: TabletEnvironment
  let turns: TurnQueue
  /// Gets what was applied, for state that is kept beside the store (the catalog).
  let observer: (any ApplyObserver)?

  var raft: RaftGroup
  var effects: [Effect] = []
  /// Nil until it is open; what is committed until then waits in the log.
  var store: (any Store)?
  /// Where the open store lies, below the tablet's directory.
  var storeName: String
  var isRemoved = false
  /// Whether it is in the turn queue.
  var isMarked = false

  /// Transactions that what was just applied has ended here; let go of once it is in the store.
  var hasEnded: [TransactionID] = []
  var appliedTime: HybridTime
  var retries: RetryTable
  /// What the log says of transactions that are not over.
  var ledger: TransactionLedger
  /// The commit index that Raft announced last.
  var announced: LogIndex

  var locks = LockTable()
  /// For owners and requests of the lock table, and for epochs.
  var nextNumber: UInt64 = 1
  /// Writes outside of transactions, by request.
  var operations: [RequestID: WriteOperation] = [:]
  /// Writes that wait for a lock, by their request to the lock table.
  var waitingForLocks: [LockTable.RequestNumber: WriteOperation] = [:]
  var transactions: [TransactionID: OpenTransaction] = [:]
  /// By owner in the lock table.
  var transactionOwners: [LockTable.Owner: TransactionID] = [:]
  /// What large transactions bring to the store, on its way through the log.
  var spilling: [TransactionID: StepOperation] = [:]
  /// Whether open transactions take much of the node's memory (`TabletHost.tendTransactions`).
  var isCrowded = false
  /// Resolutions that are on their way through the log.
  var resolving: [TransactionID: StepOperation] = [:]
  /// When it began to lead, in monotonic nanoseconds; nil where it does not.
  var leadingSince: UInt64?
  /// Those of them that are still to be queued, since nobody waits for them.
  var postponed: [StepOperation] = []
  /// The term in which this leader has locked again what the ledger says.
  var adoptedTerm: UInt64 = 0
  /// When this leader first saw what may need recovery, in monotonic nanoseconds.
  var unresolvedSince: [TransactionID: UInt64] = [:]
  /// Transactions whose fate is being asked for.
  var recovering: Set<TransactionID> = []
  /// Statements of many rows, which are evaluated in slices.
  var slicing: [(WriteOperation, MutationEvaluator)] = []
  /// Evaluated, to be proposed at the end of the turn.
  var queue: [LoggedOperation] = []
  var inFlight: Deque<InFlightEntry> = []
  /// What is in flight and not locked any more.
  var unapplied = UnappliedWrites()
  /// Operations that have their locks and wait for the decision of who had them before.
  var parked: [TransactionID: [WriteOperation]] = [:]
  /// Answers that tell of what is in flight, by the index that they wait for.
  var late: [(index: UInt64, answer: LateAnswer)] = []
  var readWaiters: [ReadWaiter] = []
  /// The latest read that this replica let through, for those who check.
  var servedLast = Served(time: .zero, applied: .zero)
  /// Those who wait to have caught up: first for the leader's word, then until this index is applied here.
  var catchUps = CatchUps()

  /// What `SchemaFence` says, once it was read.
  var schemaVersionRequired: UInt32?
  /// How rows of the table are packed, for the schema version that came last.
  private var currentCodec: RowCodec?

  /// Reads below it are refused: compaction may have taken what they would need.
  var historyCutoff: HybridTime
  /// What a compaction of the store could collect.
  var garbage = GarbageMeter()
  /// Committed entries that the store had no room for. They come first, before anything else is written to it.
  var unwritten: AppliedEntries?
  /// More is committed than one turn should apply; the next one goes on. Until then it does not serve.
  var isBehind = false
  /// A flush or a write found no room, and none has succeeded since.
  var storeIsFull = false
  /// Writes are refused: the disk has been full for a while, and nobody has taken the lead.
  var refusesWrites = false
  /// Ticks with a full disk, and where they and the heir's log stood when this leader tried last to hand over.
  var ticksFull = 0
  var handOverTried: (tick: Int, match: LogIndex)?
  /// When this leader offered the lead to the preferred replica last.
  private var preferenceTried: (term: Term, time: UInt64)?
  /// Since when it would offer it, were there no open transactions.
  private var preferenceHeldSince: UInt64?
  var isFlushing = false
  var isCompacting = false
  /// Those who want to take the store's files away, when nobody rewrites them any more.
  var compactionWaiters: [CheckedContinuation<Void, Never>] = []
  /// Ticks since this replica was last asked for a read or a write.
  var ticksUnused = 0
  /// Whether a checkpoint is on its way into the place of the store; nothing is applied meanwhile.
  var isInstalling = false

  init(
    descriptor: TabletDescriptor, replica: ReplicaID, environment: TabletEnvironment, turns: TurnQueue,
    observer: (any ApplyObserver)?, raft: RaftGroup, store: (any Store)?, storeName: String, appliedTime: HybridTime,
    retries: RetryTable, ledger: TransactionLedger
  ) {
    self.ledger = ledger
    id = descriptor.id
    table = descriptor.table
    bounds = KeyRange(lower: descriptor.lower, upper: descriptor.upper)
    self.replica = replica
    preferred = descriptor.replicas.first.map { ReplicaID($0.replica) }
    nodes = Dictionary(
      descriptor.replicas.map { (ReplicaID($0.replica), $0.node) }, uniquingKeysWith: { first, _ in first })
    self.environment = environment
    self.turns = turns
    self.observer = observer
    self.raft = raft
    self.store = store
    self.storeName = storeName
    self.appliedTime = appliedTime
    historyCutoff = environment.settings.historyCutoff(asOf: appliedTime)
    self.retries = retries
    announced = raft.appliedIndex
  }

  func codec(of table: TableDescriptor) -> RowCodec {
    if let currentCodec, currentCodec.table.version == table.version { return currentCodec }
    let codec = RowCodec(table: table)
    currentCodec = codec
    return codec
  }

  /// What expressions see that are evaluated here.
  var evaluationContext: EvaluationContext { EvaluationContext(folded: environment.runtime) }

  /// Says that something rare happened, for tests that want to be sure that it does.
  func probe(_ name: StaticString) { environment.runtime.faults.probe(name) }

  var now: UInt64 { environment.runtime.clock.monotonicNanoseconds() }
  var leaderNode: NodeID? { raft.leader.flatMap { nodes[$0] } }

  /// Why this replica cannot serve as leader now; nil if it can. Nothing of what it refuses has any effect.
  func refusal<Value>(_ type: Value.Type = Value.self) -> TabletAnswer<Value>? {
    if isRemoved { return .unknownTablet }
    guard raft.role == .leader else {
      return refusesWrites && leaderNode == nil ? .noRoom : .notLeader(hint: leaderNode)
    }
    // Where the store had no room for what is committed, the ledger is ahead of it: it would let reads through that miss
    // what was just resolved.
    guard store != nil, unwritten == nil, !isBehind, raft.leaseIsValid(now: now) else {
      return refusesWrites ? .noRoom : .notReady
    }
    // A predecessor may have served reads up to the inherited horizon: nothing is written at or below it.
    let inherited = HybridTime(rawValue: raft.inheritedHorizon)
    if inherited >= environment.clock.latest() {
      guard inherited.microseconds < environment.clock.latest().microseconds + environment.clock.maxSkewMicroseconds / 2
      else { return .notReady }
      environment.clock.raise(to: inherited)
    }
    if adoptedTerm != raft.term.raw { adoptStaged() }
    return nil
  }

  func receive(_ message: Message, from sender: ReplicaID) {
    raft.receive(message, from: sender, now: now, effects: &effects)
    turns.mark(self)
  }

  func tick() {
    let time = now
    if raft.role == .leader, ticksUnused < environment.settings.horizonIdleTicks {
      ticksUnused += 1
      refreshHorizon()
    }
    raft.tick(now: time, effects: &effects)
    expireWaiters(now: time)
    if unwritten != nil { applyCommitted() }
    turns.mark(self)
  }

  /// Asks for a horizon ahead of the clock. Nobody asks on behalf of an idle group: each step of the horizon costs a write
  /// to every replica's log; nor where there is no room for it.
  func refreshHorizon() {
    if refusesWrites { return }
    let horizon = environment.clock.latest().adding(microseconds: environment.settings.horizonMicroseconds)
    raft.setHorizon(horizon.rawValue)
  }

  /// Hands leadership to the preferred replica if that one is well and has everything. Returns whether it began to.
  func preferLeader() -> Bool {
    guard let preferred, preferred != replica, raft.role == .leader, !hasTriedPreference,
      let progress = raft.progress().first(where: { $0.id == preferred }),
      progress.isActive, !progress.isLearner, progress.match == raft.lastPosition.index
    else {
      preferenceHeldSince = nil
      return false
    }
    // Open transactions would lose their locks: they get a while to end.
    if !transactions.isEmpty {
      let since = preferenceHeldSince ?? now
      preferenceHeldSince = since
      if now < since + environment.settings.preferencePatienceNanoseconds {
        probe("a leader keeps its office for the transactions that it has")
        return false
      }
    }
    preferenceHeldSince = nil
    let result = raft.transferLeadership(to: preferred, effects: &effects)
    turns.mark(self)
    if result == .started { preferenceTried = (raft.term, now) }
    return result == .started
  }

  /// Whether the preferred replica was lately offered the lead and did not take it, for want of room perhaps: each offer
  /// holds up the writes for a while.
  private var hasTriedPreference: Bool {
    guard let tried = preferenceTried, tried.term == raft.term else { return false }
    return now < tried.time + environment.settings.preferencePauseNanoseconds
  }

  func campaign() {
    raft.campaign(now: now, effects: &effects)
    turns.mark(self)
  }
}

/// Told of every write when it is applied, in log order, on every replica, and again after a restart.
package protocol ApplyObserver: AnyObject, Sendable {
  func applied(_ batches: [[DocumentWrite]])
  /// The store was replaced by a checkpoint, or opened at start: read everything anew.
  func reloaded(from store: any Store)
}

/// The replicas that have something to do at the end of this turn of the loop. Used on its loop only.
final class TurnQueue {
  private(set) var marked: [TabletReplica] = []
  private var wantedCheckpoints: [(TabletID, ReplicaID)] = []
  private var isScheduled = false
  private let schedule: () -> Void
  private var markedForLater: [TabletReplica] = []
  private let scheduleLater: () -> Void

  /// - Parameters:
  ///   - schedule: has `take` called at the end of the turn.
  ///   - scheduleLater: has `takeForLater` called a while later.
  init(schedule: @escaping () -> Void, later scheduleLater: @escaping () -> Void) {
    self.schedule = schedule
    self.scheduleLater = scheduleLater
  }

  func mark(_ replica: TabletReplica) {
    if replica.isMarked { return }
    replica.isMarked = true
    marked.append(replica)
    if !isScheduled {
      isScheduled = true
      schedule()
    }
  }

  /// The replica has something to do that can wait for a while, at most until then.
  func markLater(_ replica: TabletReplica) {
    if markedForLater.isEmpty { scheduleLater() }
    markedForLater.append(replica)
  }

  func takeForLater() -> [TabletReplica] {
    defer { markedForLater.removeAll(keepingCapacity: true) }
    return markedForLater
  }

  /// A follower of this tablet is too far behind for the log.
  func wantCheckpoint(_ tablet: TabletID, _ follower: ReplicaID) { wantedCheckpoints.append((tablet, follower)) }

  func takeWantedCheckpoints() -> [(TabletID, ReplicaID)] {
    defer { wantedCheckpoints.removeAll() }
    return wantedCheckpoints
  }

  /// The replicas marked so far; marks made from now on are for the next round.
  func take() -> [TabletReplica] {
    let all = marked
    marked.removeAll(keepingCapacity: true)
    isScheduled = false
    for replica in all { replica.isMarked = false }
    return all
  }
}

/// The wall clock as SQL counts it.
enum SQLTime {
  /// Microseconds from the Unix epoch to 2000-01-01 00:00 UTC.
  private static let epochMicroseconds: Int64 = 946_684_800_000_000

  /// Microseconds since 2000-01-01 UTC.
  static func microseconds(ofWall wall: UInt64) -> Int64 { Int64(clamping: wall) - epochMicroseconds }
}

extension EvaluationContext {
  /// For expressions into which a session has folded its times and settings; clocks and chance are those of this node.
  package convenience init(folded runtime: Runtime) {
    let random = runtime.random
    let clock = runtime.clock
    let time = SQLTime.microseconds(ofWall: clock.wallMicroseconds())
    self.init(
      statementTime: time, transactionTime: time, random: { random.next() },
      clock: { SQLTime.microseconds(ofWall: clock.wallMicroseconds()) })
  }
}
