/// A cursor's position in a snapshot of a `MemoryStore`.
final class MemoryIterator {
  private let store: MemoryStore
  private let contents: SortedMap
  private let range: KeyRange
  private(set) var isValid = false
  private var position: SortedMap.Position
  private var entry = SortedMap.Entry(key: [], value: [])

  init(store: MemoryStore, contents: SortedMap, range: KeyRange) {
    self.store = store
    self.contents = contents
    self.range = range
    position = contents.position(atOrAfter: range.lower)
    _ = land()
  }

  // The spans below stay good while `entry` does. It changes only in a move, and `Cursor` hands its spans out as
  // borrowed from itself, so none of them lives across a move.

  var key: Span<UInt8> {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(entry.key.span.extracting(1...), borrowing: self) }
  }
  var value: Span<UInt8> {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(entry.value.span, borrowing: self) }
  }

  func seek(to key: [UInt8]) throws(StorageError) -> Bool {
    try requireOpen()
    position = contents.position(atOrAfter: range.target(for: key))
    return land()
  }

  func seek(before key: [UInt8]) throws(StorageError) -> Bool {
    try requireOpen()
    let target = range.family.stored(key)
    return stepBack(from: contents.position(atOrAfter: target.isBefore(range.upper) ? target : range.upper))
  }

  func seekToLast() throws(StorageError) -> Bool {
    try requireOpen()
    return stepBack(from: contents.position(atOrAfter: range.upper))
  }

  func next() throws(StorageError) -> Bool {
    try requireOpen()
    position = contents.position(after: position)
    return land()
  }

  func previous() throws(StorageError) -> Bool {
    try requireOpen()
    return stepBack(from: position)
  }

  private func stepBack(from place: SortedMap.Position) -> Bool {
    position = contents.position(before: place) ?? contents.end
    return land()
  }

  /// Takes the entry at `position`, if there is one within the range.
  private func land() -> Bool {
    isValid = false
    guard position != contents.end else { return false }
    entry = contents[position]
    isValid = !entry.key.isBefore(range.lower) && entry.key.isBefore(range.upper)
    return isValid
  }

  private func requireOpen() throws(StorageError) {
    if store.isClosed { throw .closed }
  }
}
