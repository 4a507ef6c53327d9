import NIOPosix

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The runtime of a real process: SwiftNIO's event loops, threads, POSIX files, the system's clocks.
package enum RealRuntime {
  /// What tests change about a process from outside.
  package struct Disturbance: Sendable {
    /// Points to disturb, as `name:probability,…`. See `RealFaultPoints`.
    package var perturb: String?
    /// Added to the wall clock.
    package var wallSkewMicroseconds: Int64

    package init(perturb: String? = nil, wallSkewMicroseconds: Int64 = 0) {
      self.perturb = perturb
      self.wallSkewMicroseconds = wallSkewMicroseconds
    }

    /// From `APUS_PERTURB` and `APUS_WALL_SKEW_US`; none if they are not set.
    package static func fromEnvironment() -> Disturbance {
      func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
      return Disturbance(
        perturb: variable("APUS_PERTURB"), wallSkewMicroseconds: variable("APUS_WALL_SKEW_US").flatMap(Int64.init) ?? 0)
    }
  }

  /// Starts the loops.
  /// - Parameter loops: how many, each with a thread; at least one.
  package static func make(loops: Int, disturbance: Disturbance = .fromEnvironment()) -> Runtime {
    precondition(loops > 0, "a runtime needs a loop")
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    let random = RealRandom()
    let loops = group.makeIterator().map { NIOLoop($0) }
    return Runtime(
      clock: RealClock(wallSkewMicroseconds: disturbance.wallSkewMicroseconds), loops: loops, random: random,
      files: PosixFileSystem(), network: NIONetwork(),
      blocking: ThreadWorkers(), faults: RealFaultPoints(perturb: disturbance.perturb, random: random),
      shutdown: {
        for loop in loops where !loop.isClosed {
          // What was queued so far, such as the ends of cancelled tasks, still runs.
          await withCheckedContinuation { passed in loop.execute { passed.resume() } }
          loop.close()
        }
        // Fails only for a group that is shut down already or not this process's own.
        try? await group.shutdownGracefully()
      })
  }
}
