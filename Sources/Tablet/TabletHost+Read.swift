import DocStore
import Keys
import Operations
import Runtime
import Schema
import Storage
import Synchronization
import Values

extension TabletHost {
  /// Serves one batch of a read at this node's replica, if it leads. Ends early, with 57014, once its task is cancelled:
  /// by the gateway on this node, or by the transport when the gateway elsewhere gave up or is gone.
  package func read(_ request: ReadRequest) async -> TabletAnswer<ReadAnswer> {
    guard let replica = replicas[request.tablet] else { return absent(request.tablet) }
    guard let table = environment.catalog.current.tables[request.read.table] else { return .unknownTablet }
    guard table.version == request.read.schemaVersion else { return .schemaMismatch(version: table.version) }
    guard table.tablets.contains(request.tablet) else { return .unknownTablet }
    let time: HybridTime
    switch await withCheckedContinuation({ replica.beginRead(at: request.time, waiter: $0) }) {
    case .done(let safe): time = safe
    case .failed(let error): return .failed(error)
    case .notLeader(let hint): return .notLeader(hint: hint)
    case .notReady, .outcomeUnknown, .uncertain: return .notReady
    case .unknownTablet: return .unknownTablet
    case .schemaMismatch(let version): return .schemaMismatch(version: version)
    }
    guard let store = replica.store else { return .notReady }
    // Only what this leader had already written when the statement first came can be in the client's past.
    var limit: HybridTime?
    if let asked = request.uncertaintyLimit, asked > time { limit = min(asked, environment.clock.latest()) }
    let executor = ReadExecutor(
      reader: RowReader(store: store, codec: replica.codec(of: table), historyCutoff: replica.historyCutoff),
      bounds: replica.bounds,
      context: replica.evaluationContext)
    let slice = ReadSlice(
      executor: executor, request: request, point: ReadPoint(time: time, uncertaintyLimit: limit ?? time))
    switch request.read.selection {
    case .points(let keys) where keys.count <= Self.inlinePointsMax:
      return finish(slice.run(), at: time, of: replica)
    case .points, .ranges:
      nextReader = (nextReader + 1) % readers.count
      do {
        return finish(try await run(slice, on: readers[nextReader]), at: time, of: replica)
      } catch {
        return .failed(SQLError(.internalError, "a read could not run: \(error)"))
      }
    }
  }

  private func run(
    _ slice: ReadSlice, on worker: any BlockingWorker
  ) async throws -> Result<ReadOutcome<ReadBatch>, DocStoreError> {
    let mark = CancellationMark()
    return try await withTaskCancellationHandler {
      try await work(on: worker) { slice.run { mark.isSet } }
    } onCancel: {
      mark.set()
    }
  }

  /// A read of at most this many keys runs on the loop: it is over sooner than another thread would begin.
  private static var inlinePointsMax: Int { 32 }

  private func finish(
    _ result: Result<ReadOutcome<ReadBatch>, DocStoreError>, at time: HybridTime, of replica: TabletReplica
  ) -> TabletAnswer<ReadAnswer> {
    switch result {
    case .success(.found(let batch)): return .done(ReadAnswer(rows: batch.rows, resume: batch.resume, time: time))
    case .success(.uncertain(let later)): return .uncertain(later)
    case .failure(let error):
      if case .statement(let error) = error, error.state == .queryCanceled { replica.probe("read stopped half-way") }
      return replica.answer(for: error)
    }
  }
}

/// One batch of a read, ready to run on any thread: what it sees is fixed by its time.
struct ReadSlice: Sendable {
  var executor: ReadExecutor
  var request: ReadRequest
  var point: ReadPoint

  func run(
    isCanceled: @escaping @Sendable () -> Bool = { false }
  ) -> Result<ReadOutcome<ReadBatch>, DocStoreError> {
    var limits = BatchLimits()
    limits.isCanceled = isCanceled
    limits.rowsMax = max(1, request.maxRows)
    limits.bytesMax = max(1, request.maxBytes)
    do throws(DocStoreError) {
      return .success(try executor.execute(request.read, at: point, resume: request.resume, limits: limits))
    } catch {
      return .failure(error)
    }
  }
}

/// Tells a thread that nobody waits for what it does.
private final class CancellationMark: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
