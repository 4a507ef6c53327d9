import Raft

/// One write to the log, as an effect asked for it.
struct Write {
  var entries: [Entry]
  var truncateFrom: LogIndex?
  var hardState: HardState?
}

/// A state machine: how far it has applied, and a digest of all that it applied.
struct Machine: Hashable {
  var position: LogPosition = .zero
  var configuration: Configuration
  var digest = 0

  mutating func apply(_ entry: Entry) {
    precondition(entry.index == position.index.next, "applied \(entry.position) after \(position)")
    position = entry.position
    if case .configuration(let configuration) = entry.payload { self.configuration = configuration }
    digest = digest &* 31 &+ fingerprint(entry)
  }
}

/// The same in every process, unlike `hashValue`.
func fingerprint(_ entry: Entry) -> Int {
  var hash = Int(truncatingIfNeeded: entry.term.raw) &* 1_000_003
  switch entry.payload {
  case .empty: hash ^= 1
  case .command(let bytes): for byte in bytes { hash = hash &* 31 &+ Int(byte) }
  case .configuration(let configuration):
    for list in [configuration.voters, configuration.outgoing, configuration.learners] {
      hash = hash &* 31 &+ 7
      for id in list { hash = hash &* 31 &+ Int(id.raw) }
    }
  }
  return hash
}

/// A disk that forgets: what was written but not synced is lost by a crash, whole or in part.
struct Disk {
  var hardState = HardState()
  /// The state machine as of its last completed flush; the log goes on from there.
  var flushed: Machine
  private(set) var entries: [Entry] = []
  private(set) var base: LogPosition = .zero
  var unsynced: [Write] = []

  init(configuration: Configuration) { flushed = Machine(configuration: configuration) }

  var last: LogPosition { entries.last?.position ?? base }

  func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    guard index > base.index, index <= last.index else { return nil }
    return entries[Int(index.raw - base.index.raw) - 1].term
  }

  /// Whether the entry survives any crash: it is in the synced log, or under the flushed state.
  func holds(_ position: LogPosition) -> Bool {
    position.index <= flushed.position.index || term(at: position.index) == position.term
  }

  mutating func sync(_ write: Write) {
    if let from = write.truncateFrom { truncate(from: from) }
    for entry in write.entries { append(entry) }
    if let written = write.hardState { hardState = written }
  }

  private mutating func truncate(from index: LogIndex) {
    guard index > base.index, index <= last.index else { return }
    entries.removeLast(Int(last.index.raw - index.raw) + 1)
  }

  private mutating func append(_ entry: Entry) {
    guard entry.index > base.index else { return }
    precondition(entry.index == last.index.next, "hole on disk: \(entry.position) after \(last)")
    entries.append(entry)
  }

  mutating func crash(random: inout SeededRandom) {
    let kept = random.int(0...unsynced.count)
    for write in unsynced.prefix(kept) { sync(write) }
    if kept < unsynced.count, random.chance(0.5) {
      // Torn: some records of the write made it.
      var torn = unsynced[kept]
      torn.hardState = nil
      torn.entries = Array(torn.entries.prefix(random.int(0...torn.entries.count)))
      sync(torn)
    }
    unsynced = []
  }

  /// Forgets what the flushed state covers.
  mutating func compact() {
    let index = flushed.position.index
    guard index > base.index else { return }
    if index <= last.index {
      entries.removeFirst(Int(index.raw - base.index.raw))
    } else {
      entries = []
    }
    base = flushed.position
  }

  /// A checkpoint replaces the state, and the log unless it holds the checkpoint's position.
  mutating func install(_ machine: Machine) {
    for write in unsynced { sync(write) }
    unsynced = []
    let fits = term(at: machine.position.index) == machine.position.term
    flushed = machine
    if fits {
      compact()
    } else {
      entries = []
      base = machine.position
    }
  }

  var restored: RestoredState {
    var image = self
    image.compact()
    return RestoredState(
      hardState: hardState, snapshot: image.base, configuration: flushed.configuration, entries: image.entries,
      applied: image.base.index)
  }
}
