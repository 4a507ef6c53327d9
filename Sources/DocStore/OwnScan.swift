import Keys
import Storage

/// A transaction's own writes in a range, in key order: those in memory over those that were spilled.
struct OwnScan: ~Copyable {
  private let kept: ArraySlice<DocumentWrite>
  private var nextKept: Int
  private var spilled: SpilledScan?
  private var spilledAhead: DocumentWrite?
  /// Where it stands; nil at the end.
  private(set) var here: DocumentWrite?

  /// - Parameter overlay: nil outside of transactions.
  init(_ store: any Store, _ range: KeyRange, _ overlay: OverlayView?) throws(StorageError) {
    kept = overlay?.writes(in: range) ?? []
    nextKept = kept.startIndex
    spilled = try Self.scan(store, range, of: overlay?.spilled)
    spilledAhead = try spilled?.next()
    try next()
  }

  private static func scan(
    _ store: any Store, _ range: KeyRange, of writes: SpilledWrites?
  ) throws(StorageError) -> SpilledScan? {
    guard let writes, !writes.range.intersection(range).isEmpty else { return nil }
    return try SpilledScan(store, range, of: writes)
  }

  mutating func next() throws(StorageError) {
    guard nextKept < kept.endIndex else {
      here = spilledAhead
      if here != nil { spilledAhead = try spilled?.next() }
      return
    }
    let write = kept[nextKept]
    if let ahead = spilledAhead, KeyRange.isLess(ahead.documentKey, write.documentKey) {
      here = ahead
      spilledAhead = try spilled?.next()
      return
    }
    if spilledAhead?.documentKey == write.documentKey { spilledAhead = try spilled?.next() }
    here = write
    nextKept += 1
  }
}
