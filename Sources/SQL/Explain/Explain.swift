import Values

extension SQLSession {
  /// The rows of EXPLAIN. With ANALYZE the statement runs, and what it yields is only counted.
  func explain(_ plan: ExplainPlan, _ executor: Executor) async throws(SQLError) -> [Row] {
    var root = PlanDescriber(executor: executor, isVerbose: plan.isVerbose).describe(plan.statement)
    var elapsed = 0.0
    if plan.isAnalyze {
      var counted = executor
      let counters = ExecutionCounters()
      counted.counters = counters
      let start = clock.monotonicNanoseconds()
      let rows = try await count(plan.statement, counted)
      elapsed = Double(clock.monotonicNanoseconds() &- start) / 1e6
      root.setActual(rows: rows, sourceRows: counters.sourceRows)
      root.leaf { $0.details.append(.init(name: "Storage Read Requests", value: .number(counters.tableReads))) }
    }
    let writer = ExplainWriter(
      showsCosts: plan.showsCosts, isAnalyze: plan.isAnalyze, showsTiming: plan.showsTiming,
      elapsedMilliseconds: elapsed)
    let shown = ExplainWriter.fixed(elapsed, 3)
    switch plan.format {
    case .json:
      return [[.json(writer.json(root, summary: plan.showsSummary ? [("Execution Time", shown)] : []))]]
    case .text:
      var lines = writer.text(root)
      if plan.showsSummary { lines.append("Execution Time: \(shown) ms") }
      return lines.map { [.text($0)] }
    }
  }

  private func count(_ plan: StatementPlan, _ executor: Executor) async throws(SQLError) -> Int {
    let random = self.random
    switch plan.body {
    case .select(let select):
      let cursor = try await executor.open(select)
      var count = 0
      while let rows = try await cursor.next() { count += rows.count }
      return count
    case .insert(let insert):
      try requireWritable("INSERT")
      return try await executor.insert(insert, random: { random.next() }).returned.count
    case .update(let update):
      try requireWritable("UPDATE")
      return try await executor.update(update).returned.count
    case .delete(let delete):
      try requireWritable("DELETE")
      return try await executor.delete(delete).returned.count
    case .explain, .utility: return 0
    }
  }
}

/// What one execution met, for EXPLAIN ANALYZE. Lives on its session's loop.
final class ExecutionCounters {
  /// Reads sent to the data plane.
  var tableReads = 0
  /// Rows (or partial groups) that came from the source.
  var sourceRows = 0
}

/// Counts what passes.
final class CountingCursor: RowCursor {
  private let input: any RowCursor
  private let counters: ExecutionCounters

  init(_ input: any RowCursor, _ counters: ExecutionCounters) {
    self.input = input
    self.counters = counters
  }

  func next() async throws(SQLError) -> [Row]? {
    let rows = try await input.next()
    counters.sourceRows += rows?.count ?? 0
    return rows
  }
}

extension ExplainNode {
  /// The statement's rows at the top, the source's rows at the bottom.
  fileprivate mutating func setActual(rows: Int, sourceRows: Int) {
    leaf { $0.actualRows = sourceRows }
    actualRows = rows
  }

  fileprivate mutating func leaf(_ change: (inout ExplainNode) -> Void) {
    if children.isEmpty { change(&self) } else { children[0].leaf(change) }
  }
}
