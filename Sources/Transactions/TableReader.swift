import Keys
import Operations
import Schema
import Tablet
import Values

/// The rows of one read, batch by batch, at one time for all its tablets.
///
/// A read of one tablet is served at the leader's own safe time. A read of several takes a time of the gateway's clock;
/// a version that may be older than the read in real time though its time is later moves the read to that time, as long
/// as nothing was handed out (DESIGN §10.5, and "Snapshots" in the module's page).
actor TableReader: RowBatches {
  private struct Share {
    var tablet: TabletDescriptor
    var selection: KeySelection
    var resume: [UInt8]?
    var isFinished = false
  }

  private let gateway: Gateway
  private let table: TableDescriptor
  private let read: TableRead
  private let deadline: Deadline?
  /// Whose read it is; nil for one that stands alone.
  private let transaction: GatewayTransaction?
  private var hasBegun = false
  private var shares: [Share]
  private var time: HybridTime?
  private var uncertaintyLimit: HybridTime?
  private var handedOut = false
  /// Rows that a `limit` still allows.
  private var left: Int

  private static let restartsMax = 20
  private static let parallelMax = 16

  nonisolated var unownedExecutor: UnownedSerialExecutor { gateway.router.loop.asUnownedSerialExecutor() }

  init(
    gateway: Gateway, table: TableDescriptor, read: TableRead,
    shares: [(tablet: TabletDescriptor, selection: KeySelection)], deadline: Deadline?,
    transaction: GatewayTransaction? = nil
  ) {
    self.transaction = transaction
    self.gateway = gateway
    self.table = table
    self.read = read
    self.deadline = deadline
    self.shares = shares.map { Share(tablet: $0.tablet, selection: $0.selection) }
    if case .rows(_, let limit?) = read.pipeline.output { left = limit } else { left = .max }
  }

  func next() async throws(SQLError) -> [Row]? {
    while left > 0, shares.contains(where: { !$0.isFinished }) {
      var rows = try await nextBatches()
      if rows.isEmpty { continue }
      if rows.count > left { rows.removeLast(rows.count - left) }
      left -= rows.count
      handedOut = true
      return rows
    }
    return nil
  }

  private func begin() async {
    if hasBegun { return }
    hasBegun = true
    let snapshot: GatewayTransaction.Snapshot?
    if let transaction {
      snapshot = await transaction.snapshot(forSeveralTablets: shares.count > 1)
    } else {
      snapshot = shares.count > 1 ? gateway.uncertainSnapshot() : nil
    }
    time = snapshot?.time
    uncertaintyLimit = snapshot?.uncertaintyLimit
  }

  /// From here on the read is as of a later time, from its beginning.
  private func restart(at later: HybridTime) throws(SQLError) {
    guard !handedOut else {
      throw SQLError(
        .serializationFailure, "could not serialize access due to read/write dependencies among statements",
        detail: "A row changed at a time that may be before this statement, after rows had been sent.",
        hint: "Run the statement again.")
    }
    try transaction?.moveSnapshot(to: later)
    time = later
    for index in shares.indices {
      shares[index].resume = nil
      shares[index].isFinished = false
    }
  }

  /// Whether the tablets may choose a later time rather than be in doubt: nothing was looked at yet, here or by a read of
  /// the same snapshot.
  private var mayMove: Bool {
    guard let time, let uncertaintyLimit, time < uncertaintyLimit, !handedOut else { return false }
    return shares.allSatisfy { $0.resume == nil && !$0.isFinished } && transaction?.isSnapshotFree ?? true
  }

  private func request(for share: Share, mayMove: Bool) -> ReadRequest {
    var part = read
    part.selection = share.selection
    let rowsMax = min(gateway.router.settings.batchRowsMax, left)
    return ReadRequest(
      tablet: share.tablet.id, read: part, time: time, uncertaintyLimit: uncertaintyLimit, mayMove: mayMove,
      resume: share.resume, maxRows: rowsMax, maxBytes: gateway.router.settings.batchBytesMax,
      transaction: transaction?.reference(in: share.tablet.id))
  }

  /// The next batch of every tablet that has one, all asked at the same time; of the first of them, if the read is ordered.
  ///
  /// All are as of one time, the latest that one of the tablets chose or was in doubt about. What a tablet answered for an
  /// earlier time stands if the tablet says that it is the same at that one; the others are asked again.
  private func nextBatches() async throws(SQLError) -> [Row] {
    await begin()
    var batches: [Int: ReadAnswer] = [:]
    for _ in 0..<Self.restartsMax {
      let open = shares.indices.filter { !shares[$0].isFinished }.prefix(read.isOrdered ? 1 : Self.parallelMax)
      let mayMove = mayMove
      let missing = open.filter { batches[$0] == nil }
      let requests = missing.map { (shares[$0].tablet, request(for: shares[$0], mayMove: mayMove)) }
      var latest = time ?? .zero
      var isInDoubt = false
      for (index, answer) in zip(missing, await answers(to: requests)) {
        switch try understood(answer.get()) {
        case .batch(let batch):
          latest = max(latest, batch.time)
          batches[index] = batch
        case .uncertain(let later):
          latest = max(latest, later)
          isInDoubt = true
        }
      }
      if isInDoubt || latest > time ?? .max {
        try restart(at: latest)
        // All rows were looked at once, and whatever had been answered about them by then is taken.
        let isAll = missing.count == shares.count && left == .max && batches.values.allSatisfy { $0.resume == nil }
        if mayMove, !isInDoubt, isAll { uncertaintyLimit = latest }
        batches = batches.filter { $0.value.validThrough >= latest }
        gateway.counters.readMoved(askingAgain: open.count - batches.count)
      }
      if batches.count == open.count { return accept(batches, at: latest) }
    }
    throw Self.tooManyRestarts
  }

  private func answers(
    to requests: [(tablet: TabletDescriptor, request: ReadRequest)]
  ) async -> [Result<TabletAnswer<ReadAnswer>, SQLError>] {
    let router = gateway.router
    let deadline = deadline
    @Sendable func answer(to place: Int) async -> Result<TabletAnswer<ReadAnswer>, SQLError> {
      do throws(SQLError) {
        return .success(try await router.read(requests[place].tablet, requests[place].request, deadline: deadline))
      } catch {
        return .failure(error)
      }
    }
    if requests.count == 1 { return [await answer(to: 0)] }
    return await withTaskGroup(of: (Int, Result<TabletAnswer<ReadAnswer>, SQLError>).self) { group in
      for place in requests.indices { group.addTask { (place, await answer(to: place)) } }
      var all = [Result<TabletAnswer<ReadAnswer>, SQLError>?](repeating: nil, count: requests.count)
      for await (place, answer) in group { all[place] = answer }
      return all.compactMap { $0 }
    }
  }

  /// The rows of batches that are all as of `time`.
  private func accept(_ batches: [Int: ReadAnswer], at time: HybridTime) -> [Row] {
    // Later batches of this read see the same state.
    self.time = time
    transaction?.hasRead(at: time)
    var rows: [Row] = []
    for (index, batch) in batches.sorted(by: { $0.key < $1.key }) {
      shares[index].resume = batch.resume
      shares[index].isFinished = batch.resume == nil
      if rows.isEmpty { rows = batch.rows } else { rows.append(contentsOf: batch.rows) }
    }
    return rows
  }

  private enum Understood {
    case batch(ReadAnswer)
    case uncertain(HybridTime)
  }

  private func understood(_ answer: TabletAnswer<ReadAnswer>) throws(SQLError) -> Understood {
    switch answer {
    case .done(let batch): return .batch(batch)
    case .uncertain(let later): return .uncertain(later)
    case .failed(let error): throw error
    case .schemaMismatch, .unknownTablet: throw Gateway.changed(table.name)
    case .notLeader, .notReady, .noRoom, .outcomeUnknown:
      throw SQLError(.internalError, "the router passed on an answer that it must handle")
    }
  }

  static var tooManyRestarts: SQLError {
    SQLError(
      .serializationFailure, "could not serialize access due to concurrent update",
      detail: "The read started over too often, each time because of newer rows.", hint: "Run the statement again.")
  }
}
