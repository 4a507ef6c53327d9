/// A finite decimal as `± Σ digits[i] · 10000^(weight − i)`, and how many digits behind the point to show.
///
/// Normal form: no zero digit first or last; zero has no digits, weight 0 and no sign. Nothing stands behind `scale`.
/// Base 10,000 is PostgreSQL's, so scales that follow from weights come out alike, and so do the binary format and keys.
struct DecimalDigits: Sendable {
  var isNegative: Bool
  var weight: Int
  var scale: Int
  var digits: [UInt16]

  static let base: UInt32 = 10_000

  init(isNegative: Bool, weight: Int, scale: Int, digits: [UInt16]) {
    self.isNegative = isNegative
    self.weight = weight
    self.scale = scale
    self.digits = digits
  }

  static let zero = DecimalDigits(isNegative: false, weight: 0, scale: 0, digits: [])
  static let one = DecimalDigits(1)

  static func zero(scale: Int) -> DecimalDigits {
    DecimalDigits(isNegative: false, weight: 0, scale: scale, digits: [])
  }

  init(_ value: Int64) { self.init(value, scale: 0) }

  /// `coefficient / 10^scale`, for scales up to 18.
  init(_ coefficient: Int64, scale: Int) {
    self.init(isNegative: coefficient < 0, weight: 0, scale: scale, digits: [])
    let unit = UInt64(powersOfTen[scale])
    var (whole, fraction) = coefficient.magnitude.quotientAndRemainder(dividingBy: unit)
    while whole > 0 {
      digits.append(UInt16(whole % 10_000))
      whole /= 10_000
    }
    digits.reverse()
    weight = digits.count - 1
    var left = scale
    while left >= 4 {
      left -= 4
      let step = UInt64(powersOfTen[left])
      digits.append(UInt16(fraction / step))
      fraction %= step
    }
    if left > 0 { digits.append(UInt16(fraction * UInt64(powersOfTen[4 - left]))) }
    normalize()
  }

  var isZero: Bool { digits.isEmpty }

  /// Digits behind the point that the value needs.
  var fractionDigitsNeeded: Int {
    guard let last = digits.last else { return 0 }
    let groups = digits.count - 1 - weight
    guard groups > 0 else { return 0 }
    return groups * 4 - (last % 1000 == 0 ? 3 : last % 100 == 0 ? 2 : last % 10 == 0 ? 1 : 0)
  }

  /// The value times `10^scale`, where scale and value are small enough.
  var smallCoefficient: Int64? {
    guard scale <= Numeric.smallScaleMax else { return nil }
    guard !isZero else { return 0 }
    guard weight <= 4 else { return nil }
    var value: UInt64 = 0
    for group in stride(from: weight, through: -(scale / 4), by: -1) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10_000)
      let (sum, carry) = product.addingReportingOverflow(UInt64(self[group]))
      if overflow || carry { return nil }
      value = sum
    }
    if weight < -(scale / 4) { value = 0 }
    let rest = scale % 4
    if rest > 0 {
      let (product, overflow) = value.multipliedReportingOverflow(by: UInt64(powersOfTen[rest]))
      let tail = UInt64(self[-(scale / 4) - 1]) / UInt64(powersOfTen[4 - rest])
      let (sum, carry) = product.addingReportingOverflow(tail)
      if overflow || carry { return nil }
      value = sum
    }
    guard value <= UInt64(Int64.max) else { return nil }
    return isNegative ? -Int64(value) : Int64(value)
  }

  /// The digit that counts multiples of `10000^position`.
  subscript(position: Int) -> UInt16 {
    let index = weight - position
    return index >= 0 && index < digits.count ? digits[index] : 0
  }

  mutating func normalize() {
    if let first = digits.firstIndex(where: { $0 != 0 }) {
      if first > 0 {
        digits.removeFirst(first)
        weight -= first
      }
      while digits.last == 0 { digits.removeLast() }
    } else {
      self = .zero(scale: scale)
    }
  }

  /// Multiplies by a power of ten; the scale follows, and never becomes negative.
  mutating func shiftDecimal(by exponent: Int) {
    scale = max(0, scale - exponent)
    guard !isZero else { return }
    let groups = exponent >= 0 ? exponent / 4 : -((-exponent + 3) / 4)
    weight += groups
    let factor = UInt32(powersOfTen[exponent - groups * 4])
    if factor > 1 {
      var carry: UInt32 = 0
      for index in digits.indices.reversed() {
        let product = UInt32(digits[index]) * factor + carry
        digits[index] = UInt16(product % DecimalDigits.base)
        carry = product / DecimalDigits.base
      }
      if carry > 0 {
        digits.insert(UInt16(carry), at: 0)
        weight += 1
      }
    }
    normalize()
  }
}

// MARK: - Order

extension DecimalDigits {
  static func compare(_ a: DecimalDigits, _ b: DecimalDigits) -> Int {
    if a.isNegative != b.isNegative { return a.isNegative ? -1 : 1 }
    let order = compareMagnitudes(a, b)
    return a.isNegative ? -order : order
  }

  static func compareMagnitudes(_ a: DecimalDigits, _ b: DecimalDigits) -> Int {
    if a.isZero || b.isZero { return a.isZero ? (b.isZero ? 0 : -1) : 1 }
    if a.weight != b.weight { return a.weight < b.weight ? -1 : 1 }
    for (x, y) in zip(a.digits, b.digits) where x != y { return x < y ? -1 : 1 }
    return (a.digits.count - b.digits.count).signum()
  }
}

// MARK: - Rounding

extension DecimalDigits {
  enum Rounding { case halfAwayFromZero, towardZero }

  /// Keeps `newScale` digits behind the point (before it, where negative) and shows `max(newScale, 0)`.
  mutating func round(scale newScale: Int, _ rounding: Rounding = .halfAwayFromZero) {
    scale = max(0, newScale)
    guard !isZero else { return }
    // The count of decimal digits kept, from the first digit of the first group.
    let kept = (weight + 1) * 4 + newScale
    if kept >= digits.count * 4 { return }
    if kept < 0 {
      self = .zero(scale: scale)
      return
    }
    let (groups, part) = (kept / 4, kept % 4)
    var roundsUp = false
    if part == 0 {
      roundsUp = digits[groups] >= 5_000
      digits.removeSubrange(groups...)
    } else {
      let unit = UInt16(powersOfTen[4 - part])
      let dropped = digits[groups] % unit
      roundsUp = dropped >= unit / 2
      digits[groups] -= dropped
      digits.removeSubrange((groups + 1)...)
      if roundsUp, rounding == .halfAwayFromZero {
        // Adding a unit of the last kept digit can only carry at the group's end.
        digits[groups] += unit
        roundsUp = digits[groups] >= 10_000
        if roundsUp { digits[groups] -= 10_000 }
        if roundsUp { propagateCarry(from: groups - 1) }
      }
      normalize()
      return
    }
    if roundsUp, rounding == .halfAwayFromZero { propagateCarry(from: groups - 1) }
    normalize()
  }

  private mutating func propagateCarry(from last: Int) {
    var index = last
    while index >= 0 {
      if digits[index] < 9_999 {
        digits[index] += 1
        return
      }
      digits[index] = 0
      index -= 1
    }
    digits.insert(1, at: 0)
    weight += 1
  }

  func rounded(scale: Int, _ rounding: Rounding = .halfAwayFromZero) -> DecimalDigits {
    var copy = self
    copy.round(scale: scale, rounding)
    return copy
  }
}
