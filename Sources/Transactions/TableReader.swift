import Keys
import Operations
import Schema
import Tablet
import Values

/// The rows of one read, batch by batch, at one time for all its tablets.
///
/// A read of one tablet is served at the leader's own safe time. A read of several takes a time of the gateway's clock;
/// a version that may be older than the read in real time though its time is later makes the read start over at that
/// time, as long as nothing was handed out (DESIGN §10.5).
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
      var rows = read.isOrdered || shares.count == 1 ? try await nextInOrder() : try await nextOfAll()
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

  private func request(for share: Share) -> ReadRequest {
    var part = read
    part.selection = share.selection
    let rowsMax = min(gateway.router.settings.batchRowsMax, left)
    return ReadRequest(
      tablet: share.tablet.id, read: part, time: time, uncertaintyLimit: uncertaintyLimit, resume: share.resume,
      maxRows: rowsMax, maxBytes: gateway.router.settings.batchBytesMax,
      transaction: transaction?.reference(in: share.tablet.id))
  }

  private func nextInOrder() async throws(SQLError) -> [Row] {
    await begin()
    for _ in 0..<Self.restartsMax {
      guard let index = shares.firstIndex(where: { !$0.isFinished }) else { return [] }
      let answer = try await gateway.router.read(
        shares[index].tablet, request(for: shares[index]), deadline: deadline)
      switch try accept(answer, of: index) {
      case .rows(let rows): return rows
      case .restart(let later): try restart(at: later)
      }
    }
    throw Self.tooManyRestarts
  }

  /// The next batch of every tablet that has one, all asked at the same time.
  private func nextOfAll() async throws(SQLError) -> [Row] {
    await begin()
    for _ in 0..<Self.restartsMax {
      let open = shares.indices.filter { !shares[$0].isFinished }.prefix(Self.parallelMax)
      let requests = open.map { ($0, shares[$0].tablet, request(for: shares[$0])) }
      let router = gateway.router
      let deadline = deadline
      let answers = await withTaskGroup(of: (Int, Result<TabletAnswer<ReadAnswer>, SQLError>).self) { group in
        for (index, tablet, request) in requests {
          group.addTask {
            do throws(SQLError) {
              return (index, .success(try await router.read(tablet, request, deadline: deadline)))
            } catch {
              return (index, .failure(error))
            }
          }
        }
        var all: [(Int, Result<TabletAnswer<ReadAnswer>, SQLError>)] = []
        for await answer in group { all.append(answer) }
        return all.sorted { $0.0 < $1.0 }
      }
      var rows: [Row] = []
      var later: HybridTime?
      for (index, answer) in answers {
        switch try accept(answer.get(), of: index) {
        case .rows(let batch): rows.append(contentsOf: batch)
        case .restart(let time): later = max(later ?? time, time)
        }
      }
      guard let later else { return rows }
      try restart(at: later)
    }
    throw Self.tooManyRestarts
  }

  private enum Accepted {
    case rows([Row])
    case restart(HybridTime)
  }

  private func accept(_ answer: TabletAnswer<ReadAnswer>, of index: Int) throws(SQLError) -> Accepted {
    switch answer {
    case .done(let batch):
      shares[index].resume = batch.resume
      shares[index].isFinished = batch.resume == nil
      // Later batches of this read see the same state.
      if time == nil { time = batch.time }
      transaction?.hasRead(at: batch.time)
      return .rows(batch.rows)
    case .uncertain(let later): return .restart(later)
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
