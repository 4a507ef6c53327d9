import DequeModule

/// The part of the log that is not compacted, in memory, and how much of it is on disk.
///
/// **Durability.** Writes are made in order, and a report names only the last position that is durable. That is
/// ambiguous after a truncation: entry (5, term 2) may be written, replaced by (5, term 3), and put back by the leader
/// of term 4; a late report of the first write must not count for the third, which a crash could still lose (the
/// append ABA race). So every cut is remembered with the term in which it was made, until a report of a matching
/// position arrives *after* that term itself was reported durable. Within one term a follower takes entries from one
/// leader only, so an index changes at most once in a term, and in-order reports after it can only mean the new entry.
struct Log: Hashable, Sendable {
  /// The position that the first entry follows; it and all before it are compacted.
  private(set) var base: LogPosition
  private var entries: Deque<Entry>
  /// Every entry up to here is on disk as it is in memory.
  private(set) var persisted: LogIndex
  private var cuts: [Cut] = []

  private struct Cut: Hashable, Sendable {
    var from: LogIndex
    var term: Term
  }

  /// A log as it was found on disk.
  init(base: LogPosition, entries: [Entry]) {
    self.base = base
    self.entries = []
    persisted = base.index
    for entry in entries { append(entry) }
    persisted = last.index
  }

  var last: LogPosition { entries.last?.position ?? base }
  var first: LogIndex { base.index.next }

  private func offset(of index: LogIndex) -> Int { Int(index.raw - base.index.raw) - 1 }

  func contains(_ index: LogIndex) -> Bool { index > base.index && index <= last.index }

  /// The term at `index`; `nil` where it is compacted or not there yet.
  func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    return contains(index) ? entries[offset(of: index)].term : nil
  }

  func matches(_ position: LogPosition) -> Bool { term(at: position.index) == position.term }

  subscript(index: LogIndex) -> Entry { entries[offset(of: index)] }

  mutating func append(_ entry: Entry) {
    precondition(entry.index == last.index.next, "entry \(entry.position) cannot follow \(last)")
    precondition(entry.term >= last.term, "term of entry \(entry.position) falls behind \(last)")
    entries.append(entry)
  }

  /// Removes `index` and all behind it, as a replica that is in `term`.
  mutating func truncate(from index: LogIndex, in term: Term) {
    precondition(contains(index), "cannot truncate from \(index) a log of \(base) to \(last)")
    entries.removeLast(Int(last.index.raw - index.raw) + 1)
    persisted = min(persisted, index.previous)
    cuts.append(Cut(from: index, term: term))
  }

  /// Forgets entries up to `index`, which the state machine's durable base covers.
  mutating func compact(through index: LogIndex) {
    guard contains(index) else { return }
    let position = self[index].position
    entries.removeFirst(Int(index.raw - base.index.raw))
    base = position
  }

  /// A checkpoint at `index`, which this log holds, is durable: so is, by it, all up to there.
  mutating func cover(through index: LogIndex) {
    compact(through: index)
    persisted = max(persisted, index)
  }

  /// A checkpoint at `position` replaced the log and is durable, as a replica that is in `term`.
  /// - Returns: whether entries behind the position were dropped.
  mutating func restart(at position: LogPosition, in term: Term) -> Bool {
    let dropped = last.index > position.index
    entries.removeAll()
    base = position
    persisted = position.index
    cuts.append(Cut(from: position.index.next, term: term))
    return dropped
  }

  /// Everything written up to `position` is on disk, where the hard state is that of `durableTerm`.
  mutating func reported(through position: LogPosition, durableTerm: Term) {
    let isSettled = matches(position) && cuts.allSatisfy { $0.from > position.index || $0.term <= durableTerm }
    if isSettled {
      cuts.removeAll { $0.from <= position.index }
      persisted = max(persisted, position.index)
    } else if let cut = cuts.map(\.from).min() {
      // Written before the cut: what stands below the cut is the same on disk and here.
      persisted = max(persisted, min(position.index, cut.previous, last.index))
    }
  }

  /// Entries from `start` on, within `end` and about `maxBytes`, but at least one if there is one. Payloads are shared,
  /// not copied.
  func slice(from start: LogIndex, through end: LogIndex, maxBytes: Int) -> [Entry] {
    let start = max(start, first)
    let end = min(end, last.index)
    guard start <= end else { return [] }
    var result: [Entry] = []
    var bytes = 0
    for position in offset(of: start)...offset(of: end) {
      bytes += entries[position].size
      if bytes > maxBytes && !result.isEmpty { break }
      result.append(entries[position])
    }
    return result
  }

  /// The greatest index at or before `index` whose term is at most `term`: where two logs could agree at best.
  func lastIndex(atOrBefore index: LogIndex, withTermAtMost term: Term) -> LogPosition {
    var index = min(index, last.index)
    while index > base.index, self[index].term > term { index = index.previous }
    return index > base.index ? self[index].position : base
  }
}
