/// One thread of execution: an event loop in production, the one simulated executor under simulation.
///
/// Long-lived state is an actor whose `unownedExecutor` is a loop; tasks run with the loop as their executor
/// preference, so that actor and task meet without a switch of threads.
package protocol Loop: SerialExecutor, TaskExecutor {
  /// Runs `body` on this loop, after everything that is queued already.
  func execute(_ body: @escaping @Sendable () -> Void)
  /// Runs `body` on this loop once, no earlier than `nanoseconds` from now.
  @discardableResult
  func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork
  /// Whether the caller runs on this loop.
  var isCurrent: Bool { get }
}

/// A timer that has not fired yet.
package protocol ScheduledWork: Sendable {
  /// The body will not run any more, unless it already started.
  func cancel()
}
