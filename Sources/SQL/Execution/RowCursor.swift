import Expressions
import Operations
import Values

/// Rows of one execution, pulled batch by batch; dropping it ends the execution. Lives on its session's loop.
protocol RowCursor: AnyObject {
  /// The next rows, at least one, or nil at the end.
  func next() async throws(SQLError) -> [Row]?
}

/// Rows that are there already.
final class ListCursor: RowCursor {
  private var rows: [Row]?
  init(_ rows: [Row]) { self.rows = rows.isEmpty ? nil : rows }
  func next() -> [Row]? {
    defer { rows = nil }
    return rows
  }
}

/// Rows from the tablets.
final class TabletCursor: RowCursor {
  private let batches: any RowBatches
  init(_ batches: any RowBatches) { self.batches = batches }
  func next() async throws(SQLError) -> [Row]? { try await batches.next() }
}

/// Runs at the gateway what a tablet would run, over rows that are not a table's.
final class PipelineCursor: RowCursor {
  private let input: any RowCursor
  private var runner: PipelineRunner
  private var isFinished = false

  init(_ input: any RowCursor, _ pipeline: RowPipeline, _ context: EvaluationContext, memoryMax: Int) throws(SQLError) {
    self.input = input
    runner = try PipelineRunner(pipeline, context, memoryMax: memoryMax)
  }

  func next() async throws(SQLError) -> [Row]? {
    while !isFinished {
      guard runner.wantsMore, let rows = try await input.next() else {
        isFinished = true
        let last = runner.finish()
        return last.isEmpty ? nil : last
      }
      for row in rows where try !runner.push(row) { break }
      let ready = runner.takeRows()
      if !ready.isEmpty { return ready }
    }
    return nil
  }
}

/// Merges partial groups, keeps those that HAVING lets through, and projects.
final class GroupCursor: RowCursor {
  private let input: any RowCursor
  private var merger: GroupMerger
  private let having: CompiledExpression?
  private let projection: [CompiledExpression]
  private let context: EvaluationContext
  private let memoryMax: Int
  private var isFinished = false

  init(
    _ input: any RowCursor, by keys: [Expression], aggregates: [AggregateCall], having: Expression?,
    projection: [Expression], _ context: EvaluationContext, memoryMax: Int
  ) throws(SQLError) {
    self.input = input
    merger = try GroupMerger(by: keys, aggregates: aggregates)
    self.having = having.map { CompiledExpression($0) }
    self.projection = projection.map { CompiledExpression($0) }
    self.context = context
    self.memoryMax = memoryMax
  }

  func next() async throws(SQLError) -> [Row]? {
    if isFinished { return nil }
    isFinished = true
    while let rows = try await input.next() {
      for row in rows { try merger.merge(row) }
      if merger.memoryEstimate > memoryMax { throw .tooMuchMemory("Grouping", memoryMax) }
    }
    var output: [Row] = []
    for group in try merger.finish() {
      if let having, try !having.isTrue(group, context) { continue }
      var row: Row = []
      row.reserveCapacity(projection.count)
      for expression in projection { row.append(try expression.evaluate(group, context)) }
      output.append(row)
    }
    return output.isEmpty ? nil : output
  }
}

/// Sorts all rows, or keeps the first of them.
final class SortCursor: RowCursor {
  private let input: any RowCursor
  private let sorter: RowSorter
  private let limit: Int?
  private let memoryMax: Int
  private var isFinished = false

  init(_ input: any RowCursor, _ sorter: RowSorter, limit: Int?, memoryMax: Int) {
    self.input = input
    self.sorter = sorter
    self.limit = limit
    self.memoryMax = memoryMax
  }

  func next() async throws(SQLError) -> [Row]? {
    if isFinished { return nil }
    isFinished = true
    var sorted: [Row] = []
    if let limit {
      var top = TopRows(limit: limit, sorter: sorter)
      while let rows = try await input.next() {
        for row in rows { top.insert(row) }
        if top.memoryEstimate > memoryMax { throw .tooMuchMemory("Sorting", memoryMax) }
      }
      sorted = top.takeSorted()
    } else {
      var size = 0
      while let rows = try await input.next() {
        for row in rows { size += row.sizeEstimate }
        sorted += rows
        if size > memoryMax { throw .tooMuchMemory("Sorting", memoryMax) }
      }
      sorter.sort(&sorted)
    }
    return sorted.isEmpty ? nil : sorted
  }
}

/// OFFSET and LIMIT, and the cut of columns that were there to sort by.
final class SliceCursor: RowCursor {
  private let input: any RowCursor
  private var toSkip: Int
  private var remaining: Int
  private let visibleCount: Int

  init(_ input: any RowCursor, offset: Int, limit: Int?, visibleCount: Int) {
    self.input = input
    toSkip = offset
    remaining = limit ?? .max
    self.visibleCount = visibleCount
  }

  func next() async throws(SQLError) -> [Row]? {
    while remaining > 0, var rows = try await input.next() {
      if toSkip > 0 {
        let skipped = min(toSkip, rows.count)
        rows.removeFirst(skipped)
        toSkip -= skipped
      }
      if rows.count > remaining { rows.removeLast(rows.count - remaining) }
      remaining -= rows.count
      if rows.isEmpty { continue }
      for index in rows.indices where rows[index].count > visibleCount {
        rows[index].removeLast(rows[index].count - visibleCount)
      }
      return rows
    }
    return nil
  }
}

extension SQLError {
  static func tooMuchMemory(_ what: String, _ memoryMax: Int) -> SQLError {
    SQLError(
      .outOfMemory, "out of memory", detail: "\(what) needs more than \(memoryMax >> 10) kB.",
      hint: "Add a WHERE or LIMIT, or raise work_mem.")
  }
}
