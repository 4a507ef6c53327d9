import CLibPQ
import Foundation

/// One session with a server, by libpq. It ends when the last reference goes.
///
/// Calls block the thread, so a workload gives each connection a thread of its own. Only the ``canceller`` may be used
/// from another one.
package final class PostgresConnection {
  /// Where to connect to, and as whom.
  package struct Target: Sendable, Equatable {
    package var host: String
    package var port: Int
    package var user: String
    package var database: String

    package init(host: String = "127.0.0.1", port: Int = 5433, user: String = "apus", database: String = "apus") {
      self.host = host
      self.port = port
      self.user = user
      self.database = database
    }
  }

  package let target: Target
  let handle: OpaquePointer
  private let notices = Notices()
  /// Ends the wait for an answer when it returns true; asked about ten times in a second, and after each signal.
  package var isInterrupted: () -> Bool = { false }

  /// Connects.
  /// - Parameter timeoutSeconds: for the whole handshake; libpq takes 1 as 2.
  package init(_ target: Target, timeoutSeconds: Int = 5) throws(PostgresError) {
    self.target = target
    let settings = [
      ("host", target.host), ("port", "\(target.port)"), ("user", target.user), ("dbname", target.database),
      ("connect_timeout", "\(timeoutSeconds)"), ("client_encoding", "UTF8"), ("sslmode", "disable"),
      ("gssencmode", "disable"), ("application_name", "apus sql"),
    ]
    let names = settings.map { strdup($0.0) }
    let values = settings.map { strdup($0.1) }
    defer { (names + values).forEach { free($0) } }
    let made = PQconnectdbParams(
      names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
    guard let made else { throw PostgresError(message: "out of memory", severity: "FATAL") }
    handle = made
    guard PQstatus(made) == CONNECTION_OK else {
      let message = Self.text(PQerrorMessage(made))
      throw PostgresError(message: message, severity: "FATAL")
    }
    PQsetNoticeReceiver(
      made,
      { context, result in
        guard let context, let result else { return }
        Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue().list.append(PostgresError(result))
      }, Unmanaged.passUnretained(notices).toOpaque())
  }

  deinit { PQfinish(handle) }

  /// Whether the session still stands, as far as this side knows.
  package var isUsable: Bool { PQstatus(handle) == CONNECTION_OK }

  /// How psql's prompt shows it: no transaction, inside one, inside a failed one.
  package enum TransactionStatus: Sendable { case idle, inTransaction, failed, unknown }

  package var transactionStatus: TransactionStatus {
    switch PQtransactionStatus(handle) {
    case PQTRANS_IDLE: .idle
    case PQTRANS_INTRANS, PQTRANS_ACTIVE: .inTransaction
    case PQTRANS_INERROR: .failed
    default: .unknown
    }
  }

  /// What the server said of itself at the start, as `server_version`.
  package func parameter(_ name: String) -> String? { PQparameterStatus(handle, name).map { String(cString: $0) } }

  /// The notices since the last call.
  package func takeNotices() -> [PostgresError] {
    defer { notices.list = [] }
    return notices.list
  }

  package var canceller: PostgresCanceller { PostgresCanceller(handle) }

  // MARK: Statements

  /// Runs the statements of `sql` and gives the last one's result.
  /// - Parameter timeout: after it the connection is closed and the outcome is unknown.
  @discardableResult
  package func execute(_ sql: String, timeout: Duration? = nil) throws(PostgresError) -> PostgresResult {
    try send(sql)
    return try lastResult(timeout)
  }

  /// Runs one statement with `$1`, `$2`, … as text; nil stands for null.
  @discardableResult
  package func execute(_ sql: String, _ parameters: [String?], timeout: Duration? = nil) throws(PostgresError)
    -> PostgresResult
  {
    let values = parameters.map { $0.map { strdup($0) } }
    defer { values.forEach { free($0 ?? nil) } }
    let sent = PQsendQueryParams(
      handle, sql, Int32(parameters.count), nil, values.map { UnsafePointer($0 ?? nil) }, nil, nil, 0)
    guard sent == 1 else { throw connectionError() }
    return try lastResult(timeout)
  }

  /// Sends statements; ``nextResult(timeout:)`` gives their results one after the other.
  package func send(_ sql: String) throws(PostgresError) {
    guard PQsendQuery(handle, sql) == 1 else { throw connectionError() }
  }

  /// The next statement's result, or nil after the last one.
  ///
  /// After a thrown error too the results must be asked for until nil comes, unless ``isUsable`` is false.
  package func nextResult(timeout: Duration? = nil) throws(PostgresError) -> PostgresResult? {
    try waitForResult(timeout)
    guard let result = PQgetResult(handle) else { return nil }
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_TUPLES_OK: return Self.copied(result, .rows)
    case PGRES_COMMAND_OK: return Self.copied(result, .command)
    case PGRES_EMPTY_QUERY: return PostgresResult(kind: .emptyQuery)
    case PGRES_COPY_IN: return PostgresResult(kind: .copyIn)
    case PGRES_COPY_OUT: return PostgresResult(kind: .copyOut)
    default: throw PostgresError(result)
    }
  }

  private func lastResult(_ timeout: Duration?) throws(PostgresError) -> PostgresResult {
    var last = PostgresResult(kind: .emptyQuery)
    var failure: PostgresError?
    while true {
      do throws(PostgresError) {
        guard let result = try nextResult(timeout: timeout) else { break }
        last = result
        if result.kind == .copyIn || result.kind == .copyOut { return result }
      } catch {
        failure = failure ?? error
        if !isUsable { break }
      }
    }
    if let failure { throw failure }
    return last
  }

  /// Waits until libpq can give a result without blocking.
  private func waitForResult(_ timeout: Duration?) throws(PostgresError) {
    let deadline = timeout.map { ContinuousClock.now + $0 }
    while PQflush(handle) == 1 || PQisBusy(handle) == 1 {
      // Each time: the first request may have overtaken the statement.
      if isInterrupted() { canceller.cancel() }
      if let deadline, ContinuousClock.now >= deadline {
        abandon()
        throw PostgresError(message: "no answer within the time limit", severity: "FATAL")
      }
      var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
      if poll(&descriptor, 1, 100) > 0, PQconsumeInput(handle) == 0 { throw connectionError() }
    }
  }

  /// Gives the connection up without a word to the server, as a timeout does: what is under way may still happen.
  private func abandon() { shutdown(PQsocket(handle), Int32(SHUT_RDWR)); _ = PQconsumeInput(handle) }

  func connectionError() -> PostgresError {
    PostgresError(message: Self.text(PQerrorMessage(handle)), severity: "FATAL")
  }

  static func text(_ message: UnsafePointer<CChar>?) -> String {
    guard let message else { return "" }
    return String(cString: message).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func copied(_ result: OpaquePointer, _ kind: PostgresResult.Kind) -> PostgresResult {
    let columnCount = PQnfields(result)
    let columns = (0..<columnCount).map {
      PostgresResult.Column(name: text(PQfname(result, $0)), type: PQftype(result, $0))
    }
    let rows = (0..<PQntuples(result)).map { row in
      (0..<columnCount).map { column -> String? in
        guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else { return nil }
        let count = Int(PQgetlength(result, row, column))
        return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
          String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
        }
      }
    }
    return PostgresResult(kind: kind, columns: columns, rows: rows, commandTag: String(cString: PQcmdStatus(result)))
  }
}

/// Where libpq's notice receiver puts what comes; it holds no reference to the connection.
private final class Notices {
  var list: [PostgresError] = []
}

extension PostgresError {
  init(_ result: OpaquePointer) {
    func field(_ code: Character) -> String? {
      PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
    }
    guard let message = field("M") else {
      self.init(message: PostgresConnection.text(PQresultErrorMessage(result)), severity: "FATAL")
      return
    }
    self.init(message: message, severity: field("S") ?? "ERROR", sqlState: field("C"))
    detail = field("D")
    hint = field("H")
    context = field("W")
    position = field("P").flatMap { Int($0) }
    report = PQresultErrorMessage(result).map { String(cString: $0) } ?? report
    while report.last == "\n" { report.removeLast() }
  }
}
