import Keys
import Logging
import Operations
import Placement
import Runtime
import Schema
import Synchronization
import Tablet
import Transport
import Values

/// The SQL front's way into the cluster: routes reads and mutations to the tablets' leaders, and catalog changes to the
/// catalog's leader.
package final class Gateway: DataPlane, Sendable {
  let router: Router
  let clock: HybridClock
  let services: GatewayServices
  private let sequences: SequenceCache
  let transactions: ActiveTransactions
  let commits: CommitGate
  package let counters = GatewayCounters()
  private let required = Mutex(CatalogSnapshot.empty)

  package init(router: Router, clock: HybridClock, services: GatewayServices, commits: CommitGate) {
    self.commits = commits
    self.router = router
    self.clock = clock
    self.services = services
    sequences = SequenceCache()
    transactions = ActiveTransactions()
    commits.install { [weak self] in await self?.requireCatalog($0) }
  }

  package var catalog: CatalogSnapshot { router.catalog.current }

  /// What was written under an older version of a table than here is not committed any more.
  var requiredCatalog: CatalogSnapshot { required.withLock { $0 } }

  func setRequired(_ catalog: CatalogSnapshot) {
    required.withLock { if $0.version < catalog.version { $0 = catalog } }
  }

  func table(
    _ id: TableID, version: UInt32, in catalog: CatalogSnapshot
  ) throws(SQLError) -> TableDescriptor {
    guard let table = catalog.tables[id] else { throw Self.dropped }
    guard table.version == version else { throw Self.changed(table.name) }
    return table
  }

  static var dropped: SQLError { SQLError(.undefinedTable, "the table was dropped by another statement") }

  static func changed(_ name: String) -> SQLError {
    SQLError(
      .serializationFailure, "could not run the statement because table \"\(name)\" was changed by another one",
      hint: "Run the statement again.")
  }

  // MARK: Reads

  package func read(_ read: TableRead, deadline: Deadline?) async throws(SQLError) -> any RowBatches {
    let catalog = self.catalog
    let table = try table(read.table, version: read.schemaVersion, in: catalog)
    let shares =
      if case .points(let keys) = read.selection, keys.count == 1, let id = catalog.tablet(of: keys[0], in: table),
        let tablet = catalog.tablets[id]
      {
        [(tablet: tablet, selection: read.selection)]
      } else {
        TabletShares(of: table, in: catalog).shares(of: read.selection)
      }
    return TableReader(gateway: self, table: table, read: read, shares: shares, deadline: deadline)
  }

  // MARK: Mutations

  package func tabletCount(of selection: KeySelection, in table: TableDescriptor) -> Int {
    TabletShares(of: table, in: catalog).shares(of: selection).count
  }

  package func mutate(
    _ mutation: TableMutation, options: TransactionOptions, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    try await awaitWritable(
      mutation.table, for: nil, lockTimeoutMilliseconds: options.lockTimeoutMilliseconds, deadline: deadline)
    let catalog = self.catalog
    let table = try table(mutation.table, version: mutation.schemaVersion, in: catalog)
    if mutation.standsAlone(on: table, in: catalog), let tablet = try soleTablet(of: mutation, table) {
      do throws(SQLError) {
        return try await mutate(tablet, table: table, mutation, deadline: deadline)
      } catch  where error.state == .programLimitExceeded {
        // Too much for one entry of the log; a transaction stages it in pieces.
      }
    }
    let transaction = begin(options)
    do throws(SQLError) {
      let result = try await transaction.mutate(mutation, deadline: deadline)
      try await transaction.commit(deadline: deadline)
      return result
    } catch {
      await transaction.rollback()
      throw error
    }
  }

  /// The tablet that all rows of the mutation are in: then it is evaluated and committed there in one round.
  private func soleTablet(
    of mutation: TableMutation, _ table: TableDescriptor
  ) throws(SQLError) -> TabletDescriptor? {
    let shares = TabletShares(of: table, in: catalog)
    switch mutation.mutation {
    case .insert(let rows, _):
      var sole: Int?
      for row in rows {
        let index = shares.index(of: try table.documentKey(for: row))
        if let sole, sole != index { return nil }
        sole = index
      }
      return sole.map { shares.tablets[$0] }
    case .update(let selection, _, _), .delete(let selection, _):
      let parts = shares.shares(of: selection)
      return parts.count == 1 ? parts[0].tablet : nil
    }
  }

  private func mutate(
    _ tablet: TabletDescriptor, table: TableDescriptor, _ mutation: TableMutation, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    switch try await router.mutate(tablet, .rows(mutation), deadline: deadline) {
    case .done(let answer): return answer.result
    case .failed(let error): throw error
    case .schemaMismatch, .unknownTablet: throw Self.changed(table.name)
    case .notLeader, .notReady, .noRoom, .outcomeUnknown, .uncertain:
      throw SQLError(.internalError, "the router passed on an answer that it must handle")
    }
  }

  package func insertInBatches(
    _ mutation: TableMutation, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    try await awaitWritable(mutation.table, for: nil, deadline: deadline)
    let catalog = self.catalog
    let table = try table(mutation.table, version: mutation.schemaVersion, in: catalog)
    if catalog.hasDependents(table) { return try await mutate(mutation, deadline: deadline) }
    return try await insert(mutation, into: table, in: catalog, deadline: deadline)
  }

  /// Rows without anything that follows from them, tablet by tablet.
  func insert(
    _ mutation: TableMutation, into table: TableDescriptor, in catalog: CatalogSnapshot, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    guard case .insert(let rows, let onConflict) = mutation.mutation else {
      throw SQLError(.internalError, "only new rows are written in batches")
    }
    let cut = try InsertShares(rows, of: table, shares: TabletShares(of: table, in: catalog))
    // Every tablet's share at the same time.
    let results = await withTaskGroup(of: (Int, Result<MutationResult, SQLError>).self) { group in
      for (index, share) in cut.shares.enumerated() {
        var part = mutation
        part.mutation = .insert(rows: share.positions.map { rows[$0] }, onConflict: onConflict)
        group.addTask { [part] in
          do throws(SQLError) {
            return (index, .success(try await self.mutate(share.tablet, table: table, part, deadline: deadline)))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      var all: [(Int, Result<MutationResult, SQLError>)] = []
      for await result in group { all.append(result) }
      return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
    var done: [MutationResult] = []
    for result in results { done.append(try result.get()) }
    return cut.merged(done)
  }

  // MARK: The catalog

  package func nextValues(of table: TableID, column: UInt16, count: Int) async throws(SQLError) -> [Int64] {
    let key = SequenceKey(table: table, column: column)
    var values: [Int64] = sequences.take(key, count: count)
    while values.count < count {
      let missing = Int64(count - values.count)
      let ticket = router.ids.next()
      defer { router.ids.finished(ticket.id) }
      let range = try await askCatalog(deadline: nil) { node, timeout in
        await self.services.takeSequence(
          node, SequenceRequest(key: key, count: missing, id: ticket.id, floor: ticket.floor), timeout)
      }
      sequences.add(range, to: key)
      values.append(contentsOf: sequences.take(key, count: count - values.count))
    }
    return values
  }

  func askCatalog<Value: Sendable>(
    deadline: Deadline?, _ attempt: (NodeID, UInt64) async -> Router.Attempt<Value>
  ) async throws(SQLError) -> Value {
    switch try await router.ask(
      .catalog, members: services.catalogMembers, deadline: deadline, isWrite: true, needsRoom: true, attempt)
    {
    case .done(let value): return value
    case .failed(let error): throw error
    case .notLeader, .notReady, .noRoom, .unknownTablet, .schemaMismatch, .outcomeUnknown, .uncertain:
      throw SQLError(.internalError, "the catalog's leader gave no answer that can be used")
    }
  }

  /// Writes into the catalog who and where a node is.
  package func register(_ node: NodeDescriptor) async throws(SQLError) {
    _ = try await askCatalog(deadline: nil) { member, timeout in
      await self.services.registerNode(member, node, timeout)
    }
  }

  package func clusterStatus() async -> ClusterStatus { await services.clusterStatus() }
}

/// The node's services that the gateway needs beside tablets: each asks one node, or this one directly.
package struct GatewayServices: Sendable {
  package typealias Ask<Request, Value: Sendable> =
    @Sendable (NodeID, Request, _ timeoutNanoseconds: UInt64) async -> Router.Attempt<Value>

  var catalogMembers: [NodeID]
  var changeCatalog: Ask<CatalogChangeRequest, CatalogChangeOutcome>
  var takeSequence: Ask<SequenceRequest, SequenceRange>
  var registerNode: Ask<NodeDescriptor, UInt64>
  /// Asks the catalog's leader for a lease; the version that it is for.
  var renewCatalogLease: @Sendable (NodeID, _ timeoutNanoseconds: UInt64) async -> Router.Attempt<UInt64>
  /// Returns when all nodes have a version of the catalog, and commit nothing under an older one, as far as this node knows.
  var settleCatalog: @Sendable (UInt64) async -> Void
  /// Returns when this node's catalog has a version.
  var catalogReached: @Sendable (UInt64) async -> Void
  var clusterStatus: @Sendable () async -> ClusterStatus
  /// Whether a tablet has been there and was taken away, as far as this node knows.
  var wasRemoved: @Sendable (TabletID) -> Bool
  /// The nodes of the catalog that can be reached now, this one included.
  var liveNodes: @Sendable () -> Set<NodeID>

  package init(
    catalogMembers: [NodeID], changeCatalog: @escaping Ask<CatalogChangeRequest, CatalogChangeOutcome>,
    takeSequence: @escaping Ask<SequenceRequest, SequenceRange>, registerNode: @escaping Ask<NodeDescriptor, UInt64>,
    renewCatalogLease: @escaping @Sendable (NodeID, UInt64) async -> Router.Attempt<UInt64>,
    settleCatalog: @escaping @Sendable (UInt64) async -> Void,
    catalogReached: @escaping @Sendable (UInt64) async -> Void,
    clusterStatus: @escaping @Sendable () async -> ClusterStatus,
    liveNodes: @escaping @Sendable () -> Set<NodeID>, wasRemoved: @escaping @Sendable (TabletID) -> Bool
  ) {
    self.liveNodes = liveNodes
    self.wasRemoved = wasRemoved
    self.catalogMembers = catalogMembers
    self.changeCatalog = changeCatalog
    self.takeSequence = takeSequence
    self.registerNode = registerNode
    self.renewCatalogLease = renewCatalogLease
    self.settleCatalog = settleCatalog
    self.catalogReached = catalogReached
    self.clusterStatus = clusterStatus
  }
}
