// What a type's modifier does to a value on its way into a column or through a cast.

extension Datum {
  /// Brings the value to the type's modifier: `varchar(n)`/`char(n)` lengths, `numeric(p,s)`, digits of fractional
  /// seconds. An explicit cast cuts text that is too long; an assignment refuses it unless only blanks go.
  /// - Throws: 22001, 22003, 22008.
  package func applyingModifier(of type: SQLType, explicitCast: Bool) throws(SQLError) -> Datum {
    switch (self, type.modifier) {
    case (.null, _): return self
    case (.text(let value), .length(let length)):
      return .text(try value.fitted(to: Int(length), as: type, explicitCast: explicitCast))
    case (.text(let value), .none) where type.kind == .name:
      return .text(value.prefixOfBytes(63))
    case (.numeric(let value), .precisionScale(let precision, let scale)):
      return .numeric(try value.rounded(precision: Int(precision), scale: Int(scale)))
    case (.time(let value), .fraction(let digits)): return .time(Datum.rounded(value, fraction: digits) ?? value)
    case (.timestamp(let value), .fraction(let digits)):
      return .timestamp(try Datum.roundedTimestamp(value, fraction: digits))
    case (.timestampTZ(let value), .fraction(let digits)):
      return .timestampTZ(try Datum.roundedTimestamp(value, fraction: digits))
    case (.interval(var value), .fraction(let digits)):
      guard let time = Datum.rounded(value.microseconds, fraction: digits) else { throw .intervalOutOfRange }
      value.microseconds = time
      return .interval(value)
    default: return self
    }
  }

  private static func roundedTimestamp(_ value: Int64, fraction: Int32) throws(SQLError) -> Int64 {
    guard DateTime.isFinite(timestamp: value) else { return value }
    guard let rounded = rounded(value, fraction: fraction) else { throw .timestampOutOfRange }
    return rounded
  }

  /// Half away from zero; nil on overflow.
  private static func rounded(_ value: Int64, fraction: Int32) -> Int64? {
    guard (0..<6).contains(fraction) else { return value }
    let unit = powersOfTen[6 - Int(fraction)]
    let (shifted, overflow) = value.addingReportingOverflow(value < 0 ? -unit / 2 : unit / 2)
    return overflow ? nil : shifted / unit * unit
  }
}

extension String {
  /// - Throws: 22001 if characters other than blanks would go and the cast is not explicit.
  fileprivate func fitted(to length: Int, as type: SQLType, explicitCast: Bool) throws(SQLError) -> String {
    // PostgreSQL counts code points. No text has more of them than bytes.
    if type.kind != .char, utf8.count <= length { return self }
    let count = unicodeScalars.count
    if count <= length {
      return type.kind == .char && count < length ? self + Self.blanks(length - count) : self
    }
    let cut = unicodeScalars.index(unicodeScalars.startIndex, offsetBy: length)
    guard explicitCast || unicodeScalars[cut...].allSatisfy({ $0 == " " }) else {
      throw SQLError(.stringDataRightTruncation, "value too long for type \(TypeCatalog.format(type))")
    }
    return String(unicodeScalars[..<cut])
  }

  /// The longest prefix of whole code points within a number of bytes.
  package func prefixOfBytes(_ count: Int) -> String {
    guard utf8.count > count else { return self }
    var kept = utf8.prefix(count + 1)
    repeat { kept.removeLast() } while String(validating: kept, as: UTF8.self) == nil
    return String(decoding: kept, as: UTF8.self)
  }

  /// `String(repeating:count:)` appends one blank after the other: a twentieth of the time of a load with a char(84).
  private static func blanks(_ count: Int) -> String {
    String(decoding: [UInt8](repeating: UInt8(ascii: " "), count: count), as: UTF8.self)
  }
}
