import Keys
import Operations
import Values

/// The time that a transaction, or a statement of it, reads at.
extension GatewayTransaction {
  /// When the last read was as of, for checkers.
  package var snapshotTime: HybridTime? { state.withLock { $0.snapshot?.time } }

  /// When a read or a search happens; nil: as the one tablet's leader thinks best.
  func snapshot(forSeveralTablets isSeveral: Bool) async -> Snapshot? {
    if let known = state.withLock({ $0.snapshot }) { return known }
    let made: Snapshot
    if let time = options.readTime {
      made = Snapshot(time: time, uncertaintyLimit: time)
    } else if options.isolation == .readCommitted, state.withLock({ $0.loaded == 0 }) {
      guard isSeveral else { return nil }
      made = gateway.uncertainSnapshot()
    } else {
      // Also where rows of its own are committed already (`load`): they must never be in doubt.
      made = await gateway.certainSnapshot()
    }
    return state.withLock { state in
      if let known = state.snapshot { return known }
      state.snapshot = made
      return made
    }
  }

  /// A read was answered as of a time; what the same statement reads next is as of the same.
  func hasRead(at time: HybridTime) {
    state.withLock { state in
      state.snapshotIsUsed = true
      if state.snapshot == nil {
        let limit = time.adding(microseconds: router.settings.maxSkewMicroseconds)
        state.snapshot = Snapshot(time: time, uncertaintyLimit: limit)
      }
    }
  }

  /// Whether nobody has looked at the snapshot yet, so that it may still move.
  var isSnapshotFree: Bool { state.withLock { !$0.snapshotIsUsed && options.readTime == nil } }

  /// A version that may be in the client's past was met: the snapshot moves there, if nobody has looked at it yet.
  func moveSnapshot(to later: HybridTime) throws(SQLError) {
    let moved = state.withLock { state in
      guard !state.snapshotIsUsed else { return false }
      let limit = max(state.snapshot?.uncertaintyLimit ?? later, later)
      state.snapshot = Snapshot(time: later, uncertaintyLimit: limit)
      return true
    }
    guard moved else { throw Self.uncertain }
  }

  private static let uncertain = SQLError(
    .serializationFailure, "could not serialize access due to read/write dependencies among statements",
    detail: "A row changed at a time that may be before this snapshot, after it had been used.",
    hint: "Run the transaction again.")
}
