import Values

/// A statement with its parameters, and how far it has run. Lives on its session's loop.
final class Portal {
  let statement: CachedStatement
  /// In the order in which a session's portals were made.
  var number: UInt64 = 0
  let parameters: [Datum]
  var columns: [ResultColumn]?
  var rows: PortalRows?
  /// It ran to its end and cannot run again.
  var isDone = false

  init(statement: CachedStatement, parameters: [Datum], columns: [ResultColumn]?) {
    self.statement = statement
    self.parameters = parameters
    self.columns = columns
  }
}

/// Rows that a portal has yet to send, in pieces as the client asks for them.
final class PortalRows {
  private let cursor: any RowCursor
  private var waiting: ArraySlice<Row> = []
  let tagName: CommandTag
  /// Where it is not the number of rows sent.
  let count: Int?

  init(cursor: any RowCursor, tagName: CommandTag, count: Int?) {
    self.cursor = cursor
    self.tagName = tagName
    self.count = count
  }

  /// At most `count` rows; nil at the end.
  func take(_ count: Int) async throws(SQLError) -> [Row]? {
    if waiting.isEmpty {
      guard let rows = try await cursor.next() else { return nil }
      if rows.count <= count { return rows }
      waiting = rows[...]
    }
    let taken = Array(waiting.prefix(count))
    waiting = waiting.dropFirst(taken.count)
    return taken
  }
}

/// How a command names itself when it is done.
enum CommandTag {
  case select, insert, update, delete, show, explain, fetch

  func tag(count: Int) -> String {
    switch self {
    case .select: "SELECT \(count)"
    case .insert: "INSERT 0 \(count)"
    case .update: "UPDATE \(count)"
    case .delete: "DELETE \(count)"
    case .show: "SHOW"
    case .explain: "EXPLAIN"
    case .fetch: "FETCH \(count)"
    }
  }

  /// Whether Execute with a row limit may stop in the middle (PostgreSQL manual, 55.2.3).
  var maySuspend: Bool {
    switch self {
    case .select: true
    case .insert, .update, .delete, .show, .explain, .fetch: false
    }
  }
}

extension CachedStatement {
  /// An empty query string.
  var isEmpty: Bool {
    if case .unsupported("", _) = statement.syntax { true } else { false }
  }
}
