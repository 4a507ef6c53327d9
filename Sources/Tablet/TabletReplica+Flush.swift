import Keys
import Raft
import Storage

extension TabletReplica {
  /// Where the store stands: the last applied entry.
  var appliedPosition: LogPosition {
    LogPosition(term: raft.term(at: raft.appliedIndex) ?? raft.basePosition.term, index: raft.appliedIndex)
  }

  /// What a flush brings to the disk: the log up to `position`, and with it the promise that nobody reads below `cutoff`.
  struct FlushMark: Sendable {
    var position: LogPosition
    var cutoff: HybridTime
  }

  /// Saves what has to survive beside the documents (see `TabletMeta`). Returns what a flush that starts after this call
  /// covers, or nil if nothing was ever applied.
  func saveMeta() throws -> FlushMark? {
    guard let store, raft.appliedIndex.raw > 0, unwritten == nil else { return nil }
    if appliedTime > .zero {
      retries.expire(at: appliedTime)
      historyCutoff = max(historyCutoff, environment.settings.historyCutoff(asOf: appliedTime))
      garbage.mark(at: appliedTime)
    }
    let position = appliedPosition
    let meta = TabletMeta(
      position: position, time: appliedTime, configuration: raft.configuration(at: position.index), retries: retries,
      ledger: ledger)
    var batch = WriteBatch()
    batch.put(.regular, key: TabletMeta.key, value: meta.encoded())
    try store.write(batch, frontier: frontier(at: position, of: store))
    return FlushMark(position: position, cutoff: historyCutoff)
  }

  /// A flush is complete: the log may be cut behind it, and history collected. Not before: a replica that starts again
  /// reckons its cutoff from the meta record, and must not let a read through that misses what was collected.
  func flushed(through mark: FlushMark) {
    isFlushing = false
    storeIsFull = false
    guard !isRemoved else { return }
    probe("flush completed")
    store?.setHistoryCutoff(mark.cutoff)
    environment.log.released(group: id.rawValue, through: mark.position.index.raw)
    raft.compactLog(through: tailStart(before: mark.position.index))
  }

  /// The last index that need not stay in memory: entries behind it are kept for followers that are a little behind,
  /// within a number of bytes.
  private func tailStart(before index: LogIndex) -> LogIndex {
    let base = raft.basePosition.index
    guard index > base else { return base }
    var bytes = 0
    var start = index
    for entry in raft.entries(from: base.next, through: index).reversed() {
      if case .command(let command) = entry.payload { bytes += command.count }
      if bytes > environment.settings.logTailBytes { break }
      start = LogIndex(entry.index.raw - 1)
    }
    // A leader keeps no more than its slowest follower needs.
    guard raft.role == .leader else { return start }
    let slowest = raft.progress().map(\.match).min() ?? index
    return max(start, min(slowest, index))
  }
}
