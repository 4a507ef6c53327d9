import CISAL

/// The Castagnoli checksum (RFC 3720, appendix B.4), by the processor's own instruction where it has one.
struct CRC32C {
  private var state: UInt32 = 0xffff_ffff

  init() {}

  /// A checksum that differs from log to log.
  init(seed: UInt64) {
    withUnsafeBytes(of: seed.littleEndian) { add(Array($0)[...]) }
  }

  mutating func add(_ bytes: ArraySlice<UInt8>) {
    bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      // The library takes a signed 32-bit length; nothing that is checked here is near that.
      state = crc32_iscsi(UnsafeMutablePointer(mutating: start), CInt(buffer.count), state)
    }
  }

  var value: UInt32 { ~state }

  static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = CRC32C()
    crc.add(bytes)
    return crc.value
  }
}
