/// An exact decimal number as PostgreSQL's `numeric` (manual, 8.1.2): any finite decimal with a display scale, NaN,
/// and the two infinities.
///
/// A value whose digits fit an `Int64` at a scale of at most 18 is held as such and costs no allocation; the rest are
/// held in base 10,000 (`DecimalDigits`). A finite value has exactly one form for its value and display scale.
///
/// Two numbers are equal when their values are, whatever their display scales: `1.0 == 1.00`. NaN equals itself and is
/// greater than everything else, as in PostgreSQL's indexes.
public struct Numeric: Sendable {
  enum Form: Sendable {
    /// `coefficient / 10^scale`; the coefficient is never `Int64.min`, the scale at most `Numeric.smallScaleMax`.
    case small(Int64, scale: UInt8)
    indirect case large(DecimalDigits)
    case negativeInfinity
    case positiveInfinity
    case notANumber
  }

  let form: Form

  init(form: Form) { self.form = form }

  static let smallScaleMax = 18
  /// Digits behind the point that a stored value may have.
  package static let scaleMax = 16383
  /// The greatest weight, in base 10,000: 131,072 decimal digits before the point.
  package static let weightMax = 32767
  /// Digits behind the point that division and the functions produce at most.
  static let resultScaleMax = 1000
  /// Significant digits that division and the functions produce at least.
  static let significantDigitsMin = 16

  public static let nan = Numeric(form: .notANumber)
  public static let infinity = Numeric(form: .positiveInfinity)
  public static let negativeInfinity = Numeric(form: .negativeInfinity)
  public static let zero = Numeric(form: .small(0, scale: 0))
  public static let one = Numeric(form: .small(1, scale: 0))

  public init(_ value: Int64) {
    self = value == .min ? Numeric(uncheckedDigits: DecimalDigits(value)) : Numeric(form: .small(value, scale: 0))
  }

  /// `coefficient / 10^scale`, with `scale` digits shown; scales beyond 18 take the long way.
  package init(coefficient: Int64, scale: Int) {
    if coefficient != .min, (0...Numeric.smallScaleMax).contains(scale) {
      self.init(form: .small(coefficient, scale: UInt8(scale)))
    } else {
      var digits = DecimalDigits(coefficient)
      digits.shiftDecimal(by: -max(0, min(scale, Numeric.scaleMax)))
      self.init(uncheckedDigits: digits)
    }
  }

  /// Takes digits that are known to be within the limits.
  init(uncheckedDigits digits: DecimalDigits) {
    if let small = digits.smallCoefficient {
      self.init(form: .small(small, scale: UInt8(digits.scale)))
    } else {
      self.init(form: .large(digits))
    }
  }

  /// Takes a computed result.
  /// - Throws: 22003 where it is beyond what a `numeric` may hold.
  init(_ digits: DecimalDigits) throws(SQLError) {
    guard digits.weight <= Numeric.weightMax || digits.isZero, digits.scale <= Numeric.scaleMax else {
      throw Numeric.overflow
    }
    self.init(uncheckedDigits: digits)
  }

  /// Builds a finite number from its stored parts: `Σ digits[i] · 10000^(weight − i)`.
  ///
  /// Nil where a digit is over 9,999, the weight or scale is out of range, or a digit stands behind the scale.
  package init?(isNegative: Bool, weight: Int, digits: [UInt16], scale: Int) {
    guard (0...Numeric.scaleMax).contains(scale), digits.allSatisfy({ $0 < 10_000 }),
      (-Numeric.weightMax - 1...Numeric.weightMax).contains(weight) || digits.isEmpty
    else { return nil }
    var value = DecimalDigits(isNegative: isNegative, weight: weight, scale: scale, digits: digits)
    value.normalize()
    guard value.weight <= Numeric.weightMax, value.fractionDigitsNeeded <= scale else { return nil }
    self.init(uncheckedDigits: value)
  }

  /// The finite value in base 10,000, or nil for NaN and the infinities.
  var decimal: DecimalDigits? {
    switch form {
    case .small(let coefficient, let scale): DecimalDigits(coefficient, scale: Int(scale))
    case .large(let digits): digits
    case .negativeInfinity, .positiveInfinity, .notANumber: nil
    }
  }

  static let overflow = SQLError(.numericValueOutOfRange, "value overflows numeric format")
}

extension Numeric: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int64) { self.init(value) }
}

// MARK: - What it is

extension Numeric {
  public var isNaN: Bool { if case .notANumber = form { true } else { false } }

  public var isInfinite: Bool {
    switch form {
    case .negativeInfinity, .positiveInfinity: true
    default: false
    }
  }

  public var isFinite: Bool { !isNaN && !isInfinite }
  public var isZero: Bool { if case .small(0, _) = form { true } else { isLargeZero } }

  private var isLargeZero: Bool { if case .large(let digits) = form { digits.isZero } else { false } }

  /// −1, 0 or 1; 0 for NaN.
  public var signum: Int {
    switch form {
    case .small(let coefficient, _): Int(coefficient.signum())
    case .large(let digits): digits.isZero ? 0 : digits.isNegative ? -1 : 1
    case .negativeInfinity: -1
    case .positiveInfinity: 1
    case .notANumber: 0
    }
  }

  public var isNegative: Bool { signum < 0 }

  /// Digits shown behind the point; 0 for NaN and the infinities.
  public var displayScale: Int {
    switch form {
    case .small(_, let scale): Int(scale)
    case .large(let digits): digits.scale
    case .negativeInfinity, .positiveInfinity, .notANumber: 0
    }
  }

  /// The base-10,000 digits, most significant first, without leading or trailing zeros; empty for zero and for what is
  /// not finite. The first one stands for multiples of `10000^weight`.
  package var baseDigits: [UInt16] { decimal?.digits ?? [] }
  package var weight: Int { decimal?.weight ?? 0 }

  /// The fewest digits behind the point that show the value exactly.
  package var minimumScale: Int { decimal?.fractionDigitsNeeded ?? 0 }

  /// The value shown with as few digits behind the point as it needs.
  package var trimmed: Numeric {
    guard var digits = decimal else { return self }
    digits.scale = digits.fractionDigitsNeeded
    return Numeric(uncheckedDigits: digits)
  }
}

// MARK: - Order

extension Numeric: Comparable, Hashable {
  /// −1, 0 or 1, by value.
  public static func compare(_ a: Numeric, _ b: Numeric) -> Int {
    switch (a.form, b.form) {
    case (.small(let x, let xScale), .small(let y, let yScale)):
      if xScale == yScale { return x < y ? -1 : x == y ? 0 : 1 }
      let common = max(xScale, yScale)
      let (wideX, wideY) = (x.scaledUp(by: Int(common - xScale)), y.scaledUp(by: Int(common - yScale)))
      return wideX < wideY ? -1 : wideX == wideY ? 0 : 1
    default:
      guard let x = a.decimal, let y = b.decimal else { return a.rank < b.rank ? -1 : a.rank == b.rank ? 0 : 1 }
      return DecimalDigits.compare(x, y)
    }
  }

  private var rank: Int {
    switch form {
    case .negativeInfinity: 0
    case .small, .large: 1
    case .positiveInfinity: 2
    case .notANumber: 3
    }
  }

  public static func == (a: Numeric, b: Numeric) -> Bool { compare(a, b) == 0 }
  public static func < (a: Numeric, b: Numeric) -> Bool { compare(a, b) < 0 }

  public func hash(into hasher: inout Hasher) {
    switch form {
    case .small(let coefficient, let scale): Numeric.hash(coefficient, scale: scale, into: &hasher)
    case .large(var digits):
      // The same value at a lesser scale may be a small one: both must hash alike.
      digits.scale = digits.fractionDigitsNeeded
      if let coefficient = digits.smallCoefficient {
        Numeric.hash(coefficient, scale: UInt8(digits.scale), into: &hasher)
      } else {
        hasher.combine(digits.isNegative)
        hasher.combine(digits.weight)
        hasher.combine(digits.digits)
      }
    case .negativeInfinity, .positiveInfinity, .notANumber: hasher.combine(rank)
    }
  }

  private static func hash(_ coefficient: Int64, scale: UInt8, into hasher: inout Hasher) {
    var (coefficient, scale) = (coefficient, scale)
    while scale > 0, coefficient % 10 == 0 {
      coefficient /= 10
      scale -= 1
    }
    hasher.combine(coefficient)
    hasher.combine(scale)
  }
}

extension Int64 {
  /// `self · 10^digits` for up to 18 digits, which always fits.
  func scaledUp(by digits: Int) -> Int128 { Int128(self) * Int128(powersOfTen[digits]) }
}

/// `10^0 … 10^18`.
let powersOfTen: [Int64] = (0...18).map { exponent in
  (0..<exponent).reduce(Int64(1)) { product, _ in product * 10 }
}
