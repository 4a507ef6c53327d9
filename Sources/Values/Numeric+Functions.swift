import Glibc

// Square root, exponential, logarithms and powers. The scale of each result is PostgreSQL's: at least 16 significant
// digits by an estimate from the first digits, no fewer behind the point than the operands show, at most 1,000. The
// digits are computed with guard digits beyond that scale and rounded once.

extension Numeric {
  /// - Throws: 2201F for a negative number.
  public func sqrt() throws(SQLError) -> Numeric {
    if isNaN { return .nan }
    if isNegative { throw SQLError(.invalidArgumentForPower, "cannot take square root of a negative number") }
    guard let value = decimal else { return self }
    let weight = (value.weight + 1) * 4 / 2 - 1
    let scale = Numeric.resultScale(significantWeight: weight, atLeast: value.scale)
    return try Numeric(value.squareRoot(scale: scale))
  }

  /// - Throws: 22003 where the result has too many digits.
  public func exp() throws(SQLError) -> Numeric {
    guard let value = decimal else { return self == .negativeInfinity ? .zero : self }
    let limit = Double(DecimalDigits.exponentMax)
    let weight = Swift.max(-limit, Swift.min(toDouble * 0.434294481903252, limit))
    let scale = Numeric.resultScale(significantWeight: Int(weight), atLeast: value.scale)
    return try Numeric(value.exponential(scale: scale))
  }

  /// The natural logarithm.
  /// - Throws: 2201E for zero and below.
  public func ln() throws(SQLError) -> Numeric {
    if isNaN { return .nan }
    try requirePositiveForLogarithm()
    guard let value = decimal else { return self }
    let scale = Numeric.resultScale(significantWeight: value.logarithmWeight, atLeast: value.scale)
    return try Numeric(value.naturalLogarithm(scale: scale))
  }

  /// The logarithm to a base.
  /// - Throws: 2201E for zero and below on either side, 22012 for base 1.
  public func log(base: Numeric) throws(SQLError) -> Numeric {
    if isNaN || base.isNaN { return .nan }
    try base.requirePositiveForLogarithm()
    try requirePositiveForLogarithm()
    guard let b = base.decimal else { return isInfinite ? .nan : .zero }
    guard let x = decimal else { return .infinity }
    let weight = x.logarithmWeight - b.logarithmWeight
    let scale = Numeric.resultScale(significantWeight: weight, atLeast: Swift.max(x.scale, b.scale))
    // Both logarithms to enough digits that the quotient is right beyond its scale.
    let top = x.naturalLogarithm(scale: Swift.max(0, scale + weight - x.logarithmWeight) + 12)
    let bottom = b.naturalLogarithm(scale: Swift.max(0, scale + weight - b.logarithmWeight) + 12)
    guard !bottom.isZero else { throw .divisionByZero }
    return try Numeric(top.divided(by: bottom, scale: scale))
  }

  private func requirePositiveForLogarithm() throws(SQLError) {
    if isZero { throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of zero") }
    if isNegative {
      throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of a negative number")
    }
  }

  /// The scale that shows 16 significant digits of a number whose first digit stands for `10^significantWeight`.
  static func resultScale(significantWeight: Int, atLeast least: Int) -> Int {
    Swift.min(Swift.max(significantDigitsMin - significantWeight, least, 0), resultScaleMax)
  }
}

extension SQLState {
  package static let invalidArgumentForLogarithm: SQLState = "2201E"
  package static let invalidArgumentForPower: SQLState = "2201F"
}

extension DecimalDigits {
  /// Results beyond `10^±exponentMax` are refused or zero long before the storage limits.
  static let exponentMax = 2000

  var doubleValue: Double { Numeric(uncheckedDigits: self).toDouble }

  /// `floor(log10)` of the natural logarithm's magnitude, estimated; 0 for what has no logarithm.
  var logarithmWeight: Int {
    guard !isNegative, !isZero else { return 0 }
    if DecimalDigits.compare(self, DecimalDigits(9, scale: 1)) >= 0,
      DecimalDigits.compare(self, DecimalDigits(11, scale: 1)) <= 0
    {
      // ln(1 + x) is about x.
      let offset = self - .one
      guard let first = offset.digits.first else { return 0 }
      return offset.weight * 4 + Int(Glibc.log10(Double(first)))
    }
    var (head, power) = (Double(digits[0]), weight * 4)
    if digits.count > 1 {
      head = head * 10_000 + Double(digits[1])
      power -= 4
    }
    return Int(Glibc.log10(abs(Glibc.log(head) + Double(power) * 2.302585092994046)))
  }

  /// Newton's iteration on `x² = self` in growing precision.
  func squareRoot(scale: Int) -> DecimalDigits {
    guard !isZero else { return .zero(scale: scale) }
    // A first guess, right to 14 digits, from the leading ones: an even weight of the square is half of it in the root.
    let evenWeight = weight & 1 == 0 ? weight : weight - 1
    var head = Double(self[weight])
    for position in 1...4 { head = head * 10_000 + Double(self[weight - position]) }
    head /= weight & 1 == 0 ? 1e16 : 1e12
    var root = (Numeric(Glibc.sqrt(head)).decimal ?? .one)
    root.weight += evenWeight / 2
    var correct = 14
    // Digits wanted from the root's first digit on.
    let wanted = scale + (evenWeight / 2 + 1) * 4 + 6
    let half = DecimalDigits(5, scale: 1)
    while correct < wanted {
      correct = min(correct * 2, max(wanted, 15))
      let working = max(0, correct - evenWeight / 2 * 4 + 4)
      root = (root + divided(by: root, scale: working)).multiplied(by: half, scale: working)
    }
    // The last digit is decided exactly, so that a perfect square has an exact root.
    var result = root.rounded(scale: scale + 1, .towardZero)
    let step = DecimalDigits.unit(scale: scale + 1)
    while DecimalDigits.compare(result * result, self) > 0 { result = result - step }
    while DecimalDigits.compare((result + step) * (result + step), self) <= 0 { result = result + step }
    result.round(scale: scale)
    return result
  }

  /// `10^-scale`.
  static func unit(scale: Int) -> DecimalDigits {
    var unit = DecimalDigits.one
    unit.shiftDecimal(by: -scale)
    return unit
  }

  /// `e^self`: halve the argument until it is small, sum Taylor's series, square back.
  /// - Throws: 22003 where the result has more than about 2,600 digits; it is zero below that.
  func exponential(scale: Int) throws(SQLError) -> DecimalDigits {
    let estimate = doubleValue
    if abs(estimate) >= Double(DecimalDigits.exponentMax * 3) {
      if estimate > 0 { throw Numeric.overflow }
      return .zero(scale: scale)
    }
    guard !isZero else { return DecimalDigits.one.rounded(scale: scale) }
    // Significant digits of the result; of a result below 1, those that its scale shows.
    let significant = max(1, scale + Int(estimate * 0.434294481903252) + 1)
    // Halving costs a squaring each, and saves terms: about √digits of both is least work.
    let smallEnough = Glibc.pow(10, -max(2, Double(significant).squareRoot() / 4))
    var (halvings, size) = (0, abs(estimate))
    while size > smallEnough {
      size /= 2
      halvings += 1
    }
    // Each squaring doubles the relative error: a digit for about three of them.
    let working = significant + halvings / 3 + 12
    var power = DecimalDigits.one
    for _ in 0..<halvings { power = power + power }
    let argument = divided(by: power, scale: working)
    var sum = DecimalDigits.one + argument
    var term = argument
    var n: Int64 = 2
    while !term.isZero {
      term = term.multiplied(by: argument, scale: working).divided(by: DecimalDigits(n), scale: working)
      sum = sum + term
      n += 1
    }
    for _ in 0..<halvings { sum = (sum * sum).rounded(significantDigits: working) }
    return sum.rounded(scale: scale)
  }

  /// `ln(self)` for a positive value: square roots until it is near 1, then `2·artanh((x−1)/(x+1))`.
  func naturalLogarithm(scale: Int) -> DecimalDigits {
    if DecimalDigits.compare(self, .one) == 0 { return .zero(scale: scale) }
    // Take out powers of ten first, so that the roots start near 1 whatever the weight.
    let exponent = weight * 4
    var mantissa = self
    mantissa.weight = 0
    mantissa.scale = max(mantissa.fractionDigitsNeeded, 0)
    let working = scale + 16 + String(abs(exponent)).count
    guard exponent != 0 else { return mantissa.logarithmNearOne(scale: working).rounded(scale: scale) }
    if weight == -1 {
      return logarithmNearOne(scale: working).rounded(scale: scale)
    }
    let lnTen = DecimalDigits(10).logarithmNearOne(scale: working)
    let sum = mantissa.logarithmNearOne(scale: working) + lnTen * DecimalDigits(Int64(exponent))
    return sum.rounded(scale: scale)
  }

  private func logarithmNearOne(scale: Int) -> DecimalDigits {
    var x = self
    var doublings = 0
    let (low, high) = (DecimalDigits(9, scale: 1), DecimalDigits(11, scale: 1))
    // Roots lose what the final doubling multiplies: a digit for about three of them.
    let working = scale + 10
    while DecimalDigits.compare(x, low) < 0 || DecimalDigits.compare(x, high) > 0 {
      x = x.squareRoot(scale: working)
      doublings += 1
    }
    let ratio = (x - .one).divided(by: x + .one, scale: working)
    let square = ratio.multiplied(by: ratio, scale: working)
    var (sum, power, n) = (ratio, ratio, Int64(3))
    while true {
      power = power.multiplied(by: square, scale: working)
      let term = power.divided(by: DecimalDigits(n), scale: working)
      if term.isZero { break }
      sum = sum + term
      n += 2
    }
    for _ in 0...doublings { sum = sum + sum }
    return sum.rounded(scale: scale)
  }
}
