import CISAL

/// CRC32C (Castagnoli) of bytes, by the processor's instructions.
///
/// - Parameter bytes: fewer than 2 GiB.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
  // The library takes a mutable pointer by the habit of C and does not write through it.
  return ~crc32_iscsi(UnsafeMutablePointer(mutating: start), Int32(bytes.count), ~0)
}
