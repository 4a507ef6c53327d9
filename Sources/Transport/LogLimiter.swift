/// Lets a complaint into the log once per cause and half minute: a peer that is wrong once is wrong all the time.
struct LogLimiter {
  private static let intervalNanoseconds: UInt64 = 30_000_000_000
  /// Causes come from outside, so their number is bounded.
  private static let causesMax = 256
  private var last: [String: UInt64] = [:]

  mutating func admits(_ cause: String, now: UInt64) -> Bool {
    if let before = last[cause], now &- before < Self.intervalNanoseconds { return false }
    if last.count >= Self.causesMax { last.removeAll() }
    last[cause] = now
    return true
  }
}
