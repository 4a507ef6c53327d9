import Expressions
import Keys
import Operations
import Schema
import Values

/// Bounds of one statement's use of the gateway.
package struct ExecutionLimits: Sendable {
  /// Bytes that one sort or grouping may hold at the gateway (`work_mem`).
  package var memoryBytesMax = 64 << 20
  /// Rows of one batch of a write that commits batch by batch.
  package var insertBatchRows = 1_000
  /// Rows that ALTER TABLE … ADD PRIMARY KEY copies at most.
  package var rewriteRowsMax = 20_000_000
  package init() {}
}

/// Carries out plans for one execution: parameters and time are fixed.
struct Executor {
  let dataPlane: any DataPlane
  let settings: Settings
  let facts: SessionFacts
  let registry: SessionRegistry
  var evaluation: EvaluationContext
  let deadline: Deadline?
  let limits: ExecutionLimits
  /// What reads and writes belong to; nil where each is a transaction of its own.
  var transaction: (any Transaction)?
  var counters: ExecutionCounters?

  /// With the changes of the transaction.
  var catalog: CatalogSnapshot { transaction?.catalog ?? dataPlane.catalog }

  /// The same execution with more parameters.
  func with(parameters: [Datum]) -> Executor {
    var copy = self
    copy.evaluation = EvaluationContext(
      statementTime: evaluation.statementTime, transactionTime: evaluation.transactionTime,
      settings: evaluation.settings, parameters: parameters, random: evaluation.random, clock: evaluation.clock)
    return copy
  }

  // MARK: - The cluster's rows

  func read(_ read: TableRead, locking: RowLocking? = nil) async throws(SQLError) -> any RowBatches {
    if let transaction { return try await transaction.read(read, locking: locking, deadline: deadline) }
    guard locking == nil else { throw SQLError(.internalError, "row locks without a transaction") }
    return try await dataPlane.read(read, deadline: deadline)
  }

  func mutate(_ mutation: TableMutation) async throws(SQLError) -> MutationResult {
    if let transaction { return try await transaction.mutate(mutation, deadline: deadline) }
    return try await dataPlane.mutate(mutation, options: transactionOptions, deadline: deadline)
  }

  /// A transaction of its own, where a statement needs one, has the level that the session asks for.
  var transactionOptions: TransactionOptions {
    TransactionOptions(isolation: settings.currentCharacteristics.level.isolation, processID: facts.processID)
  }

  // MARK: - Queries

  func open(_ plan: SelectPlan) async throws(SQLError) -> any RowCursor {
    if plan.locking != nil, plan.limit != nil, let cursor = try await openLockingFirst(plan) { return cursor }
    let limit = try count(plan.limit, "LIMIT")
    let offset = try count(plan.offset, "OFFSET") ?? 0
    /// How many rows the client can need from the front of the order.
    let needed = limit.flatMap { limit -> Int? in
      let (sum, overflow) = limit.addingReportingOverflow(offset)
      return overflow ? nil : sum
    }
    let isSorted = plan.sort.isEmpty || plan.isSortedBySource
    let filter = plan.filter.map { $0.foldConstants(evaluation) }

    var cursor: any RowCursor
    var types: [SQLType]
    var sortsAtSource = false
    switch plan.shape {
    case .plain(let projection) where plan.isDistinct:
      let keys = projection.map { $0.foldConstants(evaluation) }
      types = keys.map(\.type)
      let partial = try await read(plan.source, RowPipeline(filter: filter, output: .groups(by: keys, aggregates: [])))
      cursor = try GroupCursor(
        partial, by: keys, aggregates: [], having: nil,
        projection: types.enumerated().map { .column($0.offset, $0.element) }, evaluation,
        memoryMax: limits.memoryBytesMax)
    case .plain(let projection):
      let projection = projection.map { $0.foldConstants(evaluation) }
      types = projection.map(\.type)
      let output: RowPipeline.Output
      if !isSorted, let needed, needed <= Self.topRowsMax, plan.locking == nil {
        output = .top(projection: projection, keys: plan.sort, limit: needed)
        sortsAtSource = true
      } else {
        output = .rows(projection: projection, limit: isSorted ? needed : nil)
      }
      cursor = try await read(
        plan.source, RowPipeline(filter: filter, output: output), isOrdered: plan.isSortedBySource,
        locking: plan.locking)
    case .grouped(let keys, let aggregates, let having, let projection):
      let keys = keys.map { $0.foldConstants(evaluation) }
      let aggregates = aggregates.map { folded($0) }
      types = projection.map(\.type)
      let partial = try await read(
        plan.source, RowPipeline(filter: filter, output: .groups(by: keys, aggregates: aggregates)))
      cursor = try GroupCursor(
        partial, by: keys, aggregates: aggregates, having: having?.foldConstants(evaluation),
        projection: projection.map { $0.foldConstants(evaluation) }, evaluation, memoryMax: limits.memoryBytesMax)
      if plan.isDistinct {
        let columns = types.enumerated().map { Expression.column($0.offset, $0.element) }
        let pipeline = RowPipeline(filter: nil, output: .groups(by: columns, aggregates: []))
        cursor = try PipelineCursor(cursor, pipeline, evaluation, memoryMax: limits.memoryBytesMax)
      }
    }
    // Top rows of several tablets still have to be merged.
    if !isSorted, !(sortsAtSource && isSingleSource(plan.source)) {
      cursor = SortCursor(
        cursor, RowSorter(keys: plan.sort, types: types), limit: needed.flatMap { $0 <= Self.topRowsMax ? $0 : nil },
        memoryMax: limits.memoryBytesMax)
    }
    if offset == 0, limit == nil, types.count == plan.visibleCount { return cursor }
    return SliceCursor(cursor, offset: offset, limit: limit, visibleCount: plan.visibleCount)
  }

  /// A LIMIT up to this many rows is kept at the tablets in a heap; a greater one is a sort.
  static let topRowsMax = 100_000

  private func isSingleSource(_ source: RowSource) -> Bool {
    switch source {
    case .table, .index, .indexOnly: false
    case .nothing, .view, .series, .values, .subquery: true
    }
  }

  private func folded(_ call: AggregateCall) -> AggregateCall {
    var call = call
    call.arguments = call.arguments.map { $0.foldConstants(evaluation) }
    call.filter = call.filter?.foldConstants(evaluation)
    return call
  }

  func count(_ expression: Expression?, _ clause: String) throws(SQLError) -> Int? {
    guard let expression else { return nil }
    guard case .int8(let value) = try expression.evaluate(row: [], evaluation) else { return nil }
    guard value >= 0 else {
      throw SQLError(SQLState(code: clause == "LIMIT" ? "2201W" : "2201X"), "\(clause) must not be negative")
    }
    return Int(value)
  }

  private func read(
    _ source: RowSource, _ pipeline: RowPipeline, isOrdered: Bool = false, locking: RowLocking? = nil
  ) async throws(SQLError) -> any RowCursor {
    let input: any RowCursor
    switch source {
    case .index(let path):
      guard !(pipeline.filter?.isNeverTrue ?? false),
        let rows = try await open(path, pipeline, isOrdered: isOrdered, locking: locking)
      else { return try PipelineCursor(ListCursor([]), pipeline, evaluation, memoryMax: limits.memoryBytesMax) }
      return counters.map { CountingCursor(rows, $0) } ?? rows
    case .indexOnly(let path, _):
      try requireReadable(path.index)
      return try await read(.table(path.relation, path.keys), pipeline, isOrdered: isOrdered)
    case .table(let table, let keys):
      guard !(pipeline.filter?.isNeverTrue ?? false), let selection = try keys.selection(in: table, evaluation) else {
        // No row can match, but a grouping without keys still has its one row.
        return try PipelineCursor(ListCursor([]), pipeline, evaluation, memoryMax: limits.memoryBytesMax)
      }
      let read = TableRead(
        table: table.id, schemaVersion: table.version, selection: selection, pipeline: pipeline, isOrdered: isOrdered)
      counters?.tableReads += 1
      let rows: any RowCursor =
        if transaction == nil, locking == nil, let rows = dataPlane.readAtOnce(read) {
          ListCursor(rows)
        } else {
          TabletCursor(try await self.read(read, locking: locking))
        }
      return counters.map { CountingCursor(rows, $0) } ?? rows
    case .nothing: input = ListCursor([[]])
    case .view(let view):
      let viewInput = VirtualTables.Input(
        catalog: catalog, dataPlane: dataPlane, settings: settings, facts: facts, registry: registry,
        views: .standard)
      input = ListCursor(await view.rows(viewInput))
    case .series(let start, let stop, let step, let type):
      input = try SeriesCursor(
        start: try start.evaluate(row: [], evaluation), stop: try stop.evaluate(row: [], evaluation),
        step: try step.evaluate(row: [], evaluation), type: type, evaluation)
    case .values(let rows):
      var evaluated: [Row] = []
      evaluated.reserveCapacity(rows.count)
      for row in rows {
        var values: Row = []
        for value in row { values.append(try value.evaluate(row: [], evaluation)) }
        evaluated.append(values)
      }
      input = ListCursor(evaluated)
    case .subquery(let plan): input = try await open(plan)
    }
    let counted: any RowCursor = counters.map { CountingCursor(input, $0) } ?? input
    return try PipelineCursor(counted, pipeline, evaluation, memoryMax: limits.memoryBytesMax)
  }
}
