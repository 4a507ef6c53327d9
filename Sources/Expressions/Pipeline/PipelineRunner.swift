import Values

/// Runs a pipeline over rows that are pushed into it, one by one: filter, then project, sort or aggregate.
///
/// The rows that it yields wait in `takeRows` (`.rows`: as they come), or come from `finish` (`.top`, `.groups`: when
/// all input was seen).
package struct PipelineRunner: Sendable {
  private let context: EvaluationContext
  private let filter: CompiledExpression?
  private let memoryMax: Int
  private var output: Output
  private var ready: [Row] = []
  private var readySize = 0

  private enum Output: Sendable {
    case rows(projection: [CompiledExpression], remaining: Int?)
    case top(projection: [CompiledExpression], TopRows, limit: Int)
    case groups(GroupTable)
    /// While the payload is out to be changed, so that it changes in place.
    case busy
  }

  /// `memoryMax` in bytes bounds what `.top` and `.groups` keep.
  /// - Throws: XX000 for an aggregate that this node does not have.
  package init(
    _ pipeline: RowPipeline, _ context: EvaluationContext, memoryMax: Int = 256 << 20
  ) throws(SQLError) {
    self.context = context
    self.memoryMax = memoryMax
    filter = pipeline.filter.map { CompiledExpression($0) }
    switch pipeline.output {
    case .rows(let projection, let limit):
      output = .rows(projection: projection.map { CompiledExpression($0) }, remaining: limit.map { max(0, $0) })
    case .top(let projection, let keys, let limit):
      let sorter = RowSorter(keys: keys, types: projection.map(\.type))
      output = .top(
        projection: projection.map { CompiledExpression($0) }, TopRows(limit: limit, sorter: sorter), limit: limit)
    case .groups(let groups, let aggregates):
      output = .groups(try GroupTable(by: groups, aggregates: aggregates))
    }
  }

  /// Whether another row could still change the output.
  package var wantsMore: Bool {
    switch output {
    case .rows(_, let remaining): remaining != 0
    case .top(_, _, let limit): limit > 0
    case .groups: true
    case .busy: false
    }
  }

  /// Bytes held, roughly: kept rows and groups, and rows ready to be taken.
  package var memoryEstimate: Int {
    switch output {
    case .rows, .busy: readySize
    case .top(_, let rows, _): rows.memoryEstimate
    case .groups(let table): table.memoryEstimate
    }
  }

  /// Takes the next input row.
  /// - Returns: whether more rows are wanted.
  /// - Throws: what the expressions throw; 53200 beyond `memoryMax`. Nothing more may be pushed then.
  package mutating func push(_ row: Row) throws(SQLError) -> Bool {
    guard wantsMore else { return false }
    if let filter, try !filter.isTrue(row, context) { return true }
    switch output {
    case .rows(let projection, let remaining):
      let projected = try project(row, projection)
      readySize += projected.sizeEstimate
      ready.append(projected)
      if let remaining {
        output = .rows(projection: projection, remaining: remaining - 1)
        return remaining > 1
      }
    case .top(let projection, var rows, let limit):
      let projected = try project(row, projection)
      output = .busy
      rows.insert(projected)
      output = .top(projection: projection, rows, limit: limit)
      try checkMemory()
    case .groups(var table):
      output = .busy
      try table.add(row, context)
      output = .groups(table)
      try checkMemory()
    case .busy: return false
    }
    return true
  }

  /// The projected rows that are ready; empty for `.top` and `.groups` before the end.
  package mutating func takeRows() -> [Row] {
    readySize = 0
    let rows = ready
    ready = []
    return rows
  }

  package var readyCount: Int { ready.count }

  /// All input was seen: the rows not yet taken. For `.groups` partial groups, to be merged by a `GroupMerger`.
  package mutating func finish() -> [Row] {
    switch output {
    case .rows: return takeRows()
    case .top(_, var rows, _):
      output = .busy
      return rows.takeSorted()
    case .groups(var table):
      output = .busy
      return table.takePartialRows()
    case .busy: return []
    }
  }

  private func project(_ row: Row, _ projection: [CompiledExpression]) throws(SQLError) -> Row {
    var projected: Row = []
    projected.reserveCapacity(projection.count)
    for expression in projection { projected.append(try expression.evaluate(row, context)) }
    return projected
  }

  private func checkMemory() throws(SQLError) {
    guard memoryEstimate > memoryMax else { return }
    throw SQLError(
      .outOfMemory, "out of memory",
      detail: "Sorting or grouping needs more than \(memoryMax) bytes at one tablet.",
      hint: "Group or sort fewer rows.")
  }
}
