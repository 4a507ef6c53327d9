import Expressions
import Keys
import Operations
import Schema
import Values

/// A table's rows on their way into a replacement with another key.
///
/// The table is frozen first: no write can slip in behind the rows that were copied. The replacement is a table like any
/// other until the catalog puts it in place in one step; if anything fails before, it is dropped, and the table is as it
/// was. If this node dies on the way, the table stays frozen until the statement is run again.
///
/// In a transaction nobody else writes to the table, and all of it is undone with the transaction.
struct TableRewrite {
  let changes: SchemaChanges
  let table: TableDescriptor
  /// Positions of the columns that go away.
  let hidden: [Int]
  let replacement: NewTable

  func run() async throws(SQLError) {
    // One that an earlier attempt left behind.
    if found != nil { try await drop() }
    try await changes.change(.createTable(replacement, ifNotExists: false))
    var frozen = table
    do throws(SQLError) {
      try await changes.change(.freeze(table.id, expectedVersion: table.version, isFrozen: true))
      guard let current = changes.catalog.tables[table.id], current.isFrozen else {
        throw SQLError(.objectNotInPrerequisiteState, "table \"\(table.name)\" was changed by another statement")
      }
      frozen = current
      guard let target = found else {
        throw SQLError(.internalError, "the replacement of table \"\(table.name)\" is not in the catalog")
      }
      try await copyRows(of: frozen, to: target)
      try await changes.change(.replaceStorage(of: table.id, expectedVersion: frozen.version, by: target.id))
    } catch {
      if changes.transaction == nil {
        if frozen.isFrozen {
          _ = try? await changes.dataPlane.change(
            .freeze(table.id, expectedVersion: frozen.version, isFrozen: false), deadline: nil)
        }
        try? await drop()
      }
      throw error
    }
  }

  private var found: TableDescriptor? {
    changes.catalog.table(schema: replacement.name.schema, name: replacement.name.name)
  }

  private func drop() async throws(SQLError) {
    let drop = CatalogChange.dropTables([replacement.name], ifExists: true, cascade: false)
    if changes.transaction == nil {
      _ = try await changes.dataPlane.change(drop, deadline: nil)
    } else {
      try await changes.change(drop)
    }
  }

  private func copyRows(of table: TableDescriptor, to target: TableDescriptor) async throws(SQLError) {
    let kept = table.columns.indices.filter { !hidden.contains($0) }
    let projection = kept.map { Expression.column($0, table.columns[$0].type) }
    let read = TableRead(
      table: table.id, schemaVersion: table.version, selection: .ranges([table.wholeRange]),
      pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false)
    let rows = try await changes.read(read)
    var copied = 0
    while let batch = try await rows.next() {
      for row in batch { try checkKey(row, target) }
      copied += batch.count
      guard copied <= changes.limits.rewriteRowsMax else {
        throw SQLError(
          .programLimitExceeded,
          "table \"\(table.name)\" has more than \(changes.limits.rewriteRowsMax) rows, too many to change its key",
          hint: "Create a table with the key, and copy the rows in parts with INSERT … SELECT … WHERE.")
      }
      try await insertParts(of: batch, into: target)
    }
  }

  /// Inserts rows in parts, some of them at the same time: while one waits for a disk, the others keep every tablet busy.
  private func insertParts(of rows: [Row], into target: TableDescriptor) async throws(SQLError) {
    if let transaction = changes.transaction {
      do throws(SQLError) {
        _ = try await transaction.fill(
          TableMutation(
            table: target.id, schemaVersion: target.version, mutation: .insert(rows: rows, onConflict: .fail),
            returning: nil), isFinal: changes.isFinal, deadline: changes.deadline)
      } catch {
        throw named(error, target)
      }
      return
    }
    let size = max(1, min(changes.limits.insertBatchRows, rows.count / Self.partsAtOnce + 1))
    let (dataPlane, deadline) = (changes.dataPlane, changes.deadline)
    let failures = await withTaskGroup(of: SQLError?.self) { group in
      for start in stride(from: 0, to: rows.count, by: size) {
        let part = TableMutation(
          table: target.id, schemaVersion: target.version,
          mutation: .insert(rows: Array(rows[start..<min(start + size, rows.count)]), onConflict: .fail),
          returning: nil)
        group.addTask {
          do throws(SQLError) {
            _ = try await dataPlane.insertInBatches(part, deadline: deadline)
            return nil
          } catch {
            return error
          }
        }
      }
      var all: [SQLError] = []
      for await case let failure? in group { all.append(failure) }
      return all
    }
    if let failure = failures.first { throw named(failure, target) }
  }

  private static let partsAtOnce = 4

  private func checkKey(_ row: Row, _ target: TableDescriptor) throws(SQLError) {
    for position in target.keyPositions where row[position].isNull {
      let name = target.columns[position].name
      var error = SQLError(
        .notNullViolation, "column \"\(name)\" of relation \"\(table.name)\" contains null values")
      (error.schema, error.table, error.column) = (table.schema, table.name, name)
      throw error
    }
  }

  /// The failure of an insert, as that of the table's new key.
  private func named(_ error: SQLError, _ target: TableDescriptor) -> SQLError {
    guard error.state == .uniqueViolation else { return error }
    var duplicate = SQLError(
      .uniqueViolation, "could not create unique index \"\(target.primaryKey.constraintName)\"",
      detail: error.detail?.replacing("already exists.", with: "is duplicated."))
    (duplicate.schema, duplicate.table) = (table.schema, table.name)
    duplicate.constraint = target.primaryKey.constraintName
    return duplicate
  }
}
