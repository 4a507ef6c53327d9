import Runtime
import Synchronization

/// The one thread of a node that rewrites whole stores, and what it has done. A rewrite takes disk and CPU from everybody,
/// so there is never more than one, and none waits in a queue: the garbage may be elsewhere when its turn comes.
package final class Compactor: Sendable {
  package struct Counters: Sendable {
    package var completed = 0
    package var failed = 0
    /// Bytes on disk that were there before and not after.
    package var freedBytes = 0
  }

  private struct State {
    var isBusy = false
    var counters = Counters()
  }

  let worker: any BlockingWorker
  private let state = Mutex(State())

  package init(runtime: Runtime) {
    worker = runtime.blocking.makeWorker(named: "compact")
  }

  package var counters: Counters { state.withLock(\.counters) }

  /// Returns whether the caller may compact a store now; it calls `ended` when that is over.
  func begin() -> Bool {
    state.withLock { state in
      if state.isBusy { return false }
      state.isBusy = true
      return true
    }
  }

  func ended(_ change: (inout Counters) -> Void) {
    state.withLock { state in
      state.isBusy = false
      change(&state.counters)
    }
  }

  /// Takes no more work. What is under way gives up when its store is closed.
  package func stop() { worker.shutdown() }
}
