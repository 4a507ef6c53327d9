import Keys
import Runtime
import Storage
import WriteAheadLog

extension TabletHost {
  /// Flushes what has grown too large, or what keeps old log segments alive.
  func flushWhatIsDue() {
    var total = 0
    var largest: TabletReplica?
    for id in replicas.keys.sorted() {
      guard let replica = replicas[id], let store = replica.store else { continue }
      let bytes = store.memtableBytes
      total += bytes
      let isDisturbed = bytes > 0 && environment.runtime.faults.perturb("flush a tablet early")
      if bytes > environment.settings.tabletMemtableBytesMax || isDisturbed { flush(replica) }
      if bytes > largest?.store?.memtableBytes ?? 0 { largest = replica }
    }
    if total > environment.settings.memtableBytesMax, let largest { flush(largest) }
    // Old log segments live as long as a store has not flushed what they hold.
    let pinned = environment.log.pinned
    if pinned.segments > environment.settings.logSegmentsMax {
      for group in pinned.groups {
        if let replica = replicas[TabletID(group)] { flush(replica) }
      }
    }
  }

  func flush(_ replica: TabletReplica) {
    guard let store = replica.store, !replica.isFlushing, !replica.isInstalling else { return }
    do {
      guard let mark = try replica.saveMeta() else { return }
      replica.isFlushing = true
      let (id, time, reachedTime) = (replica.id, replica.appliedTime, environment.reachedTime)
      flusher.submit(on: loop) {
        try store.flush()
        try reachedTime.save(time)
      } completion: { [weak self] result in
        self?.assumeIsolated { $0.flushEnded(id, mark, result) }
      }
    } catch StorageError.noSpace {
      replica.storeIsFull = true
    } catch {
      environment.fatal("tablet \(replica.id) cannot write to its store: \(error)")
    }
  }

  private func flushEnded(
    _ tablet: TabletID, _ mark: TabletReplica.FlushMark, _ result: Result<Void, any Error>
  ) {
    guard let replica = replicas[tablet] else { return }
    switch result {
    case .success: replica.flushed(through: mark)
    case .failure(let error) where Self.isOutOfSpace(error):
      replica.isFlushing = false
      replica.storeIsFull = true
      environment.logger.warning(
        "no room to flush a store; it is tried again", metadata: ["tablet": "\(tablet)", "reason": "\(error)"])
    case .failure(let error): environment.fatal("tablet \(tablet) cannot flush its store: \(error)")
    }
  }

  /// Of the store, or of the file with the reached time.
  private static func isOutOfSpace(_ error: any Error) -> Bool {
    if case StorageError.noSpace = error { true } else { (error as? FileError)?.isOutOfSpace ?? false }
  }

  /// Flushes everything, so that the next start has little to replay.
  package func flushAll() async {
    for id in replicas.keys.sorted() {
      guard let replica = replicas[id], let store = replica.store, !replica.isFlushing else { continue }
      guard let mark = try? replica.saveMeta() else { continue }
      replica.isFlushing = true
      let result: Result<Void, any Error>
      let (time, reachedTime) = (replica.appliedTime, environment.reachedTime)
      do {
        try await work(on: flusher) {
          try store.flush()
          try reachedTime.save(time)
        }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      flushEnded(id, mark, result)
    }
  }
}
