import Keys
import Synchronization
import Tablet

/// The transactions that this node's gateway runs now, for heartbeats and for the search for deadlocks.
final class ActiveTransactions: Sendable {
  private struct State {
    var transactions: [TransactionID: GatewayTransaction] = [:]
    var isBeating = false
    /// Commit times by transaction, where a test wants to know them.
    var commitTimes: [TransactionID: HybridTime] = [:]
    var keepsCommitTimes = false
    /// Decisions that all participants have, by anchor: to be forgotten there.
    var forgettable: [TabletID: [TransactionID]] = [:]
    var isForgetting = false
    /// Where probes came by lately: from which start at which target. A second way there finds nothing new.
    var probed: Set<[TransactionID]> = []
    /// Monotonic nanoseconds.
    var probedSince: UInt64 = 0
  }
  private let state = Mutex(State())

  /// Whether heartbeats have to be started: this is the first transaction.
  func add(_ transaction: GatewayTransaction) -> Bool {
    state.withLock { state in
      state.transactions[transaction.id] = transaction
      defer { state.isBeating = true }
      return !state.isBeating
    }
  }

  func remove(_ id: TransactionID) { state.withLock { $0.transactions[id] = nil } }

  subscript(id: TransactionID) -> GatewayTransaction? { state.withLock { $0.transactions[id] } }

  /// All of them, oldest first; none ends the heartbeats.
  func beating() -> [GatewayTransaction] {
    state.withLock { state in
      if state.transactions.isEmpty { state.isBeating = false }
      return state.transactions.values.sorted { $0.id < $1.id }
    }
  }

  var all: [GatewayTransaction] { state.withLock { $0.transactions.values.sorted { $0.id < $1.id } } }

  /// Whether a probe is the first of its start to come by its target in this while.
  func isNew(_ probe: DeadlockProbe, now: UInt64) -> Bool {
    guard let start = probe.path.first else { return false }
    return state.withLock { state in
      if now - min(now, state.probedSince) > Self.probeRound {
        state.probed.removeAll(keepingCapacity: true)
        state.probedSince = now
      }
      return state.probed.insert([start, probe.target]).inserted
    }
  }

  /// Shorter than the time between two reports of one leader.
  private static let probeRound: UInt64 = 50_000_000

  // MARK: Commit times

  func keepCommitTimes() { state.withLock { $0.keepsCommitTimes = true } }

  func committed(_ id: TransactionID, at time: HybridTime) {
    state.withLock { if $0.keepsCommitTimes { $0.commitTimes[id] = time } }
  }

  func takeCommitTime(of id: TransactionID) -> HybridTime? {
    state.withLock { $0.commitTimes.removeValue(forKey: id) }
  }

  // MARK: Decisions

  /// A decision has reached everybody. Returns whether somebody has to carry `takeForgettable` out soon.
  func forget(_ id: TransactionID, at anchor: TabletID) -> Bool {
    state.withLock { state in
      state.forgettable[anchor, default: []].append(id)
      defer { state.isForgetting = true }
      return !state.isForgetting
    }
  }

  func takeForgettable() -> [(anchor: TabletID, transactions: [TransactionID])] {
    state.withLock { state in
      let taken = state.forgettable
      state.forgettable = [:]
      state.isForgetting = false
      return taken.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }
}
