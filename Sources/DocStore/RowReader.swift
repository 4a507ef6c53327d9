import Coding
import Keys
import Storage
import Values

/// Reads rows of one table as of a time, out of their versions in a store.
package struct RowReader: Sendable {
  package let store: any Store
  package let codec: RowCodec
  /// Versions that only readers before this time could tell apart may be gone from the store.
  package let historyCutoff: HybridTime
  /// What the reading transaction has written itself: it sees that instead of what is stored.
  package let overlay: OverlayView?

  package init(store: any Store, codec: RowCodec, historyCutoff: HybridTime, overlay: OverlayView? = nil) {
    self.store = store
    self.codec = codec
    self.historyCutoff = historyCutoff
    self.overlay = overlay
  }

  /// - Throws: "snapshot too old" (72000) if a read at this time could miss what history collection took.
  func requireHistory(at point: ReadPoint) throws(DocStoreError) {
    guard point.time >= historyCutoff else { throw .statement(.snapshotTooOld) }
  }

  /// Asked when a read is over: it uses several cursors, and history may have been collected between two of them.
  /// - Throws: "snapshot too old" (72000) if that can have taken a version away that the read should have met.
  package func requireUncollected(at point: ReadPoint) throws(DocStoreError) {
    guard point.time >= store.historyCutoff else { throw .statement(.snapshotTooOld) }
  }

  /// The row at a document key: its newest version at or before the read's time. One seek, past the bloom filters.
  /// - Parameter columns: positions of the columns to unpack, or nil for all; the others are NULL in the row.
  package func get(
    _ documentKey: [UInt8], at point: ReadPoint, columns: [Int]? = nil
  ) throws(DocStoreError) -> ReadOutcome<Row?> {
    var row = Row(repeating: .null, count: codec.columnCount)
    var point = point
    switch try get(documentKey, at: &point, columns: columns, into: &row) {
    case .found(true): return .found(row)
    case .found(false): return .found(nil)
    case .uncertain(let time): return .uncertain(time)
    }
  }

  /// As the other `get`, into a row that is used again; whether there is one.
  func get(
    _ documentKey: [UInt8], at point: inout ReadPoint, columns: [Int]?, into row: inout Row
  ) throws(DocStoreError) -> ReadOutcome<Bool> {
    if let own = try ownWrite(of: documentKey) { return .found(try codec.unpack(own, columns: columns, into: &row)) }
    try requireHistory(at: point)
    do throws(StorageError) {
      let remembered = store.rows.look(up: documentKey)
      if let found = try version(of: remembered, documentKey, at: &point, columns: columns, into: &row) { return found }
      var cursor = try store.versions(.regular, of: documentKey, notAfter: remembered.seekTime(point))
      if remembered.brings(cursor, to: store.rows, point) {
        cursor = try store.versions(.regular, of: documentKey, notAfter: point.uncertaintyLimit)
      }
      return try version(under: cursor, at: &point, columns: columns, into: &row)
    } catch {
      throw .storage(error)
    }
  }

  /// What lies over the stored versions of a document: what the reading transaction has written itself, in memory or
  /// spilled, and beneath that what others have written and is stored elsewhere, or not yet.
  private func ownWrite(of documentKey: [UInt8]) throws(DocStoreError) -> DocumentWrite? {
    guard let overlay else { return nil }
    if let own = overlay[documentKey] { return own }
    guard overlay.hasIntents(of: documentKey) else { return overlay.beneath[documentKey] }
    do throws(StorageError) {
      var cursor = try store.documentCursor(.intents)
      return try overlay.write(of: documentKey, by: &cursor)
    } catch {
      throw .storage(error)
    }
  }

  /// Cursors for the `get` of one document after the other.
  func documentCursor() throws(DocStoreError) -> DocumentCursor {
    do throws(StorageError) {
      // First the intents: what is resolved in between is met twice then, never missed.
      return DocumentCursor(intents: overlay?.hasIntents == true ? try store.documentCursor(.intents) : nil)
    } catch {
      throw .storage(error)
    }
  }

  /// As the other `get`, by a cursor that has been at other documents before and can go to more of them.
  func get(
    _ documentKey: [UInt8], by cursor: inout DocumentCursor, at point: inout ReadPoint, columns: [Int]?,
    into row: inout Row
  ) throws(DocStoreError) -> ReadOutcome<Bool> {
    if let own = overlay?[documentKey] { return .found(try codec.unpack(own, columns: columns, into: &row)) }
    let own: DocumentWrite?
    do { own = try cursor.write(of: documentKey, over: overlay) } catch { throw .storage(error) }
    if let own { return .found(try codec.unpack(own, columns: columns, into: &row)) }
    do throws(StorageError) {
      let remembered = store.rows.look(up: documentKey)
      if let found = try version(of: remembered, documentKey, at: &point, columns: columns, into: &row) { return found }
      // A cursor that began before the permit was given may have missed a write that the permit does not count.
      if remembered.permits { cursor.renew() }
      try cursor.seek(toVersionOf: documentKey, notAfter: remembered.seekTime(point), in: store)
      if remembered.brings(cursor.versions!, to: store.rows, point) {
        try cursor.seek(toVersionOf: documentKey, notAfter: point.uncertaintyLimit, in: store)
      }
      return try version(under: cursor.versions!, at: &point, columns: columns, into: &row)
    } catch {
      throw .storage(error)
    }
  }

  /// The cursor stands on the newest version up to the read's uncertainty limit, if there is one: if any version is in
  /// doubt, this is the latest of them.
  private func version(
    under cursor: borrowing Cursor, at point: inout ReadPoint, columns: [Int]?, into row: inout Row
  ) throws(StorageError) -> ReadOutcome<Bool> {
    guard cursor.isValid else { return .found(false) }
    guard let time = VersionedKey.time(of: cursor.keySpan) else { throw .corrupt("a version's key is too short") }
    guard point.takes(time) else { return .uncertain(time) }
    return .found(try codec.unpack(cursor, columns: columns, into: &row))
  }

  /// What the row cache knows of a document, if that is what the read needs: the newest version is no later than its limit.
  private func version(
    of remembered: RowCache.Answer, _ documentKey: [UInt8], at point: inout ReadPoint, columns: [Int]?,
    into row: inout Row
  ) throws(StorageError) -> ReadOutcome<Bool>? {
    guard case .known(let newest) = remembered, newest.time <= point.uncertaintyLimit else { return nil }
    guard point.takes(newest.time) else { return .uncertain(newest.time) }
    do throws(CodingError) {
      return .found(try codec.unpack(newest.value.span, columns: columns, into: &row))
    } catch {
      throw .corruptRow(at: documentKey, error)
    }
  }
}

extension RowCache.Answer {
  /// Whether the cache wants to have the newest version.
  fileprivate var permits: Bool { if case .unknown(.some) = self { true } else { false } }

  /// Where to look in the store: for the newest version of all, if the cache wants to have it.
  fileprivate func seekTime(_ point: ReadPoint) -> HybridTime { permits ? .max : point.uncertaintyLimit }

  /// Brings the newest version, under the cursor, to the cache that has asked for it.
  /// - Returns: whether the read must not see that one, so that it has to look for another.
  fileprivate func brings(_ cursor: borrowing Cursor, to rows: RowCache.Part, _ point: ReadPoint) -> Bool {
    guard case .unknown(let permit?) = self, cursor.isValid, let time = VersionedKey.time(of: cursor.keySpan),
      let writeID = VersionedKey.writeID(of: cursor.keySpan)
    else { return false }
    rows.keep(NewestVersion(time: time, writeID: writeID, value: cursor.value), by: permit)
    return time > point.uncertaintyLimit
  }
}

/// Goes from document to document: among what is stored, and among the intents.
struct DocumentCursor: ~Copyable {
  /// Nil until it is needed: often the row cache has all.
  fileprivate var versions: Cursor?
  /// Nil where the read looks for none.
  private var intents: Cursor?

  init(intents: consuming Cursor?) {
    versions = nil
    self.intents = intents
  }

  /// The next seek is in the contents as of then.
  fileprivate mutating func renew() { versions = nil }

  fileprivate mutating func seek(
    toVersionOf document: [UInt8], notAfter time: HybridTime, in store: any Store
  ) throws(StorageError) {
    if versions == nil { versions = try store.documentCursor(.regular) }
    try versions!.seek(toVersionOf: document, notAfter: time)
  }

  /// What lies over the versions of a document and is not in memory of the reading transaction.
  mutating func write(of documentKey: [UInt8], over overlay: OverlayView?) throws(StorageError) -> DocumentWrite? {
    guard let overlay else { return nil }
    guard intents != nil, overlay.hasIntents(of: documentKey) else { return overlay.beneath[documentKey] }
    return try overlay.write(of: documentKey, by: &intents!)
  }
}

extension OverlayView {
  fileprivate var hasIntents: Bool { spilled != nil || !committed.isEmpty }

  fileprivate func hasIntents(of documentKey: [UInt8]) -> Bool {
    spilled?.range.contains(documentKey) == true || committed.contains { $0.range.contains(documentKey) }
  }

  /// The transaction's own intent of a document before what others have written.
  fileprivate func write(of documentKey: [UInt8], by cursor: inout Cursor) throws(StorageError) -> DocumentWrite? {
    if let spilled, spilled.range.contains(documentKey), let own = try spilled.write(of: documentKey, by: &cursor) {
      return own
    }
    if let other = beneath[documentKey] { return other }
    for writes in committed where writes.range.contains(documentKey) {
      if let other = try writes.write(of: documentKey, by: &cursor) { return other }
    }
    return nil
  }
}

extension RowReader {
  /// The time of the newest version of a document, tombstones included; nil if it was never written.
  package func newestTime(of documentKey: [UInt8]) throws(DocStoreError) -> HybridTime? {
    do throws(StorageError) {
      if case .known(let newest) = store.rows.look(up: documentKey) { return newest.time }
      let cursor = try store.versions(.regular, of: documentKey)
      guard cursor.isValid else { return nil }
      guard let time = VersionedKey.time(of: cursor.keySpan) else {
        throw .corrupt("a version's key is too short")
      }
      return time
    } catch {
      throw .storage(error)
    }
  }
}

extension RowCodec {
  /// Unpacks a write that is not stored yet; false if it deletes the document.
  func unpack(_ write: DocumentWrite, columns: [Int]?, into row: inout Row) throws(DocStoreError) -> Bool {
    guard let packed = write.packedRow else { return false }
    do throws(CodingError) { try decode(packed.span, columns: columns, into: &row) } catch {
      throw .storage(.corrupt("a row of a transaction cannot be read: \(error)"))
    }
    return true
  }

  /// Unpacks the version under the cursor; false if it is a tombstone.
  func unpack(
    _ cursor: borrowing Cursor, columns: [Int]?, into row: inout Row
  ) throws(StorageError) -> Bool {
    do throws(CodingError) { return try unpack(cursor.valueSpan, columns: columns, into: &row) } catch {
      throw .corruptRow(at: cursor.key, error)
    }
  }

  /// Unpacks a stored version; false if it is a tombstone.
  func unpack(_ value: Span<UInt8>, columns: [Int]?, into row: inout Row) throws(CodingError) -> Bool {
    switch value.isEmpty ? nil : value[0] {
    case VersionTag.tombstone: return false
    case VersionTag.row:
      try decode(value.extracting(1...), columns: columns, into: &row)
      return true
    default: throw .malformed(what: "tag of a version")
    }
  }
}

extension StorageError {
  fileprivate static func corruptRow(at key: [UInt8], _ error: CodingError) -> StorageError {
    .corrupt("the row at key \(key.map { String($0, radix: 16) }.joined(separator: " ")): \(error)")
  }
}
