/// Appends values to a growing byte array: little-endian fixed widths, LEB128 variable widths, length-prefixed bytes.
public struct ByteWriter: Sendable {
  public var bytes: [UInt8]

  @inlinable public init(reservingCapacity capacity: Int = 0) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  @inlinable public var count: Int { bytes.count }

  @inlinable public mutating func write(_ value: UInt8) { bytes.append(value) }
  @inlinable public mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// A fixed-width integer, little-endian.
  @inlinable public mutating func writeFixed<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// An unsigned integer in LEB128: 7 bits a byte, at most 10 bytes.
  @inlinable public mutating func writeVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A count or length.
  @inlinable public mutating func writeCount(_ count: Int) { writeVarint(UInt64(count)) }

  /// A signed integer, zigzag in LEB128.
  @inlinable public mutating func writeSigned(_ value: Int64) {
    writeVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  @inlinable public mutating func write(_ value: Double) { writeFixed(value.bitPattern) }
  @inlinable public mutating func write(_ value: Float) { writeFixed(value.bitPattern) }

  /// Length, then the bytes.
  @inlinable public mutating func write(_ value: [UInt8]) {
    writeCount(value.count)
    bytes.append(contentsOf: value)
  }

  /// Length in bytes, then UTF-8.
  @inlinable public mutating func write(_ value: String) {
    writeCount(value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }

  /// The bytes as they are, without a length.
  @inlinable public mutating func writeRaw(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }

  /// A presence byte, then the value if there is one.
  @inlinable public mutating func writeOptional<T>(_ value: T?, _ body: (inout ByteWriter, T) -> Void) {
    if let value {
      write(true)
      body(&self, value)
    } else {
      write(false)
    }
  }

  /// A count, then each element.
  @inlinable public mutating func writeArray<T>(_ values: [T], _ body: (inout ByteWriter, T) -> Void) {
    writeCount(values.count)
    for value in values { body(&self, value) }
  }
}
