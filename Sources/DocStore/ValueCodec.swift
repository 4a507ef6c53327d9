import Coding
import Values

/// One value inside of a packed row, which knows where it ends; so no value needs a length of its own.
///
/// Integers, dates and times lose the leading bytes that only repeat their sign: 0 takes no byte, 1 takes one.
enum ValueCodec {
  /// Appends the value; nothing for NULL.
  /// - Throws: `internal_error` if the value is not held as its type says.
  static func append(_ datum: Datum, type: SQLType, to writer: inout ByteWriter) throws(SQLError) {
    switch (type.kind, datum) {
    case (_, .null): break
    case (.boolean, .bool(let value)): writer.write(UInt8(value ? 1 : 0))
    case (.int2, .int2(let value)): append(Int64(value), to: &writer)
    case (.int4, .int4(let value)), (.date, .date(let value)): append(Int64(value), to: &writer)
    case (.int8, .int8(let value)), (.time, .time(let value)), (.timestamp, .timestamp(let value)),
      (.timestampTZ, .timestampTZ(let value)):
      append(value, to: &writer)
    case (.oid, .oid(let value)): append(Int64(value), to: &writer)
    case (.float4, .float4(let value)): writer.write(value)
    case (.float8, .float8(let value)): writer.write(value)
    case (.numeric, .numeric(let value)): writer.write(value)
    case (.text, .text(let value)), (.varchar, .text(let value)), (.char, .text(let value)),
      (.name, .text(let value)), (.json, .json(let value)), (.jsonb, .jsonb(let value)):
      writer.bytes.append(contentsOf: value.utf8)
    case (.bytea, .bytes(let value)): writer.bytes.append(contentsOf: value)
    case (.uuid, .uuid(let value)):
      writer.writeFixed(value.high.byteSwapped)
      writer.writeFixed(value.low.byteSwapped)
    case (.interval, .interval(let value)):
      writer.writeFixed(value.months)
      writer.writeFixed(value.days)
      writer.writeFixed(value.microseconds)
    default:
      throw SQLError(.internalError, "a value of a row is not held as its type \(type.kind) says")
    }
  }

  /// Little-endian two's complement, as short as keeps the value and its sign.
  private static func append(_ value: Int64, to writer: inout ByteWriter) {
    if value == 0 { return }
    var rest = value
    while true {
      writer.bytes.append(UInt8(truncatingIfNeeded: rest))
      // Done once the byte that was just written says the rest, with its sign.
      if rest == Int64(Int8(truncatingIfNeeded: rest)) { return }
      rest >>= 8
    }
  }

  /// Reads the value that lies at `range`, which the caller knows to be inside of `bytes`.
  static func read(_ bytes: Span<UInt8>, in range: Range<Int>, type: SQLType) throws(CodingError) -> Datum {
    switch type.kind {
    case .boolean:
      switch try readFixed(bytes, in: range, as: UInt8.self) {
      case 0: return .bool(false)
      case 1: return .bool(true)
      default: throw .malformed(what: "boolean of a row")
      }
    case .int2: return .int2(try readInteger(bytes, in: range))
    case .int4: return .int4(try readInteger(bytes, in: range))
    case .int8: return .int8(try readInteger(bytes, in: range))
    case .date: return .date(try readInteger(bytes, in: range))
    case .time:
      let value: Int64 = try readInteger(bytes, in: range)
      guard (0...86_400_000_000).contains(value) else { throw .malformed(what: "time of a row") }
      return .time(value)
    case .timestamp: return .timestamp(try readInteger(bytes, in: range))
    case .timestampTZ: return .timestampTZ(try readInteger(bytes, in: range))
    case .oid: return .oid(try readInteger(bytes, in: range))
    case .float4: return .float4(Float(bitPattern: try readFixed(bytes, in: range)))
    case .float8: return .float8(Double(bitPattern: try readFixed(bytes, in: range)))
    case .numeric:
      var reader = ByteReader(copy(bytes, in: range))
      let value = try reader.readNumeric()
      guard reader.isAtEnd else { throw .malformed(what: "numeric of a row") }
      return .numeric(value)
    case .text, .varchar, .char, .name: return .text(try readText(bytes, in: range))
    case .json: return .json(try readText(bytes, in: range))
    case .jsonb: return .jsonb(try readText(bytes, in: range))
    case .bytea: return .bytes(copy(bytes, in: range))
    case .uuid:
      guard range.count == 16 else { throw .malformed(what: "uuid of a row") }
      let middle = range.lowerBound + 8
      return .uuid(
        UUIDValue(
          high: try readFixed(bytes, in: range.lowerBound..<middle, as: UInt64.self).byteSwapped,
          low: try readFixed(bytes, in: middle..<range.upperBound, as: UInt64.self).byteSwapped))
    case .interval:
      guard range.count == 16 else { throw .malformed(what: "interval of a row") }
      let start = range.lowerBound
      return .interval(
        Interval(
          months: try readFixed(bytes, in: start..<start + 4), days: try readFixed(bytes, in: start + 4..<start + 8),
          microseconds: try readFixed(bytes, in: start + 8..<start + 16)))
    case .void, .unknown: throw .malformed(what: "type of a row's column")
    }
  }

  private static func readInteger<T: FixedWidthInteger>(
    _ bytes: Span<UInt8>, in range: Range<Int>
  ) throws(CodingError) -> T {
    guard range.count <= 8 else { throw .malformed(what: "integer of a row") }
    if range.isEmpty { return 0 }
    var value = Int64(Int8(bitPattern: bytes[range.upperBound - 1]))
    var index = range.upperBound - 2
    while index >= range.lowerBound {
      value = value << 8 | Int64(bytes[index])
      index -= 1
    }
    guard let value = T(exactly: value) else { throw .malformed(what: "integer of a row") }
    return value
  }

  private static func readFixed<T: FixedWidthInteger>(
    _ bytes: Span<UInt8>, in range: Range<Int>, as type: T.Type = T.self
  ) throws(CodingError) -> T {
    guard range.count == MemoryLayout<T>.size else { throw .malformed(what: "width of a value") }
    var value = T.zero
    for index in range.reversed() { value = value << 8 | T(truncatingIfNeeded: bytes[index]) }
    return value
  }

  private static func readText(_ bytes: Span<UInt8>, in range: Range<Int>) throws(CodingError) -> String {
    let text = bytes.extracting(range).withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
    guard let text else { throw .malformed(what: "UTF-8 of a row") }
    return text
  }

  private static func copy(_ bytes: Span<UInt8>, in range: Range<Int>) -> [UInt8] {
    bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
  }
}
