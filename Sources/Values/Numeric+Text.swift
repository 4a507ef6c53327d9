// Decimal text in and out, and binary floating point.

extension Numeric: CustomStringConvertible, LosslessStringConvertible {
  /// Nil where the text is no number or beyond the limits; `parse` says which.
  public init?(_ text: String) {
    guard let value = try? Numeric.parse(text) else { return nil }
    self = value
  }

  /// Reads PostgreSQL's input syntax: spaces around, `NaN`, `±Infinity`, `±inf`, digits with a point and an exponent.
  /// - Throws: 22P02 for bad syntax, 22003 beyond the limits.
  package static func parse(_ text: String) throws(SQLError) -> Numeric {
    if let small = parseSmall(text) { return small }
    var scanner = DecimalScanner(text)
    guard let value = try scanner.scan() else { throw .invalidSyntax("numeric", text) }
    return value
  }

  /// The common case at once: a sign, up to 18 digits, a point.
  private static func parseSmall(_ text: String) -> Numeric? {
    var text = text
    return text.withUTF8 { bytes in
      guard let first = bytes.first, bytes.count <= 20 else { return nil }
      let start = first == UInt8(ascii: "-") || first == UInt8(ascii: "+") ? 1 : 0
      var (value, digits, scale, hasPoint) = (Int64(0), 0, 0, false)
      for byte in bytes[start...] {
        if byte == UInt8(ascii: "."), !hasPoint {
          hasPoint = true
          continue
        }
        let digit = byte &- UInt8(ascii: "0")
        guard digit <= 9, digits < 18 else { return nil }
        value = value &* 10 &+ Int64(digit)
        digits += 1
        if hasPoint { scale += 1 }
      }
      guard digits > 0 else { return nil }
      return Numeric(form: .small(first == UInt8(ascii: "-") ? -value : value, scale: UInt8(scale)))
    }
  }

  public var description: String {
    var bytes: [UInt8] = []
    write(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the decimal text, ASCII.
  package func write(into bytes: inout [UInt8]) {
    switch form {
    case .small(let coefficient, let scale):
      if coefficient < 0 { bytes.append(UInt8(ascii: "-")) }
      bytes.appendDecimal(coefficient.magnitude, fraction: Int(scale))
    case .large(let digits): digits.write(into: &bytes)
    case .negativeInfinity: bytes.append(contentsOf: "-Infinity".utf8)
    case .positiveInfinity: bytes.append(contentsOf: "Infinity".utf8)
    case .notANumber: bytes.append(contentsOf: "NaN".utf8)
    }
  }
}

extension DecimalDigits {
  func write(into bytes: inout [UInt8]) {
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    if weight < 0 || isZero {
      bytes.append(UInt8(ascii: "0"))
    } else {
      bytes.appendDecimal(UInt64(self[weight]), fraction: 0)
      for position in stride(from: weight - 1, through: 0, by: -1) { bytes.appendPadded(Int(self[position]), width: 4) }
    }
    guard scale > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    let end = bytes.count + scale
    var position = -1
    while bytes.count < end {
      bytes.appendPadded(Int(self[position]), width: 4)
      position -= 1
    }
    bytes.removeLast(bytes.count - end)
  }
}

extension [UInt8] {
  /// Appends `value / 10^fraction` in decimal, with at least one digit before the point.
  mutating func appendDecimal(_ value: UInt64, fraction: Int) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { buffer in
      var (rest, index, written) = (value, 24, 0)
      repeat {
        if written == fraction, fraction > 0 {
          index -= 1
          buffer[index] = UInt8(ascii: ".")
        }
        index -= 1
        buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
        written += 1
      } while rest > 0 || written <= fraction
      append(contentsOf: buffer[index...])
    }
  }

  /// Appends a number below `10^width` with leading zeros.
  mutating func appendPadded(_ value: Int, width: Int) {
    var unit = Int(powersOfTen[width - 1])
    var rest = value
    while unit > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / unit))
      rest %= unit
      unit /= 10
    }
  }
}

/// Reads one decimal literal that fills its text, spaces aside.
private struct DecimalScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = text.utf8.trimmingSpaces() }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Nil for bad syntax.
  mutating func scan() throws(SQLError) -> Numeric? {
    let isNegative = current == UInt8(ascii: "-")
    let isSigned = isNegative || current == UInt8(ascii: "+")
    if isSigned { position += 1 }
    switch String(decoding: bytes[position...], as: UTF8.self).lowercased() {
    case "nan": return isSigned ? nil : .nan
    case "inf", "infinity": return isNegative ? .negativeInfinity : .infinity
    default: break
    }
    let whole = takeDigits()
    var fraction: ArraySlice<UInt8> = []
    if current == UInt8(ascii: ".") {
      position += 1
      fraction = takeDigits()
    }
    guard !whole.isEmpty || !fraction.isEmpty, let exponent = try scanExponent(), position == bytes.count else {
      return nil
    }
    return try make(isNegative: isNegative, whole: whole, fraction: fraction, exponent: exponent)
  }

  private mutating func takeDigits() -> ArraySlice<UInt8> {
    let start = position
    while let byte = current, byte.isASCIIDigit { position += 1 }
    return bytes[start..<position]
  }

  private mutating func scanExponent() throws(SQLError) -> Int? {
    guard current == UInt8(ascii: "e") || current == UInt8(ascii: "E") else { return 0 }
    position += 1
    let isNegative = current == UInt8(ascii: "-")
    if isNegative || current == UInt8(ascii: "+") { position += 1 }
    let digits = takeDigits()
    guard !digits.isEmpty else { return nil }
    let value = digits.drop { $0 == UInt8(ascii: "0") }
    guard value.count <= 9 else { throw Numeric.overflow }
    let exponent = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return isNegative ? -exponent : exponent
  }

  private func make(
    isNegative: Bool, whole: ArraySlice<UInt8>, fraction: ArraySlice<UInt8>, exponent: Int
  ) throws(SQLError) -> Numeric {
    let decimals = whole + fraction
    // Pad so that groups of four meet the point, which stands `whole.count + exponent` digits in.
    let pointAt = whole.count + exponent
    let lead = ((-pointAt % 4) + 4) % 4
    let weight = (pointAt + lead) / 4 - 1
    var digits: [UInt16] = []
    digits.reserveCapacity((lead + decimals.count) / 4 + 1)
    var (group, filled) = (UInt16(0), lead)
    for byte in decimals {
      group = group * 10 + UInt16(byte - UInt8(ascii: "0"))
      filled += 1
      if filled == 4 {
        digits.append(group)
        (group, filled) = (0, 0)
      }
    }
    if filled > 0 {
      for _ in filled..<4 { group *= 10 }
      digits.append(group)
    }
    var value = DecimalDigits(
      isNegative: isNegative, weight: weight, scale: max(0, fraction.count - exponent), digits: digits)
    value.normalize()
    return try Numeric(value)
  }
}

// MARK: - Floating point

extension Numeric {
  /// As PostgreSQL casts `double precision` to `numeric`: 15 significant digits.
  public init(_ value: Double) { self = Numeric.fromFloat(value, significantDigits: 15) }

  /// As PostgreSQL casts `real` to `numeric`: 6 significant digits.
  public init(_ value: Float) { self = Numeric.fromFloat(Double(value), significantDigits: 6) }

  private static func fromFloat(_ value: Double, significantDigits: Int) -> Numeric {
    if value.isNaN { return .nan }
    if value.isInfinite { return value < 0 ? .negativeInfinity : .infinity }
    return Numeric(FloatText.fixedPrecision(value, significantDigits: significantDigits)) ?? .zero
  }

  /// The nearest double; ±infinity beyond its range.
  public var toDouble: Double {
    switch form {
    case .small(let coefficient, let scale):
      // Both parts are exact below 2^53 and 10^22, so one division rounds once.
      if coefficient.magnitude < 1 << 53 { return Double(coefficient) / Double(powersOfTen[Int(scale)]) }
      return Double(description) ?? .nan
    case .large: return Double(description) ?? .nan
    case .negativeInfinity: return -.infinity
    case .positiveInfinity: return .infinity
    case .notANumber: return .nan
    }
  }
}
