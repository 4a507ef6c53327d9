import Expressions
import Keys
import Operations
import Schema
import Storage
import Values

/// What a mutation comes to: the documents it writes, and the answer for the client once they are committed.
package struct EvaluatedMutation: Sendable {
  /// Each document once. Empty if no row was affected; then there is nothing to propose.
  package var writes: [DocumentWrite]
  package var result: MutationResult
}

/// What must be locked before a mutation is evaluated, so that what it reads stays the newest.
package enum LockScope: Hashable, Sendable {
  /// These document keys, sorted, each once: all that the mutation can read or write.
  case keys([[UInt8]])
  /// Rows in these ranges: `findKeys` says which.
  case ranges([KeyRange])
}

/// Turns mutations of one tablet's rows into writes. It decides nothing about time: the caller holds the locks of
/// `lockScope`, picks the commit time afterwards and proposes the writes.
package struct MutationEvaluator: Sendable {
  package let codec: RowCodec
  /// The tablet's keys.
  package let bounds: KeyRange
  let context: EvaluationContext
  package let limits: MutationLimits

  package init(
    codec: RowCodec, bounds: KeyRange, context: EvaluationContext, limits: MutationLimits = MutationLimits()
  ) {
    self.codec = codec
    self.bounds = bounds
    self.context = context
    self.limits = limits
  }

  var table: TableDescriptor { codec.table }
  var rules: RowRules { codec.rules }

  // MARK: - Locks

  /// The locks that a mutation needs.
  /// - Throws: `internal_error` for one that would move rows to other keys: those are known only after it was evaluated, and
  ///   may be in other tablets, so it comes as a delete and an insert.
  package func lockScope(of mutation: TableMutation) throws(DocStoreError) -> LockScope {
    try requireMatch(mutation)
    switch mutation.mutation {
    case .insert(let rows, let onConflict):
      if case .update(let assignments, _) = onConflict { try requireKeysStay(assignments) }
      var keys: Set<[UInt8]> = []
      for row in rows {
        keys.insert(try MutationRun.checking { () throws(SQLError) in try table.documentKey(for: row) })
      }
      let sorted = keys.sorted { KeyRange.isLess($0, $1) }
      try requireInside(.points(sorted))
      return .keys(sorted)
    case .update(let selection, _, let assignments):
      try requireInside(selection)
      try requireKeysStay(assignments)
      return Self.lockScope(of: selection)
    case .delete(let selection, _):
      try requireInside(selection)
      return Self.lockScope(of: selection)
    }
  }

  private func requireKeysStay(_ assignments: [Assignment]) throws(DocStoreError) {
    guard table.hasKeyColumn(among: assignments) else { return }
    throw .statement(
      SQLError(.internalError, "an update of key columns came to a tablet, which cannot move rows to other keys"))
  }

  private static func lockScope(of selection: KeySelection) -> LockScope {
    switch selection {
    case .points(let keys): .keys(keys)
    case .ranges(let ranges): .ranges(ranges)
    }
  }

  // MARK: - Evaluation

  /// Evaluates the mutation over the newest versions. The store is not changed.
  /// - Parameter overlay: what the mutation's transaction has written before.
  /// - Throws: `statement` for rows that break a rule of the table (class 23), and for errors of the expressions.
  package func evaluate(
    _ mutation: TableMutation, reading store: any Store, overlay: OverlayView? = nil
  ) throws(DocStoreError) -> EvaluatedMutation {
    try requireMatch(mutation)
    let reader = RowReader(store: store, codec: codec, historyCutoff: .zero, overlay: overlay)
    var run = MutationRun(self, mutation, reading: reader, at: ReadPoint(time: .max))
    switch mutation.mutation {
    case .insert(let rows, let onConflict): try run.insert(rows, onConflict)
    case .update(let selection, let filter, let assignments):
      try requireInside(selection)
      try run.update(selection, filter: filter, assignments)
    case .delete(let selection, let filter):
      try requireInside(selection)
      try run.delete(selection, filter: filter)
    }
    return run.finish()
  }

  /// The keys of the rows that the mutation would change as of `point`, sorted: what has to be locked before it is
  /// evaluated, where the mutation does not name them itself.
  /// - Parameter countMax: the search ends with so many of them, and says where to go on.
  package func findKeys(
    of mutation: TableMutation, reading reader: RowReader, at point: ReadPoint, countMax: Int = .max
  ) throws(DocStoreError) -> ReadOutcome<FoundKeys> {
    try requireMatch(mutation)
    let selection: KeySelection
    let filter: Expression?
    switch mutation.mutation {
    case .insert: return .found(FoundKeys(keys: []))
    case .update(let all, let condition, _): (selection, filter) = (all, condition)
    case .delete(let all, let condition): (selection, filter) = (all, condition)
    }
    try requireInside(selection)
    var search = KeySearch(reader: reader, point: point, context: context, limits: limits)
    search.countMax = countMax
    return try search.keys(selection, filter)
  }

  /// The keys of the rows that a read yields as of `point`, sorted: what `FOR UPDATE` has to lock.
  /// - Parameter limited: whether the read's limit ends the search.
  package func findKeys(
    of read: TableRead, reading reader: RowReader, at point: ReadPoint, limited: Bool
  ) throws(DocStoreError) -> ReadOutcome<FoundKeys> {
    guard read.table == table.id else { throw .wrongTablet }
    guard read.schemaVersion == table.version else { throw .schemaChanged(current: table.version) }
    try requireInside(read.selection)
    var search = KeySearch(reader: reader, point: point, context: context, limits: limits)
    if limited, case .rows(_, let limit?) = read.pipeline.output { search.countMax = limit }
    return try search.keys(read.selection, read.pipeline.filter)
  }

  /// The rows at locked keys through the read's pipeline, in their newest versions.
  package func readNewest(
    _ read: TableRead, keys: [[UInt8]], reading store: any Store, overlay: OverlayView?
  ) throws(DocStoreError) -> MutationResult {
    let reader = RowReader(store: store, codec: codec, historyCutoff: .zero, overlay: overlay)
    var read = read
    read.selection = .points(keys)
    var batchLimits = BatchLimits()
    batchLimits.rowsMax = limits.writesMax
    batchLimits.bytesMax = limits.memoryMax
    let executor = ReadExecutor(reader: reader, bounds: bounds, context: context)
    switch try executor.execute(read, at: ReadPoint(time: .max), limits: batchLimits) {
    case .uncertain: preconditionFailure("a read of the newest versions cannot be uncertain")
    case .found(let batch):
      guard batch.resume == nil else { throw .statement(limits.error) }
      return MutationResult(affectedCount: batch.rows.count, returned: batch.rows)
    }
  }

  private func requireMatch(_ mutation: TableMutation) throws(DocStoreError) {
    guard mutation.table == table.id else { throw .wrongTablet }
    guard mutation.schemaVersion == table.version else { throw .schemaChanged(current: table.version) }
  }

  private func requireInside(_ selection: KeySelection) throws(DocStoreError) {
    let isInside =
      switch selection {
      case .points(let keys): keys.allSatisfy { bounds.contains($0) }
      case .ranges(let ranges): ranges.allSatisfy { $0.isEmpty || $0.intersection(bounds) == $0 }
      }
    guard isInside else { throw .wrongTablet }
  }
}

extension TableMutation {
  /// The same, for just these rows: of those that were found and locked.
  package func restricted(to keys: [[UInt8]]) -> TableMutation {
    var restricted = self
    switch mutation {
    case .insert: break
    case .update(_, let filter, let assignments):
      restricted.mutation = .update(.points(keys), filter: filter, assignments)
    case .delete(_, let filter): restricted.mutation = .delete(.points(keys), filter: filter)
    }
    return restricted
  }
}
