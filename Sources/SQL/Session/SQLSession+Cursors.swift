import Values

// Cursors: portals that SQL makes and reads. They only go forward, and end with their transaction.

extension SQLSession {
  func declare(_ cursor: DeclareCursorSyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) {
    if let option = cursor.unsupportedOption {
      throw .unsupported(option, hint: "Declare it without the option, and read it forward in its transaction.")
    }
    guard transaction?.phase == .block || !place.isAlone else {
      throw SQLError(.noActiveTransaction, "DECLARE CURSOR can only be used in transaction blocks")
    }
    guard portals[cursor.name] == nil else {
      throw SQLError(.duplicateCursor, "cursor \"\(cursor.name)\" already exists")
    }
    guard portals.count < limits.portalsMax else {
      throw SQLError(.insufficientResources, "too many portals (\(limits.portalsMax))", hint: "Close some first.")
    }
    let text = execution.statement.text
    let inner = CachedStatement(
      ParsedScript.Statement(
        syntax: cursor.query, text: execution.statement.statement.text,
        parameterCount: execution.statement.statement.parameterCount), text: text)
    let parameters = execution.executor.evaluation.parameters
    let begun = try begin(inner, parameters: parameters)
    guard case .select = begun.plan.body, case .rows(let rows, let columns, _, _) = try await start(begun, sink: sink)
    else { throw SQLError(.internalError, "a cursor over something else than a query") }
    let portal = Portal(statement: inner, parameters: parameters, columns: columns)
    portal.rows = PortalRows(cursor: rows, tagName: .select, count: nil)
    add(portal, as: cursor.name)
  }

  func fetch(_ fetch: FetchSyntax) async throws(SQLError) -> StatementResult {
    guard let portal = portals[fetch.cursor], portal !== runningPortal else {
      throw SQLError(.invalidCursorName, "cursor \"\(fetch.cursor)\" does not exist")
    }
    if fetch.isBackward {
      throw SQLError(.objectNotInPrerequisiteState, "cursor can only scan forward")
    }
    guard let rows = portal.rows else {
      throw SQLError(.objectNotInPrerequisiteState, "portal \"\(fetch.cursor)\" cannot be run")
    }
    let cursor = FetchCursor(rows, count: fetch.count ?? .max)
    guard fetch.isMove else { return .rows(cursor, columns: portal.columns, .fetch, count: nil) }
    var moved = 0
    while let batch = try await cursor.next() { moved += batch.count }
    return .command(tag: "MOVE \(moved)")
  }
}

/// The next rows of a portal.
final class FetchCursor: RowCursor {
  private let rows: PortalRows
  private var remaining: Int

  init(_ rows: PortalRows, count: Int) {
    self.rows = rows
    remaining = count
  }

  func next() async throws(SQLError) -> [Row]? {
    guard remaining > 0, let batch = try await rows.take(remaining) else { return nil }
    remaining -= batch.count
    return batch
  }
}
