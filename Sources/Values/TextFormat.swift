/// PostgreSQL's text formats: the input and output functions of each type.
package enum TextFormat {
  /// Reads a value, and brings it to the type's modifier as an assignment would.
  ///
  /// - Parameter now: microseconds since 2000-01-01 UTC, for `now`, `today` and their like.
  /// - Throws: PostgreSQL's error for the type: 22P02, 22003, 22007, 22008, 22001 and others.
  package static func parse(
    _ text: String, as type: SQLType, settings: FormatSettings = .standard, now: Int64
  ) throws(SQLError) -> Datum {
    if text.utf8.contains(0) {
      throw SQLError(.characterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
    }
    let datum = try parseUnmodified(text, as: type, settings: settings, now: now)
    if case .none = type.modifier, type.kind != .name { return datum }
    return try datum.applyingModifier(of: type, explicitCast: false)
  }

  private static func parseUnmodified(
    _ text: String, as type: SQLType, settings: FormatSettings, now: Int64
  ) throws(SQLError) -> Datum {
    switch type.kind {
    case .boolean: return .bool(try parseBoolean(text))
    case .int2: return .int2(try parseInteger(text, typeName: "smallint"))
    case .int4: return .int4(try parseInteger(text, typeName: "integer"))
    case .int8: return .int8(try parseInteger(text, typeName: "bigint"))
    case .float4: return .float4(try FloatText.parse(text, as: Float.self, typeName: "real"))
    case .float8: return .float8(try FloatText.parse(text, as: Double.self, typeName: "double precision"))
    case .numeric: return .numeric(try Numeric.parse(text))
    case .text, .varchar, .char, .name, .unknown: return .text(text)
    case .bytea: return .bytes(try ByteaText.parse(text))
    case .uuid: return .uuid(try parseUUID(text))
    case .date:
      var parser = DateTimeParser(text, typeName: "date", settings: settings, now: now)
      return .date(try parser.parseDate())
    case .time:
      var parser = DateTimeParser(text, typeName: "time", settings: settings, now: now)
      return .time(try parser.parseTime())
    case .timestamp:
      var parser = DateTimeParser(text, typeName: "timestamp", settings: settings, now: now)
      return .timestamp(try parser.parseTimestamp())
    case .timestampTZ:
      var parser = DateTimeParser(text, typeName: "timestamp with time zone", settings: settings, now: now)
      return .timestampTZ(try parser.parseInstant())
    case .interval: return .interval(try IntervalText.parse(text, style: settings.intervalStyle))
    case .json:
      try JSONText.validate(text)
      return .json(text)
    case .jsonb: return .jsonb(try JSONB.canonical(text))
    case .oid: return .oid(try parseOID(text))
    case .void: return .null
    }
  }

  /// The value's text.
  package static func text(
    _ datum: Datum, as type: SQLType, settings: FormatSettings = .standard
  ) -> String {
    var bytes: [UInt8] = []
    write(datum, as: type, settings: settings, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the value's text in UTF-8. NULL, which has none, appends nothing.
  package static func write(
    _ datum: Datum, as type: SQLType, settings: FormatSettings = .standard, into bytes: inout [UInt8]
  ) {
    switch datum {
    case .null: break
    case .bool(let value): bytes.append(UInt8(ascii: value ? "t" : "f"))
    case .int2(let value): writeInteger(Int64(value), into: &bytes)
    case .int4(let value): writeInteger(Int64(value), into: &bytes)
    case .int8(let value): writeInteger(value, into: &bytes)
    case .oid(let value): writeInteger(Int64(value), into: &bytes)
    case .float4(let value):
      let digits = settings.extraFloatDigits
      let text =
        digits > 0
        ? FloatText.shortest(value)
        : FloatText.fixedPrecision(Double(value), significantDigits: max(1, 6 + digits))
      bytes.append(contentsOf: text.utf8)
    case .float8(let value):
      let digits = settings.extraFloatDigits
      let text =
        digits > 0
        ? FloatText.shortest(value) : FloatText.fixedPrecision(value, significantDigits: max(1, 15 + digits))
      bytes.append(contentsOf: text.utf8)
    case .numeric(let value): value.write(into: &bytes)
    case .text(let value), .json(let value), .jsonb(let value): bytes.append(contentsOf: value.utf8)
    case .bytes(let value): ByteaText.write(value, as: settings.byteaOutput, into: &bytes)
    case .uuid(let value): write(value, into: &bytes)
    case .date(let value): writeDate(value, settings: settings, into: &bytes)
    case .time(let value): writeTime(value, into: &bytes)
    case .timestamp(let value): writeTimestamp(value, settings: settings, into: &bytes)
    case .timestampTZ(let value): writeInstant(value, settings: settings, into: &bytes)
    case .interval(let value): IntervalText.write(value, style: settings.intervalStyle, into: &bytes)
    }
  }

  static func writeInteger(_ value: Int64, into bytes: inout [UInt8]) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    bytes.appendDecimal(value.magnitude, fraction: 0)
  }

  // MARK: UTF-8

  /// Text from a client.
  /// - Throws: 22021 for bytes that are not UTF-8, and for NUL.
  package static func utf8Text(_ bytes: ArraySlice<UInt8>) throws(SQLError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      try requireUTF8(bytes)
      throw SQLError(.characterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
    }
    return text
  }

  static func requireUTF8(_ bytes: ArraySlice<UInt8>) throws(SQLError) {
    if String(validating: bytes, as: UTF8.self) != nil { return }
    // Find the first bad sequence for the message.
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var good = bytes.startIndex
    decoding: while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): good += UTF8.width(scalar)
      case .emptyInput, .error: break decoding
      }
    }
    let expected = bytes[good...].first.map { $0 >= 0xf0 ? 4 : $0 >= 0xe0 ? 3 : $0 >= 0xc0 ? 2 : 1 } ?? 1
    let shown = bytes[good...].prefix(expected).map { byte in
      var hex: [UInt8] = []
      hex.appendHex(byte)
      return "0x" + String(decoding: hex, as: UTF8.self)
    }
    throw SQLError(
      .characterNotInRepertoire,
      "invalid byte sequence for encoding \"UTF8\": \(shown.joined(separator: " "))")
  }
}

// MARK: - Booleans, integers, UUIDs

extension TextFormat {
  private static func parseBoolean(_ text: String) throws(SQLError) -> Bool {
    let word = String(decoding: text.utf8.trimmingSpaces(), as: UTF8.self).lowercased()
    switch word {
    case "1", "on": return true
    case "0", "of", "off": return false
    default:
      if !word.isEmpty, "true".hasPrefix(word) || "yes".hasPrefix(word) { return true }
      if !word.isEmpty, "false".hasPrefix(word) || "no".hasPrefix(word) { return false }
      throw .invalidSyntax("boolean", text)
    }
  }

  private static func parseInteger<T: FixedWidthInteger>(
    _ text: String, typeName: String
  ) throws(SQLError) -> T {
    var copy = text
    let parsed: (value: Int64, isNumber: Bool, overflowed: Bool) = copy.withUTF8 { bytes in
      var (start, end) = (0, bytes.count)
      while start < end, bytes[start].isASCIISpace { start += 1 }
      while start < end, bytes[end - 1].isASCIISpace { end -= 1 }
      guard start < end else { return (0, false, false) }
      let isNegative = bytes[start] == UInt8(ascii: "-")
      if isNegative || bytes[start] == UInt8(ascii: "+") { start += 1 }
      guard start < end else { return (0, false, false) }
      var (value, overflowed) = (Int64(0), false)
      for index in start..<end {
        guard bytes[index].isASCIIDigit else { return (0, false, false) }
        let digit = Int64(bytes[index] &- UInt8(ascii: "0"))
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.subtractingReportingOverflow(digit)
        if overflow || carry { overflowed = true }
        value = sum
      }
      if isNegative { return (value, true, overflowed) }
      return value == .min ? (value, true, true) : (-value, true, overflowed)
    }
    guard parsed.isNumber else { throw .invalidSyntax(typeName, text) }
    guard !parsed.overflowed, let value = T(exactly: parsed.value) else { throw .outOfRange(typeName, text) }
    return value
  }

  /// Object ids are unsigned, and negative input wraps, as in PostgreSQL.
  private static func parseOID(_ text: String) throws(SQLError) -> UInt32 {
    let value: Int64
    do { value = try parseInteger(text, typeName: "oid") } catch { throw error }
    if let oid = UInt32(exactly: value) { return oid }
    guard let signed = Int32(exactly: value) else { throw .outOfRange("oid", text) }
    return UInt32(bitPattern: signed)
  }

  /// 32 hexadecimal digits, hyphens at will behind each fourth, braces around at will.
  private static func parseUUID(_ text: String) throws(SQLError) -> UUIDValue {
    var bytes = Array(text.utf8)[...]
    if bytes.first == UInt8(ascii: "{") {
      guard bytes.last == UInt8(ascii: "}"), bytes.count > 1 else { throw .invalidSyntax("uuid", text) }
      bytes = bytes.dropFirst().dropLast()
    }
    var (high, low, count) = (UInt64(0), UInt64(0), 0)
    var mayHyphen = false
    for byte in bytes {
      if byte == UInt8(ascii: "-"), mayHyphen {
        mayHyphen = false
        continue
      }
      guard let nibble = byte.hexValue, count < 32 else { throw .invalidSyntax("uuid", text) }
      if count < 16 { high = high << 4 | UInt64(nibble) } else { low = low << 4 | UInt64(nibble) }
      count += 1
      mayHyphen = count % 4 == 0 && count < 32
    }
    guard count == 32, bytes.last != UInt8(ascii: "-") else { throw .invalidSyntax("uuid", text) }
    return UUIDValue(high: high, low: low)
  }

  private static func write(_ value: UUIDValue, into bytes: inout [UInt8]) {
    for index in 0..<16 {
      if index == 4 || index == 6 || index == 8 || index == 10 { bytes.append(UInt8(ascii: "-")) }
      let half = index < 8 ? value.high : value.low
      bytes.appendHex(UInt8(truncatingIfNeeded: half >> UInt64(56 - index % 8 * 8)))
    }
  }
}
