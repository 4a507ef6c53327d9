import Keys
import Logging
import Raft
import Runtime
import Schema
import Storage
import WriteAheadLog

/// What the tablets of one loop share with their node.
package struct TabletEnvironment: Sendable {
  package var node: NodeID
  package var runtime: Runtime
  package var loop: any Loop
  package var clock: HybridClock
  package var log: WriteAheadLog
  package var reachedTime: ReachedTime
  package var engine: any StorageEngine
  /// Rewrites stores that hold much garbage; one for the whole node.
  package var compactor: Compactor
  /// The directory that holds a directory for each tablet.
  package var directory: String
  package var catalog: CatalogBox
  package var settings: TabletSettings
  package var logger: Logger
  /// Ends the node: a disk failed, or a state that must not be went to disk. Under simulation it crashes the node.
  package var fatal: @Sendable (String) -> Void
  /// Hands one frame of Raft messages to a node; may drop it.
  package var post: @Sendable (NodeID, [UInt8]) -> Void
  /// Asks another node, with a time limit in nanoseconds.
  package var call: @Sendable (NodeID, NodeService, [UInt8], UInt64) async throws -> [UInt8]
  /// The way to transactions' other tablets and to their gateways.
  package var peers: TransactionPeers
  package let counters = TabletCounters()

  package init(
    node: NodeID, runtime: Runtime, loop: any Loop, clock: HybridClock, log: WriteAheadLog, reachedTime: ReachedTime,
    engine: any StorageEngine, compactor: Compactor, directory: String, catalog: CatalogBox, settings: TabletSettings,
    logger: Logger,
    fatal: @escaping @Sendable (String) -> Void, post: @escaping @Sendable (NodeID, [UInt8]) -> Void,
    call: @escaping @Sendable (NodeID, NodeService, [UInt8], UInt64) async throws -> [UInt8], peers: TransactionPeers
  ) {
    self.peers = peers
    self.node = node
    self.runtime = runtime
    self.loop = loop
    self.clock = clock
    self.log = log
    self.reachedTime = reachedTime
    self.engine = engine
    self.compactor = compactor
    self.directory = directory
    self.catalog = catalog
    self.settings = settings
    self.logger = logger
    self.fatal = fatal
    self.post = post
    self.call = call
  }
}

/// Numbers that tests and simulations turn (FAULTS §2.1, knobs).
package struct TabletSettings: Sendable {
  /// Nanoseconds between two ticks of the Raft groups. Every tick wakes the node up: one for each heartbeat is enough,
  /// and elections after 1 to 2 seconds need no finer ones.
  package var tickNanoseconds: UInt64 = 200_000_000
  package var raft: RaftSettings
  /// How far ahead of the clock a leader asks its followers to confirm its horizon, in microseconds: reads are served
  /// up to the confirmed horizon, and a new leader's writes start behind it.
  package var horizonMicroseconds: UInt64 = 400_000
  /// Ticks without a request after which a leader lets its horizon rest; the next read waits for a round of its own.
  package var horizonIdleTicks = 10
  /// Ticks between two looks at the sizes of memtables; asking the engine costs microseconds for each tablet.
  package var flushTicks = 2
  /// Ticks between two looks for tablets whose preferred leader is well again.
  package var preferenceTicks = 15
  /// How long a preferred replica that did not take the lead is left alone, in nanoseconds.
  package var preferencePauseNanoseconds: UInt64 = 60_000_000_000
  /// For how long a leader that is not the preferred one stays for the sake of open transactions, which it would take along.
  package var preferencePatienceNanoseconds: UInt64 = 60_000_000_000
  /// Leaders that are handed over in one such look.
  package var transfersAtOnce = 4
  /// Bytes of memtables of all tablets of this loop above which the largest is flushed.
  package var memtableBytesMax = 64 << 20
  /// A tablet with this many bytes in its memtable is flushed.
  package var tabletMemtableBytesMax = 24 << 20
  /// Log segments above which the tablets that need the oldest one are flushed.
  package var logSegmentsMax = 3
  /// Bytes of log entries kept in memory behind a flush, for followers that are a little behind.
  package var logTailBytes = 8 << 20
  /// Writes that may wait at a leader, for locks or for consensus; above it, requests are told to come again.
  package var operationsMax = 20_000
  /// How long a leader tries to hand over what a full disk keeps it from writing before it refuses writes, in nanoseconds.
  package var fullDiskPatienceNanoseconds: UInt64 = 3_000_000_000
  /// Ticks between two attempts to flush a store that found no room.
  package var fullFlushTicks = 10
  /// Ticks between two attempts to hand over to somebody who shows that there is room, and to somebody who does not.
  package var handOverTicks = 10
  package var blindHandOverTicks = 150
  /// How long a write waits for row locks, in nanoseconds, before the client is told.
  package var lockWaitNanoseconds: UInt64 = 30_000_000_000
  /// How long versions that are superseded stay readable, in microseconds.
  package var historyMicroseconds: UInt64 = 900_000_000
  /// Bytes of garbage that a store must hold to be worth a compaction.
  package var garbageBytesMin = 8 << 20
  /// A store is compacted when this share of it may be garbage.
  package var garbageShareMax = 0.5
  /// Rows that one request changes in a turn of its own; a larger statement runs in a transaction.
  package var evaluatedKeysMax = 2_000
  /// A statement of a transaction finds and locks so many rows of a tablet at a time,
  package var searchedKeysMax = 1_000
  /// and evaluates so many of them in one turn of the loop.
  package var slicedKeysMax = 100
  /// What one transaction has written to one tablet goes to the store where it takes more memory than this, in bytes;
  /// beyond twice as much, its statements wait for that.
  package var spillBytes = 64 << 20
  /// And than this, while all transactions of the loop's tablets together take more than `overlayBytesMax`.
  package var crowdedSpillBytes = 4 << 20
  package var overlayBytesMax = 256 << 20
  /// Rows that one transaction may lock in one tablet without changing them: these locks are in its leader's memory.
  package var rowLocksMax = 500_000
  /// What one transaction may write to the catalog before it commits, in bytes: it is in its leader's memory.
  package var transactionBytesMax = 256 << 20
  /// A piece of a transaction that is staged in one entry of the log, in bytes.
  package var stagedPieceBytesMax = 1 << 20
  /// A piece of what it spills, in one entry of the log, in bytes: other requests wait while a replica applies it.
  package var spilledPieceBytesMax = 128 << 10
  /// Staged documents that one entry of the log commits.
  package var resolvedDocumentsMax = 8192
  /// Documents, and bytes of them, that one entry of the log takes out of a large transaction's intents.
  package var resolvedIntentsMax = 1_000
  package var resolvedIntentBytesMax = 1 << 20
  /// Batches that a replica writes to its store in one turn: a follower that was away may have very much to apply.
  package var appliedBatchesMax = 8
  /// How long a resolution that nobody waits for may wait for other records to go with, in nanoseconds. Long enough for a
  /// tablet with a hundred transactions a second, and hardly longer than a resolution's round takes anyway.
  package var resolutionDelayNanoseconds: UInt64 = 10_000_000
  /// A transaction whose gateway was not heard of for so long is given up, in nanoseconds.
  package var transactionExpiryNanoseconds: UInt64 = 4_000_000_000
  /// What is staged and not resolved for so long is asked for, in nanoseconds.
  package var recoveryNanoseconds: UInt64 = 1_000_000_000
  /// A decision that is not forgotten for so long is brought to the participants by its tablet, in nanoseconds.
  package var decisionNanoseconds: UInt64 = 3_000_000_000
  /// A command takes writes up to about this many bytes; the rest goes into the next entry.
  package var commandBytesMax = 1 << 20

  package init() {
    raft = RaftSettings()
    raft.electionTicks = 5
    raft.heartbeatTicks = 1
    raft.horizonReserve = 400_000 << HybridTime.logicalBits
  }
}

extension TabletSettings {
  /// The earliest time that may be read of a tablet whose last write was at `time`.
  func historyCutoff(asOf time: HybridTime) -> HybridTime {
    time.microseconds > historyMicroseconds
      ? HybridTime(microseconds: time.microseconds - historyMicroseconds) : .zero
  }
}

/// The requests that nodes answer each other; the raw value travels in the frame.
package enum NodeService: UInt8, Sendable, CaseIterable {
  case mutate = 1
  case read = 2
  case installCheckpoint = 3
  case readCheckpoint = 4
  /// The replicas of a node (`ReplicaStatus`) and its catalog version.
  case status = 5
  /// A catalog change, for the catalog's leader.
  case changeCatalog = 6
  /// A range of sequence values, from the catalog's leader.
  case takeSequence = 7
  /// Answers when the node's catalog has reached a version.
  case awaitCatalog = 8
  /// A node says who and where it is, to the catalog's leader.
  case registerNode = 9
  /// A step of a transaction, for a tablet's leader.
  case transaction = 10
  /// A gateway's transactions are alive.
  case heartbeat = 11
  /// The hybrid time of a node.
  case clock = 12
  /// Tablets say which transactions of a gateway wait, and for whom.
  case waitReports = 15
  /// A probe along the edges of who waits for whom.
  case deadlockProbe = 13
  /// A transaction has to give up, to break a deadlock.
  case deadlockVictim = 14
  /// A damaged replica asks the leader for a checkpoint to begin anew from.
  case rebuildReplica = 16
  /// A node asks the catalog's leader for a catalog lease.
  case renewCatalogLease = 17
  /// The transactions that a node's gateway has open.
  case openTransactions = 20
  /// The sessions of a node's SQL front.
  case sessions = 21
  /// A signal for a session of the node (`pg_cancel_backend`, `pg_terminate_backend`).
  case signalSession = 22
  /// A client's cancel request, which came to another node than its session's.
  case cancelRequest = 23
}

/// The one-way messages between nodes.
package enum NodeChannel: UInt8, Sendable {
  case raft = 1
}
