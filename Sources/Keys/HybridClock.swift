import Synchronization

/// A node's hybrid logical clock. Every time it gives is greater than every time it gave or accepted before.
///
/// It does not go back with its wall clock: then it stands, and counts, until the wall clock has caught up. How far ahead
/// a time of others may be is measured from the latest time that this node's *own* clocks ever showed. So nodes whose wall
/// clocks were set back together go on together, and yet no clock that runs ahead can lead another one away, not even step
/// by step, since what was accepted does not count.
public final class HybridClock: Sendable {
  /// How far a received time may be ahead, in microseconds.
  public let maxSkewMicroseconds: UInt64
  private let wall: @Sendable () -> UInt64
  private let monotonic: @Sendable () -> UInt64
  private let state = Mutex(State())

  private struct State {
    var last: UInt64 = 0
    /// The latest time that this node's own clocks showed, or what `restore` was given, in microseconds.
    var reached: UInt64 = 0
    /// What the clocks showed last.
    var seen: (wallMicroseconds: UInt64, monotonicNanoseconds: UInt64)?

    /// - Returns: the least that the hybrid time is now.
    mutating func look(_ wall: UInt64, _ monotonic: UInt64) -> UInt64 {
      reached = max(reached, wall)
      if let seen, monotonic > seen.monotonicNanoseconds {
        // Where the wall clock would be if nobody had set it back since: a process that was stopped just then must not
        // fall behind those that were not. Monotonic clocks run too fast by one per cent at most.
        let elapsed = (monotonic - seen.monotonicNanoseconds) / 1_000
        reached = max(reached, seen.wallMicroseconds + elapsed - elapsed / 100)
      }
      seen = (wall, monotonic)
      return HybridTime(microseconds: reached).rawValue
    }
  }

  /// - Parameters:
  ///   - wall: microseconds since the Unix epoch.
  ///   - monotonic: nanoseconds since any time.
  public init(
    maxSkewMicroseconds: UInt64, wall: @escaping @Sendable () -> UInt64,
    monotonic: @escaping @Sendable () -> UInt64 = { 0 }
  ) {
    self.maxSkewMicroseconds = maxSkewMicroseconds
    self.wall = wall
    self.monotonic = monotonic
  }

  /// For a node that starts: goes on behind a time that it has on disk. A majority accepted it with clocks of their own,
  /// so it counts like a reading of the wall clock.
  public func restore(_ time: HybridTime) {
    state.withLock { state in
      state.last = max(state.last, time.rawValue)
      state.reached = max(state.reached, time.microseconds)
    }
  }

  /// A new time, greater than all before.
  public func now() -> HybridTime {
    HybridTime(
      rawValue: state.withLock { state in
        state.last = max(state.look(wall(), monotonic()), state.last + 1)
        return state.last
      })
  }

  /// Why a received time was refused.
  public struct Skewed: Error, Sendable {
    public let received: HybridTime
    public let wallMicroseconds: UInt64
  }

  /// Moves the clock behind a received time, so that what happens next here is later.
  /// - Throws: `Skewed`, and leaves the clock alone, if the time is too far ahead of what this node's own clocks have
  ///   shown: one wrong clock must not drag the others along.
  public func observe(_ received: HybridTime) throws(Skewed) {
    let isNear = state.withLock { state in
      state.last = max(state.last, state.look(wall(), monotonic()))
      guard received.microseconds <= state.reached + maxSkewMicroseconds else { return false }
      state.last = max(state.last, received.rawValue)
      return true
    }
    if !isNear { throw Skewed(received: received, wallMicroseconds: wall()) }
  }

  /// Moves the clock to at least `time`, whatever the wall clock says: for times this cluster has already promised.
  public func raise(to time: HybridTime) {
    state.withLock { $0.last = max($0.last, time.rawValue) }
  }

  /// The greatest time given or accepted so far, or the wall clock's if that is later; does not count up.
  public func latest() -> HybridTime {
    HybridTime(
      rawValue: state.withLock { state in
        state.last = max(state.last, state.look(wall(), monotonic()))
        return state.last
      })
  }

  /// By how many microseconds the wall clock is behind the times given and accepted so far.
  public var wallLagMicroseconds: UInt64 {
    let last = latest().microseconds
    return last - min(last, wall())
  }
}
