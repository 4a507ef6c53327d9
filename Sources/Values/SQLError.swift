/// An error as a client sees it (PostgreSQL manual, 55.8 "Error and Notice Message Fields").
public struct SQLError: Error, Hashable, Sendable {
  public var state: SQLState
  public var message: String
  public var detail: String?
  public var hint: String?
  /// Where in the statement's text, in characters from 1.
  public var position: Int?
  public var schema: String?
  public var table: String?
  public var column: String?
  public var dataType: String?
  public var constraint: String?
  /// Where a long-running input stood, as `COPY t, line 3` (the message field W).
  public var context: String?

  public init(
    _ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, position: Int? = nil
  ) {
    self.state = state
    self.message = message
    self.detail = detail
    self.hint = hint
    self.position = position
  }
}
