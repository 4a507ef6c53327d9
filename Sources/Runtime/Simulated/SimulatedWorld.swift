import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A cluster's world in one thread: time, scheduling, network and disks that follow from a seed.
///
/// Time stands still while anything can run. Then it jumps to the next event. Whatever is random is drawn from one
/// generator, so the same seed and the same code give the same run, event by event: `eventHash` says so.
///
/// Keep the world for as long as anything of it is used: its parts do not own it.
///
/// Make a world, make a `Runtime` for each node, start the nodes' code with `runtime.spawn`, then `run` or `advance`.
/// Between runs the test that owns the world changes it: `crash`, `pause`, `network.cut`, clocks, disks.
package final class SimulatedWorld: @unchecked Sendable {
  // `@unchecked`: a world belongs to the thread that runs it; `checkThread` traps when another one reaches in, which
  // also finds tasks that escaped to the global pool. Between runs its owner keeps to one thread at a time.

  package let seed: UInt64
  package var settings: Settings
  package private(set) lazy var network = SimulatedNetwork(world: self)
  package let faults: SimulatedFaultPoints

  /// True time since the world began.
  package private(set) var nowNanoseconds: UInt64 = 0
  /// Jobs, bodies and events run so far.
  package private(set) var steps: UInt64 = 0
  package var eventHash: UInt64 { hash.value }

  var random: SeededRandom
  var events = EventQueue()
  private var hash = EventHash()
  private var runnable: [SimulatedLoop] = []
  private(set) var currentLoop: SimulatedLoop?
  private var nodes: [Int: SimulatedNode] = [:]
  private var loopCount = 0
  private var runningThread: pthread_t?
  private var stepsAtThisInstant = 0
  /// Work of crashed nodes. It never runs, and it is kept: letting go of a continuation that was never resumed is
  /// reported as a mistake, which it is not here.
  var graveyard: [Any] = []

  package init(seed: UInt64, settings: Settings = Settings()) {
    self.seed = seed
    self.settings = settings
    random = SeededRandom(seed: seed)
    faults = SimulatedFaultPoints(seed: seed)
    faults.isOn = settings.perturbs
  }

  // MARK: Running

  /// Runs until `condition` holds or `limit` of simulated time has passed.
  /// - Returns: whether the condition holds.
  @discardableResult
  package func run(until condition: () -> Bool, limitNanoseconds limit: UInt64) -> Bool {
    precondition(runningThread == nil, "a world cannot be run from within itself")
    runningThread = pthread_self()
    defer { runningThread = nil }
    let end = nowNanoseconds + limit
    while true {
      if condition() { return true }
      if !runnable.isEmpty {
        runOne()
      } else if let next = events.nextTime, next <= end {
        advanceTime(to: next)
        fireOne()
      } else {
        advanceTime(to: end)
        return false
      }
    }
  }

  /// Lets `nanoseconds` of simulated time pass.
  package func advance(nanoseconds: UInt64) {
    run(until: { false }, limitNanoseconds: nanoseconds)
  }

  /// Runs an asynchronous body on a node's first loop until it is done.
  /// - Returns: nil if it was not done within `limit` of simulated time.
  package func run<T: Sendable>(
    on runtime: Runtime, limitNanoseconds limit: UInt64 = 3_600_000_000_000, _ body: @escaping @Sendable () async -> T
  ) -> T? {
    let box = ResultBox<T>()
    runtime.spawn { box.set(await body()) }
    run(until: { box.value != nil }, limitNanoseconds: limit)
    return box.value
  }

  private func advanceTime(to time: UInt64) {
    if time > nowNanoseconds {
      nowNanoseconds = time
      stepsAtThisInstant = 0
    }
  }

  private func runOne() {
    countStep()
    let loop = runnable[runnable.count == 1 ? 0 : Int(random.below(UInt64(runnable.count)))]
    hash.mix(nowNanoseconds &* 31 &+ UInt64(loop.number))
    currentLoop = loop
    loop.runNext()
    currentLoop = nil
  }

  private func fireOne() {
    guard let action = events.pop() else { return }
    switch action {
    case .timer(let timer, let loop):
      if !timer.isCancelled { loop.add(.timer(timer)) }
    case .world(let body):
      countStep()
      hash.mix(nowNanoseconds)
      body()
    }
  }

  private func countStep() {
    steps += 1
    stepsAtThisInstant += 1
    precondition(
      stepsAtThisInstant < 50_000_000,
      "simulated time stands still at \(nowNanoseconds) ns: something runs for ever without waiting (seed \(seed))")
  }

  // MARK: For the parts of the world

  func checkThread() {
    guard let runningThread else { return }
    precondition(
      pthread_equal(runningThread, pthread_self()) != 0,
      "a job came into the simulation from another thread: a task was started outside of its loop")
  }

  func makeRunnable(_ loop: SimulatedLoop) {
    loop.runnableIndex = runnable.count
    runnable.append(loop)
  }

  func makeIdle(_ loop: SimulatedLoop) {
    guard let index = loop.runnableIndex else { return }
    loop.runnableIndex = nil
    let last = runnable.removeLast()
    if last !== loop {
      runnable[index] = last
      last.runnableIndex = index
    }
  }

  /// The moment that is `nanoseconds` of true time from now, or a little later.
  func time(after nanoseconds: UInt64, jitter: Bool = false) -> UInt64 {
    let late = jitter && settings.timerLatenessMaxNanoseconds > 0
    let extra = late ? random.below(settings.timerLatenessMaxNanoseconds) : 0
    // Half of the range is more than two centuries; beyond that nothing needs to be told apart.
    return min(.max / 2, nowNanoseconds &+ min(nanoseconds, .max / 2) &+ extra)
  }

  func schedule(afterTrue nanoseconds: UInt64, _ body: @escaping () -> Void) {
    events.add(at: time(after: nanoseconds), .world(body))
  }

  /// Mixes something that was observed into the event hash, such as a digest of a node's state.
  package func record(_ value: UInt64) { hash.mix(value) }
  func record(_ bytes: UnsafeRawBufferPointer) { hash.mix(bytes) }

  func makeLoop(node: Int, clock: SimulatedClock) -> SimulatedLoop {
    loopCount += 1
    return SimulatedLoop(world: self, node: node, number: loopCount, clock: clock)
  }

  // MARK: Nodes

  func node(_ id: Int) -> SimulatedNode {
    if let node = nodes[id] { return node }
    let node = SimulatedNode(id: id, world: self)
    nodes[id] = node
    return node
  }

  var nodesInOrder: [SimulatedNode] { nodes.values.sorted { $0.id < $1.id } }

  /// Starts a node, or starts it again after a crash with the same disk and clocks.
  package func makeRuntime(node id: Int, loops: Int = 1) -> Runtime {
    node(id).start(loops: loops)
  }

  package func clock(of id: Int) -> SimulatedClock { node(id).clock }
  package func disk(of id: Int) -> SimulatedDisk { node(id).disk }
  package func isUp(_ id: Int) -> Bool { node(id).isUp }

  /// Ends a node between two of its jobs. Nothing of it runs any more; make a new runtime to start it again.
  /// - Parameter kind: drawn from the seed if it is not given, three of four times a power cut.
  package func crash(_ id: Int, _ kind: Crash? = nil) {
    let kind = kind ?? (random.oneIn(4) ? .kill : .powerCut)
    hash.mix(UInt64(bitPattern: Int64(id)) &* 2 &+ (kind == .kill ? 0 : 1))
    node(id).crash(kind)
  }

  /// Stops a node's code; its clocks, the network and timers go on (`SIGSTOP`).
  package func pause(_ id: Int) { node(id).pause() }
  package func resume(_ id: Int) { node(id).resume() }
}

/// Takes a result from a task to the thread that waits for it.
private final class ResultBox<T: Sendable>: Sendable {
  private let result = Mutex<T?>(nil)
  var value: T? { result.withLock { $0 } }
  func set(_ value: T) { result.withLock { $0 = value } }
}

extension SimulatedWorld {
  /// How a node ends.
  package enum Crash: Hashable, Sendable {
    /// The process is killed. Its files keep what was written, and its peers see their connections break.
    case kill
    /// The machine loses power. Bytes that were not synced are lost, torn or kept, sector by sector, and its peers
    /// hear nothing.
    case powerCut
  }

  package struct Settings: Sendable {
    /// How much a timer may be late.
    package var timerLatenessMaxNanoseconds: UInt64 = 50_000
    /// The monotonic clocks' speeds are drawn from 1 ± this, in millionths.
    package var clockDriftPerMillion: UInt64 = 10_000
    /// The wall clocks' offsets are drawn from ± this.
    package var wallOffsetMaxMicroseconds: UInt64 = 2_000
    /// Whether named fault points fire.
    package var perturbs = false
    package var network = SimulatedNetwork.Settings()
    package var disk = SimulatedDisk.Settings()

    package init() {}
  }
}
