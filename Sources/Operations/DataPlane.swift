import Keys
import Schema
import Values

/// What the SQL front asks of the cluster. The gateway of a node implements it; tests have one in memory.
///
/// Every call may throw `SQLError`: with 40003 where the outcome cannot be known, 57014 when the statement was cancelled
/// or its deadline passed before anything was written.
package protocol DataPlane: Sendable {
  /// The newest catalog that this node knows; never waits.
  var catalog: CatalogSnapshot { get }

  /// Whether `catalog` has every change that any client was told of, through whichever node; never waits.
  var catalogIsCurrent: Bool { get }

  /// Waits, for a while, until it is.
  /// - Throws: 57P03 where this node does not hear from the catalog; 57014 where the task was cancelled.
  func requireCurrentCatalog(deadline: Deadline?) async throws(SQLError)

  /// Opens a read at one consistent time over all its tablets; rows come in batches, with back-pressure.
  /// For a `.groups` pipeline the batches hold partial groups, to be merged by the caller.
  func read(_ read: TableRead, deadline: Deadline?) async throws(SQLError) -> any RowBatches

  /// The rows of such a read, if they can be had without waiting for anything, on the caller's loop; nil if not, or if
  /// there is anything to say but rows: then `read` does it, or says it.
  func readAtOnce(_ read: TableRead) -> [Row]?

  /// Carries out a mutation of rows of any number of tablets, as a transaction of its own: all of it or nothing, once.
  /// - Parameter options: of that transaction, where one is needed.
  func mutate(
    _ mutation: TableMutation, options: TransactionOptions, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult

  /// A transaction of several statements. Nothing is sent anywhere before its first one.
  func begin(_ options: TransactionOptions) -> any Transaction

  /// Inserts rows tablet by tablet: each tablet's share commits on its own, and stays where another fails.
  func insertInBatches(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult

  /// How many tablets hold rows of this selection.
  func tabletCount(of selection: KeySelection, in table: TableDescriptor) -> Int

  /// Changes the catalog; returns when every node that serves has the change.
  func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult

  /// Takes the next values of a sequence from this node's cached range, or fetches a new range.
  func nextValues(of table: TableID, column: UInt16, count: Int) async throws(SQLError) -> [Int64]

  /// Facts for the views of schema `sys`; asks all live nodes, skips those that do not answer in time.
  func clusterStatus() async -> ClusterStatus

  /// The transactions that all live nodes' gateways have open, oldest first; skips nodes that do not answer in time.
  func openTransactions() async -> [TransactionActivity]

  /// The sessions of all other live nodes, by process id.
  func otherSessions() async -> [SessionStatus]

  /// Sends a signal to a session of another node.
  /// - Returns: whether there is such a session.
  func signal(_ signal: SessionSignal, to processID: Int32) async -> Bool
}

extension DataPlane {
  package func readAtOnce(_ read: TableRead) -> [Row]? { nil }

  package func mutate(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    try await mutate(mutation, options: TransactionOptions(), deadline: deadline)
  }

  // What a data plane of one node has to say.
  package var catalogIsCurrent: Bool { true }
  package func requireCurrentCatalog(deadline: Deadline?) async throws(SQLError) {}
  package func openTransactions() async -> [TransactionActivity] { [] }
  package func otherSessions() async -> [SessionStatus] { [] }
  package func signal(_ signal: SessionSignal, to processID: Int32) async -> Bool { false }
}

/// Monotonic nanoseconds (`Clock.monotonicNanoseconds`) after which a statement is to be given up.
package struct Deadline: Hashable, Comparable, Sendable {
  package var nanoseconds: UInt64
  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// Rows of a read, pulled batch by batch. Dropping it ends the read.
package protocol RowBatches: AnyObject, Sendable {
  /// The next rows, at least one, or nil at the end.
  func next() async throws(SQLError) -> [Row]?
}

package enum CatalogChangeResult: Sendable {
  /// `ifNotExists`/`ifExists` had nothing to do for these names.
  case done(skipped: [TableName])
}

/// What `sys.nodes`, `sys.tables`, `sys.tablets` and `/status` show.
package struct ClusterStatus: Sendable {
  package var nodes: [NodeStatus]
  package var tablets: [TabletStatus]
  package init(nodes: [NodeStatus], tablets: [TabletStatus]) {
    self.nodes = nodes
    self.tablets = tablets
  }
}

package struct NodeStatus: Sendable {
  package var node: NodeDescriptor
  package var isLive: Bool
  /// Microseconds since the node was last heard, 0 for this node.
  package var silentMicroseconds: UInt64
  /// Tablets it leads, and replicas it holds.
  package var leaderCount: Int
  package var replicaCount: Int
  package var catalogVersion: UInt64
  package init(
    node: NodeDescriptor, isLive: Bool, silentMicroseconds: UInt64, leaderCount: Int, replicaCount: Int,
    catalogVersion: UInt64
  ) {
    self.node = node
    self.isLive = isLive
    self.silentMicroseconds = silentMicroseconds
    self.leaderCount = leaderCount
    self.replicaCount = replicaCount
    self.catalogVersion = catalogVersion
  }
}

package struct TabletStatus: Sendable {
  package var tablet: TabletDescriptor
  /// Nil while there is none, or none that answers.
  package var leader: NodeID?
  package var term: UInt64
  package var commitIndex: UInt64
  /// By replica: the last log index that it is known to hold, 0 where unknown.
  package var matchIndexes: [NodeID: UInt64]
  /// Bytes of the leader's store on disk and in memory.
  package var sizeBytes: UInt64
  package init(
    tablet: TabletDescriptor, leader: NodeID?, term: UInt64, commitIndex: UInt64, matchIndexes: [NodeID: UInt64],
    sizeBytes: UInt64
  ) {
    self.tablet = tablet
    self.leader = leader
    self.term = term
    self.commitIndex = commitIndex
    self.matchIndexes = matchIndexes
    self.sizeBytes = sizeBytes
  }
}
