import Synchronization

/// A node's hybrid logical clock. Every time it gives is greater than every time it gave or accepted before.
public final class HybridClock: Sendable {
  /// How far a received time may be ahead of the wall clock, in microseconds.
  public let maxSkewMicroseconds: UInt64
  private let wall: @Sendable () -> UInt64
  private let last = Mutex<UInt64>(0)

  /// - Parameter wall: microseconds since the Unix epoch.
  public init(maxSkewMicroseconds: UInt64, wall: @escaping @Sendable () -> UInt64) {
    self.maxSkewMicroseconds = maxSkewMicroseconds
    self.wall = wall
  }

  /// A new time, greater than all before.
  public func now() -> HybridTime {
    let physical = HybridTime(microseconds: wall()).rawValue
    return HybridTime(
      rawValue: last.withLock { last in
        last = max(physical, last + 1)
        return last
      })
  }

  /// Why a received time was refused.
  public struct Skewed: Error, Sendable {
    public let received: HybridTime
    public let wallMicroseconds: UInt64
  }

  /// Moves the clock behind a received time, so that what happens next here is later.
  /// - Throws: `Skewed`, and leaves the clock alone, if the time is too far ahead of the wall clock: one wrong clock must
  ///   not drag the others along.
  public func observe(_ received: HybridTime) throws(Skewed) {
    let wallNow = wall()
    if received.microseconds > wallNow + maxSkewMicroseconds {
      throw Skewed(received: received, wallMicroseconds: wallNow)
    }
    raise(to: received)
  }

  /// Moves the clock to at least `time`, whatever the wall clock says: for times this cluster has already promised.
  public func raise(to time: HybridTime) {
    last.withLock { $0 = max($0, time.rawValue) }
  }

  /// The greatest time given or accepted so far, or the wall clock's if that is later; does not count up.
  public func latest() -> HybridTime {
    let physical = HybridTime(microseconds: wall()).rawValue
    return HybridTime(rawValue: last.withLock { max(physical, $0) })
  }
}
