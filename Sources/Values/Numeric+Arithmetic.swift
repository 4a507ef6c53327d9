// Arithmetic with PostgreSQL's result scales: the greater scale for sums, the sum of scales for products, and for
// quotients at least 16 significant digits. NaN spreads; infinities follow IEEE 754 except that `∞ / ∞` is NaN without
// an error and division by zero is one.

extension Numeric {
  public var negated: Numeric {
    switch form {
    case .small(let coefficient, let scale): Numeric(form: .small(-coefficient, scale: scale))
    case .large(let digits): Numeric(form: .large(digits.negated))
    case .negativeInfinity: .infinity
    case .positiveInfinity: .negativeInfinity
    case .notANumber: self
    }
  }

  public var magnitude: Numeric { isNegative ? negated : self }

  /// - Throws: 22003 if the sum is beyond what a `numeric` may hold.
  public func adding(_ other: Numeric) throws(SQLError) -> Numeric {
    if case .small(let x, let xScale) = form, case .small(let y, let yScale) = other.form {
      if xScale == yScale {
        let (sum, overflow) = x.addingReportingOverflow(y)
        if !overflow, sum != .min { return Numeric(form: .small(sum, scale: xScale)) }
      } else {
        let scale = max(xScale, yScale)
        let sum = x.scaledUp(by: Int(scale - xScale)) + y.scaledUp(by: Int(scale - yScale))
        if let sum = Int64(exactly: sum), sum != .min { return Numeric(form: .small(sum, scale: scale)) }
      }
    }
    if let x = decimal, let y = other.decimal { return try Numeric(x + y) }
    if isNaN || other.isNaN { return .nan }
    if isInfinite, other.isInfinite { return signum == other.signum ? self : .nan }
    return isInfinite ? self : other
  }

  /// - Throws: 22003 if the difference is beyond what a `numeric` may hold.
  public func subtracting(_ other: Numeric) throws(SQLError) -> Numeric { try adding(other.negated) }

  /// - Throws: 22003 if the product is beyond what a `numeric` may hold.
  public func multiplied(by other: Numeric) throws(SQLError) -> Numeric {
    if case .small(let x, let xScale) = form, case .small(let y, let yScale) = other.form,
      Int(xScale) + Int(yScale) <= Numeric.smallScaleMax
    {
      let (product, overflow) = x.multipliedReportingOverflow(by: y)
      if !overflow, product != .min { return Numeric(form: .small(product, scale: xScale + yScale)) }
    }
    if let x = decimal, let y = other.decimal {
      var product = x * y
      if product.scale > Numeric.scaleMax { product.round(scale: Numeric.scaleMax) }
      return try Numeric(product)
    }
    if isNaN || other.isNaN || isZero || other.isZero { return .nan }
    return signum == other.signum ? .infinity : .negativeInfinity
  }

  /// The sum; where it would be beyond what a `numeric` may hold, an infinity. `adding` reports that instead.
  public static func + (a: Numeric, b: Numeric) -> Numeric {
    (try? a.adding(b)) ?? (a.isNegative ? .negativeInfinity : .infinity)
  }

  /// The difference; where it would be beyond what a `numeric` may hold, an infinity. `subtracting` reports that.
  public static func - (a: Numeric, b: Numeric) -> Numeric { a + b.negated }

  /// The product; where it would be beyond what a `numeric` may hold, an infinity. `multiplied` reports that.
  public static func * (a: Numeric, b: Numeric) -> Numeric {
    (try? a.multiplied(by: b)) ?? (a.isNegative == b.isNegative ? .infinity : .negativeInfinity)
  }

  public static prefix func - (a: Numeric) -> Numeric { a.negated }

  /// The quotient to a scale that gives at least 16 significant digits and shows no fewer than either operand.
  /// - Throws: 22012 for a zero divisor, 22003 beyond the limits.
  public func divided(by divisor: Numeric) throws(SQLError) -> Numeric {
    if isNaN || divisor.isNaN { return .nan }
    if divisor.isZero { throw .divisionByZero }
    guard let x = decimal else {
      if divisor.isInfinite { return .nan }
      return signum == divisor.signum ? .infinity : .negativeInfinity
    }
    guard let y = divisor.decimal else { return .zero }
    return try Numeric(x.divided(by: y, scale: DecimalDigits.quotientScale(x, y)))
  }

  /// The quotient cut off at the point (`div(a, b)`).
  /// - Throws: 22012 for a zero divisor, 22003 beyond the limits.
  package func integerQuotient(dividingBy divisor: Numeric) throws(SQLError) -> Numeric {
    if let x = decimal, let y = divisor.decimal, !y.isZero {
      return try Numeric(x.divided(by: y, scale: 0, .towardZero))
    }
    return try divided(by: divisor)
  }

  /// The remainder with the dividend's sign (`a % b`).
  /// - Throws: 22012 for a zero divisor.
  public func remainder(dividingBy divisor: Numeric) throws(SQLError) -> Numeric {
    if isNaN || divisor.isNaN { return .nan }
    if divisor.isZero { throw .divisionByZero }
    guard let x = decimal else { return .nan }
    guard let y = divisor.decimal else { return self }
    return try Numeric(x.remainder(dividingBy: y))
  }
}

extension SQLError {
  package static let divisionByZero = SQLError(.divisionByZero, "division by zero")
}

extension DecimalDigits {
  /// How many digits behind the point a quotient gets: enough for 16 significant ones by an estimate from the first
  /// digits, no fewer than the operands', at most 1,000.
  static func quotientScale(_ dividend: DecimalDigits, _ divisor: DecimalDigits) -> Int {
    var weight = dividend.weight - divisor.weight
    if (dividend.digits.first ?? 0) <= (divisor.digits.first ?? 0) { weight -= 1 }
    let scale = max(Numeric.significantDigitsMin - weight * 4, dividend.scale, divisor.scale, 0)
    return min(scale, Numeric.resultScaleMax)
  }
}

// MARK: - Rounding

extension Numeric {
  /// `round(n, scale)`: half away from zero; a negative scale rounds before the point.
  public func rounded(scale: Int = 0) -> Numeric { rounding(scale: scale, .halfAwayFromZero) }

  /// `trunc(n, scale)`: toward zero.
  public func truncated(scale: Int = 0) -> Numeric { rounding(scale: scale, .towardZero) }

  /// `scale` is taken into ±16,383. A round up that leaves the limits gives an infinity.
  private func rounding(scale: Int, _ rule: DecimalDigits.Rounding) -> Numeric {
    if case .small(let coefficient, let old) = form, (0...Numeric.smallScaleMax).contains(scale) {
      if scale == Int(old) { return self }
      if scale < old {
        let unit = powersOfTen[Int(old) - scale]
        var (quotient, rest) = coefficient.quotientAndRemainder(dividingBy: unit)
        if rule == .halfAwayFromZero, rest.magnitude >= (unit / 2).magnitude { quotient += coefficient.signum() }
        return Numeric(form: .small(quotient, scale: UInt8(scale)))
      }
    }
    guard var digits = decimal else { return self }
    digits.round(scale: max(-Numeric.weightMax * 5, min(scale, Numeric.scaleMax)), rule)
    return (try? Numeric(digits)) ?? (digits.isNegative ? .negativeInfinity : .infinity)
  }

  public var floor: Numeric {
    let whole = truncated()
    return isNegative && whole != self ? whole - .one : whole
  }

  public var ceiling: Numeric {
    let whole = truncated()
    return !isNegative && whole != self ? whole + .one : whole
  }

  /// Rounds to `numeric(precision, scale)`.
  /// - Throws: 22003 "numeric field overflow" if too many digits stand before the point.
  package func rounded(precision: Int, scale: Int) throws(SQLError) -> Numeric {
    if isNaN { return self }
    let limit = precision - scale
    let rounded = isInfinite ? self : self.rounded(scale: scale)
    if rounded.isFinite, rounded.decimalDigitsBeforePoint <= limit || rounded.isZero { return rounded }
    let bound = isInfinite ? "an infinite value" : limit == 0 ? "1" : "10^\(limit)"
    throw SQLError(
      .numericValueOutOfRange, "numeric field overflow",
      detail: isInfinite
        ? "A field with precision \(precision), scale \(scale) cannot hold an infinite value."
        : "A field with precision \(precision), scale \(scale) must round to an absolute value less than \(bound).")
  }

  /// Whether `rounded(precision:scale:)` would take the value.
  public func fits(precision: Int, scale: Int) -> Bool {
    isNaN || (try? rounded(precision: precision, scale: scale)) != nil
  }

  /// The exponent of ten just above the magnitude: 3 for 100…999, 0 for 0.1…0.999, −1 for 0.01…0.0999.
  private var decimalDigitsBeforePoint: Int {
    guard let digits = decimal, let first = digits.digits.first else { return 0 }
    return digits.weight * 4 + (first >= 1000 ? 4 : first >= 100 ? 3 : first >= 10 ? 2 : 1)
  }
}

// MARK: - Integers

extension Numeric {
  /// The nearest integer, half away from zero.
  /// - Throws: 22003 "bigint out of range"; 0A000 for NaN and the infinities.
  public func toInt64() throws(SQLError) -> Int64 { try toInteger(Int64.self, typeName: "bigint") }

  /// The nearest integer, half away from zero; `typeName` is for the error's text.
  /// - Throws: 22003 "`typeName` out of range"; 0A000 for NaN and the infinities.
  package func toInteger<T: FixedWidthInteger>(_ type: T.Type, typeName: String) throws(SQLError) -> T {
    guard isFinite else {
      throw SQLError(.featureNotSupported, "cannot convert \(isNaN ? "NaN" : "infinity") to \(typeName)")
    }
    let whole = rounded()
    switch whole.form {
    case .small(let coefficient, _):
      if let value = T(exactly: coefficient) { return value }
    case .large:
      if T.self == Int64.self, whole == Numeric(.min) { return T.min }
    default: break
    }
    throw SQLError(.numericValueOutOfRange, "\(typeName) out of range")
  }
}
