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
  var reported: (generation: Int, values: [(name: String, value: String)])
  nonisolated let activity: SessionActivity
  let registry: SessionRegistry
  var cache: StatementCache
  /// What the running statement's task works on; the task cannot be given it, as it belongs to this actor.
  var current: Work?
  /// What currval and lastval answer, by table and column.
  var sequenceValues: [SequenceKey: Int64] = [:]
  var lastSequence: SequenceKey?

  enum Work {
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
    portals.removeAll()
    prepared.removeAll()
    cache.removeAll()
    await rollBackTransaction()
  }

  // MARK: - Simple query

  package func simpleQuery(_ sql: String, sink: any ResultSink) async throws(SQLError) {
    portals[""] = nil
    messageCame(sql)
    do throws(SQLError) {
      let statements = try cache.statements(of: sql, catalogVersion: catalog.version)
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

  func messageCame(_ sql: String) {
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

  static func noStatement(_ name: String) -> SQLError {
    SQLError(
      .invalidStatementName,
      name.isEmpty ? "unnamed prepared statement does not exist" : "prepared statement \"\(name)\" does not exist")
  }

  static func noPortal(_ name: String) -> SQLError {
    SQLError(.invalidCursorName, "portal \"\(name)\" does not exist")
  }
}
