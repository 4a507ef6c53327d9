import Keys
import Logging
import Runtime
import Storage

extension TabletHost {
  /// Rewrites the store with the most garbage, if any has enough and the node rewrites no other one now. The engine's own
  /// compactions take some files at a time, so tombstones stay, and what they cover in the others.
  func compactWhatIsDue() {
    // A rewrite needs room for all of the store again.
    if isDiskFull { return }
    var worst: (replica: TabletReplica, garbage: Int)?
    for id in replicas.keys.sorted() {
      guard let replica = replicas[id], let store = replica.store, !replica.isInstalling, !replica.isCompacting
      else { continue }
      // Asked for first: it costs nothing, and asking the engine for a size does.
      let garbage = replica.garbage.collectable(at: store.historyCutoff)
      guard garbage >= environment.settings.garbageBytesMin, garbage > worst?.garbage ?? 0,
        Double(garbage) >= Double(store.approximateSize) * environment.settings.garbageShareMax
      else { continue }
      worst = (replica, garbage)
    }
    if let worst { compact(worst.replica, garbage: worst.garbage) }
  }

  private func compact(_ replica: TabletReplica, garbage: Int) {
    let compactor = environment.compactor
    guard let store = replica.store, compactor.begin() else { return }
    compacting = replica
    replica.isCompacting = true
    // Also if it fails: it is tried again when as much has come together once more.
    replica.garbage.collecting(garbage)
    let clock = environment.runtime.clock
    let began = clock.monotonicNanoseconds()
    compactor.worker.submit(on: loop) {
      let before = store.approximateSize
      try store.compact()
      return (before: before, after: store.approximateSize)
    } completion: { [self] result in
      let milliseconds = (clock.monotonicNanoseconds() - began) / 1_000_000
      assumeIsolated { $0.compactionEnded(result, milliseconds: milliseconds) }
    }
  }

  private func compactionEnded(
    _ result: Result<(before: Int, after: Int), any Error>, milliseconds: UInt64
  ) {
    guard let replica = compacting else { return }
    compacting = nil
    replica.isCompacting = false
    for waiter in replica.compactionWaiters { waiter.resume() }
    replica.compactionWaiters = []
    switch result {
    case .success(let size):
      replica.probe("store compacted")
      environment.compactor.ended { counters in
        counters.completed += 1
        counters.freedBytes += max(0, size.before - size.after)
      }
      environment.logger.info(
        "compacted a store",
        metadata: [
          "tablet": "\(replica.id)", "bytes before": "\(size.before)", "bytes after": "\(size.after)",
          "milliseconds": "\(milliseconds)",
        ])
    case .failure(StorageError.closed), .failure(is WorkerIsShutDown):
      environment.compactor.ended { _ in }
    case .failure(let error):
      environment.compactor.ended { $0.failed += 1 }
      environment.logger.error(
        "a store could not be compacted", metadata: ["tablet": "\(replica.id)", "error": "\(error)"])
    }
  }

  /// Closes a store whose files are about to go, and waits until no compaction works in them: it gives up soon.
  func close(_ store: (any Store)?, of replica: TabletReplica) async {
    // Without a worker any more, the host is being stopped, and has closed it.
    try? await work(on: flusher) { store?.close() }
    if replica.isCompacting { await withCheckedContinuation { replica.compactionWaiters.append($0) } }
  }
}
