/// Numbers drawn from a source, in the forms that callers need.
extension RandomSource {
  /// A number below `bound`, which is greater than 0. Lemire's multiplication: the bias is under `bound / 2^64`.
  package func below(_ bound: UInt64) -> UInt64 {
    precondition(bound > 0, "no number is below 0")
    return next().multipliedFullWidth(by: bound).high
  }

  /// A number in the closed range.
  package func between(_ low: UInt64, _ high: UInt64) -> UInt64 {
    precondition(low <= high, "\(low) is above \(high)")
    let width = high - low
    return width == .max ? next() : low + below(width + 1)
  }

  /// A number from 0 up to but not including 1.
  package func unitInterval() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// True in one of `n` cases.
  package func oneIn(_ n: UInt64) -> Bool { below(n) == 0 }
}
