import Synchronization

/// What a request handler knows about its caller: how long the caller waits, and whether it still does.
package final class RequestContext: Sendable {
  private struct State {
    var isCancelled = false
    var task: Task<Void, Never>?
    var observers: [@Sendable () -> Void] = []
  }

  /// On this node's monotonic clock. After it nobody waits for the answer.
  package let deadlineNanoseconds: UInt64
  private let state = Mutex(State())

  init(deadlineNanoseconds: UInt64) {
    self.deadlineNanoseconds = deadlineNanoseconds
  }

  /// The caller gave up, its connection broke, or the deadline passed. The handler's task is cancelled as well.
  package var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Calls `body` once when the caller gives up; at once if it has already. On any thread.
  package func onCancel(_ body: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if !state.isCancelled { state.observers.append(body) }
      return state.isCancelled
    }
    if isLate { body() }
  }

  func runs(as task: Task<Void, Never>) {
    let isLate = state.withLock { state in
      state.task = task
      return state.isCancelled
    }
    if isLate { task.cancel() }
  }

  func cancel() {
    let (task, observers) = state.withLock { state in
      if state.isCancelled { return (Task<Void, Never>?.none, [@Sendable () -> Void]()) }
      state.isCancelled = true
      defer { state.observers = [] }
      return (state.task, state.observers)
    }
    task?.cancel()
    for observer in observers { observer() }
  }

  /// Lets go of what the finished handler left here.
  func finish() {
    state.withLock { state in
      state.task = nil
      state.observers = []
    }
  }
}
