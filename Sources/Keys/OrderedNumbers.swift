import Coding
import Values

/// IEEE 754 numbers as unsigned integers in the same order. `-0` becomes `0`, every NaN the same one, which is greatest.
enum OrderedFloat {
  static func bits(of value: Double) -> UInt64 {
    let bits = value.isNaN ? Double.nan.bitPattern : value == 0 ? 0 : value.bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }

  static func bits(of value: Float) -> UInt32 {
    let bits = value.isNaN ? Float.nan.bitPattern : value == 0 ? 0 : value.bitPattern
    return bits >> 31 == 1 ? ~bits : bits | 1 << 31
  }

  static func double(from bits: UInt64) -> Double {
    Double(bitPattern: bits >> 63 == 1 ? bits ^ 1 << 63 : ~bits)
  }

  static func float(from bits: UInt32) -> Float {
    Float(bitPattern: bits >> 31 == 1 ? bits ^ 1 << 31 : ~bits)
  }
}

/// `numeric` by value: a class byte, and for finite values other than zero the weight and the base-10,000 digits.
///
/// Digits carry no trailing zeros, so `1.0` and `1.00` are one key; how many to show is kept in the row.
enum OrderedNumeric {
  private enum Class {
    static let negativeInfinity: UInt8 = 1
    static let negative: UInt8 = 2
    static let zero: UInt8 = 3
    static let positive: UInt8 = 4
    static let infinity: UInt8 = 5
    static let notANumber: UInt8 = 6
  }
  /// Makes every weight positive.
  private static let weightBias = 0x8000
  /// Keeps the first byte of a digit above 0, which ends the digits.
  private static let digitBias: UInt16 = 0x100

  static func append(_ value: Numeric, into key: inout [UInt8]) {
    if value.isNaN { return key.append(Class.notANumber) }
    if value.isInfinite { return key.append(value.isNegative ? Class.negativeInfinity : Class.infinity) }
    if value.isZero { return key.append(Class.zero) }
    key.append(value.isNegative ? Class.negative : Class.positive)
    let start = key.count
    KeyEncoder.appendBigEndian(UInt16(value.weight + weightBias), into: &key)
    for digit in value.baseDigits { KeyEncoder.appendBigEndian(digit + digitBias, into: &key) }
    key.append(0)
    if value.isNegative {
      for index in start..<key.count { key[index] = ~key[index] }
    }
  }

  /// - Throws: `malformed` for what `append` never writes, so that one value has one form.
  static func read(from reader: inout KeyReader) throws(CodingError) -> Numeric {
    let kind = try reader.readByte()
    switch kind {
    case Class.negativeInfinity: return .negativeInfinity
    case Class.zero: return .zero
    case Class.infinity: return .infinity
    case Class.notANumber: return .nan
    case Class.negative, Class.positive: break
    default: throw .malformed(what: "numeric key")
    }
    let inversion: UInt8 = kind == Class.negative ? 0xff : 0
    let high = try reader.readByte() ^ inversion
    let low = try reader.readByte() ^ inversion
    let weight = Int(UInt16(high) << 8 | UInt16(low)) - weightBias
    var digits: [UInt16] = []
    while true {
      let first = try reader.readByte() ^ inversion
      if first == 0 { break }
      let second = try reader.readByte() ^ inversion
      digits.append((UInt16(first) << 8 | UInt16(second)) - digitBias)
    }
    guard let last = digits.last, last != 0, digits[0] != 0 else { throw .malformed(what: "numeric key") }
    guard
      let value = Numeric(
        isNegative: kind == Class.negative, weight: weight, digits: digits,
        scale: fractionDigits(of: last, at: digits.count - 1 - weight))
    else { throw .malformed(what: "numeric key") }
    return value
  }

  /// How many decimal digits behind the point the last base-10,000 digit, standing `place` places behind it, needs.
  private static func fractionDigits(of last: UInt16, at place: Int) -> Int {
    guard place > 0 else { return 0 }
    var (rest, trailingZeros) = (last, 0)
    while rest % 10 == 0 {
      rest /= 10
      trailingZeros += 1
    }
    return place * 4 - trailingZeros
  }
}

/// `interval` by its span, as PostgreSQL compares it: a month is 30 days, a day 24 hours. 96 bits hold every span.
enum OrderedInterval {
  private static let day: Int128 = 86_400_000_000
  private static let bias: Int128 = 1 << 95

  static func append(_ value: Interval, into key: inout [UInt8]) {
    let span = (Int128(value.months) * 30 + Int128(value.days)) * day + Int128(value.microseconds)
    let ordered = UInt128(span + bias)
    KeyEncoder.appendBigEndian(UInt32(truncatingIfNeeded: ordered >> 64), into: &key)
    KeyEncoder.appendBigEndian(UInt64(truncatingIfNeeded: ordered), into: &key)
  }

  /// An interval of the same span: as many months as fit, then days.
  static func read(from reader: inout KeyReader) throws(CodingError) -> Interval {
    let high = try reader.readBigEndian(UInt32.self)
    let low = try reader.readBigEndian(UInt64.self)
    var rest = Int128(UInt128(high) << 64 | UInt128(low)) - bias
    let months = Int32(clamping: rest / (30 * day))
    rest -= Int128(months) * 30 * day
    let days = Int32(clamping: rest / day)
    rest -= Int128(days) * day
    guard let microseconds = Int64(exactly: rest) else { throw .malformed(what: "interval key") }
    return Interval(months: months, days: days, microseconds: microseconds)
  }
}
