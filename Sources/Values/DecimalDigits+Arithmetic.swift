// Exact sums and products, and quotients to a chosen scale, in base 10,000 (schoolbook methods; Knuth, The Art of
// Computer Programming, vol. 2, 4.3.1).

extension DecimalDigits {
  var negated: DecimalDigits {
    var copy = self
    if !isZero { copy.isNegative.toggle() }
    return copy
  }

  var magnitude: DecimalDigits { isNegative ? negated : self }

  static func + (a: DecimalDigits, b: DecimalDigits) -> DecimalDigits {
    let scale = max(a.scale, b.scale)
    if a.isZero || b.isZero {
      var result = a.isZero ? b : a
      result.scale = scale
      return result
    }
    if a.isNegative == b.isNegative { return addMagnitudes(a, b, scale: scale, isNegative: a.isNegative) }
    switch compareMagnitudes(a, b) {
    case 0: return .zero(scale: scale)
    case 1: return subtractMagnitudes(a, b, scale: scale, isNegative: a.isNegative)
    default: return subtractMagnitudes(b, a, scale: scale, isNegative: b.isNegative)
    }
  }

  static func - (a: DecimalDigits, b: DecimalDigits) -> DecimalDigits { a + b.negated }

  private static func addMagnitudes(
    _ a: DecimalDigits, _ b: DecimalDigits, scale: Int, isNegative: Bool
  ) -> DecimalDigits {
    let top = max(a.weight, b.weight) + 1
    let bottom = min(a.weight - a.digits.count, b.weight - b.digits.count) + 1
    var digits = [UInt16](repeating: 0, count: top - bottom + 1)
    var carry: UInt16 = 0
    for position in bottom...top {
      let sum = a[position] + b[position] + carry
      carry = sum >= 10_000 ? 1 : 0
      digits[top - position] = sum >= 10_000 ? sum - 10_000 : sum
    }
    var result = DecimalDigits(isNegative: isNegative, weight: top, scale: scale, digits: digits)
    result.normalize()
    return result
  }

  /// `|a| − |b|` for `|a| > |b|`.
  private static func subtractMagnitudes(
    _ a: DecimalDigits, _ b: DecimalDigits, scale: Int, isNegative: Bool
  ) -> DecimalDigits {
    let top = a.weight
    let bottom = min(a.weight - a.digits.count, b.weight - b.digits.count) + 1
    var digits = [UInt16](repeating: 0, count: top - bottom + 1)
    var borrow: UInt16 = 0
    for position in bottom...top {
      let (minuend, subtrahend) = (a[position], b[position] + borrow)
      borrow = minuend < subtrahend ? 1 : 0
      digits[top - position] = minuend < subtrahend ? minuend + 10_000 - subtrahend : minuend - subtrahend
    }
    var result = DecimalDigits(isNegative: isNegative, weight: top, scale: scale, digits: digits)
    result.normalize()
    return result
  }

  /// The exact product; its scale is the sum of the factors'.
  static func * (a: DecimalDigits, b: DecimalDigits) -> DecimalDigits {
    let scale = a.scale + b.scale
    guard !a.isZero, !b.isZero else { return .zero(scale: scale) }
    var sums = [UInt64](repeating: 0, count: a.digits.count + b.digits.count)
    for (i, x) in a.digits.enumerated() where x != 0 {
      // Each product is below 10^8, so a sum of 65,536 rows stays below 2^63.
      for (j, y) in b.digits.enumerated() { sums[i + j + 1] += UInt64(x) * UInt64(y) }
    }
    var carry: UInt64 = 0
    var digits = [UInt16](repeating: 0, count: sums.count)
    for index in sums.indices.reversed() {
      let sum = sums[index] + carry
      digits[index] = UInt16(sum % 10_000)
      carry = sum / 10_000
    }
    var result = DecimalDigits(
      isNegative: a.isNegative != b.isNegative, weight: a.weight + b.weight + 1, scale: scale, digits: digits)
    result.normalize()
    return result
  }

  func multiplied(by other: DecimalDigits, scale: Int) -> DecimalDigits { (self * other).rounded(scale: scale) }

  /// The quotient to `scale` digits behind the point. The divisor is not zero.
  func divided(
    by divisor: DecimalDigits, scale: Int, _ rounding: Rounding = .halfAwayFromZero
  ) -> DecimalDigits {
    guard !isZero else { return .zero(scale: max(0, scale)) }
    // Enough groups of quotient that rounding sees the next decimal digit.
    let quotientWeight = weight - divisor.weight
    let groups = quotientWeight + 1 + (max(scale, 0) + 4) / 4 + 1
    guard groups > 0 else { return .zero(scale: max(0, scale)) }
    var result = DecimalDigits(
      isNegative: isNegative != divisor.isNegative, weight: quotientWeight, scale: max(0, scale),
      digits: DecimalDigits.quotient(digits, divisor.digits, count: groups))
    result.normalize()
    result.round(scale: scale, rounding)
    return result
  }

  /// The first `count` base-10,000 digits of `0.n / 0.d · 10000`: a digit of units first, then fractions, cut off.
  private static func quotient(_ dividend: [UInt16], _ divisor: [UInt16], count: Int) -> [UInt16] {
    if divisor.count == 1 { return shortQuotient(dividend, UInt32(divisor[0]), count: count) }
    // Scale both so that the divisor's first digit is at least half the base (Knuth's algorithm D, step D1).
    let factor = 10_000 / (UInt32(divisor[0]) + 1)
    let v = scaled(divisor, by: factor).drop { $0 == 0 }.map { Int32($0) }
    var u = scaled(dividend, by: factor).map { Int32($0) }  // one digit longer than the dividend
    let n = v.count
    if u.count < count + n { u.append(contentsOf: repeatElement(0, count: count + n - u.count)) }
    var result = [UInt16](repeating: 0, count: count)
    for j in 0..<count {
      let head = u[j] * 10_000 + u[j + 1]
      var guess = head / v[0]
      var rest = head % v[0]
      while guess >= 10_000 || Int64(guess) * Int64(v[1]) > Int64(rest) * 10_000 + Int64(u[j + 2]) {
        guess -= 1
        rest += v[0]
        if rest >= 10_000 { break }
      }
      guard guess > 0 else { continue }
      var borrow: Int32 = 0
      for i in stride(from: n - 1, through: 0, by: -1) {
        var digit = u[j + i + 1] - guess * v[i] - borrow
        borrow = 0
        if digit < 0 {
          borrow = (-digit + 9_999) / 10_000
          digit += borrow * 10_000
        }
        u[j + i + 1] = digit
      }
      u[j] -= borrow
      if u[j] < 0 {  // the guess was one too high: add the divisor back
        guess -= 1
        var carry: Int32 = 0
        for i in stride(from: n - 1, through: 0, by: -1) {
          let sum = u[j + i + 1] + v[i] + carry
          carry = sum >= 10_000 ? 1 : 0
          u[j + i + 1] = sum >= 10_000 ? sum - 10_000 : sum
        }
        u[j] += carry
      }
      result[j] = UInt16(guess)
    }
    return result
  }

  private static func shortQuotient(_ dividend: [UInt16], _ divisor: UInt32, count: Int) -> [UInt16] {
    var result = [UInt16](repeating: 0, count: count)
    var rest: UInt32 = 0
    for index in 0..<count {
      let value = rest * base + (index < dividend.count ? UInt32(dividend[index]) : 0)
      result[index] = UInt16(value / divisor)
      rest = value % divisor
    }
    return result
  }

  /// `digits · factor`, always one digit longer.
  private static func scaled(_ digits: [UInt16], by factor: UInt32) -> [UInt16] {
    var result = [UInt16](repeating: 0, count: digits.count + 1)
    var carry: UInt32 = 0
    for index in digits.indices.reversed() {
      let product = UInt32(digits[index]) * factor + carry
      result[index + 1] = UInt16(product % base)
      carry = product / base
    }
    result[0] = UInt16(carry)
    return result
  }

  /// The remainder of division cut off at the point: it has the dividend's sign.
  func remainder(dividingBy divisor: DecimalDigits) -> DecimalDigits {
    let scale = max(self.scale, divisor.scale)
    if DecimalDigits.compareMagnitudes(self, divisor) < 0 {
      var copy = self
      copy.scale = scale
      return copy
    }
    var result = self - divided(by: divisor, scale: 0, .towardZero) * divisor
    result.scale = scale
    return result
  }
}
