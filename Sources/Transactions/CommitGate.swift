import Synchronization

/// The commits that are under way at this gateway. What a transaction has written is right for the schema that it was
/// written under; so a commit looks once more whether that is still the newest, and from there to its end it is inside
/// the gate. A node says that it has a new catalog only when everyone who went in before has come out: then nothing that
/// was written under the old one can still be committed from here.
package final class CommitGate: Sendable {
  private struct State {
    var next: UInt64 = 0
    var inside: Set<UInt64> = []
    var waiting: [(before: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    var requireCatalog: (@Sendable (UInt64) async -> Void)?
  }
  private let state = Mutex(State())

  package init() {}

  /// The gateway whose commits these are says how it leaves older catalogs behind.
  func install(_ requireCatalog: @escaping @Sendable (UInt64) async -> Void) {
    state.withLock { $0.requireCatalog = requireCatalog }
  }

  /// As `Gateway.requireCatalog`.
  package func requireCatalog(_ version: UInt64) async {
    guard let requireCatalog = state.withLock({ $0.requireCatalog }) else { return }
    await requireCatalog(version)
  }

  /// - Returns: what `leave` takes.
  package func enter() -> UInt64 {
    state.withLock { state in
      state.next += 1
      state.inside.insert(state.next)
      return state.next
    }
  }

  package func leave(_ ticket: UInt64) {
    let freed = state.withLock { state in
      state.inside.remove(ticket)
      let first = state.inside.min() ?? .max
      let freed = state.waiting.filter { first > $0.before }
      state.waiting.removeAll { first > $0.before }
      return freed
    }
    for waiter in freed { waiter.continuation.resume() }
  }

  /// Returns when all who are inside now have left.
  func drained() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if state.inside.isEmpty { return true }
        state.waiting.append((state.next, continuation))
        return false
      }
      if isEmpty { continuation.resume() }
    }
  }
}
