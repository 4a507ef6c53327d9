import Keys

/// The two ordered maps of a store. One atomic batch, one flush and one cursor snapshot always span both.
package enum ColumnFamily: UInt8, Sendable, CaseIterable {
  /// Committed versions.
  case regular = 1
  /// Provisional versions of transactions that are not decided or not applied yet.
  case intents = 2
}

/// Changes that take effect together or not at all. Within one batch, a later change of a key wins.
package struct WriteBatch: Sendable {
  /// One change: where its key and value lie in `bytes`. The value follows the key; a deletion has none.
  struct Change: Sendable {
    var family: ColumnFamily
    var isDeletion: Bool
    var start: Int
    var keyCount: Int
    var valueCount: Int
  }

  /// Keys (each behind the byte of its family, as the engines store them) and values, end to end: one allocation for all.
  private(set) var bytes: [UInt8] = []
  private(set) var changes: [Change] = []

  package init() {}

  package mutating func put(_ family: ColumnFamily, key: [UInt8], value: [UInt8]) {
    changes.append(
      Change(
        family: family, isDeletion: false, start: bytes.count, keyCount: key.count + 1, valueCount: value.count))
    bytes.append(family.rawValue)
    bytes.append(contentsOf: key)
    bytes.append(contentsOf: value)
  }

  /// Puts a version of a document, as `put` of a `VersionedKey` and a tagged value does, without making either first.
  /// - Parameter row: the packed row; nil for a tombstone.
  package mutating func putVersion(
    _ family: ColumnFamily, of document: [UInt8], time: HybridTime, writeID: UInt32, row: [UInt8]?
  ) {
    changes.append(
      Change(
        family: family, isDeletion: false, start: bytes.count,
        keyCount: 1 + document.count + VersionedKey.suffixByteCount, valueCount: 1 + (row?.count ?? 0)))
    bytes.append(family.rawValue)
    bytes.append(contentsOf: document)
    VersionedKey.appendSuffix(time: time, writeID: writeID, to: &bytes)
    bytes.append(row == nil ? VersionTag.tombstone : VersionTag.row)
    if let row { bytes.append(contentsOf: row) }
  }

  /// Makes room for changes that will come.
  package mutating func reserve(count: Int, byteCount: Int) {
    changes.reserveCapacity(changes.count + count)
    bytes.reserveCapacity(bytes.count + byteCount)
  }

  /// Removes the key, if it is there. Versions in `regular` are never deleted, only superseded (see the module's page).
  package mutating func delete(_ family: ColumnFamily, key: [UInt8]) {
    changes.append(
      Change(family: family, isDeletion: true, start: bytes.count, keyCount: key.count + 1, valueCount: 0))
    bytes.append(family.rawValue)
    bytes.append(contentsOf: key)
  }

  /// How many changes it holds.
  package var count: Int { changes.count }
  package var isEmpty: Bool { changes.isEmpty }
  /// Bytes of all keys and values.
  package var byteCount: Int { bytes.count }

  /// Empties the batch and keeps its memory for the next use.
  package mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    changes.removeAll(keepingCapacity: true)
  }
}
