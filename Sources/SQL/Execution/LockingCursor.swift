import Expressions
import Keys
import Operations
import Schema
import Values

extension Executor {
  /// A query that locks no more rows than LIMIT lets through: the rows come unlocked and in their order, and of those as
  /// many as are still wanted are locked at a time. This is PostgreSQL's plan too (LockRows below Limit, above Sort), and
  /// with SKIP LOCKED it is what gives each worker of a queue a row of its own.
  ///
  /// As in PostgreSQL, a row that changed between the sort and the lock keeps its old place in the order.
  func openLockingFirst(_ plan: SelectPlan) async throws(SQLError) -> (any RowCursor)? {
    guard case .table(let table, let keys) = plan.source, case .plain(let projection) = plan.shape,
      let locking = plan.locking, let limit = try count(plan.limit, "LIMIT")
    else { return nil }
    let offset = try count(plan.offset, "OFFSET") ?? 0
    let filter = plan.filter?.foldConstants(evaluation)
    guard limit > 0, !(filter?.isNeverTrue ?? false), let selection = try keys.selection(in: table, evaluation) else {
      return ListCursor([])
    }
    let output = projection.map { $0.foldConstants(evaluation) }
    let keyColumns = table.primaryKey.columns.map { Expression.column($0.column, table.columns[$0.column].type) }
    let pipeline = RowPipeline(filter: filter, output: .rows(projection: output + keyColumns, limit: nil))
    func read(_ selection: KeySelection, isOrdered: Bool) -> TableRead {
      TableRead(
        table: table.id, schemaVersion: table.version, selection: selection, pipeline: pipeline, isOrdered: isOrdered)
    }
    counters?.tableReads += 1
    var candidates: any RowCursor = TabletCursor(
      try await self.read(read(selection, isOrdered: plan.isSortedBySource)))
    if !plan.sort.isEmpty, !plan.isSortedBySource {
      // No LIMIT here: which of the first rows can be locked is not known yet.
      let sorter = RowSorter(keys: plan.sort, types: (output + keyColumns).map(\.type))
      candidates = SortCursor(candidates, sorter, limit: nil, memoryMax: limits.memoryBytesMax)
    }
    let (wanted, isOverflow) = limit.addingReportingOverflow(offset)
    let locked = LockingCursor(
      candidates, wanted: isOverflow ? .max : wanted, table: table, keyOffset: output.count
    ) { keys throws(SQLError) in
      self.counters?.tableReads += 1
      // In READ COMMITTED the newest versions are locked, and tested again: they may be newer than the snapshot that
      // found them, which a queue's workers would otherwise fail on whenever another one took a row.
      self.transaction?.beginStatement()
      return try await self.read(read(.points(keys), isOrdered: false), locking: locking)
    }
    return SliceCursor(locked, offset: offset, limit: limit, visibleCount: plan.visibleCount)
  }
}

/// Locks rows in the order in which they come, until it has as many as are wanted.
final class LockingCursor: RowCursor {
  typealias Lock = (_ keys: [[UInt8]]) async throws(SQLError) -> any RowBatches

  private let input: any RowCursor
  private var wanted: Int
  private let table: TableDescriptor
  /// Where the key's columns begin in the rows.
  private let keyOffset: Int
  private let lock: Lock
  private var waiting: ArraySlice<Row> = []

  /// The most rows that one request locks.
  private static let batchCount = 1_000

  init(
    _ input: any RowCursor, wanted: Int, table: TableDescriptor, keyOffset: Int, lock: @escaping Lock
  ) {
    self.input = input
    self.wanted = wanted
    self.table = table
    self.keyOffset = keyOffset
    self.lock = lock
  }

  func next() async throws(SQLError) -> [Row]? {
    while wanted > 0 {
      if waiting.isEmpty {
        guard let rows = try await input.next() else { break }
        waiting = rows[...]
      }
      let batch = waiting.prefix(min(wanted, Self.batchCount))
      waiting = waiting.dropFirst(batch.count)
      let locked = try await self.locked(batch)
      wanted -= locked.count
      if !locked.isEmpty { return locked }
    }
    return nil
  }

  /// Those of the rows that could be locked and are still what was asked for, as they are now.
  private func locked(_ candidates: ArraySlice<Row>) async throws(SQLError) -> [Row] {
    var keys: [[UInt8]] = []
    for row in candidates { keys.append(try key(of: row)) }
    let batches = try await lock(keys.sorted(by: KeyRange.isLess))
    var found: [[UInt8]: Row] = [:]
    while let rows = try await batches.next() {
      for row in rows { found[try key(of: row)] = row }
    }
    return keys.compactMap { found[$0] }
  }

  private func key(of row: Row) throws(SQLError) -> [UInt8] {
    try table.documentKey(keyValues: Array(row[keyOffset...]))
  }
}
