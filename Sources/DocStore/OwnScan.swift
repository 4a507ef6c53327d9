import Keys
import Storage

/// What lies over the stored versions of a range, in key order: the reading transaction's own writes, those in memory over
/// those that were spilled, and what others have committed and is still in the intents.
///
/// It is made before the cursor on the versions: what is resolved in between is met twice then, never missed.
struct OwnScan: ~Copyable {
  private let kept: ArraySlice<DocumentWrite>
  private var nextKept: Int
  /// The transaction's own intents first.
  private let intents: [IntentSource]
  /// Where it stands; nil at the end.
  private(set) var here: DocumentWrite?

  /// - Parameter overlay: nil where there is nothing but what is stored.
  static func begin(
    _ store: any Store, _ range: KeyRange, _ overlay: OverlayView?
  ) throws(StorageError) -> OwnScan {
    var scan = OwnScan(kept: overlay?.writes(in: range) ?? [], intents: try sources(store, range, of: overlay))
    try scan.next()
    return scan
  }

  private init(kept: ArraySlice<DocumentWrite>, intents: [IntentSource]) {
    self.kept = kept
    self.intents = intents
    nextKept = kept.startIndex
  }

  private static func sources(
    _ store: any Store, _ range: KeyRange, of overlay: OverlayView?
  ) throws(StorageError) -> [IntentSource] {
    guard let overlay else { return [] }
    var sources: [IntentSource] = []
    for writes in (overlay.spilled.map { [$0] } ?? []) + overlay.committed
    where !writes.range.intersection(range).isEmpty {
      sources.append(try IntentSource(store, range, of: writes))
    }
    return sources
  }

  mutating func next() throws(StorageError) {
    here = nextKept < kept.endIndex ? kept[nextKept] : nil
    for source in intents {
      guard let ahead = source.ahead else { continue }
      if let least = here, !KeyRange.isLess(ahead.documentKey, least.documentKey) { continue }
      here = ahead
    }
    guard let key = here?.documentKey else { return }
    if nextKept < kept.endIndex, kept[nextKept].documentKey == key { nextKept += 1 }
    for source in intents where source.ahead?.documentKey == key { try source.next() }
  }
}

/// A scan of one transaction's intents, one step ahead. A class, as arrays hold nothing that cannot be copied.
private final class IntentSource {
  private var scan: SpilledScan
  private(set) var ahead: DocumentWrite?

  init(_ store: any Store, _ range: KeyRange, of writes: SpilledWrites) throws(StorageError) {
    var scan = try SpilledScan(store, range, of: writes)
    ahead = try scan.next()
    self.scan = scan
  }

  func next() throws(StorageError) { ahead = try scan.next() }
}
