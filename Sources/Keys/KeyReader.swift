import Coding
import Values

/// Reads columns back from a key. Bytes that no encoder writes throw; they never trap.
///
/// What comes back is equal (`=`) to what went in, and the same in all but these: a `numeric` comes with as few digits
/// as show it, a `char(n)` without its blanks, an `interval` as months, days and time of the same span, `-0` as `0`. Numbers within a
/// `jsonb` are as `numeric`. The row itself holds every column, so these are lost only from the key.
package struct KeyReader: Sendable {
  private let bytes: [UInt8]
  /// Offset of the next column.
  package private(set) var position: Int
  /// 0xFF within a descending column.
  private var inversion: UInt8 = 0

  /// - Parameter offset: where the first column begins, behind the table id and the hash.
  package init(_ bytes: [UInt8], offset: Int = 0) {
    self.bytes = bytes
    position = min(max(0, offset), bytes.count)
  }

  package var isAtEnd: Bool { position == bytes.count }

  /// The next column.
  package mutating func read(type: SQLType, descending: Bool) throws(CodingError) -> Datum {
    inversion = descending ? 0xff : 0
    let tag = try readByte()
    if tag == KeyTag.null { return .null }
    guard tag == KeyTag.of(type.kind) else { throw .malformed(what: "key column tag") }
    switch type.kind {
    case .boolean:
      switch try readByte() {
      case 0: return .bool(false)
      case 1: return .bool(true)
      default: throw .malformed(what: "boolean key")
      }
    case .int2: return .int2(Int16(bitPattern: try readBigEndian(UInt16.self) ^ 0x8000))
    case .int4: return .int4(try readInt32())
    case .int8: return .int8(try readInt64())
    case .date: return .date(try readInt32())
    case .time: return .time(try readInt64())
    case .timestamp: return .timestamp(try readInt64())
    case .timestampTZ: return .timestampTZ(try readInt64())
    case .oid: return .oid(try readBigEndian(UInt32.self))
    case .float4: return .float4(OrderedFloat.float(from: try readBigEndian(UInt32.self)))
    case .float8: return .float8(OrderedFloat.double(from: try readBigEndian(UInt64.self)))
    case .numeric: return .numeric(try OrderedNumeric.read(from: &self))
    case .text, .varchar, .char, .name:
      return .text(try readText())
    case .bytea: return .bytes(try readEscaped())
    case .uuid:
      return .uuid(UUIDValue(high: try readBigEndian(UInt64.self), low: try readBigEndian(UInt64.self)))
    case .interval: return .interval(try OrderedInterval.read(from: &self))
    case .jsonb: return .jsonb(try OrderedJSON.read(from: &self))
    case .json, .void, .unknown: throw .malformed(what: "key column type")
    }
  }

  private mutating func readInt32() throws(CodingError) -> Int32 {
    Int32(bitPattern: try readBigEndian(UInt32.self) ^ 0x8000_0000)
  }

  private mutating func readInt64() throws(CodingError) -> Int64 {
    Int64(bitPattern: try readBigEndian(UInt64.self) ^ (1 << 63))
  }

  mutating func readByte() throws(CodingError) -> UInt8 {
    guard position < bytes.count else { throw .truncated }
    defer { position += 1 }
    return bytes[position] ^ inversion
  }

  mutating func readBigEndian<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) throws(CodingError) -> T {
    var value = T.zero
    for _ in 0..<MemoryLayout<T>.size { value = value << 8 | T(try readByte()) }
    return value
  }

  mutating func readText() throws(CodingError) -> String {
    guard let text = String(validating: try readEscaped(), as: UTF8.self) else {
      throw .malformed(what: "UTF-8 in a key")
    }
    return text
  }

  private mutating func readEscaped() throws(CodingError) -> [UInt8] {
    var content: [UInt8] = []
    while true {
      let byte = try readByte()
      if byte != 0 {
        content.append(byte)
        continue
      }
      switch try readByte() {
      case 0: return content
      case 0xff: content.append(0)
      default: throw .malformed(what: "escape in a key")
      }
    }
  }
}
