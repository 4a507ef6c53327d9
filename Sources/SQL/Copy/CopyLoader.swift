import Expressions
import Operations
import Runtime
import Schema
import Values

/// Rows on their way from COPY input into a table, batch by batch: while one is written, the next is read. All of them
/// belong to one transaction, or to one after the other if `rowsPerTransaction` says so. Lives on its session's loop.
final class CopyLoader {
  /// Commits a transaction and begins the next one.
  typealias NextTransaction = () async throws(SQLError) -> any Transaction

  private let table: TableDescriptor
  /// Positions in the table of the input's columns.
  private let targets: [Int]
  private let sources: [ColumnSource]
  private let filter: Expression?
  private let executor: Executor
  private let loop: any Loop
  private let maker: RowMaker
  private var reader: CopyReader
  private var batch: [(row: CopyRow, values: Row)] = []
  private var batchBytes = 0
  private(set) var loadedCount = 0
  /// Rows of transactions that are over; the last transaction is the session's to commit.
  private(set) var committedCount = 0
  private var sentCount = 0
  private var transaction: (any Transaction)?
  /// 0: all rows are of one transaction.
  private let rowsPerTransaction: Int
  /// Whether nobody can go back to before these rows but by rolling back the whole transaction.
  private let isFinal: Bool
  private let nextTransaction: NextTransaction
  /// The batches that are being written while the next ones are read, oldest first.
  private var sending: [Sending] = []
  private var hasFailed = false

  private struct Sending {
    var task: Task<Result<MutationResult, SQLError>, Never>
    /// Where its rows came from.
    var lines: String
  }

  /// Rows of a batch. Each tablet puts its share in key order, which is the cheaper the more neighbours there are.
  private static let batchRowsLargest = 3_000
  /// A batch of this many bytes goes, whatever its number of rows.
  private static let batchBytesMax = 1 << 20
  /// Batches on their way at a time: while one waits for a disk, the others keep every tablet busy.
  private static let sendingMax = 4

  init(
    _ copy: CopySyntax, _ relation: RelationSyntax, _ options: CopyOptions, _ context: BindingContext,
    _ executor: Executor, loop: any Loop, rowsPerTransaction: Int, isFinal: Bool,
    nextTransaction: @escaping NextTransaction
  ) throws(SQLError) {
    self.loop = loop
    transaction = executor.transaction
    self.rowsPerTransaction = rowsPerTransaction
    self.isFinal = isFinal
    self.nextTransaction = nextTransaction
    let binder = StatementBinder(context: context, parameters: ParameterTypes(count: 0, given: []))
    table = try binder.table(relation)
    self.executor = executor
    var targets: [Int] = []
    for name in copy.columns {
      guard let position = table.position(ofColumnNamed: name), !table.columns[position].isHidden else {
        throw SQLError(.undefinedColumn, "column \"\(name)\" of relation \"\(table.name)\" does not exist")
      }
      guard !targets.contains(position) else {
        throw SQLError(.duplicateColumn, "column \"\(name)\" specified more than once")
      }
      targets.append(position)
    }
    if copy.columns.isEmpty { targets = table.columns.indices.filter { [table] in !table.columns[$0].isHidden } }
    self.targets = targets

    var sources: [ColumnSource] = []
    for (position, column) in table.columns.enumerated() {
      if let index = targets.firstIndex(of: position) {
        sources.append(.value(.column(index, column.type)))
        continue
      }
      switch column.defaultValue {
      case .expression(let expression, _): sources.append(.value(expression))
      case .sequence, .identity: sources.append(.sequence)
      case .rowID: sources.append(.rowID)
      case nil: sources.append(.value(.constant(.null, column.type)))
      }
    }
    self.sources = sources
    if let condition = copy.filter {
      let scope = try Scope(table: table, alias: nil, at: relation.location)
      var binder = binder.binder(Scopes([scope]), clause: "WHERE")
      filter = try binder.bindCondition(condition)
    } else {
      filter = nil
    }
    maker = RowMaker(table: table, executor: executor)
    reader = CopyReader(options, columns: targets.map { [table] in table.columns[$0].name }, table: table.name)
  }

  var columnCount: Int { targets.count }
  private var batchRowsMax: Int {
    rowsPerTransaction > 0 ? min(rowsPerTransaction, Self.batchRowsLargest) : Self.batchRowsLargest
  }

  func add(_ piece: [UInt8]) { reader.add(piece) }

  /// Reads the rows that are there, and sends each batch that is full.
  func loadFullBatches(random: () -> UInt64) async throws(SQLError) {
    while let row = try reader.next() {
      batch.append((row, try values(of: row)))
      batchBytes += row.raw.count
      if batch.count >= batchRowsMax || batchBytes >= Self.batchBytesMax {
        try await send(random: random)
      }
    }
  }

  func finish(random: () -> UInt64) async throws(SQLError) {
    reader.end()
    try await loadFullBatches(random: random)
    try await send(random: random)
    try await settle()
  }

  /// What the client is told when the input is at fault: with the batch that was on its way accounted for.
  func failure(for error: SQLError) async -> SQLError {
    if hasFailed { return error }
    do throws(SQLError) {
      try await settle()
    } catch let earlier {
      // Rows before the faulty one could not be written: that came first.
      return earlier
    }
    return withCommittedCount(error)
  }

  /// The error, saying what stays.
  private func withCommittedCount(_ error: SQLError) -> SQLError {
    guard committedCount > 0 else { return error }
    var error = error
    let committed = "\(committedCount) rows were committed before the error, and stay."
    error.detail = error.detail.map { "\($0) \(committed)" } ?? committed
    return error
  }

  /// Waits until at most `count` batches are on their way. If one failed, waits for all of them.
  func settle(downTo count: Int = 0) async throws(SQLError) {
    var failure: SQLError?
    while sending.count > (failure == nil ? count : 0) {
      let (task, lines) = (sending[0].task, sending[0].lines)
      sending.removeFirst()
      let result = await withTaskCancellationHandler {
        await task.value
      } onCancel: {
        task.cancel()
      }
      switch result {
      case .success(let result): loadedCount += result.affectedCount
      case .failure(let error): failure = failure ?? error.in("COPY \(table.name), \(lines)")
      }
    }
    guard let failure else { return }
    hasFailed = true
    throw withCommittedCount(failure)
  }

  private func values(of row: CopyRow) throws(SQLError) -> Row {
    var values: Row = []
    values.reserveCapacity(row.fields.count)
    for (field, target) in zip(row.fields, targets) {
      guard let field else {
        values.append(.null)
        continue
      }
      let column = table.columns[target]
      do {
        values.append(
          try TextFormat.parse(
            field, as: column.type, settings: executor.evaluation.settings, now: executor.evaluation.statementTime))
      } catch {
        throw error.in(reader.context(column: column.name, field, line: row.line))
      }
    }
    return values
  }

  private func send(random: () -> UInt64) async throws(SQLError) {
    guard let first = batch.first, let last = batch.last else { return }
    var rows = try await maker.unchecked(from: batch.map(\.values), sources, random: random)
    var kept: [Row] = []
    kept.reserveCapacity(rows.count)
    for (index, row) in rows.enumerated() {
      do throws(SQLError) {
        if let filter, try !filter.isTrue(row: row, executor.evaluation) { continue }
        try maker.check(row)
      } catch { throw error.in(reader.context(batch[index].row.raw, line: batch[index].row.line)) }
      kept.append(row)
    }
    rows = kept
    let lines =
      first.row.line == last.row.line ? "line \(first.row.line)" : "lines \(first.row.line) to \(last.row.line)"
    batch.removeAll(keepingCapacity: true)
    batchBytes = 0
    if rows.isEmpty { return }
    let mutation = TableMutation(
      table: table.id, schemaVersion: table.version, mutation: .insert(rows: rows, onConflict: .fail), returning: nil)
    try await settle(downTo: Self.sendingMax - 1)
    if rowsPerTransaction > 0, sentCount - committedCount + rows.count > rowsPerTransaction {
      try await settle()
      let reached = loadedCount
      transaction = try await nextTransaction()
      committedCount = reached
      sentCount = reached
    }
    sentCount += rows.count
    guard let transaction else { throw SQLError(.internalError, "COPY without a transaction") }
    let (deadline, isFinal) = (executor.deadline, isFinal)
    let task = Task(executorPreference: loop) { () -> Result<MutationResult, SQLError> in
      do throws(SQLError) {
        return .success(try await transaction.fill(mutation, isFinal: isFinal, deadline: deadline))
      } catch {
        return .failure(error)
      }
    }
    sending.append(Sending(task: task, lines: lines))
  }
}
