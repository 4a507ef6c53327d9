import Expressions
import Keys
import Operations
import Schema
import Synchronization
import Values

/// A cluster in memory: each table has three tablets (or as many as it was split into), each a sorted list of rows.
/// Everything is done in the plainest way, so that it can serve as the definition of what is right.
final class MemoryDataPlane: DataPlane {
  struct State {
    var catalog = CatalogSnapshot.empty
    var rows: [TabletID: [[UInt8]: Row]] = [:]
    var nextTable: UInt32 = 16_384
    var nextTablet: UInt64 = 2
    var sequences: [UInt64: Int64] = [:]
    /// Selections of the reads so far, for tests that look at plans.
    var reads: [TableRead] = []
    /// The transactions so far, and what was asked of them.
    var begun: [TransactionOptions] = []
    var calls: [String] = []
    var locks: [(selection: KeySelection, locking: RowLocking)] = []
    /// How many of the next calls of a kind fail with 40001.
    var failures: [Call: Int] = [:]
    /// Keys that somebody else holds locks on.
    var lockedElsewhere: Set<[UInt8]> = []
  }
  enum Call: Hashable { case read, mutate, commit, rollbackTo }

  let state = Mutex(State())
  static let tabletCount = 3

  var catalog: CatalogSnapshot { state.withLock { $0.catalog } }

  func note(_ call: String) { state.withLock { $0.calls.append(call) } }

  /// What was asked since the last time, and forgets it.
  func takeCalls() -> String {
    state.withLock { state in
      defer { state.calls = [] }
      return state.calls.joined(separator: ", ")
    }
  }

  private func context() -> EvaluationContext { EvaluationContext(statementTime: 0, transactionTime: 0) }

  // MARK: Reads

  func read(_ read: TableRead, deadline: Deadline?) async throws(SQLError) -> any RowBatches {
    note("plain read")
    try failIfAsked(.read)
    let (table, tablets) = try target(read.table, version: read.schemaVersion)
    state.withLock { $0.reads.append(read) }
    var batches: [[Row]] = []
    for tablet in tablets {
      let matching = rows(of: tablet, read.selection)
      if matching.isEmpty { continue }
      var runner = try PipelineRunner(read.pipeline, context())
      for row in matching where try !runner.push(row.value) { break }
      let output = runner.finish()
      if !output.isEmpty { batches.append(output) }
    }
    _ = table
    return ListedBatches(batches)
  }

  private final class ListedBatches: RowBatches {
    private let batches: Mutex<[[Row]]>
    init(_ batches: [[Row]]) { self.batches = Mutex(batches) }
    func next() async throws(SQLError) -> [Row]? {
      batches.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
  }

  private func target(_ id: TableID, version: UInt32) throws(SQLError) -> (TableDescriptor, [TabletDescriptor]) {
    let catalog = self.catalog
    guard let table = catalog.tables[id], table.version == version else {
      throw SQLError(.undefinedTable, "no table \(id) at version \(version)")
    }
    return (table, catalog.tablets(of: table))
  }

  private func rows(of tablet: TabletDescriptor, _ selection: KeySelection) -> [(key: [UInt8], value: Row)] {
    let rows = state.withLock { $0.rows[tablet.id] ?? [:] }
    return rows.filter { key, _ in
      switch selection {
      case .points(let keys): keys.contains(key)
      case .ranges(let ranges): ranges.contains { $0.contains(key) }
      }
    }.sorted { KeyRange.isLess($0.key, $1.key) }
  }

  func tabletCount(of selection: KeySelection, in table: TableDescriptor) -> Int {
    catalog.tablets(of: table).count { tablet in
      let bounds = KeyRange(lower: tablet.lower, upper: tablet.upper)
      return switch selection {
      case .points(let keys): keys.contains { bounds.contains($0) }
      case .ranges(let ranges): ranges.contains { !$0.intersection(bounds).isEmpty }
      }
    }
  }

  // MARK: Writes

  func table(_ id: TableID) throws(SQLError) -> TableDescriptor {
    guard let table = catalog.tables[id] else { throw SQLError(.undefinedTable, "no table \(id)") }
    return table
  }

  /// One table's rows, and nothing that follows from them.
  func mutateAlone(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    let (table, tablets) = try target(mutation.table, version: mutation.schemaVersion)
    var result = MutationResult(affectedCount: 0, returned: [])
    func returned(_ row: Row, _ change: RowChange) throws(SQLError) {
      result.affectedCount += 1
      if mutation.wantsChanges { result.changes.append(change) }
      guard let returning = mutation.returning else { return }
      var values: Row = []
      for expression in returning { values.append(try expression.evaluate(row: row, context())) }
      result.returned.append(values)
    }
    switch mutation.mutation {
    case .insert(let rows, let onConflict):
      var added: [TabletID: [[UInt8]: Row]] = [:]
      for row in rows {
        try check(row, table)
        let key = try table.documentKey(for: row)
        guard let tablet = tablets.first(where: { KeyRange(lower: $0.lower, upper: $0.upper).contains(key) }) else {
          throw SQLError(.internalError, "no tablet holds \(key)")
        }
        let existing = added[tablet.id]?[key] ?? state.withLock { $0.rows[tablet.id]?[key] }
        guard let existing else {
          added[tablet.id, default: [:]][key] = row
          try returned(row, RowChange(old: nil, new: row))
          continue
        }
        switch onConflict {
        case .fail: throw duplicate(row, table)
        case .doNothing: continue
        case .update(let assignments, let filter):
          if let filter, try !filter.isTrue(row: existing + row, context()) { continue }
          let updated = try self.updated(existing, existing + row, assignments, table)
          added[tablet.id, default: [:]][key] = updated
          try returned(updated, RowChange(old: existing, new: updated))
        }
      }
      state.withLock { state in
        for (tablet, rows) in added { state.rows[tablet, default: [:]].merge(rows) { $1 } }
      }
    case .update(let selection, let filter, let assignments):
      var changed: [(TabletID, [UInt8], Row)] = []
      for tablet in tablets {
        for (key, row) in rows(of: tablet, selection) {
          if let filter, try !filter.isTrue(row: row, context()) { continue }
          let new = try updated(row, row, assignments, table)
          changed.append((tablet.id, key, new))
          try returned(new, RowChange(old: row, new: new))
        }
      }
      state.withLock { state in for (tablet, key, row) in changed { state.rows[tablet]?[key] = row } }
    case .delete(let selection, let filter):
      var removed: [(TabletID, [UInt8])] = []
      for tablet in tablets {
        for (key, row) in rows(of: tablet, selection) {
          if let filter, try !filter.isTrue(row: row, context()) { continue }
          removed.append((tablet.id, key))
          try returned(row, RowChange(old: row, new: nil))
        }
      }
      state.withLock { state in for (tablet, key) in removed { state.rows[tablet]?[key] = nil } }
    }
    return result
  }

  private func updated(
    _ row: Row, _ input: Row, _ assignments: [Assignment], _ table: TableDescriptor
  ) throws(SQLError) -> Row {
    var updated = row
    for assignment in assignments {
      updated[assignment.column] = try assignment.value.evaluate(row: input, context())
    }
    try check(updated, table)
    return updated
  }

  private func check(_ row: Row, _ table: TableDescriptor) throws(SQLError) {
    let keyPositions = Set(table.isIndex ? [] : table.keyPositions)
    for (position, column) in table.columns.enumerated()
    where row[position].isNull && (column.isNotNull || keyPositions.contains(position)) {
      throw SQLError(
        .notNullViolation,
        "null value in column \"\(column.name)\" of relation \"\(table.name)\" violates not-null constraint")
    }
    for check in table.checks {
      if case .bool(false) = try check.expression.evaluate(row: row, context()) {
        throw SQLError(
          .checkViolation,
          "new row for relation \"\(table.name)\" violates check constraint \"\(check.name)\"")
      }
    }
  }

  private func duplicate(_ row: Row, _ table: TableDescriptor) -> SQLError {
    let shown = table.keyPositions.filter { !table.isIndex || !table.columns[$0].isHidden }
    let columns = shown.map { table.columns[$0] }
    let values = shown.map { row[$0].isNull ? "null" : TextFormat.text(row[$0], as: table.columns[$0].type) }
    var error = SQLError(
      .uniqueViolation,
      "duplicate key value violates unique constraint \"\(table.primaryKey.constraintName)\"",
      detail: "Key (\(columns.map(\.name).joined(separator: ", ")))=(\(values.joined(separator: ", "))) already exists."
    )
    error.constraint = table.primaryKey.constraintName
    return error
  }

  func insertInBatches(
    _ mutation: TableMutation, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    try await mutate(mutation, deadline: deadline)
  }

  func nextValues(of table: TableID, column: UInt16, count: Int) async throws(SQLError) -> [Int64] {
    let catalog = self.catalog
    guard let sequence = catalog.tables[table]?.sequence(ofColumn: column) else {
      throw SQLError(.undefinedTable, "no sequence")
    }
    return state.withLock { state in
      let key = UInt64(table.rawValue) << 16 | UInt64(column)
      let first = state.sequences[key] ?? sequence.start
      state.sequences[key] = first + Int64(count) * sequence.increment
      return (0..<count).map { first + Int64($0) * sequence.increment }
    }
  }

  func clusterStatus() async -> ClusterStatus {
    let catalog = self.catalog
    let nodes = (1...3).map { number in
      NodeStatus(
        node: NodeDescriptor(
          id: NodeID(UInt32(number)), cloud: "local", region: "r1", zone: "z\(number)",
          rpcAddress: "127.0.0.1:743\(number + 2)", sqlAddress: "127.0.0.1:543\(number + 2)",
          httpAddress: "127.0.0.1:843\(number + 2)", incarnation: UInt64(number)),
        isLive: true, silentMicroseconds: 0, leaderCount: 1, replicaCount: 3, catalogVersion: catalog.version)
    }
    let tablets = catalog.tablets.values.sorted { $0.id < $1.id }.map {
      TabletStatus(
        tablet: $0, leader: NodeID(1), term: 1, commitIndex: 1, matchIndexes: [:],
        sizeBytes: 1024)
    }
    return ClusterStatus(nodes: nodes, tablets: tablets)
  }
}
