import Keys
import Schema

/// An open transaction as its gateway knows it, for those who ask who holds and who waits.
package struct TransactionActivity: Hashable, Sendable {
  /// A tablet in which it has written or locked rows.
  package struct Touched: Hashable, Sendable {
    package var tablet: TabletID
    package var table: TableID
    /// False where it has only locked rows (`FOR UPDATE` and its like).
    package var writes: Bool
    /// Writes that wait there for the commit.
    package var pendingBytes: UInt64
    package init(tablet: TabletID, table: TableID, writes: Bool, pendingBytes: UInt64) {
      self.tablet = tablet
      self.table = table
      self.writes = writes
      self.pendingBytes = pendingBytes
    }
  }

  package struct Wait: Hashable, Sendable {
    package var blockers: [TransactionID]
    /// Whose row it wants.
    package var table: TableID
    /// Microseconds since the Unix epoch, by its gateway's clock.
    package var sinceMicroseconds: UInt64
    package init(blockers: [TransactionID], table: TableID, sinceMicroseconds: UInt64) {
      self.blockers = blockers
      self.table = table
      self.sinceMicroseconds = sinceMicroseconds
    }
  }

  package var id: TransactionID
  /// The session's; nil where no client's session runs it.
  package var processID: Int32?
  package var isolation: IsolationLevel
  package var isReadOnly: Bool
  /// Microseconds since the Unix epoch, by its gateway's clock.
  package var startMicroseconds: UInt64
  package var ageMicroseconds: UInt64
  /// By tablet.
  package var touched: [Touched]
  /// Nil while it waits for nobody.
  package var wait: Wait?

  package init(
    id: TransactionID, processID: Int32?, isolation: IsolationLevel, isReadOnly: Bool, startMicroseconds: UInt64,
    ageMicroseconds: UInt64, touched: [Touched], wait: Wait?
  ) {
    self.id = id
    self.processID = processID
    self.isolation = isolation
    self.isReadOnly = isReadOnly
    self.startMicroseconds = startMicroseconds
    self.ageMicroseconds = ageMicroseconds
    self.touched = touched
    self.wait = wait
  }

  /// The tables that it has locks in, in order, and whether it writes there.
  package var tables: [(table: TableID, writes: Bool)] {
    var writes: [TableID: Bool] = [:]
    for tablet in touched { writes[tablet.table] = (writes[tablet.table] ?? false) || tablet.writes }
    return writes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  package var pendingBytes: UInt64 { touched.reduce(0) { $0 &+ $1.pendingBytes } }
}

extension [TransactionActivity] {
  /// The sessions that a session waits for, directly: those that hold what it wants (`pg_blocking_pids`).
  package func processIDs(blocking processID: Int32) -> [Int32] {
    var blockers: Set<TransactionID> = []
    for activity in self where activity.processID == processID { blockers.formUnion(activity.wait?.blockers ?? []) }
    return Set(compactMap { blockers.contains($0.id) ? $0.processID : nil }).sorted()
  }
}
