import Expressions
import Keys
import Operations
import Schema
import Storage
import Values

/// One mutation under evaluation.
struct MutationRun {
  let evaluator: MutationEvaluator
  let reader: RowReader
  private let point: ReadPoint
  private let returning: [CompiledExpression]?
  private(set) var pending: PendingWrites
  private var memoryEstimate = 0
  private var rowCount = 0
  private var result = MutationResult(affectedCount: 0, returned: [])

  private let wantsChanges: Bool

  init(_ evaluator: MutationEvaluator, _ mutation: TableMutation, reading reader: RowReader, at point: ReadPoint) {
    self.evaluator = evaluator
    self.reader = reader
    self.point = point
    returning = mutation.returning?.map { CompiledExpression($0) }
    wantsChanges = mutation.wantsChanges
    pending = PendingWrites(limits: evaluator.limits)
  }

  var table: TableDescriptor { evaluator.table }
  var context: EvaluationContext { evaluator.context }
  /// Whether affected rows are looked at again.
  var wantsRows: Bool { returning != nil || wantsChanges }

  func finish() -> EvaluatedMutation { EvaluatedMutation(writes: pending.writes, result: result) }

  // MARK: - Rows in

  /// The row at a key as the mutation sees it: as committed. What it wrote itself is in `pending`.
  func storedRow(at key: [UInt8]) throws(DocStoreError) -> Row? {
    switch try reader.get(key, at: point) {
    case .found(let row): return row
    case .uncertain: preconditionFailure("a read without an uncertainty window cannot be uncertain")
    }
  }

  /// As `storedRow(at:)`, by a cursor that serves many of them.
  func storedRow(at key: [UInt8], by cursor: inout DocumentCursor) throws(DocStoreError) -> Row? {
    try reader.requireHistory(at: point)
    var row = Row(repeating: .null, count: evaluator.codec.columnCount)
    var point = point
    switch try reader.get(key, by: &cursor, at: &point, columns: nil, into: &row) {
    case .found(let exists): return exists ? row : nil
    case .uncertain: preconditionFailure("a read without an uncertainty window cannot be uncertain")
    }
  }

  /// Calls `body` with each stored row of the selection for which `filter` is true.
  mutating func forEachRow(
    of selection: KeySelection, filter: Expression?,
    _ body: (inout Self, [UInt8], Row) throws(DocStoreError) -> Void
  ) throws(DocStoreError) {
    let filter = filter.map { CompiledExpression($0) }
    switch selection {
    case .points(let keys) where keys.count == 1:
      guard let row = try storedRow(at: keys[0]), try passes(row, filter) else { return }
      try countRow()
      try body(&self, keys[0], row)
    case .points(let keys):
      var cursor = try reader.documentCursor()
      for key in keys {
        guard let row = try storedRow(at: key, by: &cursor), try passes(row, filter) else { continue }
        try countRow()
        try body(&self, key, row)
      }
    case .ranges(let ranges):
      var row = Row(repeating: .null, count: table.columns.count)
      for range in ranges where !range.isEmpty {
        var scan = try RowScan(reader.store, range, at: point, overlay: reader.overlay)
        while try scan.next() == .row {
          try scan.unpack(evaluator.codec, columns: nil, into: &row)
          guard try passes(row, filter) else { continue }
          try countRow()
          try body(&self, scan.documentKey, row)
        }
      }
    }
  }

  private mutating func countRow() throws(DocStoreError) {
    rowCount += 1
    guard rowCount <= evaluator.limits.writesMax else { throw .statement(evaluator.limits.error) }
  }

  private func passes(_ row: Row, _ filter: CompiledExpression?) throws(DocStoreError) -> Bool {
    guard let filter else { return true }
    return try Self.checking { () throws(SQLError) in try filter.isTrue(row, context) }
  }

  // MARK: - Rows out

  /// Writes a row, in the place of another one or of none, and counts it.
  mutating func put(_ row: Row, at key: [UInt8], replacing old: Row?) throws(DocStoreError) {
    try Self.checking { () throws(SQLError) in
      var packed: [UInt8] = []
      try evaluator.codec.encode(row, into: &packed)
      try pending.put(DocumentWrite(documentKey: key, packedRow: packed))
      try affected(row, RowChange(old: old, new: row))
    }
  }

  mutating func putTombstone(at key: [UInt8]) throws(DocStoreError) {
    try Self.checking { () throws(SQLError) in
      try pending.put(DocumentWrite(documentKey: key, packedRow: nil))
    }
  }

  /// Counts a row, and evaluates `RETURNING` over it.
  mutating func affected(_ row: Row, _ change: RowChange) throws(SQLError) {
    result.affectedCount += 1
    if wantsChanges {
      try keep(row)
      result.changes.append(change)
    }
    guard let returning else { return }
    var returned: Row = []
    returned.reserveCapacity(returning.count)
    for expression in returning { returned.append(try expression.evaluate(row, context)) }
    try keep(returned)
    result.returned.append(returned)
  }

  /// Counts a row that stays in memory until the mutation is evaluated.
  /// - Throws: 54000 beyond the limit.
  mutating func keep(_ row: Row) throws(SQLError) {
    memoryEstimate += row.sizeEstimate
    guard memoryEstimate <= evaluator.limits.memoryMax else { throw evaluator.limits.error }
  }

  // MARK: - Errors

  static func checking<T>(_ body: () throws(SQLError) -> T) throws(DocStoreError) -> T {
    do { return try body() } catch { throw .statement(error) }
  }
}
