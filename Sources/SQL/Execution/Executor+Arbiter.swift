import Expressions
import Keys
import Operations
import Schema
import Values

/// Which duplicates `ON CONFLICT` looks for beside those of the primary key, which a tablet sees by itself.
enum ConflictArbiter: Sendable {
  case primaryKey
  /// The entries of one unique index.
  case index(IndexDescriptor)
  /// Those of all, and the primary key: `ON CONFLICT DO NOTHING` without a target.
  case all
}

extension Executor {
  /// INSERT … ON CONFLICT over unique indexes: their entries are looked up and locked first, rows without one are inserted,
  /// and those with one are skipped or update the row that they met. Where another transaction inserts the same key in
  /// between, the statement looks again.
  func insert(
    _ rows: [Row], _ plan: InsertPlan, meeting indexes: [IndexDescriptor], onConflict: ConflictAction
  ) async throws(SQLError) -> WriteOutcome {
    let transaction = self.transaction ?? dataPlane.begin(TransactionOptions())
    var executor = self
    executor.transaction = transaction
    let isOwner = self.transaction == nil
    if isOwner { transaction.beginStatement() }
    let mark = transaction.mark()
    let names = Set(indexes.map(\.name))
    do throws(SQLError) {
      for _ in 0..<Self.arbiterAttemptsMax {
        do throws(SQLError) {
          let outcome = try await executor.insertOnce(rows, plan, meeting: indexes, onConflict)
          if isOwner { try await transaction.commit(deadline: deadline) }
          return outcome
        } catch {
          guard error.state == .uniqueViolation, let name = error.constraint, names.contains(name) else { throw error }
          try await transaction.rollback(to: mark)
          transaction.beginStatement()
        }
      }
      throw SQLError(
        .serializationFailure, "could not serialize access due to concurrent update",
        detail: "Others inserted the same keys again and again.", hint: "Run the statement again.")
    } catch {
      if isOwner { await transaction.rollback() }
      throw error
    }
  }

  private static let arbiterAttemptsMax = 20

  private func insertOnce(
    _ rows: [Row], _ plan: InsertPlan, meeting indexes: [IndexDescriptor], _ onConflict: ConflictAction
  ) async throws(SQLError) -> WriteOutcome {
    let table = plan.table
    var met: [Int: [UInt8]] = [:]
    for index in indexes {
      for (position, key) in try await rowsMet(by: rows, in: index, of: table, onConflict) where met[position] == nil {
        met[position] = key
      }
    }
    let fresh = rows.indices.filter { met[$0] == nil }
    var affectedCount = 0
    var returned: [(position: Int, row: Row)] = []
    let returning = plan.returning?.map { $0.foldConstants(evaluation) }
    if !fresh.isEmpty {
      // Of a duplicate primary key it is an error that it is not the one asked about, unless all were.
      var keyConflict = ConflictAction.fail
      if case .all = plan.arbiter { keyConflict = .doNothing }
      let result = try await mutate(
        TableMutation(
          table: table.id, schemaVersion: table.version,
          mutation: .insert(rows: fresh.map { rows[$0] }, onConflict: keyConflict), returning: returning))
      affectedCount += result.affectedCount
      // Rows that were skipped have no place any more; the others keep theirs.
      let isWhole = result.returned.count == fresh.count
      for (index, row) in result.returned.enumerated() { returned.append((isWhole ? fresh[index] : index, row)) }
    }
    guard case .update(let assignments, let filter) = onConflict else {
      return WriteOutcome(affectedCount: affectedCount, returned: returned.map(\.row))
    }
    var updated: Set<[UInt8]> = []
    for (position, key) in met.sorted(by: { $0.key < $1.key }) {
      guard key != Self.earlierRow, updated.insert(key).inserted else { throw Self.secondUpdate }
      let row = rows[position]
      let result = try await mutate(
        TableMutation(
          table: table.id, schemaVersion: table.version,
          mutation: .update(
            .points([key]), filter: filter?.seeing(excluded: row),
            assignments.map { Assignment(column: $0.column, value: $0.value.seeing(excluded: row)) }),
          returning: returning))
      affectedCount += result.affectedCount
      returned += result.returned.map { (position, $0) }
    }
    returned.sort { $0.position < $1.position }
    return WriteOutcome(affectedCount: affectedCount, returned: returned.map(\.row))
  }

  /// Stands for a row of the same statement.
  private static let earlierRow: [UInt8] = []

  private static let secondUpdate = SQLError(
    .cardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time",
    hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")

  /// By position: the document key of the row whose entry has the same key, or `earlierRow`.
  private func rowsMet(
    by rows: [Row], in index: IndexDescriptor, of table: TableDescriptor, _ onConflict: ConflictAction
  ) async throws(SQLError) -> [Int: [UInt8]] {
    guard let relation = catalog.tables[index.relation] else {
      throw SQLError(.serializationFailure, "index \"\(index.name)\" was dropped by another statement")
    }
    let maker = IndexEntries(of: index, on: table)
    let layout = index.layout(of: table)
    var met: [Int: [UInt8]] = [:]
    var positions: [[UInt8]: [Int]] = [:]
    for (position, row) in rows.enumerated() {
      guard let entry = try maker.entry(for: row) else { continue }
      positions[try relation.documentKey(for: entry), default: []].append(position)
    }
    if positions.isEmpty { return [:] }
    var strength = RowLockStrength.keyShare
    if case .update = onConflict { strength = .update }
    let projection = relation.columns.enumerated().map { Expression.column($0.offset, $0.element.type) }
    let entries = try await read(
      TableRead(
        table: relation.id, schemaVersion: relation.version,
        selection: .points(positions.keys.sorted(by: KeyRange.isLess)),
        pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false),
      locking: RowLocking(strength: strength, policy: .wait))
    while let batch = try await entries.next() {
      for entry in batch {
        let key = try relation.documentKey(for: entry)
        let owner = try table.documentKey(keyValues: Array(entry[layout.primaryKeyPositions]))
        for position in positions.removeValue(forKey: key) ?? [] { met[position] = owner }
      }
    }
    for later in positions.values { for position in later.dropFirst() { met[position] = Self.earlierRow } }
    return met
  }
}

extension Expression {
  /// With the proposed row's values in the place of its columns, which follow the table's.
  fileprivate func seeing(excluded row: Row) -> Expression {
    replacing { node in
      guard case .column(let position, let type) = node, position >= row.count, position < 2 * row.count else {
        return nil
      }
      return .constant(row[position - row.count], type)
    }
  }
}
