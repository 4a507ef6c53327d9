import Logging

/// Everything that is not a pure function: one seam between code and world (DESIGN §3).
///
/// A node gets one `Runtime`. The real one stands on SwiftNIO, threads and files; the simulated one draws time,
/// network, disk and scheduling from a seed.
package struct Runtime: Sendable {
  package var clock: any Clock
  /// The node's loops, at least one. A tablet or a connection is pinned to one of them.
  package var loops: [any Loop]
  package var random: any RandomSource
  package var files: any FileSystem
  package var network: any Network
  /// Makes threads for work that blocks.
  package var blocking: any BlockingWorkers
  package var faults: any FaultPoints
  /// Ends the loops and gives back what the runtime holds. Nothing may use the runtime afterwards.
  package var shutdown: @Sendable () async -> Void

  package init(
    clock: any Clock, loops: [any Loop], random: any RandomSource, files: any FileSystem, network: any Network,
    blocking: any BlockingWorkers, faults: any FaultPoints, shutdown: @escaping @Sendable () async -> Void = {}
  ) {
    precondition(!loops.isEmpty, "a runtime needs a loop")
    self.clock = clock
    self.loops = loops
    self.random = random
    self.files = files
    self.network = network
    self.blocking = blocking
    self.faults = faults
    self.shutdown = shutdown
  }
}

extension Runtime {
  /// Starts a task on one of the loops. See `Loop.spawn`.
  @discardableResult
  package func spawn(
    on loop: (any Loop)? = nil, _ body: @escaping @Sendable () async -> Void
  ) -> Task<Void, Never> {
    (loop ?? loops[0]).spawn(body)
  }

  /// Waits, or less if the task is cancelled. See `Loop.sleep`.
  @discardableResult
  package func sleep(nanoseconds: UInt64) async -> Bool {
    await loops[0].sleep(nanoseconds: nanoseconds)
  }
}

/// A source of random numbers; seeded under simulation.
package protocol RandomSource: Sendable {
  func next() -> UInt64
}

/// Named points where tests disturb the code and where code tells tests what happened (FAULTS §2.1).
package protocol FaultPoints: Sendable {
  /// Whether to disturb here; always false in production.
  func perturb(_ name: StaticString) -> Bool
  /// Says that something rare happened; counted in tests, nothing in production.
  func probe(_ name: StaticString)
  /// How often the named probe was passed.
  func probeCount(_ name: String) -> UInt64
  /// All probes passed so far, by name, sorted.
  var probeCounts: [(name: String, count: UInt64)] { get }
}

extension FaultPoints {
  package func probeCount(_ name: String) -> UInt64 { probeCounts.first { $0.name == name }?.count ?? 0 }
  package var probeCounts: [(name: String, count: UInt64)] { [] }
}

/// Threads for work that blocks: `fsync`, engine flushes, checkpoints. Never a loop.
package protocol BlockingWorkers: Sendable {
  /// A thread of its own; the work given to it runs in order.
  func makeWorker(named name: String) -> any BlockingWorker
}

package protocol BlockingWorker: Sendable {
  /// Queues `work`; when it has run, `completion` gets its result on `loop`.
  func submit<T: Sendable>(
    on loop: any Loop, _ work: @escaping @Sendable () throws -> T,
    completion: @escaping @Sendable (Result<T, any Error>) -> Void
  )
  /// Ends the thread after the work that is queued.
  func shutdown()
}
