import DequeModule
import NIOCore
import Synchronization

/// A loop of the real runtime: one SwiftNIO event loop, its thread, and a queue in front of it.
///
/// NIO's own executor takes a lock and allocates for every job. Here a job that comes from the loop's own thread goes
/// into a queue that only this thread touches; jobs from other threads go into an inbox under a lock, and only the
/// first of them wakes the thread.
///
/// A **turn** runs what is queued, at most `jobsPerTurn` of it, and then flushes the connections that were written to.
package final class NIOLoop: Loop, @unchecked Sendable {
  // `@unchecked`: `queue`, `isTurnScheduled`, `turnEnds`, `timers` and `armed` are touched only on the event loop's
  // thread (`add` and `schedule` test for it, everything else runs from `turn`, `takeInbox` or a timer). The rest is
  // constant or under a lock.

  /// The event loop underneath, for code that uses NIO channels itself (wire protocol, HTTP).
  package let eventLoop: any EventLoop

  private enum Work {
    /// A piece of an actor that lives on this loop.
    case isolated(UnownedJob)
    /// A piece of a task that prefers this loop and is isolated to nothing.
    case preferring(UnownedJob)
    case body(@Sendable () -> Void)
  }

  private struct Inbox {
    var work = Deque<Work>()
    var isWakeupSent = false
    /// The thread is about to end; what comes now is dropped.
    var isClosed = false
  }

  /// NIO does not look at its sockets while tasks keep coming, so a turn ends after this many.
  private static let jobsPerTurn = 1024
  /// How long sockets come first after a turn that did not finish the queue. Zero would not let them in at all.
  private static let pauseForSockets = TimeAmount.microseconds(3)

  private var queue = Deque<Work>()
  private var isTurnScheduled = false
  private var turnEnds: [any TurnEndObserver] = []
  private var timers = TimerQueue()
  private var armed: (deadline: UInt64, callback: NIOScheduledCallback)?
  private let inbox = Mutex(Inbox())

  package init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  package var isCurrent: Bool { eventLoop.inEventLoop }

  package func enqueue(_ job: consuming ExecutorJob) {
    add(.isolated(UnownedJob(job)))
  }

  // The language has one `enqueue` for both kinds of executor, and does not say of a job which kind it is for. A job
  // that is run as the wrong kind is correct but hops once more at its first call, so the two are told apart here.
  @_implements(TaskExecutor,enqueue(_:))
  package func enqueuePreferring(_ job: consuming ExecutorJob) {
    add(.preferring(UnownedJob(job)))
  }

  package func execute(_ body: @escaping @Sendable () -> Void) {
    add(.body(body))
  }

  package func checkIsolated() {
    precondition(eventLoop.inEventLoop, "not on the loop that this code is confined to")
  }

  package func isIsolatingCurrentContext() -> Bool? { eventLoop.inEventLoop }

  private func add(_ work: Work) {
    if eventLoop.inEventLoop {
      queue.append(work)
      scheduleTurn()
      return
    }
    let mustWake = inbox.withLock { inbox in
      if inbox.isClosed { return false }
      inbox.work.append(work)
      defer { inbox.isWakeupSent = true }
      return !inbox.isWakeupSent
    }
    if mustWake { eventLoop.execute { self.takeInbox() } }
  }

  /// Takes no more work from other threads. What is queued still runs.
  func close() {
    inbox.withLock { $0.isClosed = true }
  }

  var isClosed: Bool { inbox.withLock { $0.isClosed } }

  private func scheduleTurn() {
    if isTurnScheduled { return }
    isTurnScheduled = true
    eventLoop.execute { self.turn() }
  }

  private func takeInbox() {
    inbox.withLock { inbox in
      inbox.isWakeupSent = false
      if queue.isEmpty {
        swap(&queue, &inbox.work)
      } else {
        queue.append(contentsOf: inbox.work)
        inbox.work.removeAll(keepingCapacity: true)
      }
    }
    if !isTurnScheduled { turn() }
  }

  private func turn() {
    isTurnScheduled = true
    var left = Self.jobsPerTurn
    while left > 0, let work = queue.popFirst() {
      left -= 1
      switch work {
      case .preferring(let job): job.runSynchronously(on: asUnownedTaskExecutor())
      case .isolated(let job):
        job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
      case .body(let body): body()
      }
    }
    endTurn()
    if queue.isEmpty {
      isTurnScheduled = false
    } else {
      eventLoop.scheduleTask(in: Self.pauseForSockets) { self.turn() }
    }
  }
}

// MARK: - The end of a turn

/// Something that gathers work during a turn and does it once at the end, such as writing to a socket.
protocol TurnEndObserver: AnyObject, Sendable {
  func turnEnded()
}

extension NIOLoop {
  /// Calls the observer once, when the jobs of this turn have run. On the loop only.
  func atEndOfTurn(_ observer: any TurnEndObserver) {
    turnEnds.append(observer)
    scheduleTurn()
  }

  private func endTurn() {
    while !turnEnds.isEmpty {
      let observers = turnEnds
      turnEnds.removeAll(keepingCapacity: true)
      for observer in observers { observer.turnEnded() }
    }
  }
}

// MARK: - Timers

extension NIOLoop: NIOScheduledCallbackHandler {
  @discardableResult
  package func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
    let (deadline, overflow) = NIODeadline.now().uptimeNanoseconds.addingReportingOverflow(nanoseconds)
    // NIO counts in Int64; a timer beyond that never fires either way.
    let timer = LoopTimer(deadline: overflow ? UInt64(Int64.max) : min(deadline, UInt64(Int64.max)), body)
    if eventLoop.inEventLoop { insert(timer) } else { execute { self.insert(timer) } }
    return timer
  }

  private func insert(_ timer: LoopTimer) {
    timers.insert(timer)
    arm()
  }

  private func arm() {
    guard let deadline = timers.nextDeadline else { return }
    if let armed {
      if armed.deadline <= deadline { return }
      armed.callback.cancel()
    }
    do {
      armed = (deadline, try eventLoop.scheduleCallback(at: .uptimeNanoseconds(deadline), handler: self))
    } catch {
      // The event loop is shutting down: nothing fires any more.
      armed = nil
    }
  }

  package func handleScheduledCallback(eventLoop: some EventLoop) {
    armed = nil
    let now = NIODeadline.now().uptimeNanoseconds
    while let timer = timers.popDue(now: now) { timer.take()?() }
    // What the timers wrote leaves with this turn.
    if !isTurnScheduled { turn() }
    timers.dropCancelledFront()
    arm()
  }

  package func didCancelScheduledCallback(eventLoop: some EventLoop) {}
}
