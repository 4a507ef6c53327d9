import Expressions
import Keys
import Operations
import Schema
import Values

/// `INSERT … SELECT`. The rows are written as they are read, in one transaction, so that their number is not bounded by the
/// memory of the gateway.
extension Executor {
  func insert(
    _ query: SelectPlan, _ sources: [ColumnSource], _ plan: InsertPlan, random: () -> UInt64
  ) async throws(SQLError) -> WriteOutcome {
    let maker = RowMaker(table: plan.table, executor: self)
    let cursor = try await open(query)
    var source = NewRows(cursor: cursor, writesWhileReading: canWriteWhileReading(query, plan), limits: limits)
    let first = try await source.next(maker, sources, random: random)
    if first.isEmpty { return WriteOutcome(affectedCount: 0, returned: []) }
    if source.isAtEnd { return try await insert(first, plan) }
    var outcome = WriteOutcome(affectedCount: 0, returned: [])
    // A query of a table has a transaction already.
    let own = transaction == nil ? dataPlane.begin(transactionOptions) : nil
    var copy = self
    if let own { copy.transaction = own }
    do throws(SQLError) {
      var (rows, returnedSize) = (first, 0)
      while !rows.isEmpty {
        let part = try await copy.insert(rows, plan)
        outcome.affectedCount += part.affectedCount
        for row in part.returned { returnedSize += row.sizeEstimate }
        if returnedSize > limits.memoryBytesMax { throw .tooMuchMemory("RETURNING", limits.memoryBytesMax) }
        outcome.returned += part.returned
        rows = try await source.next(maker, sources, random: random)
      }
      try await own?.commit(deadline: deadline)
      return outcome
    } catch {
      await own?.rollback()
      throw error
    }
  }

  /// A query that reads the very table must not meet the new rows; and no row may be changed twice by one statement.
  private func canWriteWhileReading(_ query: SelectPlan, _ plan: InsertPlan) -> Bool {
    if case .update = plan.onConflict { return false }
    return !query.reads(plan.table.id)
  }
}

/// The rows that a query makes for a table, as many at a time as are to be written at a time.
private struct NewRows {
  private let cursor: any RowCursor
  private let writesWhileReading: Bool
  private let limits: ExecutionLimits
  private(set) var isAtEnd = false

  private static let rowsMax = 4_000
  private static let bytesMax = 4 << 20

  init(cursor: any RowCursor, writesWhileReading: Bool, limits: ExecutionLimits) {
    self.cursor = cursor
    self.writesWhileReading = writesWhileReading
    self.limits = limits
  }

  /// None at the end.
  mutating func next(
    _ maker: RowMaker, _ sources: [ColumnSource], random: () -> UInt64
  ) async throws(SQLError) -> [Row] {
    var (rows, size): ([Row], Int) = ([], 0)
    while !isAtEnd {
      guard let batch = try await cursor.next() else {
        isAtEnd = true
        break
      }
      let made = try await maker.rows(from: batch, sources, random: random)
      for row in made { size += row.sizeEstimate }
      rows += made
      if writesWhileReading {
        if rows.count >= Self.rowsMax || size >= min(Self.bytesMax, limits.memoryBytesMax) { break }
      } else if size > limits.memoryBytesMax {
        throw .tooMuchMemory("INSERT … SELECT from the table itself, or with DO UPDATE,", limits.memoryBytesMax)
      }
    }
    return rows
  }
}

extension SelectPlan {
  /// Whether rows of this table are read.
  func reads(_ table: TableID) -> Bool {
    switch source {
    case .nothing, .view, .series, .values: false
    case .table(let read, _): read.id == table
    case .index(let path), .indexOnly(let path, _): path.table.id == table
    case .subquery(let inner): inner.reads(table)
    }
  }
}
