import CXXHash

/// The hash that spreads the rows of a hash-sharded table.
package enum KeyHash {
  /// The upper 16 bits of XXH3-64 with seed 0 over the encoded hash columns, as they stand in the key.
  ///
  /// Part of the stored format: it is the same on every platform and stays so for ever.
  package static func hash16(of encodedColumns: some Collection<UInt8>) -> UInt16 {
    let hash =
      encodedColumns.withContiguousStorageIfAvailable { XXH3_64bits($0.baseAddress, $0.count) }
      ?? Array(encodedColumns).withUnsafeBufferPointer { XXH3_64bits($0.baseAddress, $0.count) }
    return UInt16(truncatingIfNeeded: hash >> 48)
  }

  /// The first hash of each of `count` tablets that share the hashes evenly; the first is 0.
  ///
  /// There are 65,536 hashes, so a greater count gives that many.
  package static func evenBounds(count: Int) -> [UInt16] {
    let count = min(max(1, count), 65_536)
    return (0..<count).map { UInt16($0 * 65_536 / count) }
  }
}
