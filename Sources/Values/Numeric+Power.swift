import Glibc

extension Numeric {
  /// `self ^ exponent`. `0 ^ 0` and `1 ^ NaN` are 1.
  /// - Throws: 2201F for zero to a negative power and a negative number to a fraction, 22003 beyond the limits.
  public func power(_ exponent: Numeric) throws(SQLError) -> Numeric {
    guard let x = decimal, let y = exponent.decimal else { return try powerBeyondFinite(exponent) }
    if x.isZero, y.isNegative {
      throw SQLError(.invalidArgumentForPower, "zero raised to a negative power is undefined")
    }
    let isInteger = y.fractionDigitsNeeded == 0
    if x.isNegative, !isInteger {
      throw SQLError(
        .invalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
    }
    if isInteger, let n = y.rounded(scale: 0).smallCoefficient, let n = Int32(exactly: n) {
      return try Numeric(x.power(Int(n)))
    }
    if x.isZero { return Numeric(uncheckedDigits: .zero(scale: Numeric.significantDigitsMin)) }
    let result = try Numeric(x.magnitude.power(y))
    let isOdd = isInteger && y[0] & 1 == 1
    return x.isNegative && isOdd ? result.negated : result
  }

  private func powerBeyondFinite(_ exponent: Numeric) throws(SQLError) -> Numeric {
    if isNaN { return exponent.isZero ? .one : .nan }
    if exponent.isNaN { return self == .one ? .one : .nan }
    if self == .one || exponent.isZero { return .one }
    if isZero {
      guard exponent.isNegative else { return .zero }
      throw SQLError(.invalidArgumentForPower, "zero raised to a negative power is undefined")
    }
    if exponent.isInfinite {
      if isInfinite { return exponent.isNegative ? .zero : .infinity }
      if magnitude == .one { return .one }
      return (magnitude > .one) == !exponent.isNegative ? .infinity : .zero
    }
    if isNegative, exponent != exponent.truncated() {
      throw SQLError(
        .invalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
    }
    if exponent.isNegative { return .zero }
    if !isNegative { return .infinity }
    return (exponent.decimal?[0] ?? 0) & 1 == 1 ? .negativeInfinity : .infinity
  }
}

extension DecimalDigits {
  /// `self ^ n` for an integer: repeated squaring, with the digits that the result needs. At least 16 digits behind the
  /// point, whatever the result's size: so PostgreSQL 15 has it.
  func power(_ n: Int) throws(SQLError) -> DecimalDigits {
    var estimate = 0.0
    if !isZero {
      var (head, exponent) = (Double(digits[0]), weight * 4)
      for index in 1..<max(1, min(4, digits.count)) {
        head = head * 10_000 + Double(digits[index])
        exponent -= 4
      }
      estimate = Double(n) * (Glibc.log10(head) + Double(exponent))
    }
    if estimate > Double((Numeric.weightMax + 1) * 4) { throw Numeric.overflow }
    let scale = min(max(Numeric.significantDigitsMin, self.scale), Numeric.resultScaleMax)
    switch n {
    case 0:
      var one = DecimalDigits.one
      one.scale = scale
      return one
    case 1: return rounded(scale: scale)
    case -1: return DecimalDigits.one.divided(by: self, scale: scale)
    case 2: return multiplied(by: self, scale: scale)
    default: break
    }
    if isZero || estimate + 1 < -Double(scale) { return .zero(scale: scale) }
    // Significant digits: the result's, and a guard for the error that each squaring doubles.
    let significant = max(1, 1 + scale + Int(estimate.rounded(.down))) + Int(Glibc.log(Double(abs(n)))) + 12
    var (result, base, bits) = (DecimalDigits.one, self, abs(n))
    while true {
      if bits & 1 == 1 { result = (result * base).rounded(significantDigits: significant) }
      bits >>= 1
      if bits == 0 { break }
      base = (base * base).rounded(significantDigits: significant)
      // Far beyond the limits already: the rest can only be farther.
      if abs(base.weight) > 200_000 {
        if (base.weight > 0) == (n > 0) { throw Numeric.overflow }
        return .zero(scale: scale)
      }
    }
    return n < 0
      ? DecimalDigits.one.divided(by: result, scale: scale) : result.rounded(scale: scale)
  }

  /// Keeps at least that many significant digits.
  func rounded(significantDigits: Int) -> DecimalDigits {
    rounded(scale: significantDigits - weight * 4)
  }

  /// `self ^ exponent` as `e^(exponent · ln self)`, for a positive base.
  func power(_ exponent: DecimalDigits) throws(SQLError) -> DecimalDigits {
    let logWeight = logarithmWeight
    let rough = naturalLogarithm(scale: max(0, 8 - logWeight)) * exponent
    var estimate = rough.doubleValue
    if abs(estimate) > Double(DecimalDigits.exponentMax) * 3.01 {
      if estimate > 0 { throw Numeric.overflow }
      return .zero(scale: Numeric.resultScaleMax)
    }
    estimate *= 0.434294481903252
    let scale = Numeric.resultScale(significantWeight: Int(estimate), atLeast: max(self.scale, exponent.scale))
    let significant = scale + Int(estimate)
    let working = max(0, significant - logWeight + 8) + max(0, (exponent.weight + 1) * 4)
    return try (naturalLogarithm(scale: working) * exponent).exponential(scale: scale)
  }
}
