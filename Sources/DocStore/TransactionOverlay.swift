import DequeModule
import Keys

/// What one transaction has written to one tablet, not committed, and not spilled into the store: each document in its
/// last state, with the way back to every statement before.
///
/// It lives in the memory of the tablet's leader. Reads of the transaction see it over the stored rows (`OverlayView`).
/// Of a large transaction the oldest writes leave for the store (`beginLeaving`), and stay here until they are there.
package struct TransactionOverlay: Sendable {
  fileprivate struct Entry: Sendable {
    /// The statement that wrote.
    var statement: UInt32
    var write: DocumentWrite
    /// The number of the entry that wrote the document before. It may have left since.
    var previous: Int?
  }

  /// Bytes of memory that an entry takes beside its key and row, roughly: two places here, and a lock.
  private static let entryBytes = 160

  /// By document: the number of the entry that wrote it last.
  private var latest: [[UInt8]: Int] = [:]
  /// Every write, in order. The first has the number `firstNumber`.
  private var entries: Deque<Entry> = []
  private var firstNumber = 0
  /// All keys that were written since it was empty are between these two.
  private var bounds: (first: [UInt8], last: [UInt8])?
  /// How many of the first entries are on their way to the store.
  private var leavingCount = 0
  /// The statement of the last one that has left and counts.
  private var leftThrough: UInt32 = 0
  /// In key order; nil when something has changed since it was made.
  private var sorted: [DocumentWrite]?
  /// Bytes of keys and rows, each document in its last state.
  package private(set) var byteCount = 0
  /// Bytes of memory, roughly, with those of all states before.
  package private(set) var memoryEstimate = 0

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var count: Int { latest.count }

  /// Those of the keys that it writes.
  package func keys(among keys: Set<[UInt8]>) -> Set<[UInt8]> { keys.filter { latest[$0] != nil } }

  /// Adds what a call wrote. Calls of one SQL statement may overtake each other: they are undone together.
  package mutating func put(_ writes: [DocumentWrite], statement: UInt32) {
    let statement = max(statement, entries.last?.statement ?? leftThrough)
    if writes.isEmpty { return }
    sorted = nil
    if entries.isEmpty { bounds = nil }
    for write in writes {
      widenBounds(to: write.documentKey)
      let previous = latest.updateValue(firstNumber + entries.count, forKey: write.documentKey)
      byteCount += write.byteCount - (previous.map { entries[$0 - firstNumber].write.byteCount } ?? 0)
      memoryEstimate += write.byteCount + Self.entryBytes
      entries.append(Entry(statement: statement, write: write, previous: previous))
    }
  }

  private mutating func widenBounds(to key: [UInt8]) {
    guard let (first, last) = bounds else {
      bounds = (key, key)
      return
    }
    if KeyRange.isLess(key, first) { bounds?.first = key }
    if KeyRange.isLess(last, key) { bounds?.last = key }
  }

  /// Takes back what statements after `statement` wrote, as far as it is still here.
  package mutating func rollBack(to statement: UInt32) {
    leftThrough = min(leftThrough, statement)
    while let last = entries.last, last.statement > statement {
      entries.removeLast()
      sorted = nil
      byteCount -= last.write.byteCount
      memoryEstimate -= last.write.byteCount + Self.entryBytes
      if let previous = last.previous, previous >= firstNumber {
        latest[last.write.documentKey] = previous
        byteCount += entries[previous - firstNumber].write.byteCount
      } else {
        latest[last.write.documentKey] = nil
      }
    }
    leavingCount = min(leavingCount, entries.count)
  }

  // MARK: Leaving for the store

  /// The oldest writes, up to about `bytesMax` of keys and rows, to be brought to the store. Reads see them here until
  /// `finishLeaving`.
  package mutating func beginLeaving(bytesMax: Int) -> [(statement: UInt32, write: DocumentWrite)] {
    precondition(leavingCount == 0, "\(leavingCount) writes are on their way already")
    var bytes = 0
    while leavingCount < entries.count {
      bytes += entries[leavingCount].write.byteCount
      if leavingCount > 0, bytes > bytesMax { break }
      leavingCount += 1
    }
    return entries[..<leavingCount].map { ($0.statement, $0.write) }
  }

  /// They are in the store. What was taken back meanwhile is not here any more.
  package mutating func finishLeaving() {
    if leavingCount == 0 { return }
    sorted = nil
    for (index, entry) in entries[..<leavingCount].enumerated() {
      memoryEstimate -= entry.write.byteCount + Self.entryBytes
      guard latest[entry.write.documentKey] == firstNumber + index else { continue }
      latest[entry.write.documentKey] = nil
      byteCount -= entry.write.byteCount
    }
    leftThrough = entries[leavingCount - 1].statement
    entries.removeFirst(leavingCount)
    firstNumber += leavingCount
    leavingCount = 0
  }

  /// They did not get there.
  package mutating func cancelLeaving() { leavingCount = 0 }

  // MARK: Looking

  /// All documents in key order: what a commit applies.
  package mutating func writes() -> [DocumentWrite] {
    if let sorted { return sorted }
    let made = inOrder(Array(latest.values))
    sorted = made
    return made
  }

  /// Those in some ranges, in key order. A large statement asks again and again for the part that it has not come to yet,
  /// where there is hardly anything.
  private mutating func writes(in ranges: [KeyRange]) -> [DocumentWrite] {
    if let sorted { return sorted }
    guard let bounds,
      ranges.contains(where: { !KeyRange.isLess(bounds.last, $0.lower) && KeyRange.isLess(bounds.first, $0.upper) })
    else { return [] }
    var numbers: [Int] = []
    for (key, number) in latest where ranges.contains(where: { $0.contains(key) }) { numbers.append(number) }
    return numbers.count == latest.count ? writes() : inOrder(numbers)
  }

  private func inOrder(_ numbers: [Int]) -> [DocumentWrite] {
    numbers.sorted {
      KeyRange.isLess(entries[$0 - firstNumber].write.documentKey, entries[$1 - firstNumber].write.documentKey)
    }.map { entries[$0 - firstNumber].write }
  }

  /// Takes over the order that a copy has, if nothing has changed since it was made.
  package mutating func adoptOrder(of copy: TransactionOverlay) {
    let isSame =
      copy.firstNumber == firstNumber && copy.entries.count == entries.count && copy.latest.count == latest.count
    if sorted == nil, isSame { sorted = copy.sorted }
  }

  /// What reads of the transaction see now.
  /// - Parameters:
  ///   - ranges: what will be scanned, and nothing else looked up; or none, if documents will be looked up by their keys.
  ///   - spilled: what has left for the store.
  package mutating func view(of ranges: [KeyRange], spilled: SpilledWrites? = nil) -> OverlayView {
    // A scan takes a while on another thread; what it need not have is not copied when the transaction goes on meanwhile.
    if !ranges.isEmpty { return OverlayView(sorted: writes(in: ranges), spilled: spilled) }
    return OverlayView(latest: latest, entries: entries, firstNumber: firstNumber, spilled: spilled)
  }
}

/// What lies over the stored rows for one read: a transaction's own writes at one moment, and what others have committed
/// and is stored elsewhere.
package struct OverlayView: Sendable {
  /// As the overlay has them; empty in one for scans.
  fileprivate var latest: [[UInt8]: Int] = [:]
  fileprivate var entries: Deque<TransactionOverlay.Entry> = []
  fileprivate var firstNumber = 0
  /// In key order; of one for scans.
  fileprivate var sorted: [DocumentWrite] = []
  /// Those that are in the store; what is here is newer.
  var spilled: SpilledWrites?
  /// What others have committed, at or before the read's time, and is not resolved yet. None of it has newer versions.
  private(set) var committed: [SpilledWrites] = []
  /// What others have written and is not stored yet. Seen by key only, where the transaction has written nothing itself.
  private(set) var beneath: [[UInt8]: DocumentWrite] = [:]

  /// Nothing of its own.
  package init() {}

  fileprivate init(
    latest: [[UInt8]: Int] = [:], entries: Deque<TransactionOverlay.Entry> = [], firstNumber: Int = 0,
    sorted: [DocumentWrite] = [], spilled: SpilledWrites?
  ) {
    self.latest = latest
    self.entries = entries
    self.firstNumber = firstNumber
    self.sorted = sorted
    self.spilled = spilled
  }

  /// The same over writes of others that are not stored yet: evaluations under a lock see them by key.
  package func over(_ others: [[UInt8]: DocumentWrite]) -> OverlayView {
    var view = self
    view.beneath = others
    return view
  }

  /// The same over what others have committed and is still in the store's intents.
  package func over(committed: [SpilledWrites]) -> OverlayView {
    var view = self
    view.committed = committed
    return view
  }

  subscript(documentKey: [UInt8]) -> DocumentWrite? {
    if let number = latest[documentKey] { return entries[number - firstNumber].write }
    let index = firstIndex(notBefore: documentKey)
    return index < sorted.count && sorted[index].documentKey == documentKey ? sorted[index] : nil
  }

  /// Those in a range, in key order; one of those that the view was made for, or a part of one.
  func writes(in range: KeyRange) -> ArraySlice<DocumentWrite> {
    let start = firstIndex(notBefore: range.lower)
    return sorted[start..<max(start, firstIndex(notBefore: range.upper))]
  }

  private func firstIndex(notBefore key: [UInt8]) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if KeyRange.isLess(sorted[middle].documentKey, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
