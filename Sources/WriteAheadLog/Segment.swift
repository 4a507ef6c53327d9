import Coding

/// The beginning of a segment file.
struct SegmentHeader: Hashable {
  static let magic: [UInt8] = Array("APUSWAL1".utf8)
  static let byteCount = 36

  /// Names the log, the same in all of its segments: a segment of another node is recognized.
  var logID: UInt64
  /// 1, 2, 3, … without gaps.
  var number: UInt64
  /// The sequence number of the first frame.
  var firstSequence: UInt64

  var encoded: [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.byteCount)
    writer.writeRaw(Self.magic)
    writer.writeFixed(logID)
    writer.writeFixed(number)
    writer.writeFixed(firstSequence)
    writer.writeFixed(CRC32C.of(writer.bytes[...]))
    return writer.bytes
  }

  /// `nil` where the bytes are no intact header of this version.
  init?(decoding bytes: [UInt8]) {
    guard Self.isIntact(bytes), bytes.starts(with: Self.magic) else { return nil }
    var reader = ByteReader(bytes[Self.magic.count..<Self.byteCount])
    guard let logID = try? reader.readFixed(UInt64.self), let number = try? reader.readFixed(UInt64.self),
      let firstSequence = try? reader.readFixed(UInt64.self)
    else { return nil }
    self.init(logID: logID, number: number, firstSequence: firstSequence)
  }

  /// Whether this is the intact header of a version that this code does not know. Every version keeps the length and the
  /// place of the checksum.
  static func isOfUnknownVersion(_ bytes: [UInt8]) -> Bool {
    isIntact(bytes) && bytes.starts(with: magic.dropLast()) && !bytes.starts(with: magic)
  }

  private static func isIntact(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= byteCount else { return false }
    var reader = ByteReader(bytes[(byteCount - 4)..<byteCount])
    return (try? reader.readFixed(UInt32.self)) == CRC32C.of(bytes[..<(byteCount - 4)])
  }

  init(logID: UInt64, number: UInt64, firstSequence: UInt64) {
    self.logID = logID
    self.number = number
    self.firstSequence = firstSequence
  }

  /// Segment 1 of a log is `0000000000000001.wal`; the names sort as the numbers do.
  static func fileName(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + ".wal"
  }

  /// The number in a segment's file name; `nil` for any other file, also for numbers that no log ever gets to.
  static func number(ofFile name: String) -> UInt64? {
    guard name.hasSuffix(".wal"), let number = UInt64(name.dropLast(4), radix: 16), fileName(number) == name,
      (1...UInt64(UInt32.max)).contains(number)
    else { return nil }
    return number
  }
}
