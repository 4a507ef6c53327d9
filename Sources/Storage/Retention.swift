import Glibc
import Keys

/// What a compaction may drop, as set by the tablet. A compaction works with the values of its start: both only ever
/// grow stricter, so an old value keeps too much, never too little.
struct Retention: Sendable {
  /// Readers ask for this time or a later one; an earlier read is refused above this module.
  var cutoff = HybridTime.zero
  /// Document keys outside `[lower, upper)` belong to another tablet since a split.
  var lower: [UInt8] = []
  var upper: [UInt8]?
}

/// The rule of history collection, stepped over the keys of one family in ascending order: for each one, whether it stays.
///
/// Among the versions of a document at or below the cutoff only the newest can be read by anyone, so the first such one
/// *covers* those behind it. That the covering version is in the same pass makes this safe in any compaction, also of
/// some files only: the pass that drops a version writes the one that covers it.
///
/// A covering tombstone reads the same as nothing at all, but only if there is nothing older anywhere else. A partial
/// compaction cannot know that, so tombstones go only in a pass over all files (`isFull`). Versions still in the
/// memtable are no danger: files are flushed in the order of writing, and what is written after a version of a document
/// is newer than it.
struct RetentionPass {
  private let retention: Retention
  private let isFull: Bool
  /// The document of the last version at or below the cutoff; the versions that follow for it are covered.
  private var coveredDocument: [UInt8] = []
  private var hasCovered = false

  init(_ retention: Retention, isFull: Bool) {
    self.retention = retention
    self.isFull = isFull
    coveredDocument.reserveCapacity(128)
  }

  /// - Parameter tag: the first byte of the value, if it has one.
  mutating func keeps(_ family: ColumnFamily, key: Span<UInt8>, tag: UInt8?) -> Bool {
    if VersionedKey.isReserved(key) { return true }
    let document = key.extracting(droppingLast: VersionedKey.suffixByteCount)
    if document.isBefore(retention.lower.span) { return false }
    if let upper = retention.upper, !document.isBefore(upper.span) { return false }

    // An intent is history only once its transaction is decided, and whoever decides it deletes it.
    guard family == .regular, let time = VersionedKey.time(of: key), time <= retention.cutoff else { return true }
    if hasCovered && document.isEqual(to: coveredDocument.span) { return false }
    hasCovered = true
    coveredDocument.removeAll(keepingCapacity: true)
    for index in document.indices { coveredDocument.append(document[index]) }
    return !(isFull && tag == VersionTag.tombstone)
  }
}

extension Span<UInt8> {
  /// Whether these bytes sort before the others, as `memcmp` sorts.
  func isBefore(_ other: Span<UInt8>) -> Bool {
    let order = unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        // `memcmp` must not get the null pointer of an empty span, not even for no bytes.
        guard let mine = mine.baseAddress, let theirs = theirs.baseAddress else { return CInt(0) }
        return unsafe memcmp(mine, theirs, Swift.min(count, other.count))
      }
    }
    return order == 0 ? count < other.count : order < 0
  }

  func isEqual(to other: Span<UInt8>) -> Bool {
    count == other.count && !isBefore(other) && !other.isBefore(self)
  }
}
