import Operations
import Schema
import Values

extension SQLSession {
  /// Statements that have no plan.
  func runUtility(
    _ syntax: StatementSyntax, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) -> StatementResult {
    switch syntax {
    case .createTable(let create):
      try await createTable(create, execution, sink: sink)
      return .command(tag: "CREATE TABLE")
    case .dropTables(let tables, let ifExists, let cascade):
      try await dropTables(tables, ifExists: ifExists, cascade: cascade, execution, sink: sink)
      return .command(tag: "DROP TABLE")
    case .createIndex(let create):
      try await createIndex(create, execution, sink: sink)
      return .command(tag: "CREATE INDEX")
    case .dropIndexes(let indexes, let ifExists, let cascade):
      try await dropIndexes(indexes, ifExists: ifExists, cascade: cascade, execution, sink: sink)
      return .command(tag: "DROP INDEX")
    case .alterTable(let relation, let alteration, let ifExists):
      try await alterTable(relation, alteration, ifExists: ifExists, execution, sink: sink)
      return .command(tag: "ALTER TABLE")
    case .addPrimaryKey(let relation, let constraint, let ifExists):
      try await addPrimaryKey(relation, constraint, ifExists: ifExists, execution, sink: sink)
      return .command(tag: "ALTER TABLE")
    case .truncate(let relations):
      try await truncate(relations, execution)
      return .command(tag: "TRUNCATE TABLE")
    case .copy(let copy):
      let count = try await runCopy(copy, execution, sink: sink)
      return .command(tag: "COPY \(count)")
    case .set(let set):
      try await runSet(set, readTime: execution.statement.statement.readTime, sink: sink)
      return .command(tag: set.isReset ? "RESET" : "SET")
    case .show(let name):
      return .rows(
        ListCursor(try show(name)), columns: Settings.columns(ofShow: name), .show, count: nil)
    case .prepare(let name, let types, let inner):
      try prepare(name: name, types: types, inner, execution)
      return .command(tag: "PREPARE")
    case .execute(let name, let arguments):
      return try await executePrepared(name: name, arguments, execution, sink: sink)
    case .deallocate(let name):
      guard let name else {
        prepared.removeAll()
        return .command(tag: "DEALLOCATE ALL")
      }
      guard prepared.removeValue(forKey: name) != nil else { throw Self.noStatement(name) }
      return .command(tag: "DEALLOCATE")
    case .discard(let target):
      return .command(tag: try await discard(target, sink: sink))
    case .maintain(let command, let relations):
      if command == "VACUUM" { try requireNoBlock(command) }
      // There is nothing to vacuum by hand, and no statistics; the names are still checked.
      let binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
      do throws(SQLError) {
        for relation in relations { _ = try binder.table(relation) }
      } catch { throw error.located(in: execution.statement.text) }
      return .command(tag: command)
    case .transaction(let transaction):
      return .command(
        tag: try await runTransaction(transaction, asOf: execution.statement.statement.readTime, sink: sink))
    case .declareCursor(let cursor):
      try await declare(cursor, execution, sink: sink)
      return .command(tag: "DECLARE CURSOR")
    case .fetch(let fetch): return try await self.fetch(fetch)
    // Nothing can be listened to, so there is nothing to stop; pools send it between borrowers.
    case .unlisten: return .command(tag: "UNLISTEN")
    case .closeCursor(let name):
      guard let name else {
        portals = portals.filter { $0.key.isEmpty || $0.value === runningPortal }
        return .command(tag: "CLOSE CURSOR ALL")
      }
      guard portals.removeValue(forKey: name) != nil else {
        throw SQLError(.invalidCursorName, "cursor \"\(name)\" does not exist")
      }
      return .command(tag: "CLOSE CURSOR")
    case .unsupported(let what, let hint): throw .unsupported(what, hint: hint)
    case .select, .insert, .update, .delete, .explain:
      throw SQLError(.internalError, "a statement that should have a plan")
    }
  }

  // MARK: - Settings

  private func runSet(_ set: SetSyntax, readTime: String?, sink: any ResultSink) async throws(SQLError) {
    switch set.change {
    case .value(let values):
      if values.count > 1, set.name.lowercased() != "search_path", set.name.lowercased() != "datestyle" {
        throw SQLError(.invalidParameterValue, "SET \(set.name) takes only one argument")
      }
      if set.isLocal { try await warnOutsideBlock("SET LOCAL", sink) }
      let value =
        set.name.lowercased() == "search_path"
        ? values.map { Self.quotedName($0) }.joined(separator: ", ") : values.joined(separator: ", ")
      try await change(set.name, to: value, isLocal: set.isLocal, sink: sink)
    case .toDefault: try await change(set.name, to: nil, isLocal: set.isLocal, sink: sink)
    case .resetAll:
      settings.resetAll()
      try await report(sink)
    case .transaction(let isSession, let options):
      if !isSession { try await warnOutsideBlock("SET TRANSACTION", sink) }
      for option in options {
        if isSession {
          try await change("default_\(option.name)", to: option.settingValue, isLocal: false, sink: sink)
        } else {
          try setCharacteristic(option.name, to: option.settingValue)
        }
      }
      if let readTime {
        guard !isSession else { throw .unsupported("AS OF SYSTEM TIME here", hint: "Set apus.read_time.") }
        try setReadTime(readTime)
      }
    }
  }

  private func warnOutsideBlock(_ command: String, _ sink: any ResultSink) async throws(SQLError) {
    guard transaction?.phase == .implicit, place.isAlone else { return }
    try await warn(.noActiveTransaction, "\(command) can only be used in transaction blocks", sink)
  }

  /// As PostgreSQL shows a schema name in `search_path`.
  private static func quotedName(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    return isPlain && !name.isEmpty ? name : "\"\(name.replacing("\"", with: "\"\""))\""
  }

  private func show(_ name: String) throws(SQLError) -> [Row] {
    if name == "all" {
      return settings.all.map { [.text($0.definition.name), .text($0.value), .text($0.definition.summary)] }
    }
    return [[.text(try settings.value(name))]]
  }

  private func discard(_ target: StatementSyntax.DiscardTarget, sink: any ResultSink) async throws(SQLError) -> String {
    switch target {
    case .plans:
      cache.removeAll()
      return "DISCARD PLANS"
    case .sequences:
      sequenceValues = [:]
      lastSequence = nil
      return "DISCARD SEQUENCES"
    case .temp: return "DISCARD TEMP"
    case .all:
      try requireNoBlock("DISCARD ALL")
      portals.removeAll()
      prepared.removeAll()
      cache.removeAll()
      sequenceValues = [:]
      lastSequence = nil
      settings.resetAll()
      try await report(sink)
      return "DISCARD ALL"
    }
  }

  // MARK: - PREPARE and EXECUTE

  private func prepare(
    name: String, types: [TypeNameSyntax], _ inner: StatementSyntax, _ execution: Execution
  ) throws(SQLError) {
    if prepared[name] != nil {
      throw SQLError(.duplicatePreparedStatement, "prepared statement \"\(name)\" already exists")
    }
    let text = execution.statement.text
    do throws(SQLError) {
      var given: [SQLType] = []
      for type in types { given.append(SQLType(try ExpressionBinder.type(type).kind)) }
      let statement = ParsedScript.Statement(
        syntax: inner, text: execution.statement.statement.text,
        parameterCount: execution.statement.statement.parameterCount)
      let cached = CachedStatement(statement, text: text, given: given)
      _ = try plan(of: cached)
      try store(cached, as: name)
    } catch { throw error.located(in: text) }
  }

  private func executePrepared(
    name: String, _ arguments: [ExpressionSyntax], _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) -> StatementResult {
    guard let statement = prepared[name] else { throw Self.noStatement(name) }
    let context = bindingContext()
    let plan = try plan(of: statement)
    guard arguments.count == plan.userParameterCount else {
      throw SQLError(
        .syntaxError, "wrong number of parameters for prepared statement \"\(name)\"",
        detail: "Expected \(plan.userParameterCount) parameters but got \(arguments.count).")
    }
    var values: [Datum] = []
    do throws(SQLError) {
      var binder = ExpressionBinder(context: context, parameters: ParameterTypes(count: 0, given: []))
      binder.clause = "EXECUTE"
      for (index, argument) in arguments.enumerated() {
        let bound = try binder.bindUnsettled(argument)
        let value = try binder.coerce(bound, to: plan.parameterTypes[index], .assignment, at: argument.location)
        values.append(try value.evaluate(row: [], execution.executor.evaluation))
      }
    } catch { throw error.located(in: execution.statement.text) }
    return try await start(try begin(statement, parameters: values), sink: sink)
  }
}

extension StatementSyntax {
  /// Whether it leaves open which snapshot its transaction sees, as PostgreSQL's `PlannedStmtRequiresSnapshot` does.
  var isFreeOfSnapshots: Bool {
    switch self {
    case .transaction, .set, .show, .unlisten: true
    default: false
    }
  }
}
