import Expressions
import Keys
import Operations
import Runtime
import Schema
import Values

/// Where a statement's changes of the catalog go: to everybody at once, step by step while others work; or into the
/// transaction that it is part of, which others see when it commits.
struct SchemaChanges: Sendable {
  let dataPlane: any DataPlane
  let loop: any Loop
  /// Nil where the statement stands alone.
  let transaction: (any Transaction)?
  /// Whether nobody can go back to before the statement but by rolling back the whole transaction.
  let isFinal: Bool
  let limits: ExecutionLimits
  let deadline: Deadline?
  /// Shows whom others see wait.
  let activity: SessionActivity

  var catalog: CatalogSnapshot { transaction?.catalog ?? dataPlane.catalog }

  @discardableResult
  func change(_ change: CatalogChange) async throws(SQLError) -> CatalogChangeResult {
    activity.changes(change.changedTable)
    defer { activity.changes(nil) }
    if let transaction { return try await transaction.change(change, deadline: deadline) }
    return try await dataPlane.change(change, deadline: deadline)
  }

  func read(_ read: TableRead) async throws(SQLError) -> any RowBatches {
    if let transaction { return try await transaction.read(read, locking: nil, deadline: deadline) }
    return try await dataPlane.read(read, deadline: deadline)
  }

  /// Undoes a step of a statement that has failed; in a task of its own, as the statement's may be cancelled by now. A
  /// transaction is rolled back by its session.
  func takeBack(_ alteration: TableAlteration, of table: TableID) async {
    guard transaction == nil else { return }
    let dataPlane = dataPlane
    await Task(executorPreference: loop) {
      _ = try? await dataPlane.change(.alterTable(table, alteration), deadline: nil)
    }.value
  }

  /// Goes over all rows of a table, for what must become true of them while others write, or as the transaction sees them:
  /// then others wait.
  /// - Throws: 0A000 where the transaction does not see all of them.
  func scan(
    _ table: TableID, finished: @escaping @Sendable (_ rowCount: Int, _ isLastOfTablet: Bool) -> Void = { _, _ in },
    _ body: @escaping LockedScan.Body
  ) async throws(SQLError) {
    guard let transaction else {
      let scan = LockedScan(
        dataPlane: dataPlane, loop: loop, table: table, batchRowsMax: limits.insertBatchRows, deadline: deadline)
      return try await scan.run(finished: finished, body)
    }
    guard let descriptor = catalog.tables[table] else {
      throw SQLError(.undefinedTable, "the table was dropped by another statement")
    }
    if transaction.hasSnapshot, dataPlane.catalog.tables[table] != nil {
      throw .unsupported(
        "checking the rows of a table in a transaction whose snapshot may be older than some of them",
        hint: "Change the table in a READ COMMITTED transaction, or before the transaction's first query.")
    }
    transaction.beginStatement()
    let rows = try await transaction.read(descriptor.wholeRead, locking: nil, deadline: deadline)
    while let batch = try await rows.next() {
      for start in stride(from: 0, to: batch.count, by: limits.insertBatchRows) {
        let part = Array(batch[start..<min(start + limits.insertBatchRows, batch.count)])
        try await body(part, descriptor, transaction)
        finished(part.count, false)
      }
    }
  }
}

extension TableDescriptor {
  /// All columns of all rows.
  fileprivate var wholeRead: TableRead {
    let projection = columns.enumerated().map { Expression.column($0.offset, $0.element.type) }
    return TableRead(
      table: id, schemaVersion: version, selection: .ranges([wholeRange]),
      pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false)
  }
}

extension SQLSession {
  var hasNoSavepoint: Bool { transaction?.savepoints.isEmpty ?? true }

  /// - Throws: 25006 in a read-only transaction, for the command.
  func schemaChanges(_ command: String, _ execution: Execution) throws(SQLError) -> SchemaChanges {
    try requireWritable(command)
    return SchemaChanges(
      dataPlane: dataPlane, loop: loop, transaction: isAlone ? nil : try beginData(), isFinal: hasNoSavepoint,
      limits: execution.executor.limits, deadline: execution.executor.deadline, activity: activity)
  }
}
