import Expressions
import Keys
import Operations
import Schema
import Synchronization
import Tablet
import Values

/// One transaction, run by this node's gateway: what it reads at which time, which tablets it has touched, and how it
/// ends (`GatewayTransaction+Commit`).
///
/// Its writes and locks are in the memory of the tablets' leaders until it commits. Each call is a statement with a
/// number of its own, so that it can be undone alone.
package final class GatewayTransaction: Transaction, RequestCarrier {
  /// One tablet that the transaction has locks or writes in.
  struct Participant {
    var tablet: TabletDescriptor
    /// Nil until a request was answered.
    var epoch: UInt64?
    /// The last statement that was answered and not taken back since.
    var lastKept: UInt32 = 0
    var pendingBytes = 0
    /// Whether it has locked rows that it has not written.
    var locksRows = false
    /// How many others wanted the rows of one of its statements.
    var contenderCount = 0
    /// Whether it has written there, or tried to; otherwise it has only locked rows.
    var writes = false
  }

  enum Phase {
    case active
    case ended
  }

  struct State {
    var phase = Phase.active
    var participants: [TabletID: Participant] = [:]
    /// Of the last call that locks or writes.
    var statement: UInt32 = 0
    /// Those that are under way: COPY writes several batches at a time.
    var running: Set<UInt32> = []
    /// The snapshot: of the statement in `READ COMMITTED`, otherwise of the transaction.
    var snapshot: Snapshot?
    /// Whether a read has used the snapshot, so that it must not move any more.
    var snapshotIsUsed = false
    /// What a serializable transaction has read, to be validated when it commits.
    var readSet: [TabletID: ReadSelections] = [:]
    /// Why the running call has to stop.
    var interruption: SQLError?
    /// The oldest versions of the tables that it has written, as it knew them.
    var written: [TableID: UInt32] = [:]
    /// Since when one of them is not the newest any more; monotonic nanoseconds.
    var olderSince: UInt64?
    var lockTimeoutMilliseconds: UInt64
    /// Whether it changes the catalog, whose tablet then decides.
    var changesSchema = false
    /// The catalog with its changes; nil, or of an older version, until somebody asks.
    var view: CatalogSnapshot?
    /// The last statement whose rows cannot be taken back (`load`).
    var loaded: UInt32 = 0
    /// Tables that it changes, and whose tablets know.
    var fenced: Set<TableID> = []
    /// Whom it waits for, as the leaders said last.
    var wait: Wait?
    /// What no tablet has heard of (`keepLate`), in the order of its statements, and how many rows that is.
    var late: [LateWrite] = []
    var lateRowCount = 0
    /// Whether it is not known if something that was answered has arrived: it cannot commit any more.
    var isIncomplete = false
  }

  struct Snapshot: Hashable, Sendable {
    var time: HybridTime
    /// Versions up to here may be in the client's past (DESIGN §10.5); equal to `time` where nothing is in doubt.
    var uncertaintyLimit: HybridTime
  }

  struct Wait {
    var blockers: [TransactionID]
    var table: TableID
    /// When the first report of it came, and the last; monotonic nanoseconds.
    var since: UInt64
    var reported: UInt64
  }

  package let id: TransactionID
  package let options: TransactionOptions
  let gateway: Gateway
  /// Monotonic nanoseconds.
  let started: UInt64
  let state: Mutex<State>

  init(id: TransactionID, options: TransactionOptions, gateway: Gateway) {
    self.id = id
    self.options = options
    self.gateway = gateway
    started = gateway.router.now
    state = Mutex(State(lockTimeoutMilliseconds: options.lockTimeoutMilliseconds))
  }

  var router: Router { gateway.router }
  package var evaluation: EvaluationContext { EvaluationContext(folded: router.runtime) }

  package func beginStatement() {
    guard options.isolation == .readCommitted else { return }
    state.withLock { state in
      state.snapshot = nil
      state.snapshotIsUsed = false
    }
  }

  package func setLockTimeout(milliseconds: UInt64) { state.withLock { $0.lockTimeoutMilliseconds = milliseconds } }

  package func mark() -> SavepointMark { SavepointMark(sequence: state.withLock { $0.statement }) }

  func requireActive() throws(SQLError) {
    let (phase, isIncomplete) = state.withLock { ($0.phase, $0.isIncomplete) }
    guard phase == .active else { throw SQLError(.internalError, "the transaction is over") }
    guard !isIncomplete else { throw .transactionLost }
  }

  // MARK: Reads

  package func read(
    _ read: TableRead, locking: RowLocking?, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches {
    try requireActive()
    try await sendLate(of: read.table, deadline: deadline)
    let table = try table(read.table, version: read.schemaVersion)
    let shares = TabletShares(of: table, in: catalog).shares(of: read.selection)
    if let locking { return try await lock(read, locking, table, shares, deadline: deadline) }
    note(reading: shares)
    return TableReader(
      gateway: gateway, table: table, read: read, shares: shares, deadline: deadline, transaction: self)
  }

  /// Remembers what a serializable transaction looks at.
  func note(reading shares: [(tablet: TabletDescriptor, selection: KeySelection)]) {
    guard options.isolation == .serializable, !options.isReadOnly else { return }
    state.withLock { state in
      for share in shares {
        state.readSet[share.tablet.id, default: ReadSelections(share.tablet)].add(share.selection)
      }
    }
  }

  /// The transaction's name and epoch for reads of a tablet in which it has something.
  func reference(in tablet: TabletID) -> TransactionReference? {
    state.withLock { state in
      state.participants[tablet]?.epoch.map { TransactionReference(id: id, epoch: $0) }
    }
  }

  package func readNewest(
    _ read: TableRead, locking: RowLocking, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches {
    try requireActive()
    try await sendLate(of: read.table, deadline: deadline)
    let table = try table(read.table, version: read.schemaVersion)
    let shares = TabletShares(of: table, in: catalog).shares(of: read.selection)
    return try await lock(read, locking, table, shares, isNewest: true, deadline: deadline)
  }

  private func lock(
    _ read: TableRead, _ locking: RowLocking, _ table: TableDescriptor,
    _ shares: [(tablet: TabletDescriptor, selection: KeySelection)], isNewest: Bool = false, deadline: Deadline?
  ) async throws(SQLError) -> any RowBatches {
    note(reading: shares)
    let answers = try await statement(
      on: shares.map { share in
        var part = read
        part.selection = share.selection
        return (share.tablet, .lock(part, locking))
      }, searches: true, isNewest: isNewest, table: table, deadline: deadline)
    var rows = answers.flatMap(\.returned)
    if case .rows(_, let limit?) = read.pipeline.output, rows.count > limit { rows.removeLast(rows.count - limit) }
    return ListedBatches(rows)
  }

  // MARK: Writes

  package func mutate(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) -> MutationResult {
    let catalog = catalog
    let table = try table(mutation.table, version: mutation.schemaVersion)
    return try await DependentWrites(in: catalog, through: self, deadline: deadline).mutate(mutation, of: table)
  }

  package func mutateAlone(
    _ mutation: TableMutation, deadline: Deadline?
  ) async throws(SQLError) -> MutationResult {
    try requireActive()
    try await gateway.awaitWritable(mutation.table, for: self, deadline: deadline)
    let table = try table(mutation.table, version: mutation.schemaVersion)
    if table.makesRowIDs, case .insert(let rows, .fail) = mutation.mutation, try keepLate(mutation) {
      // Its keys are nobody else's.
      return MutationResult(affectedCount: rows.count, returned: [])
    }
    try await sendLate(of: mutation.table, deadline: deadline)
    state.withLock { $0.written[table.id] = min($0.written[table.id] ?? .max, table.version) }
    let shares = TabletShares(of: table, in: catalog)
    switch mutation.mutation {
    case .insert(let rows, let onConflict) where rows.count > Self.insertedRowsMax:
      var result = MutationResult.none
      for start in stride(from: 0, to: rows.count, by: Self.insertedRowsMax) {
        var part = mutation
        part.mutation = .insert(
          rows: Array(rows[start..<min(start + Self.insertedRowsMax, rows.count)]), onConflict: onConflict)
        result.add(try await mutateAlone(part, deadline: deadline))
      }
      return result
    case .insert(let rows, let onConflict):
      let cut = try InsertShares(rows, of: table, shares: shares)
      let answers = try await statement(
        on: cut.shares.map { share in
          var part = mutation
          part.mutation = .insert(rows: share.positions.map { rows[$0] }, onConflict: onConflict)
          return (share.tablet, .rows(part))
        }, searches: false, table: table, deadline: deadline)
      return cut.merged(answers)
    case .update(let selection, let filter, let assignments):
      return try await change(selection, mutation, table, shares, deadline: deadline) {
        .update($0, filter: filter, assignments)
      }
    case .delete(let selection, let filter):
      return try await change(selection, mutation, table, shares, deadline: deadline) {
        .delete($0, filter: filter)
      }
    }
  }

  package func mutateLater(_ mutation: TableMutation, deadline: Deadline?) async throws(SQLError) {
    try requireActive()
    try await gateway.awaitWritable(mutation.table, for: self, deadline: deadline)
    if try keepLate(mutation) { return }
    _ = try await mutateAlone(mutation, deadline: deadline)
  }

  private func change(
    _ selection: KeySelection, _ mutation: TableMutation, _ table: TableDescriptor, _ tablets: TabletShares,
    deadline: Deadline?, _ make: (KeySelection) -> Mutation
  ) async throws(SQLError) -> MutationResult {
    let shares = tablets.shares(of: selection)
    let searches = if case .ranges = selection { true } else { false }
    if searches { note(reading: shares) }
    let answers = try await statement(
      on: shares.map { share in
        var part = mutation
        part.mutation = make(share.selection)
        return (share.tablet, .rows(part))
      }, searches: searches, table: table, deadline: deadline)
    return answers.reduce(into: .none) { $0.add($1) }
  }

  /// Rows of an insert that are sent at a time: a leader evaluates them in one turn.
  private static var insertedRowsMax: Int { 4_000 }
}

/// Rows that are all there.
private final class ListedBatches: RowBatches {
  private let rows: Mutex<[Row]>
  init(_ rows: [Row]) { self.rows = Mutex(rows) }
  func next() async throws(SQLError) -> [Row]? {
    rows.withLock { rows in
      if rows.isEmpty { return nil }
      defer { rows = [] }
      return rows
    }
  }
}
