import Keys
import Logging
import Operations
import Placement
import Runtime
import Schema
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

  package init(router: Router, clock: HybridClock, services: GatewayServices) {
    self.router = router
    self.clock = clock
    self.services = services
    sequences = SequenceCache()
  }

  package var catalog: CatalogSnapshot { router.catalog.current }

  func table(_ id: TableID, version: UInt32) throws(SQLError) -> TableDescriptor {
    guard let table = catalog.tables[id] else {
      throw SQLError(.undefinedTable, "the table was dropped by another statement")
    }
    guard table.version == version else { throw Self.changed(table.name) }
    return table
  }

  static func changed(_ name: String) -> SQLError {
    SQLError(
      .serializationFailure, "could not run the statement because table \"\(name)\" was changed by another one",
      hint: "Run the statement again.")
  }

  // MARK: Reads

  package func read(_ read: TableRead, deadline: Deadline?) async throws(SQLError) -> any RowBatches {
    let table = try table(read.table, version: read.schemaVersion)
    let catalog = self.catalog
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

  package func mutate(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    let table = try table(mutation.table, version: mutation.schemaVersion)
    let shares = TabletShares(of: table, in: catalog)
    let tablet: TabletDescriptor
    switch mutation.mutation {
    case .insert(let rows, _):
      let indexes = try Set(Self.documentKeys(of: rows, table: table).map { shares.index(of: $0) })
      guard let only = indexes.first else { return MutationResult(affectedCount: 0, returned: []) }
      guard indexes.count == 1 else { throw Self.severalTablets(indexes.count) }
      tablet = shares.tablets[only]
    case .update(let selection, _, _), .delete(let selection, _):
      let parts = shares.shares(of: selection)
      guard let only = parts.first else { return MutationResult(affectedCount: 0, returned: []) }
      guard parts.count == 1 else { throw Self.severalTablets(parts.count) }
      tablet = only.tablet
    }
    return try await mutate(tablet, table: table, mutation, deadline: deadline)
  }

  private func mutate(
    _ tablet: TabletDescriptor, table: TableDescriptor, _ mutation: TableMutation, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    switch try await router.mutate(tablet, mutation, deadline: deadline) {
    case .done(let result): return result
    case .failed(let error): throw error
    case .schemaMismatch, .unknownTablet: throw Self.changed(table.name)
    case .notLeader, .notReady, .outcomeUnknown, .uncertain:
      throw SQLError(.internalError, "the router passed on an answer that it must handle")
    }
  }

  private static func documentKeys(of rows: [Row], table: TableDescriptor) throws(SQLError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    keys.reserveCapacity(rows.count)
    for row in rows { keys.append(try table.documentKey(for: row)) }
    return keys
  }

  private static func severalTablets(_ count: Int) -> SQLError {
    SQLError(
      .featureNotSupported, "a statement that changes rows of several tablets is not supported yet",
      detail: "The rows of this statement may lie in \(count) tablets. Nothing was changed.",
      hint: "Name the rows by their key, one statement for each, or create the table with SPLIT INTO 1 TABLETS.")
  }

  package func insertInBatches(
    _ mutation: TableMutation, deadline: Deadline?
  ) async throws(BatchInsertError) -> MutationResult {
    var committed = 0
    do throws(SQLError) {
      return try await insertBatches(mutation, deadline: deadline, committed: &committed)
    } catch {
      throw BatchInsertError(error: error, committedCount: committed)
    }
  }

  private func insertBatches(
    _ mutation: TableMutation, deadline: Deadline?, committed: inout Int
  ) async throws(SQLError) -> MutationResult {
    guard case .insert(let rows, let onConflict) = mutation.mutation else {
      return try await mutate(mutation, deadline: deadline)
    }
    let table = try table(mutation.table, version: mutation.schemaVersion)
    let shares = TabletShares(of: table, in: catalog)
    let keys = try Self.documentKeys(of: rows, table: table)
    // In key order (rows of one key as they came), so that each replica's memtable is filled neighbour by neighbour: with
    // hashed keys in the order of arrival, half the time of a load went into finding places in it.
    let inKeyOrder = keys.indices.sorted { a, b in
      KeyRange.isLess(keys[a], keys[b]) || (keys[a] == keys[b] && a < b)
    }
    var byTablet: [Int: [Int]] = [:]
    for row in inKeyOrder { byTablet[shares.index(of: keys[row]), default: []].append(row) }
    // Every tablet's share at the same time.
    let results = await withTaskGroup(of: (Int, Result<MutationResult, SQLError>).self) { group in
      for (index, positions) in byTablet.sorted(by: { $0.key < $1.key }) {
        let share = TableMutation(
          table: mutation.table, schemaVersion: mutation.schemaVersion,
          mutation: .insert(rows: positions.map { rows[$0] }, onConflict: onConflict), returning: mutation.returning)
        let tablet = shares.tablets[index]
        group.addTask {
          do throws(SQLError) {
            return (index, .success(try await self.mutate(tablet, table: table, share, deadline: deadline)))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      var all: [(Int, Result<MutationResult, SQLError>)] = []
      for await result in group { all.append(result) }
      return all.sorted { $0.0 < $1.0 }
    }
    var failure: SQLError?
    var affected = 0
    var returned: [(position: Int, row: Row)] = []
    for (index, result) in results {
      switch result {
      case .failure(let error): failure = failure ?? error
      case .success(let result):
        affected += result.affectedCount
        let positions = byTablet[index] ?? []
        for (offset, row) in result.returned.enumerated() {
          // Rows that a conflict skipped have no place any more; the others keep theirs.
          let position = result.returned.count == positions.count ? positions[offset] : positions.last ?? 0
          returned.append((position, row))
        }
      }
    }
    committed = affected
    if let failure { throw failure }
    return MutationResult(
      affectedCount: affected, returned: returned.sorted { $0.position < $1.position }.map(\.row))
  }

  // MARK: The catalog

  package func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult {
    let ticket = router.ids.next()
    defer { router.ids.finished(ticket.id) }
    let request = CatalogChangeRequest(id: ticket.id, floor: ticket.floor, change: change)
    let outcome = try await askCatalog(deadline: deadline) { node, timeout in
      await self.services.changeCatalog(node, request, timeout)
    }
    await services.catalogReached(outcome.version)
    return outcome.result
  }

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

  private func askCatalog<Value: Sendable>(
    deadline: Deadline?, _ attempt: (NodeID, UInt64) async -> Router.Attempt<Value>
  ) async throws(SQLError) -> Value {
    switch try await router.ask(
      .catalog, members: services.catalogMembers, deadline: deadline, isWrite: true, attempt)
    {
    case .done(let value): return value
    case .failed(let error): throw error
    case .notLeader, .notReady, .unknownTablet, .schemaMismatch, .outcomeUnknown, .uncertain:
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
  /// Returns when this node's catalog has a version.
  var catalogReached: @Sendable (UInt64) async -> Void
  var clusterStatus: @Sendable () async -> ClusterStatus

  package init(
    catalogMembers: [NodeID], changeCatalog: @escaping Ask<CatalogChangeRequest, CatalogChangeOutcome>,
    takeSequence: @escaping Ask<SequenceRequest, SequenceRange>, registerNode: @escaping Ask<NodeDescriptor, UInt64>,
    catalogReached: @escaping @Sendable (UInt64) async -> Void,
    clusterStatus: @escaping @Sendable () async -> ClusterStatus
  ) {
    self.catalogMembers = catalogMembers
    self.changeCatalog = changeCatalog
    self.takeSequence = takeSequence
    self.registerNode = registerNode
    self.catalogReached = catalogReached
    self.clusterStatus = clusterStatus
  }
}
