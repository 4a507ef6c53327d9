import Coding
import Expressions
import Keys
import Operations
import Schema
import Storage
import Values

/// Carries out reads of one tablet: finds the rows of the selection as of a time and pushes them through the pipeline.
package struct ReadExecutor: Sendable {
  package let reader: RowReader
  /// The tablet's keys: what lies outside of them is not looked at.
  package let bounds: KeyRange
  private let context: EvaluationContext

  package init(reader: RowReader, bounds: KeyRange, context: EvaluationContext) {
    self.reader = reader
    self.bounds = bounds
    self.context = context
  }

  /// Reads the next batch.
  ///
  /// `.rows` come batch by batch in key order, until `limit` or the selection is exhausted; `.top` and `.groups` come at
  /// once, when all rows of the selection were seen. With `uncertain` no rows come: read again, from the beginning, at
  /// that time or a later one.
  /// - Parameter resume: of the batch before; nil for the first.
  /// - Throws: `statement` with 72000 below the history, 57014 when canceled, 53200 beyond `memoryMax`.
  package func execute(
    _ read: TableRead, at point: ReadPoint, resume: [UInt8]? = nil, limits: BatchLimits = BatchLimits()
  ) throws(DocStoreError) -> ReadOutcome<ReadBatch> {
    let table = reader.codec.table
    guard read.table == table.id else { throw .wrongTablet }
    guard read.schemaVersion == table.version else { throw .schemaChanged(current: table.version) }
    try reader.requireHistory(at: point)

    var token = ResumeToken(key: bounds.lower, rowCount: 0)
    if let resume {
      do { token = try ResumeToken(resume) } catch {
        throw .statement(SQLError(.protocolViolation, "a read goes on with bytes that no read gave"))
      }
    }
    var run = try ReadRun(self, read, at: point, from: token, limits: limits, context)
    let rest = KeyRange(lower: token.key, upper: bounds.upper).intersection(bounds)
    switch read.selection {
    case .points(let keys): try run.visit(points: keys.filter { rest.contains($0) })
    case .ranges(let ranges): try run.visit(ranges: ranges.map { $0.intersection(rest) })
    }
    return run.finish()
  }
}

extension RowPipeline {
  /// Positions of the columns that it looks at, ascending.
  var columnsUsed: [Int] {
    // One column by its key is what most reads are.
    if filter == nil, case .rows(let projection, _) = output, projection.count == 1,
      case .column(let position, _) = projection[0]
    {
      return [position]
    }
    var used = filter?.columnsUsed ?? []
    switch output {
    case .rows(let projection, _), .top(let projection, _, _):
      for expression in projection { used.formUnion(expression.columnsUsed) }
    case .groups(let groups, let aggregates):
      for expression in groups { used.formUnion(expression.columnsUsed) }
      for aggregate in aggregates {
        for expression in aggregate.arguments { used.formUnion(expression.columnsUsed) }
        if let filter = aggregate.filter { used.formUnion(filter.columnsUsed) }
      }
    }
    return used.sorted()
  }
}
