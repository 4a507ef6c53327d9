extension ColumnFamily {
  /// A key as it lies in the engine, behind the byte of its family.
  func stored(_ key: [UInt8]) -> [UInt8] {
    var stored: [UInt8] = []
    stored.reserveCapacity(key.count + 1)
    stored.append(rawValue)
    stored.append(contentsOf: key)
    return stored
  }
}

/// What a cursor may see, in stored keys (behind the byte of the family).
struct KeyRange: Sendable {
  var family: ColumnFamily
  /// First key inside.
  var lower: [UInt8]
  /// First key behind.
  var upper: [UInt8]
  /// Whether this is within one document's versions, so that the bloom filters can answer.
  private(set) var isPoint: Bool
  /// Bytes of a version's stored key, in a point range.
  private var versionByteCount = 0

  init(_ family: ColumnFamily, lower: [UInt8], upper: [UInt8]?, pointPrefix: [UInt8]?) {
    self.family = family
    self.lower = family.stored(lower)
    self.upper = upper.map { family.stored($0) } ?? [family.rawValue + 1]
    isPoint = false
    guard let pointPrefix else { return }
    let suffixByteCount = VersionedKey.suffixByteCount
    let first = family.stored(pointPrefix) + [UInt8](repeating: 0, count: suffixByteCount)
    let behind = family.stored(pointPrefix) + [UInt8](repeating: 0xff, count: suffixByteCount) + [0]
    if self.lower.isBefore(first) { self.lower = first }
    if behind.isBefore(self.upper) { self.upper = behind }
    versionByteCount = first.count
    isPoint = !VersionedKey.isReserved(first.span.extracting(1...))
  }

  /// Where to seek for the first key of the range at or after `key`.
  ///
  /// In a point range RocksDB asks its filters about the target's document, so there the target gets the length of a
  /// version's key: a shorter one is filled up with zeros, a longer one stands right before the next version.
  func target(for key: [UInt8]) -> [UInt8] {
    var target = family.stored(key)
    if target.isBefore(lower) { target = lower }
    guard isPoint, target.isBefore(upper) else { return target }
    if target.count < versionByteCount {
      target += [UInt8](repeating: 0, count: versionByteCount - target.count)
    } else if target.count > versionByteCount {
      target.removeSubrange(versionByteCount...)
      for index in target.indices.reversed() {
        target[index] &+= 1
        if target[index] != 0 { break }
      }
    }
    return target
  }
}
