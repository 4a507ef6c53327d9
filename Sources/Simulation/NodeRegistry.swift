import NodeCore
import Synchronization

/// Which nodes run, and which clients wait for an answer of each: what clients and the driver of a world share.
package final class NodeRegistry: Sendable {
  private struct State {
    var cores: [Int: NodeCore] = [:]
    /// Counts starts and crashes of each node: a start that a crash overtook must not be registered.
    var starts: [Int: Int] = [:]
    var waiting: [Int: [UInt64: @Sendable () -> Void]] = [:]
    var nextWaiter: UInt64 = 0
    var failures: [String] = []
  }

  private let state = Mutex(State())

  package func core(of node: Int) -> NodeCore? { state.withLock { $0.cores[node] } }
  /// The nodes that run, in order.
  package var running: [Int] { state.withLock { $0.cores.keys.sorted() } }
  /// What the first node gave up for, if any did.
  package var firstFailure: String? { state.withLock { $0.failures.first } }

  func starting(_ node: Int) -> Int {
    state.withLock { state in
      state.starts[node, default: 0] += 1
      return state.starts[node] ?? 0
    }
  }

  func started(_ core: NodeCore, as node: Int, start: Int) {
    state.withLock { state in
      if state.starts[node] == start { state.cores[node] = core }
    }
  }

  func failed(_ reason: String) { state.withLock { $0.failures.append(reason) } }

  func crashed(_ node: Int) {
    let waiters = state.withLock { state -> [@Sendable () -> Void] in
      state.cores[node] = nil
      state.starts[node, default: 0] += 1
      return (state.waiting.removeValue(forKey: node) ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
    for tell in waiters { tell() }
  }

  /// Calls `tell` when the node crashes, unless `stopWaiting` comes first.
  func wait(for node: Int, _ tell: @escaping @Sendable () -> Void) -> UInt64 {
    state.withLock { state in
      state.nextWaiter += 1
      state.waiting[node, default: [:]][state.nextWaiter] = tell
      return state.nextWaiter
    }
  }

  func stopWaiting(_ waiter: UInt64, for node: Int) {
    state.withLock { $0.waiting[node]?[waiter] = nil }
  }
}
