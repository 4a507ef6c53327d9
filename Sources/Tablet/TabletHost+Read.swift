import DocStore
import Keys
import Operations
import Schema
import Storage
import Values

extension TabletHost {
  /// Serves one batch of a read at this node's replica, if it leads.
  package func read(_ request: ReadRequest) async -> TabletAnswer<ReadAnswer> {
    guard let replica = replicas[request.tablet] else { return absent(request.tablet) }
    guard let table = environment.catalog.current.tables[request.read.table] else { return .unknownTablet }
    guard table.version == request.read.schemaVersion else { return .schemaMismatch(version: table.version) }
    guard table.tablets.contains(request.tablet) else { return .unknownTablet }
    let time: HybridTime
    switch await withCheckedContinuation({
      replica.beginRead(
        at: request.time, of: request.read.selection, for: request.transaction?.id, waiter: $0)
    }) {
    case .done(let safe): time = safe
    case .failed(let error): return .failed(error)
    case .notLeader(let hint): return .notLeader(hint: hint)
    case .notReady, .outcomeUnknown, .uncertain: return .notReady
    case .unknownTablet: return .unknownTablet
    case .schemaMismatch(let version): return .schemaMismatch(version: version)
    }
    guard let store = replica.store else { return .notReady }
    var overlay: OverlayView?
    if let transaction = request.transaction {
      let isRange = if case .ranges = request.read.selection { true } else { false }
      guard let own = replica.overlay(of: transaction, forRanges: isRange) else { return .failed(.transactionLost) }
      overlay = own
    }
    let limit = uncertaintyLimit(asked: request.uncertaintyLimit, readingAt: time)
    let executor = ReadExecutor(
      reader: RowReader(
        store: store, codec: replica.codec(of: table), historyCutoff: replica.historyCutoff, overlay: overlay),
      bounds: replica.bounds,
      context: replica.evaluationContext)
    let slice = ReadSlice(
      executor: executor, request: request, point: ReadPoint(time: time, uncertaintyLimit: limit))
    switch request.read.selection {
    case .points(let keys) where keys.count <= Self.inlinePointsMax:
      return finish(slice.run(), at: time, of: replica)
    case .points, .ranges:
      nextReader = (nextReader + 1) % readers.count
      do {
        return finish(try await work(on: readers[nextReader]) { slice.run() }, at: time, of: replica)
      } catch {
        return .failed(SQLError(.internalError, "a read could not run: \(error)"))
      }
    }
  }

  /// A read of at most this many keys runs on the loop: it is over sooner than another thread would begin.
  private static var inlinePointsMax: Int { 32 }

  private func finish(
    _ result: Result<ReadOutcome<ReadBatch>, DocStoreError>, at time: HybridTime, of replica: TabletReplica
  ) -> TabletAnswer<ReadAnswer> {
    switch result {
    case .success(.found(let batch)): .done(ReadAnswer(rows: batch.rows, resume: batch.resume, time: time))
    case .success(.uncertain(let later)): .uncertain(later)
    case .failure(let error): replica.answer(for: error)
    }
  }
}

/// One batch of a read, ready to run on any thread: what it sees is fixed by its time.
struct ReadSlice: Sendable {
  var executor: ReadExecutor
  var request: ReadRequest
  var point: ReadPoint

  func run() -> Result<ReadOutcome<ReadBatch>, DocStoreError> {
    var limits = BatchLimits()
    limits.rowsMax = max(1, request.maxRows)
    limits.bytesMax = max(1, request.maxBytes)
    do throws(DocStoreError) {
      return .success(try executor.execute(request.read, at: point, resume: request.resume, limits: limits))
    } catch {
      return .failure(error)
    }
  }
}
