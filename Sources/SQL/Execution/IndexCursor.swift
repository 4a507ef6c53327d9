import Expressions
import Keys
import Operations
import Schema
import Values

/// Rows of a table by way of an index: entries come in batches, and for each batch the rows that they lead to are read at
/// the same snapshot, under the query's own pipeline.
///
/// Of an ordered read the rows come in the order of the entries: they carry their primary key behind the query's columns
/// until they are in place.
final class IndexCursor: RowCursor {
  private let transaction: any Transaction
  private let entries: any RowBatches
  private let table: TableDescriptor
  private let pipeline: RowPipeline
  private let locking: RowLocking?
  private let deadline: Deadline?
  private let counters: ExecutionCounters?
  /// Set where the transaction ends with this cursor.
  private let isOwner: Bool
  private let visibleCount: Int?
  private var pending: ArraySlice<[UInt8]> = []
  /// Rows that a limit still allows.
  private var left: Int
  private var isFinished = false

  private static let lookupsMax = 4096
  /// Where few rows are wanted, most entries lead to one of them.
  private static let lookupsMin = 64

  /// - Parameter entries: the primary keys of the rows, in index order.
  init(
    _ entries: any RowBatches, of table: TableDescriptor, _ pipeline: RowPipeline, isOrdered: Bool,
    in transaction: any Transaction, isOwner: Bool, locking: RowLocking?, deadline: Deadline?,
    counters: ExecutionCounters?
  ) {
    self.transaction = transaction
    self.isOwner = isOwner
    self.entries = entries
    self.table = table
    self.locking = locking
    self.deadline = deadline
    self.counters = counters
    var pipeline = pipeline
    left = .max
    if case .rows(let projection, let limit) = pipeline.output {
      left = limit ?? .max
      let key = isOrdered ? table.keyPositions.map { Expression.column($0, table.columns[$0].type) } : []
      pipeline.output = .rows(projection: projection + key, limit: nil)
      visibleCount = isOrdered ? projection.count : nil
    } else {
      visibleCount = nil
    }
    self.pipeline = pipeline
  }

  func next() async throws(SQLError) -> [Row]? {
    while !isFinished, left > 0 {
      if pending.isEmpty {
        guard let batch = try await entries.next() else { break }
        var keys: [[UInt8]] = []
        keys.reserveCapacity(batch.count)
        for values in batch { keys.append(try table.documentKey(keyValues: values)) }
        pending = keys[...]
      }
      let keys = Array(
        pending.prefix(left == .max ? Self.lookupsMax : max(Self.lookupsMin, min(left, Self.lookupsMax))))
      pending = pending.dropFirst(keys.count)
      var rows = try await self.rows(at: keys)
      if rows.isEmpty { continue }
      if rows.count > left { rows.removeLast(rows.count - left) }
      if left != .max { left -= rows.count }
      return rows
    }
    if !isFinished {
      isFinished = true
      if isOwner { await transaction.rollback() }
    }
    return nil
  }

  private func rows(at keys: [[UInt8]]) async throws(SQLError) -> [Row] {
    let read = TableRead(
      table: table.id, schemaVersion: table.version, selection: .points(keys.sorted(by: KeyRange.isLess)),
      pipeline: pipeline, isOrdered: false)
    counters?.tableReads += 1
    let batches = try await transaction.read(read, locking: locking, deadline: deadline)
    var rows: [Row] = []
    while let batch = try await batches.next() { rows += batch }
    guard let visibleCount else { return rows }
    var byKey: [[UInt8]: Row] = [:]
    byKey.reserveCapacity(rows.count)
    for row in rows {
      byKey[try table.documentKey(keyValues: Array(row[visibleCount...]))] = Array(row.prefix(visibleCount))
    }
    return keys.compactMap { byKey[$0] }
  }
}

extension Executor {
  /// - Throws: 40001 where the index is newer than the snapshot that is read: entries of rows which were there before it
  ///   may have come later. One that the transaction itself has made is readable for it.
  func requireReadable(_ index: IndexDescriptor) throws(SQLError) {
    guard let transaction, transaction.options.isolation > .readCommitted || transaction.options.readTime != nil,
      transaction.options.readTime ?? transaction.id.start < index.readableFrom, index.readableFrom < .max
    else { return }
    throw SQLError(
      .serializationFailure, "index \"\(index.name)\" is newer than the snapshot of the transaction",
      hint: "Run the transaction again, or read as of a later time.")
  }

  /// The rows that an index leads to, at one snapshot.
  func open(
    _ path: IndexPath, _ pipeline: RowPipeline, isOrdered: Bool, locking: RowLocking? = nil
  ) async throws(SQLError) -> (any RowCursor)? {
    try requireReadable(path.index)
    guard let selection = try path.keys.selection(in: path.relation, evaluation) else { return nil }
    let transaction =
      self.transaction
      ?? dataPlane.begin(TransactionOptions(isolation: .repeatableRead, isReadOnly: true))
    let isOwner = self.transaction == nil
    if isOwner { transaction.beginStatement() }
    // Where every entry's row passes, no more entries are wanted than rows.
    var limit: Int?
    if case .rows(_, let rows?) = pipeline.output, path.isWholeCondition { limit = rows }
    let entries = try await transaction.read(
      entryRead(path, selection, limit: limit, isOrdered: isOrdered), locking: nil, deadline: deadline)
    counters?.tableReads += 1
    return IndexCursor(
      entries, of: path.table, pipeline, isOrdered: isOrdered, in: transaction, isOwner: isOwner, locking: locking,
      deadline: deadline, counters: counters)
  }

  /// The keys of the rows that an index leads to; nil where there are none. Their rows may have changed when they are
  /// written, and are tested again then.
  func keys(of path: IndexPath) async throws(SQLError) -> KeySelection? {
    try requireReadable(path.index)
    guard let selection = try path.keys.selection(in: path.relation, evaluation) else { return nil }
    let entries = try await read(entryRead(path, selection, limit: nil, isOrdered: false))
    var keys: [[UInt8]] = []
    while let batch = try await entries.next() {
      for values in batch { keys.append(try path.table.documentKey(keyValues: values)) }
    }
    keys.sort(by: KeyRange.isLess)
    return keys.isEmpty ? nil : .points(keys)
  }

  private func entryRead(
    _ path: IndexPath, _ selection: KeySelection, limit: Int?, isOrdered: Bool
  ) -> TableRead {
    let layout = path.index.layout(of: path.table)
    let projection = layout.primaryKeyPositions.map { Expression.column($0, layout.columns[$0].type) }
    return TableRead(
      table: path.relation.id, schemaVersion: path.relation.version, selection: selection,
      pipeline: RowPipeline(
        filter: path.entryFilter?.foldConstants(evaluation), output: .rows(projection: projection, limit: limit)),
      isOrdered: isOrdered)
  }
}
