/// An ordered map from byte strings to byte strings: a sorted array of sorted chunks. A copy costs one array of
/// references and shares every chunk until one side changes it, which makes snapshots cheap.
struct SortedMap: Sendable {
  struct Entry: Sendable {
    var key: [UInt8]
    var value: [UInt8]
  }

  /// Where an entry stands. `position(…)` gives `end` where there is none.
  struct Position: Hashable, Sendable {
    var chunk: Int
    var offset: Int
  }

  private static let chunkCountMax = 128

  /// No chunk is empty; keys ascend within a chunk and from chunk to chunk.
  private var chunks: [[Entry]] = []
  private(set) var count = 0

  var start: Position { Position(chunk: 0, offset: 0) }
  var end: Position { Position(chunk: chunks.count, offset: 0) }

  subscript(position: Position) -> Entry { chunks[position.chunk][position.offset] }

  subscript(key: [UInt8]) -> [UInt8]? {
    let position = position(atOrAfter: key)
    guard position != end, self[position].key == key else { return nil }
    return self[position].value
  }

  /// The first entry whose key is not before `key`.
  func position(atOrAfter key: [UInt8]) -> Position {
    let chunk = chunks.partitionPoint { chunk in chunk[chunk.count - 1].key.isBefore(key) }
    guard chunk < chunks.count else { return end }
    return Position(chunk: chunk, offset: chunks[chunk].partitionPoint { $0.key.isBefore(key) })
  }

  func position(after position: Position) -> Position {
    position.offset + 1 < chunks[position.chunk].count
      ? Position(chunk: position.chunk, offset: position.offset + 1) : Position(chunk: position.chunk + 1, offset: 0)
  }

  /// The entry before a position; `nil` at the start.
  func position(before position: Position) -> Position? {
    if position.offset > 0 { return Position(chunk: position.chunk, offset: position.offset - 1) }
    guard position.chunk > 0 else { return nil }
    return Position(chunk: position.chunk - 1, offset: chunks[position.chunk - 1].count - 1)
  }

  mutating func set(_ key: [UInt8], to value: [UInt8]) {
    var place = position(atOrAfter: key)
    if place != end, self[place].key == key {
      chunks[place.chunk][place.offset].value = value
      return
    }
    count += 1
    let entry = Entry(key: key, value: value)
    if place == end {
      guard let last = chunks.indices.last else { return chunks.append([entry]) }
      place = Position(chunk: last, offset: chunks[last].count)
    }
    chunks[place.chunk].insert(entry, at: place.offset)
    let size = chunks[place.chunk].count
    if size > Self.chunkCountMax {
      let upperHalf = Array(chunks[place.chunk][(size / 2)...])
      chunks[place.chunk].removeSubrange((size / 2)...)
      chunks.insert(upperHalf, at: place.chunk + 1)
    }
  }

  mutating func remove(_ key: [UInt8]) {
    let place = position(atOrAfter: key)
    guard place != end, self[place].key == key else { return }
    count -= 1
    chunks[place.chunk].remove(at: place.offset)
    if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
  }

  /// Drops the entries that `keeps` refuses; asks for each one, in order.
  mutating func filter(_ keeps: (Entry) -> Bool) {
    chunks = chunks.map { $0.filter(keeps) }.filter { !$0.isEmpty }
    count = chunks.reduce(0) { $0 + $1.count }
  }

  /// Calls `body` for each entry, in order.
  func forEach(_ body: (Entry) -> Void) {
    for chunk in chunks { chunk.forEach(body) }
  }
}

extension Array {
  /// The first index whose element does not satisfy `isLeft`; elements that do come first.
  fileprivate func partitionPoint(_ isLeft: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isLeft(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension [UInt8] {
  func isBefore(_ other: [UInt8]) -> Bool { span.isBefore(other.span) }
}
