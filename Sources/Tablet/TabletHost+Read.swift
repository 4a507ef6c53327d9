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
    let catalog = environment.catalog.current
    guard let table = catalog.table(request.read.table, version: request.read.schemaVersion) else {
      return catalog.tables[request.read.table].map { .schemaMismatch(version: $0.version) } ?? .unknownTablet
    }
    guard table.tablets.contains(request.tablet) else { return .unknownTablet }
    // All that was answered before the read came is no later than this clock. Who may move need not trust that it is no
    // later than the other clock's limit, too.
    let asked = request.mayMove ? HybridTime.max : request.uncertaintyLimit
    let time: HybridTime
    switch await withCheckedContinuation({
      replica.beginRead(
        at: request.time, limit: asked, of: request.read.selection, for: request.transaction?.id,
        waiter: $0)
    }) {
    case .done(let safe): time = safe
    case .failed(let error): return .failed(error)
    case .notLeader(let hint): return .notLeader(hint: hint)
    case .uncertain(let later): return .uncertain(later)
    case .notReady, .outcomeUnknown: return .notReady
    case .noRoom: return .noRoom
    case .unknownTablet: return .unknownTablet
    case .schemaMismatch(let version): return .schemaMismatch(version: version)
    }
    guard let store = replica.store else { return .notReady }
    var overlay: OverlayView?
    if let transaction = request.transaction {
      overlay = replica.overlay(of: transaction, scanning: request.read.selection)
      if overlay == nil { return .failed(.transactionLost) }
    }
    let own = request.transaction?.id
    guard let committed = replica.committedIntents(in: request.read.selection, at: time, except: own) else {
      return .notReady
    }
    if !committed.isEmpty { overlay = (overlay ?? OverlayView()).over(committed: committed) }
    let limit = uncertaintyLimit(asked: asked, readingAt: time)
    let slice = ReadSlice(
      executor: executor(for: table, store, of: replica, overlay), request: request,
      point: ReadPoint(
        time: time, uncertaintyLimit: limit,
        movesThrough: request.mayMove ? replica.moveLimit(of: request.read.selection, at: time, for: own) : time))
    switch request.read.selection {
    case .points(let keys) where keys.count <= Self.inlinePointsMax:
      return finish(slice.run(), of: slice, at: replica)
    case .points, .ranges:
      nextReader = (nextReader + 1) % readers.count
      do {
        return finish(try await run(slice, on: readers[nextReader]), of: slice, at: replica)
      } catch {
        return .failed(SQLError(.internalError, "a read could not run: \(error)"))
      }
    }
  }

  /// Serves a read of few keys as of now if it can be served without waiting; nil if not, or if there is anything to say
  /// but rows: then `read` says it.
  package func readAtOnce(_ request: ReadRequest) -> ReadAnswer? {
    guard request.time == nil, request.transaction == nil, case .points(let keys) = request.read.selection,
      keys.count <= Self.inlinePointsMax, let replica = replicas[request.tablet], let store = replica.store,
      let time = replica.readTimeAtOnce(of: request.read.selection),
      let table = environment.catalog.current.table(request.read.table, version: request.read.schemaVersion),
      table.tablets.contains(request.tablet)
    else { return nil }
    let slice = ReadSlice(
      executor: executor(for: table, store, of: replica, nil), request: request, point: ReadPoint(time: time))
    guard case .success(.found(let batch)) = slice.run(), batch.resume == nil else { return nil }
    return ReadAnswer(rows: batch.rows, resume: nil, time: time, validThrough: time)
  }

  private func executor(
    for table: TableDescriptor, _ store: any Store, of replica: TabletReplica, _ overlay: OverlayView?
  ) -> ReadExecutor {
    ReadExecutor(
      reader: RowReader(
        store: store, codec: replica.codec(of: table), historyCutoff: replica.historyCutoff, overlay: overlay),
      bounds: replica.bounds, context: replica.evaluationContext)
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
  private static var inlinePointsMax: Int { 64 }

  private func finish(
    _ result: Result<ReadOutcome<ReadBatch>, DocStoreError>, of slice: ReadSlice, at replica: TabletReplica
  ) -> TabletAnswer<ReadAnswer> {
    switch result {
    case .success(.found(let batch)):
      if batch.time > slice.point.time { replica.probe("a read moves instead of being in doubt") }
      return .done(
        ReadAnswer(
          rows: batch.rows, resume: batch.resume, time: batch.time, validThrough: slice.point.movesThrough))
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
      let outcome = try executor.execute(request.read, at: point, resume: request.resume, limits: limits)
      try executor.reader.requireUncollected(at: point)
      return .success(outcome)
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
