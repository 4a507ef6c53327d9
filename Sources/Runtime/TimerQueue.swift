import HeapModule
import Synchronization

/// A timer of a loop. Cancelling drops its body at once; the empty timer leaves the queue later.
final class LoopTimer: ScheduledWork, Sendable {
  let deadline: UInt64
  private let body: Mutex<(@Sendable () -> Void)?>

  init(deadline: UInt64, _ body: @escaping @Sendable () -> Void) {
    self.deadline = deadline
    self.body = Mutex(body)
  }

  func cancel() {
    _ = take()
  }

  /// The body, for the one caller that gets it.
  func take() -> (@Sendable () -> Void)? {
    body.withLock { body in
      defer { body = nil }
      return body
    }
  }

  var isCancelled: Bool { body.withLock { $0 == nil } }
}

/// Timers by deadline; of the same deadline, by age. Confined to one loop.
struct TimerQueue {
  private struct Entry: Comparable {
    let deadline: UInt64
    let sequence: UInt64
    let timer: LoopTimer
    static func == (a: Self, b: Self) -> Bool { a.sequence == b.sequence }
    static func < (a: Self, b: Self) -> Bool {
      (a.deadline, a.sequence) < (b.deadline, b.sequence)
    }
  }

  private var heap = Heap<Entry>()
  private var sequence: UInt64 = 0
  /// At this size cancelled timers are swept out. Most timers are deadlines that never fire: without the sweep they
  /// would all wait here for their time.
  private var sweepAt = 1024

  var nextDeadline: UInt64? { heap.min?.deadline }
  var count: Int { heap.count }

  mutating func insert(_ timer: LoopTimer) {
    sequence += 1
    if heap.count >= sweepAt { sweep() }
    heap.insert(Entry(deadline: timer.deadline, sequence: sequence, timer: timer))
  }

  private mutating func sweep() {
    heap = Heap(heap.unordered.filter { !$0.timer.isCancelled })
    sweepAt = max(1024, heap.count * 2)
  }

  /// Forgets cancelled timers at the front, so that nobody is woken for them.
  mutating func dropCancelledFront() {
    while let first = heap.min, first.timer.isCancelled { heap.removeMin() }
  }

  /// The next timer that is due.
  mutating func popDue(now: UInt64) -> LoopTimer? {
    guard let first = heap.min, first.deadline <= now else { return nil }
    return heap.popMin()?.timer
  }
}
