import DequeModule

/// Threads for blocking work, under simulation: each takes simulated time as its file operations say.
struct SimulatedWorkers: BlockingWorkers, @unchecked Sendable {
  // `@unchecked`: the node is confined to the world's one thread.
  let node: SimulatedNode

  func makeWorker(named name: String) -> any BlockingWorker {
    SimulatedWorker(loop: node.addLoop(), node: node)
  }
}

private final class SimulatedWorker: BlockingWorker, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  /// Stands for the thread, so that a crash or a pause of the node holds it as well.
  private let loop: SimulatedLoop
  private let node: SimulatedNode
  private var queue = Deque<() -> Void>()
  private var isBusy = false
  private var isShutDown = false

  init(loop: SimulatedLoop, node: SimulatedNode) {
    self.loop = loop
    self.node = node
  }

  func submit<T: Sendable>(
    on target: any Loop, _ work: @escaping @Sendable () throws -> T,
    completion: @escaping @Sendable (Result<T, any Error>) -> Void
  ) {
    if isShutDown {
      target.execute { completion(.failure(WorkerIsShutDown())) }
      return
    }
    queue.append { [self] in
      let disk = node.disk
      disk.beginWork()
      let result = Result { try work() }
      let taken = disk.endWork()
      loop.world.schedule(afterTrue: taken) { [self] in
        // The thread has to be alive, and not stopped, to tell that it is done.
        loop.execute { [self] in
          target.execute { completion(result) }
          runNext()
        }
      }
    }
    if !isBusy { runNext() }
  }

  private func runNext() {
    guard let work = queue.popFirst() else {
      isBusy = false
      return
    }
    isBusy = true
    // A busy machine lets a thread wait now and then, and meanwhile the loops go on.
    let wakeup =
      loop.world.random.oneIn(16)
      ? loop.world.random.between(30_000, 30_000_000) : loop.world.random.between(2_000, 30_000)
    loop.world.schedule(afterTrue: wakeup) { [loop] in
      loop.add(.body(SendableBody(work).run))
    }
  }

  func shutdown() { isShutDown = true }
}

/// Carries a closure of the world's one thread through an interface that demands `@Sendable`.
struct SendableBody: @unchecked Sendable {
  // `@unchecked`: made and run on the world's one thread.
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  var run: @Sendable () -> Void { { body() } }
}
