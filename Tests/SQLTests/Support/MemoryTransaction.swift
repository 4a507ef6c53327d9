import Coding
import Expressions
import Keys
import Operations
import Schema
import Synchronization
import Transactions
import Values

extension MemoryDataPlane {
  func begin(_ options: TransactionOptions) -> any Transaction {
    state.withLock { $0.begun.append(options) }
    return MemoryTransaction(on: self, options)
  }

  func mutate(
    _ mutation: TableMutation, options: TransactionOptions, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    note(options.isolation == .readCommitted ? "plain mutate" : "plain mutate at \(options.isolation)")
    try failIfAsked(.mutate)
    guard let table = catalog.tables[mutation.table], !mutation.standsAlone(on: table, in: catalog) else {
      return try await mutateAlone(mutation, deadline: deadline)
    }
    let transaction = MemoryTransaction(on: self, options)
    do throws(SQLError) {
      let result = try await transaction.mutate(mutation, deadline: deadline)
      try await transaction.commit(deadline: deadline)
      return result
    } catch {
      await transaction.rollback()
      throw error
    }
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
final class MemoryTransaction: Transaction, RequestCarrier {
  private struct State {
    var rows: [TabletID: [[UInt8]: Row]]
    /// Rows as they are after its writes; nil for those that it deleted.
    var writes: [TabletID: [[UInt8]: Row?]] = [:]
    /// Rows that it wrote, as they were committed when it did.
    var originals: [TabletID: [[UInt8]: Row?]] = [:]
    var marks: [(rows: [TabletID: [[UInt8]: Row]], writes: [TabletID: [[UInt8]: Row?]], plane: Stored)] = []
    /// What was stored before its first change of the catalog: nobody else looks meanwhile.
    var before: Stored?
    var isOver = false
    var lockTimeoutMilliseconds: UInt64 = 0
  }

  private struct Stored {
    var catalog: CatalogSnapshot
    var rows: [TabletID: [[UInt8]: Row]]
  }

  let id: TransactionID
  let options: TransactionOptions
  let evaluation = EvaluationContext(statementTime: 0, transactionTime: 0)
  private let plane: MemoryDataPlane
  private let state: Mutex<State>

  init(on plane: MemoryDataPlane, _ options: TransactionOptions) {
    self.plane = plane
    self.options = options
    id = TransactionID(start: HybridTime(rawValue: 1), client: 1, gateway: NodeID(1))
    state = Mutex(
      State(rows: plane.state.withLock { $0.rows }, lockTimeoutMilliseconds: options.lockTimeoutMilliseconds))
  }

  var catalog: CatalogSnapshot { plane.catalog }
  var changesSchema: Bool { state.withLock { $0.before != nil } }

  var hasSnapshot: Bool { options.isolation > .readCommitted }

  func change(_ change: CatalogChange, deadline: Deadline?) async throws(SQLError) -> CatalogChangeResult {
    plane.note("change")
    let stored = stored
    state.withLock { if $0.before == nil { $0.before = stored } }
    let result = try await plane.change(change, deadline: deadline)
    look()
    return result
  }

  private var stored: Stored { plane.state.withLock { Stored(catalog: $0.catalog, rows: $0.rows) } }

  private func restore(_ stored: Stored) {
    plane.state.withLock { state in
      state.catalog = stored.catalog
      state.rows = stored.rows
    }
  }

  func beginStatement() {
    plane.note("statement")
    if options.isolation == .readCommitted { look() }
  }

  /// From here on it sees what is stored now.
  private func look() {
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
    let table = try plane.table(mutation.table)
    let result = try await DependentWrites(in: plane.catalog, through: self, deadline: deadline)
      .mutate(mutation, of: table)
    // Behind the writes, so that what undoes the statement has something to undo.
    try plane.failIfAsked(.mutate)
    return result
  }

  func load(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult? { nil }

  func mutateAlone(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    let view = self.view
    let result = try await view.mutateAlone(mutation, deadline: deadline)
    let after = view.state.withLock { $0.rows }
    let table = try plane.table(mutation.table)
    let committed = plane.state.withLock { $0.rows }
    state.withLock { state in
      for tablet in table.tablets {
        let (old, new) = (state.rows[tablet] ?? [:], after[tablet] ?? [:])
        for key in Set(old.keys).union(new.keys) where old[key].map(Self.bytes) != new[key].map(Self.bytes) {
          state.writes[tablet, default: [:]][key] = .some(new[key])
          if state.originals[tablet]?[key] == nil {
            state.originals[tablet, default: [:]][key] = .some(committed[tablet]?[key])
          }
        }
      }
      state.rows = after
    }
    return result
  }

  func readNewest(
    _ read: TableRead, locking: RowLocking, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches {
    let newest = MemoryTransaction(on: plane, TransactionOptions())
    let writes = state.withLock { $0.writes }
    newest.state.withLock { state in
      state.writes = writes
      for (tablet, rows) in writes { for (key, row) in rows { state.rows[tablet, default: [:]][key] = row } }
    }
    return try await newest.view.read(read, deadline: deadline)
  }

  private static func bytes(_ row: Row) -> [UInt8] {
    var writer = ByteWriter()
    for value in row { writer.write(value) }
    return writer.bytes
  }

  func mark() -> SavepointMark {
    let stored = stored
    return state.withLock { state in
      state.marks.append((state.rows, state.writes, stored))
      return SavepointMark(sequence: UInt32(state.marks.count - 1))
    }
  }

  func rollback(to mark: SavepointMark) async throws(SQLError) {
    plane.note("rollback to")
    try plane.failIfAsked(.rollbackTo)
    let (kept, changesSchema) = state.withLock { state in
      let kept = state.marks[Int(mark.sequence)]
      (state.rows, state.writes) = (kept.rows, kept.writes)
      state.marks.removeSubrange((Int(mark.sequence) + 1)...)
      return (kept.plane, state.before != nil)
    }
    if changesSchema { restore(kept) }
  }

  func commit(deadline: Deadline?) async throws(SQLError) {
    plane.note("commit")
    try plane.failIfAsked(.commit)
    let (writes, originals) = state.withLock { state in
      precondition(!state.isOver, "a transaction ends once")
      state.isOver = true
      return (state.writes, state.originals)
    }
    let isFirst = plane.state.withLock { state in
      for (tablet, rows) in originals {
        for (key, row) in rows where row.map(Self.bytes) != state.rows[tablet]?[key].map(Self.bytes) { return false }
      }
      for (tablet, rows) in writes { for (key, row) in rows { state.rows[tablet, default: [:]][key] = row } }
      return true
    }
    guard isFirst else { throw SQLError(.serializationFailure, "another transaction was first") }
  }

  func rollback() async {
    plane.note("rollback")
    let before = state.withLock { state in
      state.isOver = true
      return state.before
    }
    if let before { restore(before) }
  }
}
