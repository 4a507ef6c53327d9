import Keys
import Operations
import Schema
import Synchronization
import Values

extension MemoryDataPlane {
  func begin(_ options: TransactionOptions) -> any Transaction {
    state.withLock { $0.begun.append(options) }
    return MemoryTransaction(on: self, options)
  }

  /// Fails with 40001 if a test asked for it.
  func failIfAsked(_ call: Call) throws(SQLError) {
    let fails = state.withLock { state in
      guard let count = state.failures[call], count > 0 else { return false }
      state.failures[call] = count - 1
      return true
    }
    if fails { throw SQLError(.serializationFailure, "could not serialize access: the test says so") }
  }

  /// Lets the next calls of a kind fail.
  func fail(_ call: Call, times: Int = 1) { state.withLock { $0.failures[call] = times } }
}

/// A transaction in the plainest way: a copy of all rows at its beginning (in `READ COMMITTED`, at that of each
/// statement, with its own writes done again), and at the commit its writes are done to the real rows.
final class MemoryTransaction: Transaction {
  private struct State {
    var rows: [TabletID: [[UInt8]: Row]]
    /// Rows as they are after its writes; nil for those that it deleted.
    var writes: [TabletID: [[UInt8]: Row?]] = [:]
    var marks: [(rows: [TabletID: [[UInt8]: Row]], writes: [TabletID: [[UInt8]: Row?]])] = []
    var isOver = false
    var lockTimeoutMilliseconds: UInt64 = 0
  }

  let id: TransactionID
  let options: TransactionOptions
  private let plane: MemoryDataPlane
  private let state: Mutex<State>

  init(on plane: MemoryDataPlane, _ options: TransactionOptions) {
    self.plane = plane
    self.options = options
    id = TransactionID(start: HybridTime(rawValue: 1), client: 1, gateway: NodeID(1))
    state = Mutex(
      State(rows: plane.state.withLock { $0.rows }, lockTimeoutMilliseconds: options.lockTimeoutMilliseconds))
  }

  func beginStatement() {
    plane.note("statement")
    guard options.isolation == .readCommitted else { return }
    let newest = plane.state.withLock { $0.rows }
    state.withLock { state in
      state.rows = newest
      for (tablet, rows) in state.writes {
        for (key, row) in rows { state.rows[tablet, default: [:]][key] = row }
      }
    }
  }

  func setLockTimeout(milliseconds: UInt64) {
    let isNew = state.withLock { state in
      defer { state.lockTimeoutMilliseconds = milliseconds }
      return state.lockTimeoutMilliseconds != milliseconds
    }
    if isNew { plane.note("lock timeout \(milliseconds)") }
  }

  /// A plane of its own over this transaction's rows.
  private var view: MemoryDataPlane {
    let view = MemoryDataPlane()
    let catalog = plane.catalog
    let rows = state.withLock { $0.rows }
    view.state.withLock { state in
      state.catalog = catalog
      state.rows = rows
    }
    return view
  }

  func read(
    _ read: TableRead, locking: RowLocking?, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches {
    plane.note(locking.map { "read locking \($0.strength) \($0.policy)" } ?? "read")
    try plane.failIfAsked(.read)
    if let locking { plane.state.withLock { $0.locks.append((read.selection, locking)) } }
    var read = read
    let others = plane.state.withLock { $0.lockedElsewhere }
    if let locking, !others.isEmpty, case .points(let keys) = read.selection {
      if locking.policy == .noWait, keys.contains(where: others.contains) {
        throw SQLError(.lockNotAvailable, "could not obtain lock on row")
      }
      if locking.policy == .skipLocked { read.selection = .points(keys.filter { !others.contains($0) }) }
    }
    return try await view.read(read, deadline: deadline)
  }

  func mutate(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    plane.note("mutate")
    let view = self.view
    let before = view.state.withLock { $0.rows }
    let result = try await view.mutate(mutation, deadline: deadline)
    let after = view.state.withLock { $0.rows }
    state.withLock { state in
      state.rows = after
      for tablet in Set(before.keys).union(after.keys) {
        let (old, new) = (before[tablet] ?? [:], after[tablet] ?? [:])
        for key in Set(old.keys).union(new.keys) where !Self.isSame(old[key], new[key]) {
          state.writes[tablet, default: [:]][key] = .some(new[key])
        }
      }
    }
    // Behind the writes, so that what undoes the statement has something to undo.
    try plane.failIfAsked(.mutate)
    return result
  }

  private static func isSame(_ a: Row?, _ b: Row?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return zip(a, b).allSatisfy { $0.isNull == $1.isNull && ($0.isNull || Datum.compare($0, $1) == 0) }
  }

  func mark() -> SavepointMark {
    state.withLock { state in
      state.marks.append((state.rows, state.writes))
      return SavepointMark(sequence: UInt32(state.marks.count - 1))
    }
  }

  func rollback(to mark: SavepointMark) async throws(SQLError) {
    plane.note("rollback to")
    try plane.failIfAsked(.rollbackTo)
    state.withLock { state in
      let kept = state.marks[Int(mark.sequence)]
      (state.rows, state.writes) = (kept.rows, kept.writes)
      state.marks.removeSubrange((Int(mark.sequence) + 1)...)
    }
  }

  func commit(deadline: Deadline?) async throws(SQLError) {
    plane.note("commit")
    try plane.failIfAsked(.commit)
    let writes = state.withLock { state in
      precondition(!state.isOver, "a transaction ends once")
      state.isOver = true
      return state.writes
    }
    plane.state.withLock { state in
      for (tablet, rows) in writes { for (key, row) in rows { state.rows[tablet, default: [:]][key] = row } }
    }
  }

  func rollback() async {
    plane.note("rollback")
    state.withLock { $0.isOver = true }
  }
}
