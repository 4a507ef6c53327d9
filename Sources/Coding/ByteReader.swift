/// Reads what `ByteWriter` wrote, from any byte array: never past the end, never trusting a length.
public struct ByteReader: Sendable {
  public let bytes: [UInt8]
  /// Offset of the next byte to read, from the start of `bytes`.
  public var position: Int
  /// Offset behind the last byte that belongs to this reader.
  public let end: Int

  @inlinable public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  @inlinable public init(_ slice: ArraySlice<UInt8>) { self.init(Array(slice)) }

  @inlinable public var remaining: Int { end - position }
  @inlinable public var isAtEnd: Bool { position == end }

  @inlinable public mutating func readByte() throws(CodingError) -> UInt8 {
    guard position < end else { throw .truncated }
    defer { position += 1 }
    return bytes[position]
  }

  /// - Throws: `malformed` if the byte is neither 0 nor 1.
  @inlinable public mutating func readBool() throws(CodingError) -> Bool {
    switch try readByte() {
    case 0: false
    case 1: true
    default: throw .malformed(what: "boolean")
    }
  }

  /// A fixed-width integer, little-endian.
  @inlinable public mutating func readFixed<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(CodingError) -> T {
    let width = MemoryLayout<T>.size
    guard remaining >= width else { throw .truncated }
    var value = T.zero
    for offset in stride(from: width - 1, through: 0, by: -1) {
      value = (value << 8) | T(truncatingIfNeeded: bytes[position + offset])
    }
    position += width
    return value
  }

  @inlinable public mutating func readVarint() throws(CodingError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      let byte = try readByte()
      if shift == 63 && byte > 1 { throw .malformed(what: "varint") }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed(what: "varint")
  }

  /// A count of things that take at least `minimumSize` bytes each: refused where the input could not hold them,
  /// so a hostile count never allocates.
  @inlinable public mutating func readCount(minimumSize: Int = 1) throws(CodingError) -> Int {
    let count = try readVarint()
    guard count <= UInt64(remaining / max(1, minimumSize)) else { throw .malformed(what: "count") }
    return Int(count)
  }

  @inlinable public mutating func readSigned() throws(CodingError) -> Int64 {
    let raw = try readVarint()
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  @inlinable public mutating func readDouble() throws(CodingError) -> Double { Double(bitPattern: try readFixed()) }
  @inlinable public mutating func readFloat() throws(CodingError) -> Float { Float(bitPattern: try readFixed()) }

  @inlinable public mutating func readBytes() throws(CodingError) -> [UInt8] { try readRaw(count: readCount()) }

  /// The next `count` bytes as they are.
  @inlinable public mutating func readRaw(count: Int) throws(CodingError) -> [UInt8] {
    guard count >= 0, remaining >= count else { throw .truncated }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// - Throws: `malformed` if the bytes are not valid UTF-8; they are never repaired.
  @inlinable public mutating func readString() throws(CodingError) -> String {
    let count = try readCount()
    defer { position += count }
    guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else {
      throw .malformed(what: "UTF-8 text")
    }
    return text
  }

  @inlinable public mutating func readOptional<T>(
    _ body: (inout ByteReader) throws(CodingError) -> T
  ) throws(CodingError) -> T? {
    try readBool() ? body(&self) : nil
  }

  @inlinable public mutating func readArray<T>(
    minimumSize: Int = 1, _ body: (inout ByteReader) throws(CodingError) -> T
  ) throws(CodingError) -> [T] {
    let count = try readCount(minimumSize: minimumSize)
    var values: [T] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try body(&self)) }
    return values
  }
}
