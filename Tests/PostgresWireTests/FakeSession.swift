import PostgresWire
import Runtime
import SQL
import Synchronization
import Values

/// A session without SQL, so that tests of the wire can say exactly what happens behind it.
///
/// Statements, separated by `;` in a simple query:
///
///     rows N          N rows (n int4, label text)
///     echo T1 T2 …    one row of its parameters, of these types
///     begin commit rollback
///     error CODE      fails
///     notice TEXT     sends a notice
///     set NAME VALUE  changes a reported setting
///     hang            runs until cancelled
///     last            says whether it knew that a Sync follows
///     limit N         lets the client be idle in a block for N nanoseconds
///     end             ends the connection, as another session would
///     revert          changes a setting that the client hears of with ReadyForQuery
///     copy in         answers with the number of bytes that came
///     copy out N      N lines
actor FakeSession: Session {
  nonisolated let unownedExecutor: UnownedSerialExecutor
  private nonisolated let cancellation = Mutex<CheckedContinuation<Void, Never>?>(nil)
  private let journal: Journal

  private struct Portal {
    var sql: String
    var parameters: [ArraySlice<UInt8>?]
    var formats: [DataFormat]
    var next = 0
  }
  private var statements: [String: (sql: String, types: [UInt32])] = [:]
  private var portals: [String: Portal] = [:]
  private var transactionStatus = TransactionStatus.idle
  private var idleNanoseconds: UInt64?
  private var changedSettings: [(name: String, value: String)] = []
  private var client: SessionClient?
  private var syncFollows = false

  init(loop: any Loop, journal: Journal) {
    unownedExecutor = loop.asUnownedSerialExecutor()
    self.journal = journal
  }

  func reportedSettings() -> [(name: String, value: String)] {
    [("server_version", "15.8"), ("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY")]
  }

  nonisolated func cancel() {
    journal.note("cancel")
    cancellation.withLock { $0.take() }?.resume()
  }

  func attach(_ client: SessionClient) { self.client = client }

  func ready() -> SessionReadiness {
    defer { changedSettings = [] }
    let limit = idleNanoseconds.map { IdleLimit(nanoseconds: $0, error: SQLError("25P03", "too long")) }
    return SessionReadiness(
      status: transactionStatus, changedSettings: changedSettings, idleLimit: transactionStatus == .idle ? nil : limit)
  }

  func terminate() { journal.note("terminate") }

  // MARK: Simple query

  func simpleQuery(_ sql: String, sink: any ResultSink) async throws(SQLError) {
    let statements = sql.split(separator: ";").map { String($0).trimmed }
    if statements.allSatisfy({ $0.isEmpty }) { return try await sink.emptyQuery() }
    for statement in statements where !statement.isEmpty {
      if let columns = columns(of: statement) { try await sink.columns(columns) }
      var position = 0
      let portal = Portal(sql: statement, parameters: [], formats: [])
      if case .complete(let tag) = try await run(portal, from: &position, maxRows: 0, sink: sink) {
        try await sink.complete(tag: tag)
      }
    }
  }

  // MARK: Extended query

  func parse(name: String, sql: String, parameterTypes: [UInt32]) throws(SQLError) {
    if sql.hasPrefix("syntax") { throw SQLError(.syntaxError, "syntax error at or near \"\(sql)\"", position: 1) }
    if !name.isEmpty, statements[name] != nil {
      throw SQLError(.duplicatePreparedStatement, "prepared statement \"\(name)\" already exists")
    }
    statements[name] = (sql.trimmed, parameterTypes)
  }

  func bind(
    portal: String, statement: String, parameters: [ArraySlice<UInt8>?], parameterFormats: [DataFormat],
    resultFormats: [DataFormat]
  ) throws(SQLError) {
    guard let found = statements[statement] else {
      throw SQLError(.invalidStatementName, "prepared statement \"\(statement)\" does not exist")
    }
    portals[portal] = Portal(sql: found.sql, parameters: parameters, formats: resultFormats)
  }

  func describe(statement: String) throws(SQLError) -> StatementDescription {
    guard let found = statements[statement] else {
      throw SQLError(.invalidStatementName, "prepared statement \"\(statement)\" does not exist")
    }
    let words = found.sql.split(separator: " ")
    let types = words.first == "echo" ? words.dropFirst().map(type) : []
    return StatementDescription(parameterTypes: types, columns: columns(of: found.sql))
  }

  func describe(portal: String) throws(SQLError) -> [ResultColumn]? {
    guard let found = portals[portal] else {
      throw SQLError(.invalidCursorName, "portal \"\(portal)\" does not exist")
    }
    return columns(of: found.sql, formats: found.formats)
  }

  func execute(
    portal: String, maxRows: Int, syncFollows: Bool, sink: any ResultSink
  ) async throws(SQLError) -> ExecuteOutcome {
    guard let found = portals[portal] else {
      throw SQLError(.invalidCursorName, "portal \"\(portal)\" does not exist")
    }
    var position = found.next
    self.syncFollows = syncFollows
    let outcome = try await run(found, from: &position, maxRows: maxRows, sink: sink)
    portals[portal]?.next = position
    return outcome
  }

  func close(statement: String) { statements[statement] = nil }
  func close(portal: String) { portals[portal] = nil }

  func sync() throws(SQLError) {
    if transactionStatus == .idle { portals = [:] }
  }

  // MARK: Statements

  private func run(
    _ portal: Portal, from position: inout Int, maxRows: Int, sink: any ResultSink
  ) async throws(SQLError) -> ExecuteOutcome {
    let words = portal.sql.split(separator: " ", maxSplits: 2).map(String.init)
    guard let verb = words.first else { return .empty }
    let argument = words.count > 1 ? words[1] : ""
    switch (verb, argument) {
    case ("rows", let count):
      let end = Int(count) ?? 0
      let stop = maxRows > 0 ? min(end, position + maxRows) : end
      let columns = columns(of: portal.sql, formats: portal.formats) ?? []
      let first = position
      while position < stop {
        let batch = position..<min(stop, position + 1000)
        try await sink.rows(
          batch.map { [.int4(Int32($0)), $0 % 3 == 2 ? .null : .text("row \($0)")] }, columns: columns,
          settings: .standard)
        position = batch.upperBound
      }
      return maxRows > 0 && stop - first == maxRows ? .suspended : .complete(tag: "SELECT \(stop - first)")
    case ("echo", _):
      let columns = columns(of: portal.sql, formats: portal.formats) ?? []
      let row: Row = portal.parameters.map { $0.map { .bytes(Array($0)) } ?? .null }
      try await sink.rows([row], columns: columns, settings: .standard)
      return .complete(tag: "SELECT 1")
    case ("begin", _):
      transactionStatus = .inBlock
      return .complete(tag: "BEGIN")
    case ("commit", _), ("rollback", _):
      transactionStatus = .idle
      return .complete(tag: verb.uppercased())
    case ("error", let code):
      if transactionStatus == .inBlock { transactionStatus = .failed }
      throw SQLError(SQLState(code: code), "the fake fails", detail: "as asked")
    case ("notice", _):
      try await sink.notice(SQLError("00000", words.dropFirst().joined(separator: " ")), severity: .notice)
      return .complete(tag: "NOTICE")
    case ("set", let name):
      try await sink.parameterStatus(name: name, value: words.last ?? "")
      return .complete(tag: "SET")
    case ("hang", _):
      journal.note("hang")
      await withCheckedContinuation { continuation in cancellation.withLock { $0 = continuation } }
      throw SQLError(.queryCanceled, "canceling statement due to user request")
    case ("last", _): return .complete(tag: syncFollows ? "LAST" : "MORE")
    case ("limit", let nanoseconds):
      idleNanoseconds = UInt64(nanoseconds)
      return .complete(tag: "LIMIT")
    case ("end", _):
      client?.end(SQLError(.adminShutdown, "ended by \(client?.address ?? "nobody")"))
      return .complete(tag: "END")
    case ("revert", _):
      changedSettings = [("TimeZone", "UTC")]
      return .complete(tag: "REVERT")
    case ("copy", "in"):
      try await sink.copyInBegin(format: .text, columnCount: 2)
      var (bytes, head) = (0, [UInt8]())
      while let piece = try await sink.copyData() {
        bytes += piece.count
        head += piece.prefix(max(0, 3 - head.count))
        if head == Array("bad".utf8) { throw SQLError(.badCopyFileFormat, "bad row") }
      }
      journal.note("copied \(bytes)")
      return .complete(tag: "COPY \(bytes)")
    case ("copy", "out"):
      try await sink.copyOutBegin(format: .text, columnCount: 1)
      for line in 0..<(Int(words.last ?? "") ?? 0) {
        let bytes = Array("line \(line)\n".utf8)
        try await sink.copyOut(bytes, rowEnds: [bytes.count])
      }
      try await sink.copyOutEnd()
      return .complete(tag: "COPY \(words.last ?? "")")
    default: throw SQLError(.syntaxError, "syntax error at or near \"\(verb)\"", position: 1)
    }
  }

  private func columns(of sql: String, formats: [DataFormat] = []) -> [ResultColumn]? {
    let words = sql.split(separator: " ")
    var columns: [ResultColumn]
    switch words.first {
    case "rows":
      columns = [
        ResultColumn(name: "n", type: .int4, tableOID: 16384, attributeNumber: 1),
        ResultColumn(name: "label", type: SQLType(.varchar, .length(20)), tableOID: 16384, attributeNumber: 2),
      ]
    case "echo": columns = words.dropFirst().map { ResultColumn(name: String($0), type: type($0)) }
    default: return nil
    }
    for index in columns.indices {
      columns[index].format = formats.count == 1 ? formats[0] : index < formats.count ? formats[index] : .text
    }
    return columns
  }

  private func type(_ name: Substring) -> SQLType {
    switch name {
    case "int4": .int4
    case "int8": .int8
    case "text": .text
    default: .bytea
    }
  }
}

/// What sessions were told besides statements, in order.
final class Journal: Sendable {
  private let notes = Mutex<[String]>([])
  func note(_ text: String) { notes.withLock { $0.append(text) } }
  var all: [String] { notes.withLock { $0 } }
}

struct FakeFactory: SessionFactory {
  let journal = Journal()

  func makeSession(
    user: String, database: String, settings: [(name: String, value: String)], processID: Int32, loop: any Loop
  ) async throws(SQLError) -> any Session {
    let given = settings.map { " \($0.name)=\($0.value)" }.joined()
    journal.note("session of \(user) on \(database)\(given)")
    if database == "missing" { throw SQLError(.invalidCatalogName, "database \"missing\" does not exist") }
    return FakeSession(loop: loop, journal: journal)
  }
}

extension String {
  fileprivate var trimmed: String {
    var view = self[...]
    while view.first == " " { view.removeFirst() }
    while view.last == " " { view.removeLast() }
    return String(view)
  }
}
