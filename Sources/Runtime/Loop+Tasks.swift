import Synchronization

// Tasks, sleeping and deadlines on a loop. A bare `Task { … }` would run on the global pool, where no seed decides what
// happens next; code outside `Runtime` starts tasks with `spawn`.

/// The time given to an operation ran out.
package struct DeadlineExceeded: Error, Hashable, Sendable {
  package init() {}
}

extension Loop {
  /// Starts a task that prefers this loop: its body, its child tasks and the actors of this loop meet without a switch
  /// of threads.
  @discardableResult
  package func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: self) { await body() }
  }

  /// Waits for `nanoseconds`, or less if the task is cancelled.
  /// - Returns: whether the whole time passed; false after a cancellation.
  @discardableResult
  package func sleep(nanoseconds: UInt64) async -> Bool {
    let sleeper = Sleeper()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        sleeper.begin(continuation, on: self, nanoseconds: nanoseconds)
      }
    } onCancel: {
      sleeper.finish(slept: false)
    }
  }

  /// Runs `body` in a task on this loop and cancels it after `nanoseconds`. Always waits until `body` has returned, so
  /// nothing of it runs on; a body that ignores its cancellation is waited for.
  /// - Throws: `DeadlineExceeded` if the time ran out and the body threw for it; else what the body throws.
  package func withDeadline<T: Sendable>(
    nanoseconds: UInt64, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let expired = Flag()
    let task = Task(executorPreference: self) { try await body() }
    let timer = schedule(after: nanoseconds) {
      expired.set()
      task.cancel()
    }
    let result = await withTaskCancellationHandler {
      await task.result
    } onCancel: {
      task.cancel()
    }
    timer.cancel()
    if case .failure = result, expired.isSet { throw DeadlineExceeded() }
    return try result.get()
  }
}

/// A flag that goes up once.
private final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

/// One sleep: whichever comes first, timer or cancellation, resumes it, once.
private final class Sleeper: Sendable {
  private enum State {
    case idle
    case sleeping(CheckedContinuation<Bool, Never>, any ScheduledWork)
    case over
  }
  private let state = Mutex(State.idle)

  func begin(_ continuation: CheckedContinuation<Bool, Never>, on loop: any Loop, nanoseconds: UInt64) {
    let isSleeping = state.withLock { state in
      guard case .idle = state else { return false }
      let timer = loop.schedule(after: nanoseconds) { [self] in finish(slept: true) }
      state = .sleeping(continuation, timer)
      return true
    }
    if !isSleeping { continuation.resume(returning: false) }
  }

  func finish(slept: Bool) {
    let before = state.withLock { state in
      let before = state
      state = .over
      return before
    }
    if case .sleeping(let continuation, let timer) = before {
      if !slept { timer.cancel() }
      continuation.resume(returning: slept)
    }
  }
}
