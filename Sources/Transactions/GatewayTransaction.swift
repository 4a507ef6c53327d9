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

  // MARK: Snapshots

  /// When the last read was as of, for checkers.
  package var snapshotTime: HybridTime? { state.withLock { $0.snapshot?.time } }

  /// When a read or a search happens; nil: as the one tablet's leader thinks best.
  func snapshot(forSeveralTablets isSeveral: Bool) async -> Snapshot? {
    if let known = state.withLock({ $0.snapshot }) { return known }
    let made: Snapshot
    if let time = options.readTime {
      made = Snapshot(time: time, uncertaintyLimit: time)
    } else if options.isolation == .readCommitted, state.withLock({ $0.loaded == 0 }) {
      guard isSeveral else { return nil }
      made = gateway.uncertainSnapshot()
    } else {
      // Also where rows of its own are committed already (`load`): they must never be in doubt.
      made = await gateway.certainSnapshot()
    }
    return state.withLock { state in
      if let known = state.snapshot { return known }
      state.snapshot = made
      return made
    }
  }

  /// A read was answered as of a time; what the same statement reads next is as of the same.
  func hasRead(at time: HybridTime) {
    state.withLock { state in
      state.snapshotIsUsed = true
      if state.snapshot == nil {
        let limit = time.adding(microseconds: router.settings.maxSkewMicroseconds)
        state.snapshot = Snapshot(time: time, uncertaintyLimit: limit)
      }
    }
  }

  /// Whether nobody has looked at the snapshot yet, so that it may still move.
  var isSnapshotFree: Bool { state.withLock { !$0.snapshotIsUsed && options.readTime == nil } }

  /// A version that may be in the client's past was met: the snapshot moves there, if nobody has looked at it yet.
  func moveSnapshot(to later: HybridTime) throws(SQLError) {
    let moved = state.withLock { state in
      guard !state.snapshotIsUsed else { return false }
      let limit = max(state.snapshot?.uncertaintyLimit ?? later, later)
      state.snapshot = Snapshot(time: later, uncertaintyLimit: limit)
      return true
    }
    guard moved else { throw Self.uncertain }
  }

  private static let uncertain = SQLError(
    .serializationFailure, "could not serialize access due to read/write dependencies among statements",
    detail: "A row changed at a time that may be before this snapshot, after it had been used.",
    hint: "Run the transaction again.")

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

  private static var restartsMax: Int { 20 }
  /// Rows of an insert that are sent at a time: a leader evaluates them in one turn.
  private static var insertedRowsMax: Int { 4_000 }
  /// Rows to be changed by their keys that are sent at a time.
  private static var changedKeysMax: Int { 5_000 }

  /// Rows of one tablet that a statement may bring here, for `RETURNING` and for what follows from them in indexes and foreign
  /// keys: they are in this node's memory until it ends.
  private static var heldRowsMax: Int { 500_000 }
  private static var holdsTooMuch: SQLError {
    SQLError(
      .outOfMemory, "out of memory",
      detail:
        "The statement changes more than \(heldRowsMax) rows of one tablet, and RETURNING, an index or a foreign key "
        + "needs to see all of them.",
      hint: "Change fewer rows at a time, or create the index afterwards.")
  }

  /// One statement that locks or writes, on all its tablets at the same time. Where one of them meets a version that may
  /// be in the client's past, all of it is undone and begins again at that time.
  /// - Parameter isNewest: it sees what is committed now, whatever the transaction's snapshot is.
  private func statement(
    on parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], searches: Bool, isNewest: Bool = false,
    table: TableDescriptor, deadline: Deadline?
  ) async throws(SQLError) -> [MutationResult] {
    if parts.isEmpty { return [] }
    var newest = isNewest ? gateway.uncertainSnapshot() : nil
    for _ in 0..<Self.restartsMax {
      let before = mark()
      var snapshot = newest
      if newest == nil, searches || options.isolation > .readCommitted {
        snapshot = await self.snapshot(forSeveralTablets: parts.count > 1)
      }
      let outcome = try await send(
        parts, snapshot: snapshot, isolation: isNewest ? .readCommitted : options.isolation, deadline: deadline)
      switch outcome {
      case .done(let results):
        if let snapshot, !isNewest { hasRead(at: snapshot.time) }
        return results
      case .uncertain(let later):
        if let known = newest {
          newest = Snapshot(time: later, uncertaintyLimit: max(known.uncertaintyLimit, later))
        } else {
          try moveSnapshot(to: later)
        }
        try await rollback(to: before)
      case .changed: throw Gateway.changed(table.name)
      }
    }
    throw TableReader.tooManyRestarts
  }

  private enum Outcome {
    case done([MutationResult])
    case uncertain(HybridTime)
    case changed
  }

  private func send(
    _ parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async throws(SQLError) -> Outcome {
    let statement = state.withLock { state in
      state.statement += 1
      state.interruption = nil
      for part in parts where state.participants[part.tablet.id] == nil {
        state.participants[part.tablet.id] = Participant(tablet: part.tablet)
      }
      for part in parts { if case .rows = part.payload { state.participants[part.tablet.id]?.writes = true } }
      state.running.insert(state.statement)
      return state.statement
    }
    let received = await withTaskCancellationHandler {
      await self.answers(
        of: parts, statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
    } onCancel: {
      interrupt(SQLError(.queryCanceled, "canceling statement due to user request"))
    }
    state.withLock { state in
      state.running.remove(statement)
      state.wait = nil
    }
    if let interruption = state.withLock({ $0.interruption }) { throw interruption }
    var results: [MutationResult] = []
    var later: HybridTime?
    for answer in received {
      switch try answer.get() {
      case .done(let done): results.append(done.result)
      case .failed(let error): throw error
      case .uncertain(let time): later = max(later ?? time, time)
      case .schemaMismatch, .unknownTablet: return .changed
      case .notLeader, .notReady, .noRoom, .outcomeUnknown:
        throw SQLError(.internalError, "the router passed on an answer that it must handle")
      }
    }
    return later.map { .uncertain($0) } ?? .done(results)
  }

  func answers(
    of parts: [(tablet: TabletDescriptor, payload: MutateRequest.Payload)], statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> [Result<TabletAnswer<MutateAnswer>, SQLError>] {
    // Most statements are for one tablet: no task of its own for that.
    if parts.count == 1 {
      return [
        await answer(
          of: parts[0], statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
      ]
    }
    return await withTaskGroup(of: (Int, Result<TabletAnswer<MutateAnswer>, SQLError>).self) { group in
      for (index, part) in parts.enumerated() {
        group.addTask {
          (
            index,
            await self.answer(
              of: part, statement: statement, snapshot: snapshot, isolation: isolation, deadline: deadline)
          )
        }
      }
      var all: [(Int, Result<TabletAnswer<MutateAnswer>, SQLError>)] = []
      for await answer in group { all.append(answer) }
      return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  /// What one tablet says to its part of a statement. A part that changes very many rows goes there in pieces, one after the
  /// other: so nobody has all of its keys in memory, and each answer comes soon.
  func answer(
    of part: (tablet: TabletDescriptor, payload: MutateRequest.Payload), statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> Result<TabletAnswer<MutateAnswer>, SQLError> {
    var snapshot = snapshot
    var (payload, next) = part.payload.cut(keysMax: Self.changedKeysMax)
    var all: MutateAnswer?
    while true {
      let answer = await self.answer(
        to: payload, in: part.tablet, statement: statement, snapshot: snapshot, isolation: isolation,
        deadline: deadline)
      guard case .success(.done(var done)) = answer else { return answer }
      if var before = all {
        before.result.add(done.result)
        done.result = before.result
      }
      if done.result.changes.count + done.result.returned.count > Self.heldRowsMax {
        return .failure(Self.holdsTooMuch)
      }
      all = done
      if let rest = done.rest {
        // As of the time of the first piece.
        snapshot = snapshot ?? Snapshot(time: rest.time, uncertaintyLimit: rest.time)
        payload = payload.restricted(to: .ranges(rest.ranges))
      } else if let left = next {
        (payload, next) = left.cut(keysMax: Self.changedKeysMax)
      } else {
        return .success(.done(done))
      }
    }
  }

  private func answer(
    to payload: MutateRequest.Payload, in tablet: TabletDescriptor, statement: UInt32, snapshot: Snapshot?,
    isolation: IsolationLevel, deadline: Deadline?
  ) async -> Result<TabletAnswer<MutateAnswer>, SQLError> {
    let context = state.withLock { state in
      TransactionContext(
        id: id, isolation: isolation, readTime: snapshot?.time, uncertaintyLimit: snapshot?.uncertaintyLimit,
        statement: statement, oldestRunning: min(state.running.min() ?? statement, statement),
        lastKept: state.participants[tablet.id]?.lastKept ?? 0,
        epoch: state.participants[tablet.id]?.epoch, lockTimeoutMilliseconds: state.lockTimeoutMilliseconds)
    }
    do throws(SQLError) {
      let answer = try await router.mutate(tablet, payload, transaction: context, deadline: deadline)
      if case .done(let done) = answer {
        state.withLock { state in
          guard var participant = state.participants[tablet.id] else { return }
          participant.epoch = done.epoch
          participant.lastKept = max(participant.lastKept, statement)
          participant.pendingBytes = done.pendingBytes
          participant.locksRows = done.locksRows
          participant.contenderCount = max(participant.contenderCount, done.contenderCount)
          state.participants[tablet.id] = participant
        }
      }
      return .success(answer)
    } catch {
      return .failure(error)
    }
  }

  // MARK: Stopping

  /// Makes the running call end with this error: its requests stop to wait. Does nothing when none runs.
  func interrupt(_ error: SQLError) {
    let (statement, tablets) = state.withLock { state in
      if state.interruption == nil { state.interruption = error }
      return (state.statement, state.participants.values.sorted { $0.tablet.id < $1.tablet.id })
    }
    guard statement > 0 else { return }
    // In a task of its own: the one that runs the statement is cancelled, or waits for the very answers.
    router.loop.spawn { await self.takeBack(statement - 1, through: statement, tablets) }
  }

  /// Takes back statements in all these tablets; whether all of them still know the transaction.
  @discardableResult
  func takeBack(_ statement: UInt32, through: UInt32, _ tablets: [Participant]) async -> Bool {
    let results = await withTaskGroup(of: Bool.self) { group in
      for participant in tablets {
        group.addTask {
          let step = TransactionStep.rollBack(to: statement, through: through)
          let answer = try? await self.router.step(step, of: self.id, in: participant, deadline: self.soon)
          return switch answer {
          case .done: true
          // One that never answered a request may know nothing of the transaction, and need not. But it has to say so.
          case .failed: participant.epoch == nil
          case .notLeader, .notReady, .noRoom, .unknownTablet, .schemaMismatch, .outcomeUnknown, .uncertain, nil: false
          }
        }
      }
      var all = true
      for await result in group { all = all && result }
      return all
    }
    return results
  }

  /// A step that is tried for a while; whether it was done.
  func attempt(_ step: TransactionStep, in participant: Participant) async -> Bool {
    do throws(SQLError) {
      if case .done = try await router.step(step, of: id, in: participant, deadline: soon) { return true }
      return false
    } catch {
      return false
    }
  }

  var soon: Deadline { Deadline(nanoseconds: router.now &+ 5_000_000_000) }

  package func rollback(to mark: SavepointMark) async throws(SQLError) {
    try requireActive()
    state.withLock { state in
      state.late.removeAll { $0.statement > mark.sequence }
      state.lateRowCount = state.late.reduce(0) { $0 + $1.rowCount }
    }
    // Tablets refuse statements with numbers up to now from here on, also those that stay.
    if state.withLock({ !$0.late.isEmpty && !$0.participants.isEmpty }) { try await sendLate(of: nil, deadline: soon) }
    let (statement, tablets, loaded) = state.withLock { state in
      (state.statement, state.participants.values.sorted { $0.tablet.id < $1.tablet.id }, state.loaded)
    }
    guard loaded <= mark.sequence else {
      throw SQLError(
        .serializationFailure, "could not go back behind rows that were loaded into a new table",
        hint: "Run the transaction again.")
    }
    guard statement > mark.sequence, !tablets.isEmpty else { return }
    state.withLock { state in
      for (tablet, participant) in state.participants {
        state.participants[tablet]?.lastKept = min(participant.lastKept, mark.sequence)
      }
    }
    guard await takeBack(mark.sequence, through: statement, tablets) else { throw .transactionLost }
    try await rollBackSchema(to: mark)
  }
}

extension MutateRequest.Payload {
  /// The first piece of a change of rows that are named by their keys, and what is left of it.
  fileprivate func cut(keysMax: Int) -> (first: Self, rest: Self?) {
    guard case .rows(let mutation) = self else { return (self, nil) }
    switch mutation.mutation {
    case .update(.points(let keys), _, _), .delete(.points(let keys), _):
      if keys.count <= keysMax { return (self, nil) }
      return (
        restricted(to: .points(Array(keys.prefix(keysMax)))), restricted(to: .points(Array(keys.dropFirst(keysMax))))
      )
    case .insert, .update, .delete: return (self, nil)
    }
  }

  /// The same change of other rows.
  fileprivate func restricted(to selection: KeySelection) -> Self {
    guard case .rows(var mutation) = self else { return self }
    switch mutation.mutation {
    case .insert: break
    case .update(_, let filter, let assignments): mutation.mutation = .update(selection, filter: filter, assignments)
    case .delete(_, let filter): mutation.mutation = .delete(selection, filter: filter)
    }
    return .rows(mutation)
  }
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
