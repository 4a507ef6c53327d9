/// What one statement gave, copied out of libpq.
package struct PostgresResult: Sendable, Equatable {
  package struct Column: Sendable, Equatable {
    package var name: String
    /// The type's object id in `pg_type`.
    package var type: UInt32

    package init(name: String, type: UInt32) {
      self.name = name
      self.type = type
    }
  }

  package enum Kind: Sendable, Equatable {
    case rows
    case command
    case emptyQuery
    /// The server waits for `COPY` data, and goes on only after ``PostgresConnection/finishCopy(error:)``.
    case copyIn
    /// The server sends `COPY` data, and goes on only after ``PostgresConnection/copyRow()`` gave nil.
    case copyOut
  }

  package var kind: Kind
  package var columns: [Column]
  /// Values in text format; nil for null.
  package var rows: [[String?]]
  /// As `INSERT 0 1`.
  package var commandTag: String

  package init(kind: Kind, columns: [Column] = [], rows: [[String?]] = [], commandTag: String = "") {
    self.kind = kind
    self.columns = columns
    self.rows = rows
    self.commandTag = commandTag
  }

  /// The number at the end of the command tag; 0 where it has none.
  package var affectedRows: Int { commandTag.split(separator: " ").last.flatMap { Int($0) } ?? 0 }
}
