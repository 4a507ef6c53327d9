import Keys

/// The key of one version of a document: document key · time · write id, the last two inverted and big-endian, so that
/// `memcmp` puts the newest version of a document first.
///
/// Document keys are prefix-free (none is the beginning of another one), which the encoding of columns in `Keys` gives.
package enum VersionedKey {
  /// Bytes of time and write id.
  package static let suffixByteCount = 12

  package static func encode(document: [UInt8], time: HybridTime, writeID: UInt32) -> [UInt8] {
    var key: [UInt8] = []
    key.reserveCapacity(document.count + suffixByteCount)
    key.append(contentsOf: document)
    appendSuffix(time: time, writeID: writeID, to: &key)
    return key
  }

  /// Appends time and write id to a document key that is already in `key`.
  package static func appendSuffix(time: HybridTime, writeID: UInt32, to key: inout [UInt8]) {
    let invertedTime = ~time.rawValue
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      key.append(UInt8(truncatingIfNeeded: invertedTime >> shift))
    }
    let invertedID = ~writeID
    for shift in stride(from: UInt32(24), through: 0, by: -8) {
      key.append(UInt8(truncatingIfNeeded: invertedID >> shift))
    }
  }

  /// The parts of a version's key; `nil` if it is too short to be one.
  package static func split(_ key: [UInt8]) -> (document: [UInt8], time: HybridTime, writeID: UInt32)? {
    let span = key.span
    guard let time = time(of: span), let writeID = writeID(of: span) else { return nil }
    return (Array(key.dropLast(suffixByteCount)), time, writeID)
  }

  /// The time in a version's key; `nil` if it is too short to be one.
  package static func time(of key: Span<UInt8>) -> HybridTime? {
    guard key.count >= suffixByteCount else { return nil }
    var inverted: UInt64 = 0
    for offset in key.count - 12..<key.count - 4 { inverted = inverted << 8 | UInt64(key[offset]) }
    return HybridTime(rawValue: ~inverted)
  }

  /// The write id in a version's key; `nil` if it is too short to be one.
  package static func writeID(of key: Span<UInt8>) -> UInt32? {
    guard key.count >= suffixByteCount else { return nil }
    var inverted: UInt32 = 0
    for offset in key.count - 4..<key.count { inverted = inverted << 8 | UInt32(key[offset]) }
    return ~inverted
  }

  /// Whether a key is that of a version of this document.
  package static func isVersion(_ key: Span<UInt8>, of document: [UInt8]) -> Bool {
    guard key.count == document.count + suffixByteCount else { return false }
    // From the end: neighbouring keys differ there.
    var index = document.count - 1
    while index >= 0 {
      if key[index] != document[index] { return false }
      index -= 1
    }
    return true
  }

  /// Whether a key is outside the versions: shorter than any version's, or of table 0, which is no table. Such keys hold
  /// what a tablet keeps beside its documents. They are never collected, whatever the cutoff and the bounds.
  package static func isReserved(_ key: Span<UInt8>) -> Bool {
    guard key.count >= 4 + suffixByteCount else { return true }
    return key[0] == 0 && key[1] == 0 && key[2] == 0 && key[3] == 0
  }
}

/// The first byte of a version's value.
package enum VersionTag {
  /// The document is deleted as of this version; nothing follows.
  package static let tombstone: UInt8 = 0
  /// A packed row follows.
  package static let row: UInt8 = 1
}
