/// An error or a notice of the server, or libpq's own word that the connection is gone.
///
/// The fields are those of PostgreSQL's protocol page "Error and Notice Message Fields".
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
  package var severity = "ERROR"
  /// Five characters; nil where the server said nothing: the connection failed or ended.
  package var sqlState: String?
  package var message: String
  package var detail: String?
  package var hint: String?
  package var context: String?
  /// Where in the statement, in characters from 1.
  package var position: Int?
  /// The whole of it as psql prints it, with the line of the statement and a caret under the place.
  package var report: String

  package init(message: String, severity: String = "ERROR", sqlState: String? = nil) {
    self.message = message
    self.severity = severity
    self.sqlState = sqlState
    report = "\(severity):  \(message)"
  }

  package var description: String { "\(severity): \(sqlState.map { "\($0) " } ?? "")\(message)" }

  /// Whether a statement that ended so may have taken effect all the same: the answer got lost, or the server itself
  /// does not know (40003, statement completion unknown; 08007, transaction resolution unknown).
  package var outcomeIsUnknown: Bool {
    guard let sqlState else { return true }
    return sqlState == "40003" || sqlState.hasPrefix("08") || sqlState == "57P01" || sqlState == "57P02"
  }
}
