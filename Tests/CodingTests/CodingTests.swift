import Coding
import Testing

@Suite("Bytes in and out")
struct CodingTests {
  /// A seeded generator (SplitMix64).
  private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  @Test("Whatever is written is read back, and nothing is left", arguments: [1, 2, 3] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    for _ in 0..<20_000 {
      let number = generator.next() >> (generator.next() % 64)
      let signed = Int64(bitPattern: number) &* (generator.next() & 1 == 0 ? 1 : -1)
      let bytes = (0..<Int(generator.next() % 9)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let text = ["", "a", "é", "e\u{301}", "日本", "\u{0}"][Int(generator.next() % 6)]
      var writer = ByteWriter()
      writer.writeVarint(number)
      writer.writeSigned(signed)
      writer.writeFixed(UInt32(truncatingIfNeeded: number))
      writer.write(bytes)
      writer.write(text)
      writer.write(Double(bitPattern: number))
      writer.writeOptional(number & 1 == 0 ? text : nil) { $0.write($1) }
      writer.writeArray(bytes) { $0.write($1) }
      var reader = ByteReader(writer.bytes)
      try #require(try reader.readVarint() == number, "seed \(seed)")
      try #require(try reader.readSigned() == signed, "seed \(seed)")
      try #require(try reader.readFixed(UInt32.self) == UInt32(truncatingIfNeeded: number), "seed \(seed)")
      try #require(try reader.readBytes() == bytes, "seed \(seed)")
      try #require(try Array(reader.readString().utf8) == Array(text.utf8), "seed \(seed)")
      try #require(try reader.readDouble().bitPattern == number, "seed \(seed)")
      let optional = try reader.readOptional { reader throws(CodingError) in try reader.readString() }
      try #require((optional != nil) == (number & 1 == 0), "seed \(seed)")
      let array = try reader.readArray { reader throws(CodingError) in try reader.readByte() }
      try #require(array == bytes && reader.isAtEnd, "seed \(seed)")

      // Cut anywhere, the same reads run into an error and never past the end.
      let cut = Int(generator.next() % UInt64(writer.count))
      reader = ByteReader(Array(writer.bytes.prefix(cut)))
      #expect(throws: CodingError.self) {
        _ = try reader.readVarint()
        _ = try reader.readSigned()
        _ = try reader.readFixed(UInt32.self)
        _ = try reader.readBytes()
        _ = try reader.readString()
        _ = try reader.readDouble()
        _ = try reader.readOptional { reader throws(CodingError) in try reader.readString() }
        _ = try reader.readArray { reader throws(CodingError) in try reader.readByte() }
      }
      try #require(reader.position <= reader.end)
    }
  }

  @Test("Bytes that no writer makes are refused")
  func malformed() {
    var reader = ByteReader([2] as [UInt8])
    #expect(throws: CodingError.malformed(what: "boolean")) { try reader.readBool() }
    reader = ByteReader([UInt8](repeating: 0xff, count: 11))
    #expect(throws: CodingError.malformed(what: "varint")) { try reader.readVarint() }
    reader = ByteReader([0xff, 0xff, 0xff, 0x7f, 0] as [UInt8])
    #expect(throws: CodingError.malformed(what: "count")) { try reader.readBytes() }
    reader = ByteReader([2, 0xc3, 0x28] as [UInt8])
    #expect(throws: CodingError.malformed(what: "UTF-8 text")) { try reader.readString() }
    reader = ByteReader([1, 2] as [UInt8])
    #expect(throws: CodingError.truncated) { try reader.readRaw(count: 3) }
    #expect(throws: CodingError.truncated) { try reader.readRaw(count: -1) }
    #expect(throws: CodingError.truncated) { try reader.readFixed(UInt32.self) }
  }

  @Test("Sizes on the wire are as the page says")
  func sizes() {
    var writer = ByteWriter()
    writer.writeVarint(300)
    #expect(writer.bytes == [0xac, 0x02])
    writer = ByteWriter()
    writer.writeSigned(-2)
    #expect(writer.bytes == [0x03])
    writer = ByteWriter()
    writer.writeFixed(UInt16(0x0102))
    #expect(writer.bytes == [0x02, 0x01])
  }
}
