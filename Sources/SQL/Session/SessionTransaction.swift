import Operations
import Values

/// A transaction as its session knows it (PostgreSQL manual, 55.2.2.1 and 55.2.4).
///
/// ```
///          a statement                    BEGIN
/// nothing ------------> implicit -------------------> block <---- ROLLBACK TO ----+
///    ^                     |                           |  |                       |
///    |  end of the query,  |      COMMIT, ROLLBACK     |  +------ error -----> failed
///    |  Sync, error        |                           |                          |
///    +---------------------+---------------------------+------ COMMIT, ROLLBACK --+
/// ```
///
/// A single statement between transactions also has an implicit one, but needs nothing of the data plane for it: `data`
/// stays nil, and its read or write is a transaction of its own.
struct SessionTransaction {
  enum Phase {
    case implicit
    case block
    case failed
  }

  struct Savepoint {
    var name: String
    var mark: SavepointMark
    var settings: Settings
    /// Portals from this number on were made behind it.
    var portalNumber: UInt64
  }

  var phase = Phase.implicit
  /// What `now()` is: microseconds since 2000-01-01 UTC.
  let startTime: Int64
  /// By the monotonic clock, for `transaction_timeout`.
  let startNanoseconds: UInt64
  /// What a rollback brings back.
  let settingsBefore: Settings
  /// Begun with the first statement that needs it.
  var data: (any Transaction)?
  /// `AS OF SYSTEM TIME`, as it was written.
  var readTime: String?
  /// Whether it is too late to choose an isolation level.
  var hasQueried = false
  /// Statements of `data` that succeeded.
  var statementCount = 0
  /// The innermost last.
  var savepoints: [Savepoint] = []
}

/// Where a statement stands among those that came with it.
struct StatementPlace {
  /// It belongs to no transaction of several statements, as far as can be seen.
  var isAlone = true
  /// No other statement can follow in its implicit transaction, so it may commit at once.
  var isLast = true
}
