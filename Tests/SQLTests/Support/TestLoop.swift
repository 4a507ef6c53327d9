import Dispatch
import Runtime

/// One serial queue as a loop.
final class TestLoop: Loop {
  private let queue = DispatchQueue(label: "test loop")
  private static let key = DispatchSpecificKey<ObjectIdentifier>()

  init() { queue.setSpecific(key: Self.key, value: ObjectIdentifier(self)) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async {
      job.runSynchronously(
        isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
    }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  func execute(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

  func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
    let timer = Timer(DispatchWorkItem(block: body))
    queue.asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: nanoseconds)), execute: timer.item)
    return timer
  }

  var isCurrent: Bool { DispatchQueue.getSpecific(key: Self.key) == ObjectIdentifier(self) }

  /// `@unchecked`: a work item may be cancelled from any thread.
  private struct Timer: ScheduledWork, @unchecked Sendable {
    let item: DispatchWorkItem
    init(_ item: DispatchWorkItem) { self.item = item }
    func cancel() { item.cancel() }
  }
}
