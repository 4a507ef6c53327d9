import Operations
import Values

// A node that is cut off from the catalog must not say what is there and what is not. Every statement whose names mean
// something in the catalog begins here; usually that is one comparison.

extension SQLSession {
  /// Waits until this node's catalog is good enough to plan the statement.
  /// - Throws: 57P03 where that does not come to be.
  func requireCurrentCatalog(for statement: CachedStatement) async throws(SQLError) {
    if dataPlane.catalogIsCurrent { return }
    guard transaction?.phase != .failed, needsCatalog(statement) else { return }
    try await dataPlane.requireCurrentCatalog(deadline: statementDeadline())
  }

  /// The same for messages that plan and run nothing: a task that can be cancelled, and time out, waits.
  func requireCurrentCatalogInTask(for statement: CachedStatement) async throws(SQLError) {
    if dataPlane.catalogIsCurrent || statement.isEmpty { return }
    current = .statement(statement)
    defer { current = nil }
    try await run { session throws(SQLError) in
      guard case .statement(let statement) = session.current else { return }
      try await session.requireCurrentCatalog(for: statement)
    }
  }

  /// Whether the statement means something else with another catalog; one that cannot be planned may be right with it.
  private func needsCatalog(_ statement: CachedStatement) -> Bool {
    guard let plan = try? plan(of: statement) else { return true }
    return plan.readsCatalog
  }
}

extension StatementPlan {
  var readsCatalog: Bool {
    let namesSequence = slots.contains { if case .nextValue = $0 { true } else { false } }
    if namesSequence { return true }
    return switch body {
    case .select(let plan): plan.readsCatalog
    case .insert, .update, .delete: true
    case .explain(let plan): plan.statement.readsCatalog
    case .utility(let syntax): syntax.readsCatalog
    }
  }
}

extension SelectPlan {
  fileprivate var readsCatalog: Bool {
    switch source {
    case .table, .index, .indexOnly: true
    // What a node knows of the cluster is wanted just when something is wrong.
    case .view(let view): view.schema != "sys"
    case .subquery(let inner): inner.readsCatalog
    case .nothing, .series, .values: false
    }
  }
}

extension StatementSyntax {
  fileprivate var readsCatalog: Bool {
    switch self {
    case .select, .insert, .update, .delete, .explain, .createTable, .dropTables, .createIndex, .dropIndexes,
      .alterTable, .addPrimaryKey, .truncate, .copy, .prepare, .execute, .maintain, .declareCursor:
      true
    case .set, .show, .deallocate, .discard, .transaction, .unlisten, .fetch, .closeCursor, .unsupported: false
    }
  }
}
