import Expressions
import Operations
import Runtime
import Values

/// One client's session: prepared statements, portals, settings, and the running of statements one after the other.
///
/// An actor on its connection's loop, so a statement moves between wire, session and data plane without a switch of
/// threads. Each statement runs in a task of its own: cancelling that task is how a statement is stopped.
package actor SQLSession: Session {
  let dataPlane: any DataPlane
  let clock: any Clock
  let random: any RandomSource
  let limits: SessionLimits
  let facts: SessionFacts
  nonisolated let loop: any Loop
  nonisolated let running = RunningStatement()

  var settings: Settings
  var prepared: [String: CachedStatement] = [:]
  var portals: [String: Portal] = [:]
  var cache: StatementCache
  /// What the running statement's task works on; the task cannot be given it, as it belongs to this actor.
  private var current: Work?
  /// What currval and lastval answer, by table and column.
  var sequenceValues: [SequenceKey: Int64] = [:]
  var lastSequence: SequenceKey?

  private enum Work {
    case statement(CachedStatement)
    case portal(Portal)
  }

  struct SequenceKey: Hashable {
    var table: UInt32
    var column: UInt16
  }

  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(
    dataPlane: any DataPlane, clock: any Clock, random: any RandomSource, limits: SessionLimits, settings: Settings,
    facts: SessionFacts, loop: any Loop
  ) {
    self.dataPlane = dataPlane
    self.clock = clock
    self.random = random
    self.limits = limits
    self.settings = settings
    self.facts = facts
    self.loop = loop
    cache = StatementCache(countMax: limits.cachedTextsMax)
  }

  package func reportedSettings() -> [(name: String, value: String)] { settings.reported }

  /// Transactions of several statements are not there yet, so a session is always between transactions.
  package var transactionStatus: TransactionStatus { .idle }

  package nonisolated func cancel() { running.cancel(.userRequest) }

  package func terminate() {
    running.cancel(.userRequest)
    portals.removeAll()
    prepared.removeAll()
    cache.removeAll()
  }

  // MARK: - Simple query

  package func simpleQuery(_ sql: String, sink: any ResultSink) async throws(SQLError) {
    portals[""] = nil
    let statements = try cache.statements(of: sql)
    if statements.isEmpty {
      try await sink.emptyQuery()
      return
    }
    for statement in statements {
      current = .statement(statement)
      defer { current = nil }
      try await run { session throws(SQLError) in try await session.runSimple(sink: sink) }
      endImplicitTransaction()
    }
  }

  private func runSimple(sink: any ResultSink) async throws(SQLError) {
    guard case .statement(let statement) = current else { throw SQLError(.internalError, "no statement to run") }
    let result = try await start(try begin(statement, parameters: []), sink: sink)
    let tag: String
    switch result {
    case .command(let done): tag = done
    case .rows(let cursor, let columns, let tagName, let count):
      // The first rows before their description: what fails at once is an error without a result.
      var next = try await cursor.next()
      if let columns { try await sink.columns(columns) }
      var sent = 0
      while let rows = next {
        sent += rows.count
        try await sink.rows(rows, columns: columns ?? [], settings: settings.format)
        next = try await cursor.next()
      }
      tag = tagName.tag(count: count ?? sent)
    }
    try await sink.complete(tag: tag)
  }

  // MARK: - Extended query

  package func parse(name: String, sql: String, parameterTypes: [UInt32]) throws(SQLError) {
    if !name.isEmpty, prepared[name] != nil {
      throw SQLError(.duplicatePreparedStatement, "prepared statement \"\(name)\" already exists")
    }
    var given: [SQLType] = []
    for oid in parameterTypes {
      if oid == 0 {
        given.append(.unknown)
      } else if let kind = TypeCatalog.kind(oid: oid) {
        given.append(SQLType(kind))
      } else {
        throw .unsupported(
          "the parameter type with OID \(oid)", hint: "Send the parameter as text, without a type.")
      }
    }
    let statement: CachedStatement
    if given.allSatisfy({ $0.kind == .unknown }), let known = try soleCachedStatement(of: sql) {
      // Unnamed statements of pgbench and its like come with the same text again and again.
      statement = known
    } else {
      let script = try SQLParser.parse(sql)
      guard script.statements.count <= 1 else {
        throw SQLError(.syntaxError, "cannot insert multiple commands into a prepared statement")
      }
      let parsed =
        script.statements.first
        ?? ParsedScript.Statement(syntax: .unsupported("", hint: nil), text: "", parameterCount: 0)
      statement = CachedStatement(parsed, text: sql, given: given)
    }
    if !statement.isEmpty { _ = try plan(of: statement) }
    try store(statement, as: name)
  }

  private func soleCachedStatement(of sql: String) throws(SQLError) -> CachedStatement? {
    let statements = try cache.statements(of: sql)
    guard statements.count <= 1 else {
      throw SQLError(.syntaxError, "cannot insert multiple commands into a prepared statement")
    }
    return statements.first
  }

  func store(_ statement: CachedStatement, as name: String) throws(SQLError) {
    guard prepared[name] != nil || prepared.count < limits.preparedStatementsMax else {
      throw SQLError(
        .insufficientResources, "too many prepared statements (\(limits.preparedStatementsMax))",
        hint: "DEALLOCATE those that are not needed any more.")
    }
    prepared[name] = statement
  }

  package func bind(
    portal: String, statement name: String, parameters: [ArraySlice<UInt8>?], parameterFormats: [DataFormat],
    resultFormats: [DataFormat]
  ) throws(SQLError) {
    guard let statement = prepared[name] else { throw Self.noStatement(name) }
    if !portal.isEmpty, portals[portal] != nil {
      throw SQLError(.duplicateCursor, "cursor \"\(portal)\" already exists")
    }
    guard portals.count < limits.portalsMax || portals[portal] != nil else {
      throw SQLError(.insufficientResources, "too many portals (\(limits.portalsMax))", hint: "Close some first.")
    }
    if statement.isEmpty {
      portals[portal] = Portal(statement: statement, parameters: [], columns: nil)
      return
    }
    let plan = try plan(of: statement)
    guard parameters.count == plan.userParameterCount else {
      throw SQLError(
        .protocolViolation,
        "bind message supplies \(parameters.count) parameters, but prepared statement \"\(name)\" requires "
          + "\(plan.userParameterCount)")
    }
    guard parameterFormats.count <= 1 || parameterFormats.count == parameters.count else {
      throw SQLError(
        .protocolViolation,
        "bind message has \(parameterFormats.count) parameter formats but \(parameters.count) parameters")
    }
    var values: [Datum] = []
    values.reserveCapacity(parameters.count + plan.slots.count)
    for (index, parameter) in parameters.enumerated() {
      let format = parameterFormats.isEmpty ? .text : parameterFormats[min(index, parameterFormats.count - 1)]
      values.append(try Self.value(parameter, plan.parameterTypes[index], format, settings.format, now()))
    }
    var columns = plan.columns
    if let count = columns?.count {
      guard resultFormats.count <= 1 || resultFormats.count == count else {
        throw SQLError(
          .protocolViolation, "bind message has \(resultFormats.count) result formats but query has \(count) columns")
      }
      for index in 0..<count where !resultFormats.isEmpty {
        columns?[index].format = resultFormats[min(index, resultFormats.count - 1)]
      }
    }
    portals[portal] = Portal(statement: statement, parameters: values, columns: columns)
  }

  private static func value(
    _ bytes: ArraySlice<UInt8>?, _ type: SQLType, _ format: DataFormat, _ settings: FormatSettings, _ now: Int64
  ) throws(SQLError) -> Datum {
    guard let bytes else { return .null }
    switch format {
    case .binary: return try BinaryFormat.parse(bytes, as: type)
    case .text: return try TextFormat.parse(TextFormat.utf8Text(bytes), as: type, settings: settings, now: now)
    }
  }

  package func describe(statement name: String) throws(SQLError) -> StatementDescription {
    guard let statement = prepared[name] else { throw Self.noStatement(name) }
    if statement.isEmpty { return StatementDescription(parameterTypes: [], columns: nil) }
    let plan = try plan(of: statement)
    return StatementDescription(
      parameterTypes: Array(plan.parameterTypes.prefix(plan.userParameterCount)), columns: plan.columns)
  }

  package func describe(portal name: String) throws(SQLError) -> [ResultColumn]? {
    guard let portal = portals[name] else { throw Self.noPortal(name) }
    return portal.columns
  }

  package func execute(
    portal name: String, maxRows: Int, sink: any ResultSink
  ) async throws(SQLError) -> ExecuteOutcome {
    guard let portal = portals[name] else { throw Self.noPortal(name) }
    if portal.statement.isEmpty { return .empty }
    if portal.isDone {
      throw SQLError(
        .objectNotInPrerequisiteState, "portal \"\(name)\" cannot be run")
    }
    current = .portal(portal)
    defer { current = nil }
    return try await run { session throws(SQLError) in try await session.execute(maxRows: maxRows, sink: sink) }
  }

  private func execute(maxRows: Int, sink: any ResultSink) async throws(SQLError) -> ExecuteOutcome {
    guard case .portal(let portal) = current else { throw SQLError(.internalError, "no portal to run") }
    if portal.rows == nil {
      let execution = try begin(portal.statement, parameters: portal.parameters)
      switch try await start(execution, sink: sink) {
      case .command(let tag):
        portal.isDone = true
        return .complete(tag: tag)
      case .rows(let cursor, let columns, let tagName, let count):
        portal.rows = PortalRows(cursor: cursor, tagName: tagName, count: count)
        if portal.columns == nil { portal.columns = columns }
      }
    }
    guard let rows = portal.rows else { throw SQLError(.internalError, "a portal without rows") }
    // Only queries may stop half way; what writes runs to its end.
    let limit = maxRows > 0 && rows.tagName.maySuspend ? maxRows : .max
    var sent = 0
    while sent < limit {
      guard let batch = try await rows.take(limit - sent) else {
        portal.isDone = !rows.tagName.maySuspend
        return .complete(tag: rows.tagName.tag(count: rows.count ?? sent))
      }
      sent += batch.count
      try await sink.rows(batch, columns: portal.columns ?? [], settings: settings.format)
    }
    return .suspended
  }

  package func close(statement name: String) { prepared[name] = nil }
  package func close(portal name: String) { portals[name] = nil }

  package func sync() { endImplicitTransaction() }

  /// Cursors end with their transaction, and each statement is one.
  func endImplicitTransaction() {
    portals.removeAll(keepingCapacity: true)
    settings.endTransaction()
  }

  static func noStatement(_ name: String) -> SQLError {
    SQLError(
      .invalidStatementName,
      name.isEmpty ? "unnamed prepared statement does not exist" : "prepared statement \"\(name)\" does not exist")
  }

  private static func noPortal(_ name: String) -> SQLError {
    SQLError(.invalidCursorName, "portal \"\(name)\" does not exist")
  }
}
