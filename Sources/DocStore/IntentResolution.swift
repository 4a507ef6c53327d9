import Keys
import Operations
import Storage

extension WriteBatch {
  /// Takes a transaction's intents in a range out of the store; with a commit time, the newest one of each document that
  /// counts becomes a version of that time. All in this batch, so that no crash can come between. Where an entry of the
  /// log is applied a second time, what it has moved is not there any more, and it moves nothing.
  /// - Returns: the documents that are committed.
  package mutating func resolve(
    _ writes: SpilledWrites, in range: KeyRange, at commitTime: HybridTime?, reading store: any Store
  ) throws(StorageError) -> [DocumentWrite] {
    var committed: [DocumentWrite] = []
    var walk = try IntentWalk(store, range, of: writes.mark)
    while walk.isValid {
      if commitTime != nil, writes.counts(walk.statement), committed.last?.documentKey != walk.documentKey {
        committed.append(try walk.write)
      }
      delete(.intents, key: walk.key)
      try walk.next()
    }
    if let commitTime {
      for write in committed {
        // Each document has one version of this time, so all have the same write id, whatever else is in the batch.
        putVersion(.regular, of: write.documentKey, time: commitTime, writeID: 0, row: write.packedRow)
      }
    }
    return committed
  }
}

/// A part of a transaction's intents that one entry of the log is to resolve.
package struct SpilledPart: Hashable, Sendable {
  package var range: KeyRange
  /// Whether nothing is left behind it.
  package var isLast: Bool

  package init(range: KeyRange, isLast: Bool) {
    self.range = range
    self.isLast = isLast
  }

  /// The first part of what is not resolved: up to about so many documents and bytes.
  package init(
    of writes: SpilledWrites, documentsMax: Int, bytesMax: Int, reading store: any Store
  ) throws(StorageError) {
    range = writes.range
    isLast = true
    var count = 0
    var bytes = 0
    var last: [UInt8] = []
    var walk = try IntentWalk(store, writes.range, of: writes.mark)
    while walk.isValid {
      if walk.documentKey != last {
        if count >= documentsMax || bytes >= bytesMax, let end = KeyRange.successor(ofPrefix: last) {
          self.range.upper = end
          isLast = false
          return
        }
        count += 1
        last = walk.documentKey
      }
      bytes += walk.byteCount
      try walk.next()
    }
  }
}

/// Who has intents of a document, and how strongly it is locked by each.
package struct IntentHolders: ~Copyable {
  private var cursor: Cursor

  package init(_ store: any Store) throws(StorageError) { cursor = try store.documentCursor(.intents) }

  /// The marks of the transactions that have intents of the document, with the strongest lock of each.
  package mutating func holders(
    of documentKey: [UInt8]
  ) throws(StorageError) -> [(mark: HybridTime, strength: RowLockStrength)] {
    var found: [(mark: HybridTime, strength: RowLockStrength)] = []
    try cursor.seek(toVersionOf: documentKey, notAfter: .max)
    while cursor.isValid, let mark = VersionedKey.time(of: cursor.keySpan),
      let statement = VersionedKey.writeID(of: cursor.keySpan)
    {
      let strength = try IntentValue.strength(of: cursor.valueSpan)
      if let last = found.last, last.mark == mark {
        found[found.count - 1].strength = max(last.strength, strength)
      } else {
        found.append((mark, strength))
      }
      guard try cursor.seek(toIntentOf: documentKey, mark: mark, before: statement) else { break }
    }
    return found
  }
}
