/// What a transaction asked for, weakest first (PostgreSQL 15 manual §13.2).
///
/// `REPEATABLE READ` is snapshot isolation, as in PostgreSQL; `READ UNCOMMITTED` is `READ COMMITTED`.
package enum IsolationLevel: Int, Hashable, Comparable, CaseIterable, Sendable {
  case readCommitted
  case repeatableRead
  case serializable

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// As `BEGIN ISOLATION LEVEL` has it.
  package var sql: String {
    switch self {
    case .readCommitted: "READ COMMITTED"
    case .repeatableRead: "REPEATABLE READ"
    case .serializable: "SERIALIZABLE"
    }
  }
}
