import DequeModule
import DocStore
import Keys
import Storage

/// How much of a store a compaction could collect, at most: superseded versions, tombstones, and the rows behind them.
///
/// Whoever applies a write does not know whether it supersedes anything, so each write counts. It counts once history
/// lets go of what it superseded: when the cutoff has passed its time. So a tablet that nobody writes to has no garbage.
struct GarbageMeter {
  private struct Mark {
    var time: HybridTime
    /// Bytes written up to then.
    var written: Int
  }

  /// A tombstone is small, but the row behind it goes with it, and every scan has to step over both.
  private static let tombstoneBytes = 256
  private static let marksMax = 64

  private var written = 0
  /// In the order of time; the first may be at the cutoff, or before it.
  private var marks: Deque<Mark> = []
  private var collected = 0

  mutating func wrote(_ documents: [DocumentWrite]) {
    for document in documents {
      written += document.byteCount + VersionedKey.suffixByteCount + 2
      if document.packedRow == nil { written += Self.tombstoneBytes }
    }
  }

  /// Everything written so far has a time up to this one.
  mutating func mark(at time: HybridTime) {
    marks.append(Mark(time: time, written: written))
    // With every second mark gone, what was written between two marks counts a little later.
    if marks.count > Self.marksMax { marks = Deque(marks.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)) }
  }

  /// Bytes that may be garbage for readers at or after `cutoff`.
  mutating func collectable(at cutoff: HybridTime) -> Int {
    while marks.count > 1, marks[1].time <= cutoff { marks.removeFirst() }
    guard let passed = marks.first, passed.time <= cutoff else { return 0 }
    return max(0, passed.written - collected)
  }

  /// A compaction has begun that collects `bytes`.
  mutating func collecting(_ bytes: Int) { collected += bytes }
}
