import DequeModule

/// A loop of a simulated node. All loops of a world share one thread; which of them runs next is drawn from the seed.
package final class SimulatedLoop: Loop, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread, which `SimulatedWorld.checkThread` enforces.

  enum Work {
    // See `NIOLoop.Work`.
    case isolated(UnownedJob)
    case preferring(UnownedJob)
    case body(@Sendable () -> Void)
    case timer(LoopTimer)
  }

  /// Node and number within the world: the name of this loop in the event hash.
  package let node: Int
  let number: Int
  unowned let world: SimulatedWorld
  private let clock: SimulatedClock
  private var queue = Deque<Work>()
  /// Where this loop stands among the runnable ones.
  var runnableIndex: Int?
  private(set) var isDead = false
  private var isPaused = false

  init(world: SimulatedWorld, node: Int, number: Int, clock: SimulatedClock) {
    self.world = world
    self.node = node
    self.number = number
    self.clock = clock
  }

  package var isCurrent: Bool { world.currentLoop === self }

  package func checkIsolated() {
    precondition(isCurrent, "not on the loop that this code is confined to")
  }

  package func isIsolatingCurrentContext() -> Bool? { isCurrent }

  package func enqueue(_ job: consuming ExecutorJob) {
    add(.isolated(UnownedJob(job)))
  }

  @_implements(TaskExecutor,enqueue(_:))
  package func enqueuePreferring(_ job: consuming ExecutorJob) {
    add(.preferring(UnownedJob(job)))
  }

  package func execute(_ body: @escaping @Sendable () -> Void) {
    add(.body(body))
  }

  @discardableResult
  package func schedule(after nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
    world.checkThread()
    let time = world.time(after: clock.trueNanoseconds(of: nanoseconds), jitter: true)
    let timer = LoopTimer(deadline: time, body)
    world.events.add(at: time, .timer(timer, self))
    return timer
  }

  func add(_ work: Work) {
    world.checkThread()
    // A dead node's tasks stay suspended for ever, as its memory is gone.
    if isDead { return world.graveyard.append(work) }
    queue.append(work)
    if runnableIndex == nil, !isPaused { world.makeRunnable(self) }
  }

  /// Runs the oldest work.
  func runNext() {
    guard let work = queue.popFirst() else { return }
    if queue.isEmpty { world.makeIdle(self) }
    switch work {
    case .preferring(let job): job.runSynchronously(on: asUnownedTaskExecutor())
    case .isolated(let job):
      job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    case .body(let body): body()
    case .timer(let timer): timer.take()?()
    }
  }

  func pause() {
    isPaused = true
    world.makeIdle(self)
  }

  func resume() {
    isPaused = false
    if !isDead, runnableIndex == nil, !queue.isEmpty { world.makeRunnable(self) }
  }

  func kill() {
    isDead = true
    world.makeIdle(self)
    // What waits here may hold continuations that must not be let go: see `SimulatedWorld.graveyard`.
    world.graveyard.append(queue)
    queue = []
  }
}
