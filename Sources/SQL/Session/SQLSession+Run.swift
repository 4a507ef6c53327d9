import Expressions
import Operations
import Runtime
import Schema
import Values

/// One run of a statement: its plan, and what is fixed for it.
struct Execution {
  var plan: StatementPlan
  var statement: CachedStatement
  var executor: Executor
}

/// What a statement gives when it has begun.
enum StatementResult {
  case command(tag: String)
  /// `count` where the tag's number is not that of the rows.
  case rows(any RowCursor, columns: [ResultColumn]?, CommandTag, count: Int?)
}

extension SQLSession {
  /// Microseconds from the Unix epoch to 2000-01-01.
  static let epochMicroseconds: Int64 = 946_684_800_000_000

  /// Microseconds since 2000-01-01 UTC.
  func now() -> Int64 { Int64(clamping: clock.wallMicroseconds()) &- Self.epochMicroseconds }

  /// As the session sees it: with the changes of its own transaction.
  var catalog: CatalogSnapshot { transaction?.data?.catalog ?? dataPlane.catalog }

  func bindingContext() -> BindingContext {
    BindingContext(
      catalog: catalog, virtualTables: .standard, searchPath: settings.searchPath, format: settings.format,
      now: transaction?.startTime ?? now(), facts: facts)
  }

  /// The statement's plan; made anew if the catalog or the settings have changed.
  func plan(of statement: CachedStatement) throws(SQLError) -> StatementPlan {
    let data = transaction?.data
    return try statement.plan(
      in: bindingContext(), catalogVersion: catalog.version,
      viewOf: data?.changesSchema == true ? data?.id : nil, settingsGeneration: settings.generation)
  }

  /// Runs the work of one statement in a task that `cancel` and the statement's timeout can stop.
  func run<T: Sendable>(
    _ work: @escaping @Sendable (isolated SQLSession) async throws(SQLError) -> T
  ) async throws(SQLError) -> T {
    let number = running.begin()
    // It begins here and now: a statement that need not wait has ended before this call could wait for it.
    let task = Task.immediate(executorPreference: loop) { () -> Result<T, SQLError> in
      do throws(SQLError) {
        return .success(try await work(self))
      } catch {
        return .failure(error)
      }
    }
    running.started(number) { task.cancel() }
    var timer: (any ScheduledWork)?
    if settings.statementTimeoutMilliseconds > 0 {
      let running = self.running
      timer = loop.schedule(after: UInt64(settings.statementTimeoutMilliseconds) * 1_000_000) {
        running.cancel(.timeout, number: number)
      }
    }
    var transactionTimer: (any ScheduledWork)?
    if let left = transactionNanosecondsLeft {
      let running = self.running
      transactionTimer = loop.schedule(after: left) { running.cancel(.transactionTimeout, number: number) }
    }
    let result = await task.value
    timer?.cancel()
    transactionTimer?.cancel()
    let reason = running.end(number)
    switch result {
    case .success(let value): return value
    case .failure(let error):
      // Whatever a stopped statement says of its end, the client hears why it was stopped, unless it may have written.
      if let reason, error.state == .queryCanceled { throw reason.error }
      throw error
    }
  }

  /// Plans a statement and fixes what one execution sees.
  func begin(_ statement: CachedStatement, parameters: [Datum]) throws(SQLError) -> Execution {
    try requireNotFailed(statement)
    beginImplicitTransaction()
    let plan = try plan(of: statement)
    guard parameters.count >= plan.userParameterCount else {
      throw SQLError(.undefinedParameter, "there is no parameter $\(parameters.count + 1)")
    }
    return Execution(plan: plan, statement: statement, executor: executor(parameters: parameters))
  }

  private func executor(parameters: [Datum]) -> Executor {
    let (clock, random) = (self.clock, self.random)
    let evaluation = EvaluationContext(
      statementTime: statementTime, transactionTime: transaction?.startTime ?? statementTime, settings: settings.format,
      parameters: parameters,
      random: { random.next() },
      clock: { Int64(clamping: clock.wallMicroseconds()) &- Self.epochMicroseconds })
    var limits = self.limits.execution
    limits.memoryBytesMax = min(limits.memoryBytesMax, settings.workMemoryBytes)
    return Executor(
      dataPlane: dataPlane, settings: settings, facts: facts, registry: registry, evaluation: evaluation,
      deadline: statementDeadline(), limits: limits)
  }

  func statementDeadline() -> Deadline? {
    guard settings.statementTimeoutMilliseconds > 0 else { return nil }
    return Deadline(
      nanoseconds: clock.monotonicNanoseconds() &+ UInt64(settings.statementTimeoutMilliseconds) * 1_000_000)
  }

  /// Carries a statement out up to its first rows.
  func start(_ begun: Execution, sink: any ResultSink) async throws(SQLError) -> StatementResult {
    var execution = begun
    // SET may have changed it since the transaction began.
    transaction?.data?.setLockTimeout(milliseconds: UInt64(settings.lockTimeoutMilliseconds))
    try takeReadTime(of: execution)
    if !execution.plan.slots.isEmpty { execution.executor = try await filled(execution, sink: sink) }
    if case .utility(let syntax) = execution.plan.body {
      if !syntax.isFreeOfSnapshots { transaction?.hasQueried = true }
      return try await runUtility(syntax, execution, sink: sink)
    }
    transaction?.hasQueried = true
    return try await startRestarting(execution, sink: sink)
  }

  /// What has a plan, once.
  func carryOut(_ execution: Execution, sink: any ResultSink) async throws(SQLError) -> StatementResult {
    let executor = execution.executor
    switch execution.plan.body {
    case .select(let plan):
      if let locking = plan.innermostLocking { try requireWritable("SELECT \(locking.strength.clause)") }
      return .rows(try await executor.open(plan), columns: execution.plan.columns, .select, count: nil)
    case .insert(let plan):
      try requireWritable("INSERT")
      let random = self.random
      return result(
        try await executor.insert(plan, random: { random.next() }), execution.plan.columns, .insert)
    case .update(let plan):
      try requireWritable("UPDATE")
      return result(try await executor.update(plan), execution.plan.columns, .update)
    case .delete(let plan):
      try requireWritable("DELETE")
      return result(try await executor.delete(plan), execution.plan.columns, .delete)
    case .explain(let plan):
      let lines = try await explain(plan, executor)
      return .rows(ListCursor(lines), columns: execution.plan.columns, .explain, count: nil)
    case .utility: throw SQLError(.internalError, "a plan for a statement that needs none")
    }
  }

  private func result(_ outcome: WriteOutcome, _ columns: [ResultColumn]?, _ tag: CommandTag) -> StatementResult {
    guard let columns else { return .command(tag: tag.tag(count: outcome.affectedCount)) }
    return .rows(ListCursor(outcome.returned), columns: columns, tag, count: outcome.affectedCount)
  }

  /// `SELECT … AS OF SYSTEM TIME`: the read time of the statement's own transaction. What follows in a pipeline, whose
  /// Sync may be late, reads as of that time too.
  private func takeReadTime(of execution: Execution) throws(SQLError) {
    guard let readTime = execution.statement.statement.readTime else { return }
    if case .utility(.transaction) = execution.plan.body { return }
    if case .utility(.set) = execution.plan.body { return }
    guard let current = transaction, current.phase == .implicit, current.data == nil, !current.hasQueried else {
      throw .unsupported("AS OF SYSTEM TIME for one statement of a transaction", hint: "Use BEGIN AS OF SYSTEM TIME.")
    }
    transaction?.readTime = readTime
  }

  /// Tells the client, unless its settings ask for silence.
  func notice(_ notice: SQLError, _ severity: NoticeSeverity, _ sink: any ResultSink) async throws(SQLError) {
    guard severity.rank >= settings.clientMinMessages.rank || severity == .info else { return }
    try await sink.notice(notice, severity: severity)
  }

  // MARK: - Slots

  /// Computes the values that the statement takes from the session, in order.
  private func filled(_ execution: Execution, sink: any ResultSink) async throws(SQLError) -> Executor {
    var parameters = execution.executor.evaluation.parameters
    var executor = execution.executor
    for slot in execution.plan.slots {
      let value = try await self.value(of: slot, executor.evaluation, sink: sink)
      parameters.append(value)
      executor = executor.with(parameters: parameters)
    }
    return executor
  }

  private func value(
    of slot: SlotSource, _ context: EvaluationContext, sink: any ResultSink
  ) async throws(SQLError) -> Datum {
    func text(_ expression: Expression) throws(SQLError) -> String? {
      guard case .text(let text) = try expression.evaluate(row: [], context) else { return nil }
      return text
    }
    func flag(_ expression: Expression) throws(SQLError) -> Bool {
      if case .bool(true) = try expression.evaluate(row: [], context) { true } else { false }
    }
    switch slot {
    case .nextValue(let name):
      guard let name = try text(name) else { return .null }
      let key = try sequence(named: name)
      try requireWritable("nextval()")
      let values = try await dataPlane.nextValues(of: .init(key.table), column: key.column, count: 1)
      guard let value = values.first else { throw SQLError(.internalError, "no sequence value") }
      sequenceValues[key] = value
      lastSequence = key
      return .int8(value)
    case .currentValue(let name):
      guard let name = try text(name) else { return .null }
      let key = try sequence(named: name)
      guard let value = sequenceValues[key] else {
        throw SQLError(
          .objectNotInPrerequisiteState, "currval of sequence \"\(name)\" is not yet defined in this session")
      }
      return .int8(value)
    case .lastValue:
      guard let key = lastSequence, let value = sequenceValues[key] else {
        throw SQLError(.objectNotInPrerequisiteState, "lastval is not yet defined in this session")
      }
      return .int8(value)
    case .cancelBackend(let processID):
      return try await send(.cancel, to: processID, context, sink)
    case .terminateBackend(let processID):
      return try await send(.terminate, to: processID, context, sink)
    case .blockingBackends(let processID):
      guard case .int4(let processID) = try processID.evaluate(row: [], context) else { return .null }
      let blocking = await dataPlane.openTransactions().processIDs(blocking: processID)
      return .text("{\(blocking.map { "\($0)" }.joined(separator: ","))}")
    case .sleep(let seconds):
      guard case .float8(let seconds) = try seconds.evaluate(row: [], context), seconds > 0 else { return .null }
      let nanoseconds = UInt64(min(seconds, 1e9) * 1e9)
      guard await loop.sleep(nanoseconds: nanoseconds) else { throw RunningStatement.Reason.userRequest.error }
      // PostgreSQL's void is an empty string in text.
      return .text("")
    case .setConfig(let name, let value, let isLocal):
      guard let name = try text(name) else {
        throw SQLError(.invalidParameterValue, "SET requires parameter name")
      }
      return .text(try await change(name, to: try text(value), isLocal: try flag(isLocal), sink: sink))
    case .currentSetting(let name, let missingIsNull):
      guard let name = try text(name) else { return .null }
      if let missingIsNull, try flag(missingIsNull) {
        guard let value = try? settings.value(name) else { return .null }
        return .text(value)
      }
      return .text(try settings.value(name))
    }
  }

  /// Changes a setting, and tells the client of it if it is one that clients are told of.
  @discardableResult
  func change(
    _ name: String, to value: String?, isLocal: Bool, sink: any ResultSink
  ) async throws(SQLError) -> String {
    let key = name.lowercased()
    if let own = TransactionCharacteristics.Name(rawValue: key) {
      try setCharacteristic(key, to: value ?? settings.defaultCharacteristics.shown(own))
      return settings.currentCharacteristics.shown(own)
    }
    if key == "apus.read_time", let value, !value.isEmpty {
      _ = try SystemTime.parse(value, now: transaction?.startTime ?? statementTime, settings: settings.format)
    }
    let stored = try settings.set(name, to: value, isLocal: isLocal)
    try await report(sink)
    return stored
  }

  /// Tells the client of reported settings that changed.
  func report(_ sink: any ResultSink) async throws(SQLError) {
    for changed in changedSettings() { try await sink.parameterStatus(name: changed.name, value: changed.value) }
  }

  /// Reaches any session of any node, this one as well.
  private func send(
    _ signal: SessionSignal, to processID: Expression, _ context: EvaluationContext, _ sink: any ResultSink
  ) async throws(SQLError) -> Datum {
    guard case .int4(let processID) = try processID.evaluate(row: [], context) else { return .null }
    if registry.signal(signal, to: processID) { return .bool(true) }
    if await dataPlane.signal(signal, to: processID) { return .bool(true) }
    try await warn(SQLState(code: "01000"), "PID \(processID) is not a PostgreSQL backend process", sink)
    return .bool(false)
  }

  /// Finds a sequence by its name, which may say the schema.
  private func sequence(named name: String) throws(SQLError) -> SequenceKey {
    let plain = name.split(separator: ".").last.map { String($0).filter { $0 != "\"" } } ?? name
    for table in catalog.tables.values.sorted(by: { $0.id < $1.id }) {
      if let sequence = table.sequences.first(where: { $0.name == plain }) {
        return SequenceKey(table: table.id.rawValue, column: sequence.column)
      }
    }
    throw SQLError(.undefinedTable, "relation \"\(name)\" does not exist")
  }
}

extension NoticeSeverity {
  /// In the order of `client_min_messages`.
  var rank: Int {
    switch self {
    case .debug: 0
    case .log: 1
    case .info: 2
    case .notice: 3
    case .warning: 4
    }
  }
}
