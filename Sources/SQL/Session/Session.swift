import Runtime
import Values

/// One client's session, as the wire protocol drives it. Calls never overlap, but for `cancel`, which may come at any
/// time from anywhere. Knows nothing of message formats; the wire knows nothing of SQL.
package protocol Session: AnyObject, Sendable {
  /// Settings that the client is told at start and on change, in PostgreSQL's order and spelling
  /// (`server_version`, `client_encoding`, …).
  func reportedSettings() async -> [(name: String, value: String)]

  /// Who the session serves; called once, before anything runs.
  func attach(_ client: SessionClient) async

  /// Runs every statement of a simple query. Statements before the one that throws have taken effect as PostgreSQL's
  /// rules for multi-statement queries say (manual, 55.2.2.1); the results so far are in the sink.
  func simpleQuery(_ sql: String, sink: any ResultSink) async throws(SQLError)

  /// `Parse`: an OID of 0 means "infer". The name "" is the unnamed statement.
  func parse(name: String, sql: String, parameterTypes: [UInt32]) async throws(SQLError)
  /// `Bind`: nil is NULL. Format lists are as in the message: none, one for all, or one each.
  func bind(
    portal: String, statement: String, parameters: [ArraySlice<UInt8>?], parameterFormats: [DataFormat],
    resultFormats: [DataFormat]
  ) async throws(SQLError)
  func describe(statement: String) async throws(SQLError) -> StatementDescription
  /// Nil where the portal yields no rows.
  func describe(portal: String) async throws(SQLError) -> [ResultColumn]?
  /// `Execute`: at most `maxRows` rows (0: all). Does not call `sink.columns`: the client described or did not care.
  /// - Parameter syncFollows: whether the next message is known to be Sync, so that nothing else can belong to this
  ///   statement's implicit transaction. False where that is not known: it costs time only.
  func execute(
    portal: String, maxRows: Int, syncFollows: Bool, sink: any ResultSink
  ) async throws(SQLError) -> ExecuteOutcome
  func close(statement: String) async
  func close(portal: String) async
  /// `Sync`: ends the implicit transaction of what ran since the last one; after an error, forgets it.
  func sync() async throws(SQLError)
  /// The client is about to hear `ReadyForQuery`.
  func ready() async -> SessionReadiness
  /// Makes the running statement end with 57014 soon. Does nothing when none runs.
  nonisolated func cancel()
  /// The client is gone: everything it holds is let go.
  func terminate() async
}

/// What a client hears with `ReadyForQuery`, and what it may do then.
package struct SessionReadiness: Sendable {
  package var status: TransactionStatus
  /// Reported settings that changed without the client having been told, as a rollback changes them.
  package var changedSettings: [(name: String, value: String)]
  package var idleLimit: IdleLimit?
  package init(
    status: TransactionStatus, changedSettings: [(name: String, value: String)] = [], idleLimit: IdleLimit? = nil
  ) {
    self.status = status
    self.changedSettings = changedSettings
    self.idleLimit = idleLimit
  }
}

/// How long a client may say nothing, and what it hears as FATAL after that.
package struct IdleLimit: Hashable, Sendable {
  package var nanoseconds: UInt64
  package var error: SQLError
  package init(nanoseconds: UInt64, error: SQLError) {
    self.nanoseconds = nanoseconds
    self.error = error
  }
}

/// Whom a session serves.
package struct SessionClient: Sendable {
  /// An IP address; nil where there is none.
  package var address: String?
  /// Ends the connection with a FATAL error, as soon as no statement runs. From any thread.
  package var end: @Sendable (SQLError) -> Void
  package init(address: String?, end: @escaping @Sendable (SQLError) -> Void) {
    self.address = address
    self.end = end
  }
}

package enum DataFormat: Int16, Sendable {
  case text = 0
  case binary = 1
}

package enum TransactionStatus: UInt8, Sendable {
  case idle = 0x49  // I
  case inBlock = 0x54  // T
  case failed = 0x45  // E
}

package enum ExecuteOutcome: Sendable {
  /// The command tag, as `INSERT 0 1`.
  case complete(tag: String)
  case suspended
  case empty
}

package struct StatementDescription: Sendable {
  package var parameterTypes: [SQLType]
  /// Nil where the statement yields no rows.
  package var columns: [ResultColumn]?
  package init(parameterTypes: [SQLType], columns: [ResultColumn]?) {
    self.parameterTypes = parameterTypes
    self.columns = columns
  }
}

/// A column of a result (message RowDescription).
package struct ResultColumn: Sendable {
  package var name: String
  package var type: SQLType
  /// 0 where the column is not simply a column of a table.
  package var tableOID: UInt32
  package var attributeNumber: Int16
  package var format: DataFormat
  package init(
    name: String, type: SQLType, tableOID: UInt32 = 0, attributeNumber: Int16 = 0, format: DataFormat = .text
  ) {
    self.name = name
    self.type = type
    self.tableOID = tableOID
    self.attributeNumber = attributeNumber
    self.format = format
  }
}

/// Where a session puts what statements yield, in order. The wire protocol implements it; an `await` returns when the
/// client has room for more, so a slow reader slows the statement. Calls throw when the client is gone.
package protocol ResultSink: Sendable {
  /// The columns of the rows that follow (simple query only).
  func columns(_ columns: [ResultColumn]) async throws(SQLError)
  /// Rows, in the session's current output settings.
  func rows(_ rows: [Row], columns: [ResultColumn], settings: FormatSettings) async throws(SQLError)
  /// The end of one statement (simple query only).
  func complete(tag: String) async throws(SQLError)
  func emptyQuery() async throws(SQLError)
  func notice(_ notice: SQLError, severity: NoticeSeverity) async throws(SQLError)
  /// A reported setting changed.
  func parameterStatus(name: String, value: String) async throws(SQLError)

  /// `COPY … FROM STDIN` begins; then `copyData` yields the client's bytes in pieces of any size, nil at the end.
  /// - Throws: 57014 with the client's reason when it sent CopyFail.
  func copyInBegin(format: DataFormat, columnCount: Int) async throws(SQLError)
  func copyData() async throws(SQLError) -> [UInt8]?
  /// `COPY … TO STDOUT`: each call one row's bytes or many.
  func copyOutBegin(format: DataFormat, columnCount: Int) async throws(SQLError)
  func copyOut(_ bytes: [UInt8], rowEnds: [Int]) async throws(SQLError)
  func copyOutEnd() async throws(SQLError)
}

package enum NoticeSeverity: String, Sendable {
  case debug = "DEBUG"
  case info = "INFO"
  case notice = "NOTICE"
  case warning = "WARNING"
  case log = "LOG"
}

/// Makes sessions; the node gives one to the wire protocol's listener.
package protocol SessionFactory: Sendable {
  /// - Parameters:
  ///   - settings: startup parameters besides `user` and `database`, names in lower case.
  ///   - loop: where the session's state lives: the connection's own loop.
  /// - Throws: 3D000 for a database that does not exist, 53300, 57P03 while the node cannot serve yet.
  func makeSession(
    user: String, database: String, settings: [(name: String, value: String)], processID: Int32, loop: any Loop
  ) async throws(SQLError) -> any Session
}
