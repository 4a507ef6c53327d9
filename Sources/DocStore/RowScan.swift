import Keys
import Storage
import Values

/// Walks the documents of a key range in order, and stops at the version of each that a read at one time sees.
///
/// Versions of a document lie newest first. Those too new are stepped over, and so are those behind the one that was
/// found; a long chain of them is jumped over by a seek.
struct RowScan: ~Copyable {
  enum Step: Equatable {
    /// The cursor stands on a row.
    case row
    case end
    /// A version in doubt was met at this time; the document is not looked at further.
    case uncertain(HybridTime)
  }

  /// How many versions are stepped over before a seek, which costs about as much as ten steps.
  private static let stepsBeforeSeek = 8

  private var cursor: Cursor
  /// Its time moves with the versions that are taken.
  private(set) var point: ReadPoint
  /// The reading transaction's own writes in the range.
  private var own: OwnScan
  private let hasOwn: Bool
  /// What the store's side stands at while the transaction's own writes come first.
  private var storedAhead: Step?
  /// The own write that the last step stopped at, if it was one.
  private var ownHere: DocumentWrite?
  /// The document that the cursor is in.
  private var storedKey: [UInt8] = []
  private var isInsideDocument = false
  /// Versions looked at, for budgets.
  private(set) var versionCount = 0

  init(
    _ store: any Store, _ range: KeyRange, at point: ReadPoint, overlay: OverlayView? = nil
  ) throws(DocStoreError) {
    let own = try Self.ownWrites(store, range, overlay)
    let cursor = try Self.versions(store, range)
    self.point = point
    self.cursor = cursor
    hasOwn = own.here != nil
    self.own = own
  }

  private static func versions(_ store: any Store, _ range: KeyRange) throws(DocStoreError) -> Cursor {
    do {
      return try store.cursor(.regular, lower: range.lower, upper: range.upper, pointPrefix: nil)
    } catch {
      throw .storage(error)
    }
  }

  private static func ownWrites(
    _ store: any Store, _ range: KeyRange, _ overlay: OverlayView?
  ) throws(DocStoreError) -> OwnScan {
    do { return try OwnScan.begin(store, range, overlay) } catch { throw .storage(error) }
  }

  /// The document of the last step.
  var documentKey: [UInt8] { ownHere?.documentKey ?? storedKey }

  /// Moves to the next document that is there at the read's time, or in doubt. Own writes stand in for what is stored.
  mutating func next() throws(DocStoreError) -> Step {
    if !hasOwn { return try nextStored() }
    ownHere = nil
    while true {
      let stored: Step
      if let storedAhead { stored = storedAhead } else { stored = try nextStored() }
      guard let write = own.here else {
        storedAhead = nil
        return stored
      }
      if stored != .end, KeyRange.isLess(storedKey, write.documentKey) {
        storedAhead = nil
        return stored
      }
      storedAhead = stored != .end && storedKey == write.documentKey ? nil : stored
      do { try own.next() } catch { throw .storage(error) }
      if write.packedRow != nil {
        ownHere = write
        return .row
      }
    }
  }

  private mutating func nextStored() throws(DocStoreError) -> Step {
    do throws(StorageError) {
      while true {
        if isInsideDocument { try leaveDocument() }
        guard cursor.isValid else { return .end }
        try enterDocument()
        if let step = try findVersion() { return step }
      }
    } catch {
      throw .storage(error)
    }
  }

  /// Unpacks the row that `next` stopped at.
  func unpack(_ codec: RowCodec, columns: [Int]?, into row: inout Row) throws(DocStoreError) {
    if let ownHere {
      _ = try codec.unpack(ownHere, columns: columns, into: &row)
      return
    }
    do { _ = try codec.unpack(cursor, columns: columns, into: &row) } catch { throw .storage(error) }
  }

  private mutating func enterDocument() throws(StorageError) {
    // The key's bytes are borrowed from the cursor, so the buffer is filled outside of `self`.
    var document = storedKey
    storedKey = []
    try Self.copyDocument(under: cursor, to: &document)
    storedKey = document
    isInsideDocument = true
  }

  private static func copyDocument(
    under cursor: borrowing Cursor, to document: inout [UInt8]
  ) throws(StorageError) {
    let key = cursor.keySpan
    guard key.count > VersionedKey.suffixByteCount else { throw .corrupt("a version's key is too short") }
    document.removeAll(keepingCapacity: true)
    key.extracting(droppingLast: VersionedKey.suffixByteCount).withUnsafeBufferPointer {
      document.append(contentsOf: $0)
    }
  }

  /// Finds the visible version of the document; nil if it has none.
  private mutating func findVersion() throws(StorageError) -> Step? {
    var steps = 0
    while cursor.isValid, isOnDocument {
      versionCount += 1
      guard let time = VersionedKey.time(of: cursor.keySpan) else { throw .corrupt("a version's key is too short") }
      if point.takes(time) {
        let value = cursor.valueSpan
        guard !value.isEmpty else { throw .corrupt("a version without a tag") }
        return value[0] == VersionTag.tombstone ? nil : .row
      }
      if time <= point.uncertaintyLimit { return .uncertain(time) }
      steps += 1
      if steps <= Self.stepsBeforeSeek {
        try cursor.next()
      } else {
        try cursor.seek(
          to: VersionedKey.encode(document: storedKey, time: point.uncertaintyLimit, writeID: .max))
      }
    }
    isInsideDocument = false
    return nil
  }

  private mutating func leaveDocument() throws(StorageError) {
    isInsideDocument = false
    var steps = 0
    while cursor.isValid, isOnDocument {
      steps += 1
      versionCount += 1
      if steps <= Self.stepsBeforeSeek {
        try cursor.next()
      } else if let behind = KeyRange.successor(ofPrefix: storedKey) {
        try cursor.seek(to: behind)
      } else {
        return try runOut()
      }
    }
  }

  /// Goes behind the last key: nothing follows a document key of 0xFF alone.
  private mutating func runOut() throws(StorageError) {
    while cursor.isValid { try cursor.next() }
  }

  private var isOnDocument: Bool {
    let key = cursor.keySpan
    guard key.count == storedKey.count + VersionedKey.suffixByteCount else { return false }
    // From the end: neighbouring keys differ there.
    var index = storedKey.count - 1
    while index >= 0 {
      if key[index] != storedKey[index] { return false }
      index -= 1
    }
    return true
  }
}
