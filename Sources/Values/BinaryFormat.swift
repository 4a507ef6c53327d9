/// PostgreSQL's binary formats (the `*_send` and `*_recv` functions): integers big-endian, times in microseconds.
package enum BinaryFormat {
  /// - Throws: 22P03 for bytes that no value of the type has, 22021 for text that is not UTF-8.
  package static func parse(_ bytes: ArraySlice<UInt8>, as type: SQLType) throws(SQLError) -> Datum {
    var reader = BigEndianReader(bytes)
    let datum = try read(&reader, as: type)
    guard reader.isAtEnd else {
      throw SQLError(.invalidBinaryRepresentation, "incorrect binary data format")
    }
    return try datum.applyingModifier(of: type, explicitCast: false)
  }

  private static func read(_ reader: inout BigEndianReader, as type: SQLType) throws(SQLError) -> Datum {
    switch type.kind {
    case .boolean: return .bool(try reader.read(UInt8.self) != 0)
    case .int2: return .int2(try reader.read())
    case .int4: return .int4(try reader.read())
    case .int8: return .int8(try reader.read())
    case .float4: return .float4(Float(bitPattern: try reader.read()))
    case .float8: return .float8(Double(bitPattern: try reader.read()))
    case .numeric: return .numeric(try readNumeric(&reader))
    case .text, .varchar, .char, .name, .unknown: return .text(try reader.readRestAsText())
    case .bytea: return .bytes(reader.readRest())
    case .uuid: return .uuid(UUIDValue(high: try reader.read(), low: try reader.read()))
    case .date:
      let days: Int32 = try reader.read()
      guard !DateTime.isFinite(date: days) || DateTime.dateRange.contains(Int(days)) else { throw .dateOutOfRange }
      return .date(days)
    case .time:
      let time: Int64 = try reader.read()
      guard (0...DateTime.microsecondsPerDay).contains(time) else {
        throw SQLError(.datetimeFieldOverflow, "time out of range")
      }
      return .time(time)
    case .timestamp: return .timestamp(try readTimestamp(&reader))
    case .timestampTZ: return .timestampTZ(try readTimestamp(&reader))
    case .interval:
      let time: Int64 = try reader.read()
      let days: Int32 = try reader.read()
      return .interval(Interval(months: try reader.read(), days: days, microseconds: time))
    case .json:
      let text = try reader.readRestAsText()
      try JSONText.validate(text)
      return .json(text)
    case .jsonb:
      let version: UInt8 = try reader.read()
      guard version == 1 else { throw SQLError(.internalError, "unsupported jsonb version number \(version)") }
      return .jsonb(try JSONB.canonical(try reader.readRestAsText()))
    case .oid: return .oid(try reader.read())
    case .void: return .null
    }
  }

  private static func readTimestamp(_ reader: inout BigEndianReader) throws(SQLError) -> Int64 {
    let value: Int64 = try reader.read()
    guard !DateTime.isFinite(timestamp: value) || DateTime.timestampRange.contains(value) else {
      throw .timestampOutOfRange
    }
    return value
  }

  private static func readNumeric(_ reader: inout BigEndianReader) throws(SQLError) -> Numeric {
    let count: UInt16 = try reader.read()
    let weight: Int16 = try reader.read()
    let sign: UInt16 = try reader.read()
    let scale: UInt16 = try reader.read()
    func malformed(_ what: String) -> SQLError {
      SQLError(.invalidBinaryRepresentation, "invalid \(what) in external \"numeric\" value")
    }
    guard Int(scale) <= Numeric.scaleMax else { throw malformed("scale") }
    var digits: [UInt16] = []
    for _ in 0..<count {
      let digit: UInt16 = try reader.read()
      guard digit < 10_000 else { throw malformed("digit") }
      digits.append(digit)
    }
    switch sign {
    case 0xc000: return .nan
    case 0xd000: return .infinity
    case 0xf000: return .negativeInfinity
    case 0x0000, 0x4000:
      var value = DecimalDigits(isNegative: sign == 0x4000, weight: Int(weight), scale: 0, digits: digits)
      value.normalize()
      // Digits behind the announced scale are cut off, as PostgreSQL does.
      value.round(scale: Int(scale), .towardZero)
      return try Numeric(value)
    default: throw malformed("sign")
    }
  }

  /// Appends the value's binary form. NULL, which has none, appends nothing.
  package static func write(_ datum: Datum, as type: SQLType, into bytes: inout [UInt8]) {
    switch datum {
    case .null: break
    case .bool(let value): bytes.append(value ? 1 : 0)
    case .int2(let value): bytes.appendBigEndian(value)
    case .int4(let value), .date(let value): bytes.appendBigEndian(value)
    case .int8(let value), .time(let value), .timestamp(let value), .timestampTZ(let value):
      bytes.appendBigEndian(value)
    case .float4(let value): bytes.appendBigEndian(value.bitPattern)
    case .float8(let value): bytes.appendBigEndian(value.bitPattern)
    case .numeric(let value): write(value, into: &bytes)
    case .text(let value), .json(let value): bytes.append(contentsOf: value.utf8)
    case .bytes(let value): bytes.append(contentsOf: value)
    case .uuid(let value):
      bytes.appendBigEndian(value.high)
      bytes.appendBigEndian(value.low)
    case .interval(let value):
      bytes.appendBigEndian(value.microseconds)
      bytes.appendBigEndian(value.days)
      bytes.appendBigEndian(value.months)
    case .jsonb(let value):
      bytes.append(1)
      bytes.append(contentsOf: value.utf8)
    case .oid(let value): bytes.appendBigEndian(value)
    }
  }

  private static func write(_ value: Numeric, into bytes: inout [UInt8]) {
    let sign: UInt16 =
      value.isNaN ? 0xc000 : value.isInfinite ? (value.isNegative ? 0xf000 : 0xd000) : value.isNegative ? 0x4000 : 0
    let decimal = value.decimal ?? .zero
    bytes.appendBigEndian(UInt16(truncatingIfNeeded: decimal.digits.count))
    bytes.appendBigEndian(Int16(truncatingIfNeeded: decimal.weight))
    bytes.appendBigEndian(sign)
    bytes.appendBigEndian(UInt16(truncatingIfNeeded: decimal.scale))
    for digit in decimal.digits { bytes.appendBigEndian(digit) }
  }
}

extension [UInt8] {
  mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}

private struct BigEndianReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(SQLError) -> T {
    let width = MemoryLayout<T>.size
    guard rest.count >= width else {
      throw SQLError(.invalidBinaryRepresentation, "insufficient data left in message")
    }
    var value = T.zero
    for byte in rest.prefix(width) { value = (value << 8) | T(truncatingIfNeeded: byte) }
    rest = rest.dropFirst(width)
    return value
  }

  mutating func readRest() -> [UInt8] {
    defer { rest = [] }
    return Array(rest)
  }

  mutating func readRestAsText() throws(SQLError) -> String {
    defer { rest = [] }
    return try TextFormat.utf8Text(rest)
  }
}
