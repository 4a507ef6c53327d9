/// The clocks of a simulated node. They outlive its crashes, as a machine's clocks do.
package final class SimulatedClock: Clock, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  /// Where simulated wall clocks start: 2026-01-01T00:00:00Z, in microseconds since the Unix epoch.
  static let epochMicroseconds: UInt64 = 1_767_225_600_000_000

  private unowned let world: SimulatedWorld
  /// The monotonic clock's speed, in millionths of true time.
  private var rate: UInt64
  /// The true and the monotonic time when the rate was set.
  private var origin: (trueTime: UInt64, monotonic: UInt64)
  /// Wall clock minus true time. Small drifts of wall clocks are taken to be corrected by NTP.
  package var wallOffsetMicroseconds: Int64

  init(world: SimulatedWorld, ratePerMillion rate: UInt64, startNanoseconds: UInt64, wallOffsetMicroseconds: Int64) {
    self.world = world
    self.rate = rate
    self.wallOffsetMicroseconds = wallOffsetMicroseconds
    origin = (world.nowNanoseconds, startNanoseconds)
  }

  package func monotonicNanoseconds() -> UInt64 {
    origin.monotonic + scaled(world.nowNanoseconds - origin.trueTime, by: rate, over: 1_000_000)
  }

  package func wallMicroseconds() -> UInt64 {
    UInt64(max(0, Int64(Self.epochMicroseconds + world.nowNanoseconds / 1000) + wallOffsetMicroseconds))
  }

  /// Changes the monotonic clock's speed from now on; it does not jump.
  package var ratePerMillion: UInt64 {
    get { rate }
    set {
      origin = (world.nowNanoseconds, monotonicNanoseconds())
      rate = max(1, newValue)
    }
  }

  /// How much true time passes while this clock counts `nanoseconds`.
  func trueNanoseconds(of nanoseconds: UInt64) -> UInt64 {
    scaled(nanoseconds, by: 1_000_000, over: rate)
  }

  private func scaled(_ value: UInt64, by factor: UInt64, over divisor: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: factor)
    // Only a time of centuries does not fit; it never comes.
    if product.high >= divisor { return .max / 2 }
    return divisor.dividingFullWidth(product).quotient
  }
}
