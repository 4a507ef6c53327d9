/// What one client did in one transaction and what it was told: a line of a history.
///
/// A history is an array of these in any order; a transaction's place there is its name (`T3`) in every report.
package struct Transaction: Hashable, Sendable {
  /// What the client knows of the end.
  package enum Outcome: Hashable, Sendable {
    /// `at` is the commit's hybrid time, where the database says it (test mode).
    case committed(at: UInt64? = nil)
    case aborted
    /// `COMMIT` was sent and its answer never came: all of the writes happened, or none.
    case unknown
  }

  /// A client that does one thing after another: the next transaction of a session starts after the last one's answer.
  package var session: Int
  package var isolation: IsolationLevel
  package var outcome: Outcome
  package var operations: [Operation]
  /// When the client asked, in nanoseconds of true time.
  package var start: UInt64
  /// When it had the answer to its end, or nil where that never came.
  package var end: UInt64?

  package init(
    session: Int, _ isolation: IsolationLevel, _ outcome: Outcome = .committed(), start: UInt64, end: UInt64?,
    _ operations: [Operation]
  ) {
    self.session = session
    self.isolation = isolation
    self.outcome = outcome
    self.start = start
    self.end = end
    self.operations = operations
  }

  package var isCommitted: Bool { if case .committed = outcome { true } else { false } }

  /// When it committed, where the database said so.
  package var commitTime: UInt64? { if case .committed(let time) = outcome { time } else { nil } }

  /// When the client knew that it had committed. One of unknown outcome may commit after its client gave up on it.
  package var acknowledged: UInt64? { isCommitted ? end : nil }

  /// Whether this one had committed, and its client knew, before the other began: an order that everyone could see.
  package func endedBefore(_ other: Transaction) -> Bool { acknowledged.map { $0 < other.start } ?? false }
}

/// One statement of a transaction, with what it answered. A statement that failed is not in a history.
///
/// A key names a row. A row holds a list (`append`, `readList`) or a number (the rest), never both. `at` is the
/// statement's read time, where the database says it.
package enum Operation: Hashable, Sendable {
  /// Puts one value at the end of the row's list. No two appends to one key have the same value.
  case append(key: Int64, Int64)
  /// What the row's list was; empty where there was no row.
  case readList(key: Int64, [Int64], at: UInt64? = nil)
  /// Sets the row's number; nil deletes the row.
  case write(key: Int64, Int64?)
  /// Adds to the row's number, whatever it is.
  case add(key: Int64, Int64)
  /// What the row's number was; nil where there was no row.
  case read(key: Int64, Int64?, at: UInt64? = nil)
  /// All rows with keys in a range, by one statement.
  case scan(ClosedRange<Int64>, [Int64: Int64], at: UInt64? = nil)

  /// The row that it changes, if it is a change.
  package var writtenKey: Int64? {
    switch self {
    case .append(let key, _), .write(let key, _), .add(let key, _): key
    case .readList, .read, .scan: nil
    }
  }
}

extension Operation: CustomStringConvertible {
  package var description: String {
    switch self {
    case .append(let key, let value): return "append \(value) to \(key)"
    case .readList(let key, let list, let time): return "read \(key): \(list)\(Self.suffix(time))"
    case .write(let key, let value?): return "write \(key) = \(value)"
    case .write(let key, nil): return "delete \(key)"
    case .add(let key, let amount): return "add \(amount) to \(key)"
    case .read(let key, let value, let time):
      return "read \(key): \(value.map { "\($0)" } ?? "no row")\(Self.suffix(time))"
    case .scan(let range, let rows, let time):
      let text = rows.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", ")
      return "scan \(range): {\(text)}\(Self.suffix(time))"
    }
  }

  private static func suffix(_ time: UInt64?) -> String { time.map { " at \($0)" } ?? "" }
}

extension Transaction: CustomStringConvertible {
  package var description: String {
    let outcome =
      switch outcome {
      case .committed(let time?): "committed at \(time)"
      case .committed(nil): "committed"
      case .aborted: "aborted"
      case .unknown: "outcome unknown"
      }
    return "session \(session), \(isolation.sql), \(start)…\(end.map { "\($0)" } ?? "?") ns, \(outcome): "
      + operations.map(\.description).joined(separator: "; ")
  }
}
