import Synchronization
import Values

/// The statement that a session runs right now, so that another thread can stop it.
final class RunningStatement: Sendable {
  enum Reason: Sendable {
    case userRequest
    case timeout
    case transactionTimeout

    var error: SQLError {
      switch self {
      case .userRequest: SQLError(.queryCanceled, "canceling statement due to user request")
      case .timeout: SQLError(.queryCanceled, "canceling statement due to statement timeout")
      case .transactionTimeout:
        SQLError(SQLState(code: "25P04"), "terminating connection due to transaction timeout")
      }
    }
  }

  private struct State {
    /// Tells executions apart, so that a late timer cannot stop the next statement.
    var number: UInt64 = 0
    var isRunning = false
    /// Nil until the task is known; a cancellation that comes before reaches it then.
    var cancelTask: (@Sendable () -> Void)?
    var reason: Reason?
  }
  private let state = Mutex(State())

  /// A new execution.
  func begin() -> UInt64 {
    state.withLock { state in
      state.number += 1
      state.isRunning = true
      state.reason = nil
      state.cancelTask = nil
      return state.number
    }
  }

  /// From here on a cancellation reaches the task.
  func started(_ number: UInt64, cancelTask: @escaping @Sendable () -> Void) {
    let isCancelled = state.withLock { state in
      guard state.number == number else { return false }
      state.cancelTask = cancelTask
      return state.reason != nil
    }
    if isCancelled { cancelTask() }
  }

  /// - Returns: why it was to be stopped, if it was.
  func end(_ number: UInt64) -> Reason? {
    state.withLock { state in
      guard state.number == number else { return nil }
      state.isRunning = false
      state.cancelTask = nil
      return state.reason
    }
  }

  /// Stops the running statement; `number` nil means whichever it is.
  func cancel(_ reason: Reason, number: UInt64? = nil) {
    let cancelTask = state.withLock { state -> (@Sendable () -> Void)? in
      guard state.isRunning, number == nil || state.number == number, state.reason == nil else { return nil }
      state.reason = reason
      return state.cancelTask
    }
    cancelTask?()
  }
}
