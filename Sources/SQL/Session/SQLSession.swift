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
  var nextPortalNumber: UInt64 = 1
  /// Nil between transactions.
  var transaction: SessionTransaction?
  /// Where the running statement stands.
  var place = StatementPlace()
  /// When the client's latest message came: `statement_timestamp()`.
  var statementTime: Int64 = 0
  /// What the client was last told of the settings that it is told.
  private var reported: (generation: Int, values: [(name: String, value: String)])
  nonisolated let activity: SessionActivity
  let registry: SessionRegistry
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

  /// The portal whose statement runs.
  var runningPortal: Portal? { if case .portal(let portal)? = current { portal } else { nil } }

  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(
    dataPlane: any DataPlane, clock: any Clock, random: any RandomSource, limits: SessionLimits, settings: Settings,
    facts: SessionFacts, registry: SessionRegistry, loop: any Loop
  ) {
    self.dataPlane = dataPlane
    self.clock = clock
    self.random = random
    self.limits = limits
    self.settings = settings
    self.facts = facts
    self.loop = loop
    cache = StatementCache(countMax: limits.cachedTextsMax)
    reported = (settings.changeCount, settings.reported)
    self.registry = registry
    activity = SessionActivity(facts: facts, startMicroseconds: clock.wallMicroseconds())
    registry.add(activity, cancel: { [running] in running.cancel(.userRequest) })
  }

  package func reportedSettings() -> [(name: String, value: String)] { settings.reported }

  package func attach(_ client: SessionClient) { registry.attach(client, to: facts.processID) }

  package nonisolated func cancel() { running.cancel(.userRequest) }

  package func terminate() async {
    running.cancel(.userRequest)
    registry.remove(facts.processID)
    prepared.removeAll()
    cache.removeAll()
    await rollBackTransaction()
  }

  package func ready() -> SessionReadiness {
    let status: TransactionStatus =
      switch transaction?.phase {
      case nil, .implicit: .idle
      case .block: .inBlock
      case .failed: .failed
      }
    activity.becameIdle(status, at: clock.wallMicroseconds())
    return SessionReadiness(status: status, changedSettings: changedSettings(), idleLimit: idleLimit(status))
  }

  /// What a transaction may still take while its client says nothing.
  private func idleLimit(_ status: TransactionStatus) -> IdleLimit? {
    guard status != .idle else { return nil }
    var limit: IdleLimit?
    if settings.idleInTransactionTimeoutMilliseconds > 0 {
      limit = IdleLimit(
        nanoseconds: UInt64(settings.idleInTransactionTimeoutMilliseconds) * 1_000_000,
        error: SQLError(
          SQLState(code: "25P03"), "terminating connection due to idle-in-transaction timeout"))
    }
    if let left = transactionNanosecondsLeft, left < limit?.nanoseconds ?? .max {
      limit = IdleLimit(nanoseconds: left, error: RunningStatement.Reason.transactionTimeout.error)
    }
    return limit
  }

  /// What `transaction_timeout` leaves to this transaction, or the next one; nil where it is not set.
  var transactionNanosecondsLeft: UInt64? {
    guard settings.transactionTimeoutMilliseconds > 0 else { return nil }
    let now = clock.monotonicNanoseconds()
    let start = transaction?.startNanoseconds ?? now
    let end = start &+ UInt64(settings.transactionTimeoutMilliseconds) * 1_000_000
    return end > now ? end - now : 0
  }

  /// The reported settings that the client does not know yet. It counts as told.
  func changedSettings() -> [(name: String, value: String)] {
    guard reported.generation != settings.changeCount else { return [] }
    let values = settings.reported
    let changed = zip(reported.values, values).filter { $0.value != $1.value }.map(\.1)
    reported = (settings.changeCount, values)
    return changed
  }

  // MARK: - Simple query

  package func simpleQuery(_ sql: String, sink: any ResultSink) async throws(SQLError) {
    portals[""] = nil
    messageCame(sql)
    do throws(SQLError) {
      let statements = try cache.statements(of: sql)
      if statements.isEmpty {
        try await sink.emptyQuery()
        return
      }
      for (index, statement) in statements.enumerated() {
        place = StatementPlace(isAlone: statements.count == 1, isLast: index == statements.count - 1)
        current = .statement(statement)
        defer { current = nil }
        try await run { session throws(SQLError) in try await session.runSimple(sink: sink) }
      }
    } catch {
      await fail()
      throw error
    }
  }

  private func messageCame(_ sql: String) {
    statementTime = now()
    let start = transaction?.startTime ?? statementTime
    activity.began(
      sql, at: UInt64(clamping: statementTime &+ Self.epochMicroseconds),
      transactionStart: UInt64(clamping: start &+ Self.epochMicroseconds),
      applicationName: settings.applicationName)
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
    if place.isLast { try await commitImplicitTransaction() }
    try await sink.complete(tag: tag)
  }

  // MARK: - Extended query

  package func parse(name: String, sql: String, parameterTypes: [UInt32]) async throws(SQLError) {
    do throws(SQLError) {
      try parsePrepared(name: name, sql: sql, parameterTypes: parameterTypes)
    } catch {
      await fail()
      throw error
    }
  }

  private func parsePrepared(name: String, sql: String, parameterTypes: [UInt32]) throws(SQLError) {
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
    try requireNotFailed(statement)
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
  ) async throws(SQLError) {
    do throws(SQLError) {
      try makePortal(portal, of: name, parameters, parameterFormats, resultFormats)
    } catch {
      await fail()
      throw error
    }
  }

  private func makePortal(
    _ portal: String, of name: String, _ parameters: [ArraySlice<UInt8>?], _ parameterFormats: [DataFormat],
    _ resultFormats: [DataFormat]
  ) throws(SQLError) {
    guard let statement = prepared[name] else { throw Self.noStatement(name) }
    try requireNotFailed(statement)
    if !portal.isEmpty, portals[portal] != nil {
      throw SQLError(.duplicateCursor, "cursor \"\(portal)\" already exists")
    }
    guard portals.count < limits.portalsMax || portals[portal] != nil else {
      throw SQLError(.insufficientResources, "too many portals (\(limits.portalsMax))", hint: "Close some first.")
    }
    if statement.isEmpty {
      add(Portal(statement: statement, parameters: [], columns: nil), as: portal)
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
    var columns = columns(of: statement, plan)
    if let count = columns?.count {
      guard resultFormats.count <= 1 || resultFormats.count == count else {
        throw SQLError(
          .protocolViolation, "bind message has \(resultFormats.count) result formats but query has \(count) columns")
      }
      for index in 0..<count where !resultFormats.isEmpty {
        columns?[index].format = resultFormats[min(index, resultFormats.count - 1)]
      }
    }
    add(Portal(statement: statement, parameters: values, columns: columns), as: portal)
  }

  func add(_ portal: Portal, as name: String) {
    portal.number = nextPortalNumber
    nextPortalNumber += 1
    portals[name] = portal
  }

  /// What a statement yields; FETCH yields what its cursor does.
  private func columns(of statement: CachedStatement, _ plan: StatementPlan) -> [ResultColumn]? {
    guard case .fetch(let fetch) = statement.statement.syntax, !fetch.isMove else { return plan.columns }
    return portals[fetch.cursor]?.columns
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

  package func describe(statement name: String) async throws(SQLError) -> StatementDescription {
    do throws(SQLError) {
      guard let statement = prepared[name] else { throw Self.noStatement(name) }
      if statement.isEmpty { return StatementDescription(parameterTypes: [], columns: nil) }
      let plan = try plan(of: statement)
      let columns = columns(of: statement, plan)
      if columns != nil { try requireNotFailed(statement) }
      return StatementDescription(
        parameterTypes: Array(plan.parameterTypes.prefix(plan.userParameterCount)), columns: columns)
    } catch {
      await fail()
      throw error
    }
  }

  package func describe(portal name: String) async throws(SQLError) -> [ResultColumn]? {
    do throws(SQLError) {
      guard let portal = portals[name] else { throw Self.noPortal(name) }
      if portal.columns != nil { try requireNotFailed(portal.statement) }
      return portal.columns
    } catch {
      await fail()
      throw error
    }
  }

  package func execute(
    portal name: String, maxRows: Int, syncFollows: Bool, sink: any ResultSink
  ) async throws(SQLError) -> ExecuteOutcome {
    do throws(SQLError) {
      guard let portal = portals[name] else { throw Self.noPortal(name) }
      if portal.statement.isEmpty { return .empty }
      messageCame(portal.statement.text)
      if portal.isDone {
        throw SQLError(
          .objectNotInPrerequisiteState, "portal \"\(name)\" cannot be run")
      }
      place = StatementPlace(isAlone: transaction == nil, isLast: syncFollows)
      current = .portal(portal)
      defer { current = nil }
      return try await run { session throws(SQLError) in try await session.execute(maxRows: maxRows, sink: sink) }
    } catch {
      await fail()
      throw error
    }
  }

  private func execute(maxRows: Int, sink: any ResultSink) async throws(SQLError) -> ExecuteOutcome {
    guard case .portal(let portal) = current else { throw SQLError(.internalError, "no portal to run") }
    try requireNotFailed(portal.statement)
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

  package func sync() async throws(SQLError) {
    // A block goes on, and its portals with it.
    guard transaction?.phase ?? .implicit == .implicit else { return }
    do throws(SQLError) {
      if transaction?.data == nil {
        try await commitImplicitTransaction()
      } else {
        try await run { session throws(SQLError) in try await session.commitImplicitTransaction() }
      }
      portals.removeAll(keepingCapacity: true)
    } catch {
      await fail()
      throw error
    }
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
