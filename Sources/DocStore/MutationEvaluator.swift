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
  /// All keys in these ranges, whether there are rows or not.
  case ranges([KeyRange])
}

/// Turns mutations of one tablet's rows into writes. It decides nothing about time: the caller holds the locks of
/// `lockScope`, picks the commit time afterwards and proposes the writes.
package struct MutationEvaluator: Sendable {
  package let codec: RowCodec
  /// The tablet's keys.
  package let bounds: KeyRange
  let context: EvaluationContext
  let limits: MutationLimits

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

  /// The locks that a mutation needs. A mutation that may move rows to other keys takes the whole tablet, since those
  /// keys are known only after it was evaluated.
  package func lockScope(of mutation: TableMutation) throws(DocStoreError) -> LockScope {
    try requireMatch(mutation)
    switch mutation.mutation {
    case .insert(let rows, let onConflict):
      if case .update(let assignments, _) = onConflict, changesKey(assignments) { return .ranges([bounds]) }
      var keys: Set<[UInt8]> = []
      for row in rows {
        keys.insert(try MutationRun.checking { () throws(SQLError) in try table.documentKey(for: row) })
      }
      let sorted = keys.sorted { KeyRange.isLess($0, $1) }
      try requireInside(.points(sorted))
      return .keys(sorted)
    case .update(let selection, _, let assignments):
      try requireInside(selection)
      return changesKey(assignments) ? .ranges([bounds]) : Self.lockScope(of: selection)
    case .delete(let selection, _):
      try requireInside(selection)
      return Self.lockScope(of: selection)
    }
  }

  private static func lockScope(of selection: KeySelection) -> LockScope {
    switch selection {
    case .points(let keys): .keys(keys)
    case .ranges(let ranges): .ranges(ranges)
    }
  }

  func changesKey(_ assignments: [Assignment]) -> Bool {
    assignments.contains { assignment in table.keyPositions.contains(assignment.column) }
  }

  // MARK: - Evaluation

  /// Evaluates the mutation over the newest versions at or before `time`. The store is not changed.
  /// - Throws: `statement` for rows that break a rule of the table (class 23), for errors of the expressions, and 0A000
  ///   for an update that moves a row to another tablet.
  package func evaluate(
    _ mutation: TableMutation, reading store: any Store, at time: HybridTime = .max
  ) throws(DocStoreError) -> EvaluatedMutation {
    try requireMatch(mutation)
    var run = MutationRun(self, store: store, time: time, returning: mutation.returning)
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
