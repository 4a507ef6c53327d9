import Expressions
import Operations
import Runtime
import Values

// The extended query protocol. An error in any of its messages fails the transaction, as one of a statement does.

extension SQLSession {
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
    let statements = try cache.statements(of: sql, catalogVersion: catalog.version)
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
    statement.isPrepared = true
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
}
