import Glibc

/// Floating point as PostgreSQL writes and reads it: shortest digits that read back the same, an exponent from 1e15 up
/// (1e6 for `real`) and below 1e-4, with two digits at least.
enum FloatText {
  static func shortest(_ value: Double) -> String {
    if let special = special(value) { return special }
    var text = value.description
    if value.magnitude >= 0x1p53, value.isTie(text) { text = value.closerText(than: text) }
    return layOut(text, exponentFrom: 15)
  }

  static func shortest(_ value: Float) -> String {
    if let special = special(Double(value)) { return special }
    var text = value.description
    if value.magnitude >= 0x1p24, value.isTie(text) { text = value.closerText(than: text) }
    return layOut(text, exponentFrom: 6)
  }

  /// `%.*g`, for `extra_float_digits` of 0 and below.
  static func fixedPrecision(_ value: Double, significantDigits: Int) -> String {
    if let special = special(value) { return special }
    var buffer = [CChar](repeating: 0, count: 48)
    let count = withVaList([Int32(significantDigits), value]) { arguments in
      vsnprintf(&buffer, buffer.count, "%.*g", arguments)
    }
    return String(decoding: buffer[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func special(_ value: Double) -> String? {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : nil
  }

  /// Lays the digits of Swift's shortest text (`1.5e-05`, `100000.0`) out as C's `%g` would.
  private static func layOut(_ text: String, exponentFrom: Int) -> String {
    var (digits, pointAt, exponent) = ([UInt8](), Int?.none, 0)
    var bytes = Array(text.utf8)[...]
    let isNegative = bytes.first == UInt8(ascii: "-")
    if isNegative { bytes.removeFirst() }
    while let byte = bytes.popFirst() {
      if byte == UInt8(ascii: ".") {
        pointAt = digits.count
      } else if byte == UInt8(ascii: "e") {
        exponent = Int(String(decoding: bytes, as: UTF8.self)) ?? 0
        break
      } else {
        digits.append(byte)
      }
    }
    exponent += (pointAt ?? digits.count) - 1
    let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leading)
    exponent -= leading
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }

    var out: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
    if digits.isEmpty {
      out.append(UInt8(ascii: "0"))
    } else if exponent < -4 || exponent >= exponentFrom {
      out.append(digits[0])
      if digits.count > 1 {
        out.append(UInt8(ascii: "."))
        out.append(contentsOf: digits[1...])
      }
      out.append(contentsOf: exponent < 0 ? "e-".utf8 : "e+".utf8)
      if abs(exponent) < 10 { out.append(UInt8(ascii: "0")) }
      out.append(contentsOf: String(abs(exponent)).utf8)
    } else if exponent < 0 {
      out.append(contentsOf: "0.".utf8)
      out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -exponent - 1))
      out.append(contentsOf: digits)
    } else {
      for index in 0..<max(digits.count, exponent + 1) {
        if index == exponent + 1 { out.append(UInt8(ascii: ".")) }
        out.append(index < digits.count ? digits[index] : UInt8(ascii: "0"))
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// - Throws: 22P02, or 22003 beyond the type's range (and for what is so small that it would become zero).
  static func parse<T: BinaryFloatingPoint & LosslessStringConvertible>(
    _ text: String, as type: T.Type, typeName: String
  ) throws(SQLError) -> T {
    let bytes = text.utf8.trimmingSpaces()
    var body = bytes[...]
    let isNegative = body.first == UInt8(ascii: "-")
    if isNegative || body.first == UInt8(ascii: "+") { body.removeFirst() }
    switch String(decoding: body, as: UTF8.self).lowercased() {
    case "nan": return .nan
    case "inf", "infinity": return isNegative ? -.infinity : .infinity
    default: break
    }
    // Only decimal notation: Swift's own reader would also take "0x1p3" and "nan(1)".
    var hasNonzeroDigit = false
    for (offset, byte) in body.enumerated() {
      let isAllowed =
        byte.isASCIIDigit || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
        || (offset > 0 && (byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")))
      guard isAllowed else { throw .invalidSyntax(typeName, text) }
    }
    for byte in body {
      if byte | 0x20 == UInt8(ascii: "e") { break }
      if byte.isASCIIDigit, byte != UInt8(ascii: "0") { hasNonzeroDigit = true }
    }
    guard let value = T(withTrailingPointDropped(bytes)) else { throw .invalidSyntax(typeName, text) }
    if value.isInfinite || (value.isZero && hasNonzeroDigit) {
      throw SQLError(.numericValueOutOfRange, "\"\(text)\" is out of range for type \(typeName)")
    }
    return value
  }

  /// `5.` and `.5` are numbers to PostgreSQL; Swift's reader wants digits on both sides of a point.
  private static func withTrailingPointDropped(_ bytes: [UInt8]) -> String {
    guard let point = bytes.firstIndex(of: UInt8(ascii: ".")) else { return String(decoding: bytes, as: UTF8.self) }
    var bytes = bytes
    let hasDigitBefore = point > 0 && bytes[point - 1].isASCIIDigit
    let hasDigitAfter = point + 1 < bytes.count && bytes[point + 1].isASCIIDigit
    if hasDigitBefore, !hasDigitAfter { bytes.remove(at: point) }
    if !hasDigitBefore, hasDigitAfter { bytes.insert(UInt8(ascii: "0"), at: point) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

// PostgreSQL's shortest digits lie strictly nearer to the value than to its neighbours. Swift also takes the point
// halfway, where reading would round back by the even rule. Only integers from 2^53 (2^24) up have such a tie within the
// digits of a shortest text.
extension BinaryFloatingPoint where Self: LosslessStringConvertible {
  /// Whether the decimal text lies exactly halfway to a neighbour.
  fileprivate func isTie(_ text: String) -> Bool {
    guard let decimal = Numeric(text)?.magnitude.trimmed, decimal.displayScale == 0 else { return false }
    return [magnitude.nextUp, magnitude.nextDown].contains { neighbour in
      guard neighbour.isFinite, let x = Numeric(exactly: magnitude), let y = Numeric(exactly: neighbour) else {
        return false
      }
      return x + y == decimal + decimal
    }
  }

  /// The nearest text with as few digits more as make it no tie; 17 always do.
  fileprivate func closerText(than text: String) -> String {
    var digits = text.prefix { $0 != "e" }.filter(\.isNumber).reversed().drop { $0 == "0" }.count
    var closer = text
    while digits < 17, isTie(closer) {
      digits += 1
      closer = FloatText.fixedPrecision(Double(self), significantDigits: digits)
    }
    return closer
  }
}

extension Numeric {
  /// An integral floating-point value, exactly; nil for what is no integer.
  fileprivate init?<T: BinaryFloatingPoint>(exactly value: T) {
    guard value == value.rounded(), value.magnitude >= 1 else { return nil }
    var result = Numeric(Int64(value.significandBitPattern) | 1 << Int64(T.significandBitCount))
    var exponent = Int(value.exponent) - T.significandBitCount
    guard exponent >= 0 else { return nil }
    while exponent > 0 {
      let step = min(exponent, 62)
      result = result * Numeric(1 << Int64(step))
      exponent -= step
    }
    self = value < 0 ? result.negated : result
  }
}
