import Keys
import Operations
import Storage

/// All intents of one transaction in a range, in key order.
struct IntentWalk: ~Copyable {
  private var cursor: Cursor
  private let mark: HybridTime
  private(set) var statement: UInt32

  init(_ store: any Store, _ range: KeyRange, of mark: HybridTime) throws(StorageError) {
    var cursor = try store.cursor(.intents, lower: range.lower, upper: range.upper, pointPrefix: nil)
    statement = try Self.skipOthers(&cursor, than: mark)
    self.cursor = cursor
    self.mark = mark
  }

  var isValid: Bool { cursor.isValid }
  var key: [UInt8] { cursor.key }
  var byteCount: Int { cursor.keySpan.count + cursor.valueSpan.count }

  var documentKey: [UInt8] {
    var document = cursor.key
    document.removeLast(VersionedKey.suffixByteCount)
    return document
  }

  var write: DocumentWrite {
    get throws(StorageError) {
      DocumentWrite(documentKey: documentKey, packedRow: try IntentValue.row(of: cursor.valueSpan))
    }
  }

  mutating func next() throws(StorageError) {
    try cursor.next()
    statement = try Self.skipOthers(&cursor, than: mark)
  }

  /// - Returns: the statement of the intent that the cursor comes to.
  private static func skipOthers(_ cursor: inout Cursor, than mark: HybridTime) throws(StorageError) -> UInt32 {
    while cursor.isValid {
      guard let time = VersionedKey.time(of: cursor.keySpan), let number = VersionedKey.writeID(of: cursor.keySpan)
      else { throw .corrupt("an intent's key is too short") }
      if time == mark { return number }
      try cursor.next()
    }
    return 0
  }
}

/// What a transaction reads of its own intents in a range: of each document the newest that counts, in key order.
struct SpilledScan: ~Copyable {
  private let writes: SpilledWrites
  private var walk: IntentWalk
  private var last: [UInt8] = []

  init(_ store: any Store, _ range: KeyRange, of writes: SpilledWrites) throws(StorageError) {
    self.writes = writes
    walk = try IntentWalk(store, range.intersection(writes.range), of: writes.mark)
  }

  mutating func next() throws(StorageError) -> DocumentWrite? {
    while walk.isValid {
      if writes.counts(walk.statement), walk.documentKey != last {
        let write = try walk.write
        last = write.documentKey
        try walk.next()
        return write
      }
      try walk.next()
    }
    return nil
  }
}

extension SpilledWrites {
  /// The newest intent of a document that counts, by a document cursor of the intents; nil where there is none.
  func write(of documentKey: [UInt8], by cursor: inout Cursor) throws(StorageError) -> DocumentWrite? {
    try cursor.seek(toVersionOf: documentKey, notAfter: mark)
    while cursor.isValid, VersionedKey.time(of: cursor.keySpan) == mark,
      let statement = VersionedKey.writeID(of: cursor.keySpan)
    {
      if counts(statement) {
        return DocumentWrite(documentKey: documentKey, packedRow: try IntentValue.row(of: cursor.valueSpan))
      }
      guard try cursor.seek(toIntentOf: documentKey, mark: mark, before: statement) else { break }
    }
    return nil
  }
}

extension Cursor {
  /// Moves to the intent of a document that comes before a statement of the marked transaction, or belongs to one that
  /// spilled earlier. Returns whether there is one.
  mutating func seek(
    toIntentOf documentKey: [UInt8], mark: HybridTime, before statement: UInt32
  ) throws(StorageError) -> Bool {
    if statement > 0 {
      try seek(to: VersionedKey.encode(document: documentKey, time: mark, writeID: statement - 1))
    } else {
      guard mark > .zero else { return false }
      try seek(to: VersionedKey.encode(document: documentKey, time: mark.previous, writeID: .max))
    }
    return isValid && VersionedKey.isVersion(keySpan, of: documentKey)
  }
}
