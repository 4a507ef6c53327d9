import Keys
import Raft
import Storage

extension TabletReplica {
  /// Where the store stands: the last applied entry.
  var appliedPosition: LogPosition {
    LogPosition(term: raft.term(at: raft.appliedIndex) ?? raft.basePosition.term, index: raft.appliedIndex)
  }

  /// Saves what has to survive beside the documents (see `TabletMeta`). Returns the position that a flush which starts
  /// after this call covers, or nil if nothing was ever applied.
  func saveMeta() throws -> LogPosition? {
    guard let store, raft.appliedIndex.raw > 0 else { return nil }
    if appliedTime > .zero {
      retries.expire(at: appliedTime)
      let history = environment.settings.historyMicroseconds
      if appliedTime.microseconds > history {
        historyCutoff = max(historyCutoff, HybridTime(microseconds: appliedTime.microseconds - history))
        store.setHistoryCutoff(historyCutoff)
      }
    }
    let position = appliedPosition
    let meta = TabletMeta(
      position: position, time: appliedTime, configuration: raft.configuration(at: position.index), retries: retries,
      ledger: ledger)
    var batch = WriteBatch()
    batch.put(.regular, key: TabletMeta.key, value: meta.encoded())
    try store.write(batch, frontier: frontier(at: position, of: store))
    return position
  }

  /// A flush that covers `position` is complete: the log may be cut behind it.
  func flushed(through position: LogPosition) {
    isFlushing = false
    guard !isRemoved else { return }
    environment.log.released(group: id.rawValue, through: position.index.raw)
    raft.compactLog(through: tailStart(before: position.index))
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
