import NodeCore
import Operations
import Runtime
import SQL
import Synchronization
import Values

extension NodeCore {
  /// Runs a statement as a client does, in a session of its own.
  /// - Parameter timeout: the session's `statement_timeout`.
  /// - Returns: its rows.
  package func run(_ sql: String, timeout: String) async throws(SQLError) -> [Row] {
    let session = try await SQLSessionFactory(dataPlane: gateway, runtime: runtime).makeSession(
      user: "client", database: "apus", settings: [(name: "statement_timeout", value: timeout)], processID: 1,
      loop: runtime.loops[0])
    let sink = RowSink()
    try await session.simpleQuery(sql, sink: sink)
    return sink.rows
  }
}

/// Keeps the rows, and nothing else.
final class RowSink: ResultSink {
  private let kept = Mutex<[Row]>([])
  var rows: [Row] { kept.withLock { $0 } }

  func rows(_ rows: [Row], columns: [ResultColumn], settings: FormatSettings) {
    kept.withLock { $0.append(contentsOf: rows) }
  }
  func columns(_ columns: [ResultColumn]) {}
  func complete(tag: String) {}
  func emptyQuery() {}
  func notice(_ notice: SQLError, severity: NoticeSeverity) {}
  func parameterStatus(name: String, value: String) {}
  func copyInBegin(format: DataFormat, columnCount: Int) {}
  func copyData() -> [UInt8]? { nil }
  func copyOutBegin(format: DataFormat, columnCount: Int) {}
  func copyOut(_ bytes: [UInt8], rowEnds: [Int]) {}
  func copyOutEnd() {}
}
