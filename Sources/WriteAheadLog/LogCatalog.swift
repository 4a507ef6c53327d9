import DequeModule

/// What the log holds and where: a pure state machine over records, the same for recovery and for the running log.
struct LogCatalog: Sendable {
  /// Entries with ascending indexes that lie in one record.
  struct Run: Hashable, Sendable {
    var firstIndex: UInt64
    var count: UInt64
    var segment: UInt64
    var offset: Int
    var byteCount: Int
    var crc: UInt32

    var lastIndex: UInt64 { firstIndex + count - 1 }
  }

  struct Group: Sendable {
    var hardState: [UInt8]?
    var snapshot: SnapshotMark?
    /// 0 for an empty log.
    var lastIndex: UInt64 = 0
    var isDamaged = false
    /// By index, without gaps.
    var runs: Deque<Run> = []
    /// Entries up to here are in a completed flush (or a snapshot) and pin nothing.
    var released: UInt64 = 0

    /// The first entry that can be read, if there is one.
    var firstIndex: UInt64? { runs.first.map { max($0.firstIndex, (snapshot?.index ?? 0) + 1) } }
  }

  struct Segment: Sendable {
    var number: UInt64
    var byteCount: Int
    /// The last index of each group that has entries here.
    var lastIndexes: [UInt64: UInt64] = [:]
  }

  private(set) var groups: [UInt64: Group] = [:]
  /// Oldest first; the last one is being written.
  private(set) var segments: Deque<Segment> = []
  /// While the log is read back: unreadable records were passed since the last full restatement, so that a group not
  /// seen before may have lost some too.
  private(set) var mayMissGroups = false

  // MARK: Records

  mutating func addSegment(_ number: UInt64, byteCount: Int) {
    segments.append(Segment(number: number, byteCount: byteCount))
  }

  /// Of the last segment.
  mutating func setByteCount(_ byteCount: Int) {
    if !segments.isEmpty { segments[segments.count - 1].byteCount = byteCount }
  }

  /// Why one of these records cannot follow what its group has by then; `nil` if all can.
  func objection(to records: [LogRecord]) -> String? {
    var tails: [UInt64: (last: UInt64, snapshot: UInt64)] = [:]
    for record in records {
      let number = record.group
      var tail = tails[number] ?? (groups[number]?.lastIndex ?? 0, groups[number]?.snapshot?.index ?? 0)
      switch record {
      case .entries(_, let entries):
        guard let first = entries.first else { return "group \(number): no entries" }
        if first.index == 0 || first.index > tail.last + 1 {
          return "group \(number): entry \(first.index) cannot follow entry \(tail.last)"
        }
        for (offset, entry) in entries.enumerated() where entry.index != first.index + UInt64(offset) {
          return "group \(number): entry \(entry.index) at place \(offset) behind entry \(first.index)"
        }
        tail.last = first.index + UInt64(entries.count - 1)
      case .truncate(_, let index):
        if index == 0 { return "group \(number): there is no entry 0 to truncate" }
        tail.last = min(tail.last, max(index - 1, tail.snapshot))
      case .snapshot(_, let mark):
        tail = (max(tail.last, mark.index), mark.index)
      case .groupRemoved:
        tail = (0, 0)
      case .hardState:
        break
      }
      tails[number] = tail
    }
    return nil
  }

  /// Takes a record that lies at `item` in the last segment.
  mutating func apply(_ record: LogRecord, at item: Frame.Item) {
    let number = record.group
    if case .groupRemoved = record {
      groups[number] = nil
      for index in segments.indices { segments[index].lastIndexes[number] = nil }
      return
    }
    var group = groups.removeValue(forKey: number) ?? Group(isDamaged: mayMissGroups)
    switch record {
    case .entries(_, let entries):
      truncate(&group, number, from: entries[0].index)
      let segment = segments[segments.count - 1].number
      group.runs.append(
        Run(
          firstIndex: entries[0].index, count: UInt64(entries.count), segment: segment, offset: item.offset,
          byteCount: item.byteCount, crc: item.crc))
      group.lastIndex = entries[entries.count - 1].index
      segments[segments.count - 1].lastIndexes[number] = group.lastIndex
    case .truncate(_, let index):
      truncate(&group, number, from: index)
    case .hardState(_, let state):
      group.hardState = state
    case .snapshot(_, let mark):
      group.snapshot = mark
      group.lastIndex = max(group.lastIndex, mark.index)
      group.released = max(group.released, mark.index)
      while let run = group.runs.first, run.lastIndex <= mark.index { group.runs.removeFirst() }
    case .groupRemoved:
      break
    }
    groups[number] = group
  }

  private mutating func truncate(_ group: inout Group, _ number: UInt64, from index: UInt64) {
    guard index <= group.lastIndex else { return }
    while let run = group.runs.last, run.lastIndex >= index {
      group.runs.removeLast()
      if run.firstIndex < index {
        var rest = run
        rest.count = index - run.firstIndex
        group.runs.append(rest)
      }
    }
    group.lastIndex = max(index - 1, group.snapshot?.index ?? 0)
    for position in segments.indices {
      if let last = segments[position].lastIndexes[number], last >= index {
        segments[position].lastIndexes[number] = index - 1
      }
    }
  }

  // MARK: What the start of a segment says

  /// Everything but the entries, of every group, in the order of their numbers.
  var restatements: [(group: UInt64, statement: Restatement)] {
    groups.keys.sorted().map { number in
      let group = groups[number] ?? Group()
      return (
        number,
        Restatement(
          hardState: group.hardState, snapshot: group.snapshot, lastIndex: group.lastIndex,
          isDamaged: group.isDamaged)
      )
    }
  }

  /// Takes what the start of a segment says about a group. What was read before should say the same.
  /// - Returns: whether it does.
  @discardableResult
  mutating func apply(_ statement: Restatement, group number: UInt64) -> Bool {
    let isNew = groups[number] == nil
    var group = groups[number] ?? Group(isDamaged: mayMissGroups)
    let agrees =
      isNew || group.isDamaged
      || (group.hardState == statement.hardState && group.snapshot == statement.snapshot
        && group.lastIndex == statement.lastIndex)
    if !agrees || statement.isDamaged { group.isDamaged = true }
    if group.lastIndex != statement.lastIndex { group.runs.removeAll() }
    group.hardState = statement.hardState
    group.snapshot = statement.snapshot
    group.lastIndex = statement.lastIndex
    groups[number] = group
    return agrees
  }

  /// The start of a segment has been read in full: a group that it does not name does not exist.
  mutating func restatementEnded() {
    mayMissGroups = false
  }

  // MARK: Damage, while the log is read back

  /// Records were lost, nobody knows of which groups.
  mutating func damageAll() {
    for number in groups.keys { groups[number]?.isDamaged = true }
    mayMissGroups = true
  }

  mutating func damage(_ number: UInt64) {
    groups[number, default: Group()].isDamaged = true
  }

  /// Stands for all groups whose every record may have been lost. It is restated like any other group, so that what was
  /// noticed at one start is still known at the next.
  static let unnamedGroups = UInt64.max

  /// Drops the entries of a damaged group, so that later ones can be taken although there is a gap.
  mutating func startAgain(_ number: UInt64) {
    groups[number]?.runs.removeAll()
  }

  // MARK: Which segments are still needed

  mutating func release(_ number: UInt64, through index: UInt64) {
    guard let released = groups[number]?.released, index > released else { return }
    groups[number]?.released = index
  }

  /// The groups with entries in a segment that are not released yet, in the order of their numbers.
  func pinning(_ segment: Segment) -> [UInt64] {
    segment.lastIndexes.filter { number, last in last > (groups[number]?.released ?? 0) }.keys.sorted()
  }

  /// Forgets the oldest segment, unless it is pinned or the one being written.
  /// - Returns: its number.
  mutating func dropOldestSegment() -> UInt64? {
    guard segments.count > 1, pinning(segments[0]).isEmpty else { return nil }
    let segment = segments.removeFirst()
    for number in segment.lastIndexes.keys {
      while let run = groups[number]?.runs.first, run.segment == segment.number {
        groups[number]?.runs.removeFirst()
      }
    }
    return segment.number
  }

  /// The run that holds an entry.
  func run(of number: UInt64, holding index: UInt64) -> Run? {
    guard let group = groups[number], let first = group.firstIndex, index >= first else { return nil }
    var low = 0
    var high = group.runs.count
    while low < high {
      let middle = (low + high) / 2
      if group.runs[middle].lastIndex < index { low = middle + 1 } else { high = middle }
    }
    return low < group.runs.count ? group.runs[low] : nil
  }
}
