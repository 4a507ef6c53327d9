/// One machine of a simulated world: its clocks and its disk, which last, and its process, which comes and goes.
final class SimulatedNode {
  let id: Int
  unowned let world: SimulatedWorld
  let clock: SimulatedClock
  let disk: SimulatedDisk
  private(set) var isUp = false
  private(set) var isPaused = false
  /// Whether the machine answers packets, even to say that nobody listens.
  private(set) var hasPower = true
  /// Counts starts. What belongs to an earlier process finds a different number.
  private(set) var generation = 0
  private var loops: [SimulatedLoop] = []

  init(id: Int, world: SimulatedWorld) {
    self.id = id
    self.world = world
    let drift = world.settings.clockDriftPerMillion
    let offset = world.settings.wallOffsetMaxMicroseconds
    clock = SimulatedClock(
      world: world, ratePerMillion: 1_000_000 - drift + world.random.below(2 * drift + 1),
      startNanoseconds: world.random.between(1_000_000_000, 1_000_000_000_000),
      wallOffsetMicroseconds: Int64(world.random.below(2 * offset + 1)) - Int64(offset))
    disk = SimulatedDisk(world: world)
  }

  func start(loops count: Int) -> Runtime {
    precondition(!isUp, "node \(id) runs already; crash it first")
    precondition(count > 0, "a runtime needs a loop")
    isUp = true
    isPaused = false
    hasPower = true
    generation += 1
    loops = (0..<count).map { _ in world.makeLoop(node: id, clock: clock) }
    return Runtime(
      clock: clock, loops: loops, random: SimulatedRandom(seed: world.random.next()),
      files: SimulatedFileSystem(disk: disk), network: NodeNetwork(node: self), blocking: SimulatedWorkers(node: self),
      faults: world.faults)
  }

  /// A loop of this node for something that is a thread in reality.
  func addLoop() -> SimulatedLoop {
    let loop = world.makeLoop(node: id, clock: clock)
    if isPaused { loop.pause() }
    if !isUp { loop.kill() }
    loops.append(loop)
    return loop
  }

  func crash(_ kind: SimulatedWorld.Crash) {
    guard isUp else { return }
    isUp = false
    hasPower = kind == .kill
    for loop in loops { loop.kill() }
    loops = []
    world.network.crashed(self, kind)
    disk.crashed(kind)
  }

  func pause() {
    isPaused = true
    for loop in loops { loop.pause() }
  }

  func resume() {
    isPaused = false
    for loop in loops { loop.resume() }
  }
}
