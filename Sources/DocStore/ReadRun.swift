import Expressions
import Keys
import Operations
import Schema
import Values

/// One batch of a read in the making.
struct ReadRun {
  private let reader: RowReader
  private var point: ReadPoint
  private let limits: BatchLimits
  private let columns: [Int]
  private let isStreaming: Bool
  private let rowCountBefore: Int
  private var runner: PipelineRunner
  private var row: Row
  private var versionCount = 0
  private var isDone = false
  private var resumeKey: [UInt8]?
  /// The greatest version in doubt, and how many more documents to look at for a greater one. Every restart costs the
  /// whole read, so looking ahead is cheap.
  private var doubt: HybridTime?
  private var documentsAhead = 1_000
  private var checksUntilCancellation = 0

  init(
    _ executor: ReadExecutor, _ read: TableRead, at point: ReadPoint, from token: ResumeToken, limits: BatchLimits,
    _ context: EvaluationContext
  ) throws(DocStoreError) {
    reader = executor.reader
    self.point = point
    self.limits = limits
    rowCountBefore = token.rowCount
    let columnCount = reader.codec.columnCount
    columns = read.pipeline.columnsUsed
    guard columns.allSatisfy({ (0..<columnCount).contains($0) }) else {
      throw .statement(SQLError(.internalError, "a read names a column that the table does not have"))
    }
    row = Row(repeating: .null, count: columnCount)
    var pipeline = read.pipeline
    if case .rows(let projection, let limit) = pipeline.output {
      isStreaming = true
      pipeline.output = .rows(projection: projection, limit: limit.map { max(0, $0 - token.rowCount) })
    } else {
      isStreaming = false
    }
    do { runner = try PipelineRunner(pipeline, context, memoryMax: limits.memoryMax) } catch {
      throw .statement(error)
    }
    isDone = !runner.wantsMore
  }

  // MARK: - Rows in

  mutating func visit(points: [[UInt8]]) throws(DocStoreError) {
    if isDone { return }
    if points.count == 1 { return try take(reader.get(points[0], at: &point, columns: columns, into: &row)) }
    var cursor = try reader.documentCursor()
    for (index, key) in points.enumerated() {
      if isDone { return }
      if index > 0, isFull {
        resumeKey = key
        return
      }
      try checkCancellation()
      try take(reader.get(key, by: &cursor, at: &point, columns: columns, into: &row))
    }
  }

  private mutating func take(_ outcome: ReadOutcome<Bool>) throws(DocStoreError) {
    versionCount += 1
    switch outcome {
    case .found(true): try push()
    case .found(false): break
    case .uncertain(let time): note(time)
    }
  }

  mutating func visit(ranges: [KeyRange]) throws(DocStoreError) {
    for range in ranges where !range.isEmpty {
      if isDone { return }
      if isFull {
        resumeKey = range.lower
        return
      }
      try visit(range)
    }
  }

  private mutating func visit(_ range: KeyRange) throws(DocStoreError) {
    let versionCountBefore = versionCount
    var scan = try RowScan(reader.store, range, at: point, overlay: reader.overlay)
    while true {
      let step = try scan.next()
      point = scan.point
      versionCount = versionCountBefore + scan.versionCount
      switch step {
      case .end: return
      case .uncertain(let time): note(time)
      case .row:
        if doubt == nil { try scan.unpack(reader.codec, columns: columns, into: &row) }
        try push()
      }
      if isDone { return }
      if isFull {
        resumeKey = KeyRange.successor(ofPrefix: scan.documentKey)
        return
      }
      try checkCancellation()
    }
  }

  /// Hands the row that was read to the pipeline.
  private mutating func push() throws(DocStoreError) {
    if doubt != nil { return lookAhead() }
    do { isDone = try !runner.push(row) } catch { throw .statement(error) }
  }

  private mutating func note(_ time: HybridTime) {
    doubt = max(doubt ?? time, time)
    lookAhead()
  }

  private mutating func lookAhead() {
    documentsAhead -= 1
    if documentsAhead <= 0 { isDone = true }
  }

  /// Whether the batch has reached one of its limits.
  private var isFull: Bool {
    guard isStreaming, doubt == nil else { return false }
    return runner.readyCount >= limits.rowsMax || runner.memoryEstimate >= limits.bytesMax
      || versionCount >= limits.versionsMax
  }

  private mutating func checkCancellation() throws(DocStoreError) {
    checksUntilCancellation -= 1
    guard checksUntilCancellation <= 0 else { return }
    checksUntilCancellation = 256
    if limits.isCanceled() {
      throw .statement(SQLError(.queryCanceled, "canceling statement due to user request"))
    }
  }

  // MARK: - Rows out

  mutating func finish() -> ReadOutcome<ReadBatch> {
    if let doubt { return .uncertain(doubt) }
    guard let resumeKey else { return .found(ReadBatch(rows: runner.finish(), resume: nil, time: point.time)) }
    let rows = runner.takeRows()
    let token = ResumeToken(key: resumeKey, rowCount: rowCountBefore + rows.count)
    return .found(ReadBatch(rows: rows, resume: token.encoded, time: point.time))
  }
}
