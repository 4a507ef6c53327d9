import Keys
import Schema
import Values

/// What a transaction may see of others (SQL:2016, 4.36; PostgreSQL manual, 13.2). None stands in for another one.
package enum IsolationLevel: UInt8, Hashable, Comparable, Sendable {
  /// Each statement sees what was committed before it began; a row that changed meanwhile is looked at again.
  case readCommitted = 1
  /// All statements see one snapshot; a row that changed since is error 40001 for who wants to change or lock it.
  case repeatableRead = 2
  /// As if one transaction ran after the other, also in real time.
  case serializable = 3

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension IsolationLevel: CustomStringConvertible {
  /// As SQL says it, in lower case.
  package var description: String {
    switch self {
    case .readCommitted: "read committed"
    case .repeatableRead: "repeatable read"
    case .serializable: "serializable"
    }
  }
}

package struct TransactionOptions: Hashable, Sendable {
  package var isolation: IsolationLevel
  package var isReadOnly: Bool
  /// How long one request waits for a row lock, in milliseconds (`lock_timeout`); 0 is no limit. A transaction may
  /// change it later (`setLockTimeout`).
  package var lockTimeoutMilliseconds: UInt64
  /// Reads see the database as of this time (`AS OF SYSTEM TIME`); read-only transactions only.
  package var readTime: HybridTime?
  /// The session that runs it, for those who ask who waits for whom; nil where it is no client's.
  package var processID: Int32?

  package init(
    isolation: IsolationLevel = .readCommitted, isReadOnly: Bool = false, lockTimeoutMilliseconds: UInt64 = 0,
    readTime: HybridTime? = nil, processID: Int32? = nil
  ) {
    self.isolation = isolation
    self.isReadOnly = isReadOnly
    self.lockTimeoutMilliseconds = lockTimeoutMilliseconds
    self.readTime = readTime
    self.processID = processID
  }
}

/// A row lock's strength (PostgreSQL manual, 13.3.2), weakest first.
package enum RowLockStrength: UInt8, Hashable, Comparable, Sendable, CaseIterable {
  case keyShare = 1
  case share = 2
  case noKeyUpdate = 3
  case update = 4

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// PostgreSQL manual, table 13.3.
  package func conflicts(with other: Self) -> Bool {
    switch (min(self, other), max(self, other)) {
    case (_, .update): true
    case (.keyShare, _): false
    case (.share, .share): false
    default: true
    }
  }
}

/// What a request does where somebody else holds a lock that it needs.
package enum LockWaitPolicy: UInt8, Hashable, Sendable {
  case wait = 1
  /// 55P03 at once.
  case noWait = 2
  /// As if the row were not there.
  case skipLocked = 3
}

/// `FOR UPDATE` and its like: the rows that a read yields are locked until the transaction ends.
package struct RowLocking: Hashable, Sendable {
  package var strength: RowLockStrength
  package var policy: LockWaitPolicy
  package init(strength: RowLockStrength, policy: LockWaitPolicy) {
    self.strength = strength
    self.policy = policy
  }
}

/// A place in a transaction to go back to.
package struct SavepointMark: Hashable, Comparable, Sendable {
  /// Statements of the transaction before it.
  package var sequence: UInt32
  package init(sequence: UInt32) { self.sequence = sequence }
  package static func < (a: Self, b: Self) -> Bool { a.sequence < b.sequence }
}

/// One transaction, from a gateway's point of view. Calls come one after the other; only calls of `mutate` that belong to
/// one SQL statement may overlap.
///
/// After an error of `read`, `mutate` or the rows of a read, the transaction can only go back to a mark taken before that
/// statement, or be rolled back: the failed statement may have locked rows and written some.
/// Errors: 40001 where another transaction won, 40P01 for the victim of a deadlock, 55P03 for locks that were not to be
/// waited for or not for so long, 57014 when cancelled; after 40001 and 40P01 only `rollback()` helps.
package protocol Transaction: AnyObject, Sendable {
  var id: TransactionID { get }
  var options: TransactionOptions { get }

  /// The newest catalog that this node knows, with the transaction's own changes; never waits.
  var catalog: CatalogSnapshot { get }

  /// Whether it has changed the catalog, or tried to.
  var changesSchema: Bool { get }

  /// Whether its reads are as of a time that is fixed already, also those of later statements.
  var hasSnapshot: Bool { get }

  /// Changes the catalog when the transaction commits; until then for the transaction alone. Others go on reading what it
  /// changes, and wait with writing to it.
  func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult

  /// A statement begins: in `READ COMMITTED` it gets a new snapshot.
  func beginStatement()

  /// How long each request waits for a row lock from now on, in milliseconds; 0 is no limit.
  func setLockTimeout(milliseconds: UInt64)

  /// Opens a read. It sees the transaction's own writes. With `locking` the rows are locked before they are handed out,
  /// in their newest version (`READ COMMITTED`), and are those for which the filter still holds.
  func read(
    _ read: TableRead, locking: RowLocking?, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches

  /// Carries out a mutation of rows of any number of tablets, as part of the transaction.
  func mutate(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult

  /// Inserts rows into a table that the transaction has made or emptied, and that nobody else can see: they take no memory
  /// until the commit, however many they are. The transaction cannot go back to a mark before them any more.
  /// - Returns: nil, and nothing was done, where that is not so.
  func load(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult?

  /// Where `rollback(to:)` can go back to: before everything that comes after this call.
  func mark() -> SavepointMark
  /// Undoes the writes since the mark. Locks stay until the transaction ends.
  func rollback(to mark: SavepointMark) async throws(SQLError)

  /// - Throws: 40001 where it could not commit: nothing was written. 40003 where it may have.
  func commit(deadline: Deadline?) async throws(SQLError)
  /// Undoes everything and lets go of all locks. Never waits long, and never fails.
  func rollback() async
}

extension Transaction {
  /// Inserts many rows, at once where that is possible (`load`).
  /// - Parameter isFinal: whether nobody can go back to before these rows but by rolling back the whole transaction.
  package func fill(
    _ mutation: TableMutation, isFinal: Bool, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    if isFinal, let loaded = try await load(mutation, deadline: deadline) { return loaded }
    return try await mutate(mutation, deadline: deadline)
  }
}
