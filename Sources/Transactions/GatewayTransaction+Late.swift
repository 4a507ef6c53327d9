import Keys
import Operations
import Schema
import Tablet
import Values

// Writes that no other transaction can be in the way of need no message of their own: they wait here, and go with the
// prepare of their tablet. The page of the module has the rules.

extension GatewayTransaction {
  /// A write that its tablet has not heard of.
  struct LateWrite {
    var mutation: TableMutation
    /// It goes with this statement when that is taken back.
    var statement: UInt32
  }

  /// Rows that may wait here, and about how many bytes of them.
  private static var lateRowsMax: Int { 64 }

  /// Keeps a mutation until somebody has to know of it; false if it has to be carried out now.
  func keepLate(_ mutation: TableMutation) throws(SQLError) -> Bool {
    guard options.isolation == .readCommitted, mutation.returning == nil, !mutation.wantsChanges else { return false }
    let count: Int
    switch mutation.mutation {
    case .insert(let rows, _): count = rows.count
    case .delete(.points(let keys), nil): count = keys.count
    case .update, .delete: return false
    }
    let table = try table(mutation.table, version: mutation.schemaVersion)
    return state.withLock { state in
      guard !state.changesSchema, state.loaded == 0, state.lateRowCount + count <= Self.lateRowsMax else {
        return false
      }
      state.written[table.id] = min(state.written[table.id] ?? .max, table.version)
      state.statement += 1
      state.lateRowCount += count
      state.late.append(LateWrite(mutation: mutation, statement: state.statement))
      return true
    }
  }

  /// Carries out what waits for a table (all tables for nil), since it is about to be read, written or changed.
  func sendLate(of table: TableID?, deadline: Deadline?) async throws(SQLError) {
    let writes = state.withLock { state -> [LateWrite] in
      if state.late.isEmpty { return [] }
      let taken = state.late.filter { table == nil || $0.mutation.table == table }
      if taken.isEmpty { return [] }
      state.late.removeAll { table == nil || $0.mutation.table == table }
      state.lateRowCount = state.late.reduce(0) { $0 + $1.rowCount }
      // What stops this call takes back nothing of the statements that were answered.
      state.statement += 1
      return taken
    }
    if writes.isEmpty { return }
    do throws(SQLError) {
      for write in writes { try await send(write, deadline: deadline) }
    } catch {
      // Something that was answered may not have arrived.
      state.withLock { $0.isIncomplete = true }
      throw error
    }
  }

  private func send(_ write: LateWrite, deadline: Deadline?) async throws(SQLError) {
    for answer in await answers(
      of: try parts(of: write), statement: write.statement, snapshot: nil, isolation: .readCommitted,
      deadline: deadline)
    {
      switch try answer.get() {
      case .done: break
      case .failed(let error): throw error
      case .schemaMismatch, .unknownTablet: throw Gateway.changed(name(of: write.mutation.table))
      case .notLeader, .notReady, .noRoom, .outcomeUnknown, .uncertain:
        throw SQLError(.internalError, "the router passed on an answer that it must handle")
      }
    }
  }

  private func name(of table: TableID) -> String { catalog.tables[table]?.name ?? "\(table)" }

  /// The requests of a late write, by tablet; those become participants.
  private func parts(
    of write: LateWrite
  ) throws(SQLError) -> [(tablet: TabletDescriptor, payload: MutateRequest.Payload)] {
    let parts = try lateParts(of: write)
    state.withLock { state in
      for part in parts {
        state.participants[part.tablet.id, default: Participant(tablet: part.tablet)].writes = true
      }
    }
    return parts
  }

  private func lateParts(
    of write: LateWrite
  ) throws(SQLError) -> [(tablet: TabletDescriptor, payload: MutateRequest.Payload)] {
    let mutation = write.mutation
    let table = try table(mutation.table, version: mutation.schemaVersion)
    let shares = TabletShares(of: table, in: catalog)
    switch mutation.mutation {
    case .insert(let rows, let onConflict):
      return try InsertShares(rows, of: table, shares: shares).shares.map { share in
        var part = mutation
        part.mutation = .insert(rows: share.positions.map { rows[$0] }, onConflict: onConflict)
        return (share.tablet, .rows(part))
      }
    case .delete(let selection, let filter):
      return shares.shares(of: selection).map { share in
        var part = mutation
        part.mutation = .delete(share.selection, filter: filter)
        return (share.tablet, .rows(part))
      }
    case .update: throw SQLError(.internalError, "an update was kept until the end")
    }
  }

  /// Whether writes that have not arrived are entries of indexes, which follow from rows elsewhere.
  func changesIndexes(_ late: [LatePart]) -> Bool {
    late.contains { part in catalog.tables[part.participant.tablet.table]?.makesRowIDs != true }
  }

  // MARK: At the end

  /// The writes of one tablet that go with its prepare.
  struct LatePart {
    var participant: Participant
    var payloads: [MutateRequest.Payload]
  }

  /// What goes with the prepares, by tablet. What cannot is carried out: where no tablet could decide otherwise, or where a
  /// tablet knows the transaction already.
  func takeLate(deadline: Deadline?) async throws(SQLError) -> [LatePart] {
    let (late, touched, canDecide) = state.withLock { state in
      (
        state.late, Set(state.participants.keys),
        !state.changesSchema && state.participants.values.contains { $0.epoch != nil && $0.pendingBytes > 0 }
      )
    }
    if late.isEmpty { return [] }
    var parts: [TabletID: LatePart] = [:]
    for write in late {
      for (tablet, payload) in try lateParts(of: write) {
        guard canDecide, !touched.contains(tablet.id) else {
          try await sendLate(of: nil, deadline: deadline)
          return []
        }
        var part = parts[tablet.id] ?? LatePart(participant: Participant(tablet: tablet), payloads: [])
        part.participant.lastKept = write.statement
        part.participant.writes = true
        part.payloads.append(payload)
        parts[tablet.id] = part
      }
    }
    state.withLock { state in
      // From here on their leaders hear that the transaction is alive.
      for part in parts.values { state.participants[part.participant.tablet.id] = part.participant }
      state.late = []
      state.lateRowCount = 0
    }
    return parts.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The prepare of a tablet that gets its writes with it.
  func prepare(
    _ part: LatePart, anchor: TabletID, deadline: Deadline?
  ) async throws(SQLError) -> TabletAnswer<TransactionAnswer> {
    let tablet = part.participant.tablet
    let ticket = router.ids.next()
    defer { router.ids.finished(ticket.id) }
    var requests: [MutateRequest] = []
    var tickets: [RequestID] = []
    defer { for id in tickets { router.ids.finished(id) } }
    let statement = part.participant.lastKept
    for payload in part.payloads {
      let request = router.ids.next()
      tickets.append(request.id)
      let context = TransactionContext(
        id: id, isolation: options.isolation, readTime: nil, uncertaintyLimit: nil, statement: statement,
        oldestRunning: statement, lastKept: 0, epoch: nil,
        lockTimeoutMilliseconds: state.withLock { $0.lockTimeoutMilliseconds })
      requests.append(
        MutateRequest(
          tablet: tablet.id, id: request.id, floor: request.floor, payload: payload, transaction: context))
    }
    let late = LateWrites(id: ticket.id, floor: ticket.floor, requests: requests)
    return try await router.step(
      .prepare(anchor: anchor, lastKept: statement, late: late), of: id, in: part.participant, deadline: deadline)
  }
}

extension GatewayTransaction.LateWrite {
  var rowCount: Int {
    switch mutation.mutation {
    case .insert(let rows, _): rows.count
    case .delete(.points(let keys), _): keys.count
    case .update, .delete: 0
    }
  }
}

extension TableDescriptor {
  /// Whether its keys are made by the server, each for one row.
  var makesRowIDs: Bool {
    guard primaryKey.columns.count == 1, case .rowID = columns[primaryKey.columns[0].column].defaultValue else {
      return false
    }
    return true
  }
}
