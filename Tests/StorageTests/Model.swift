import Keys
import Storage

/// A store too plain to be wrong: two dictionaries.
struct Model: Equatable {
  struct Change {
    var family: ColumnFamily
    var key: [UInt8]
    /// `nil` deletes.
    var value: [UInt8]?
  }

  var contents: [ColumnFamily: [[UInt8]: [UInt8]]] = [.regular: [:], .intents: [:]]

  mutating func apply(_ changes: [Change]) {
    for change in changes { contents[change.family, default: [:]][change.key] = change.value }
  }

  func pairs(
    _ family: ColumnFamily, from lower: [UInt8] = [], to upper: [UInt8]? = nil, of document: [UInt8]? = nil
  ) -> [Pair] {
    (contents[family] ?? [:]).map { Pair(key: $0.key, value: $0.value) }
      .filter { pair in
        if pair.key.lexicographicallyPrecedes(lower) { return false }
        if let upper, !pair.key.lexicographicallyPrecedes(upper) { return false }
        if let document, VersionedKey.split(pair.key)?.document != document { return false }
        return true
      }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }

  /// The rows of all documents as a reader at `time` sees them.
  static func rows(_ pairs: [Pair], at time: UInt64) -> [[UInt8]: [UInt8]] {
    var rows: [[UInt8]: [UInt8]] = [:]
    var newest: [[UInt8]: HybridTime] = [:]
    for pair in pairs {
      guard let (document, written, _) = VersionedKey.split(pair.key), written.rawValue <= time else { continue }
      if let known = newest[document], known >= written { continue }
      newest[document] = written
      rows[document] = pair.value == [VersionTag.tombstone] ? nil : pair.value
    }
    return rows
  }

  /// What a full compaction leaves of `regular`, by definition.
  func collected(cutoff: UInt64, from lower: [UInt8], to upper: [UInt8]?) -> [Pair] {
    let all = pairs(.regular)
    return all.filter { pair in
      guard let (document, written, writeID) = VersionedKey.split(pair.key) else { return true }
      if document.lexicographicallyPrecedes(lower) { return false }
      if let upper, !document.lexicographicallyPrecedes(upper) { return false }
      if written.rawValue > cutoff { return true }
      let isCovered = all.contains { other in
        guard let split = VersionedKey.split(other.key), split.document == document else { return false }
        return (split.time, split.writeID) > (written, writeID) && split.time.rawValue <= cutoff
      }
      return !isCovered && pair.value != [VersionTag.tombstone]
    }
  }
}

/// A stream of batches, each known from the seed and its number alone.
struct Workload {
  var seed: UInt64
  var documents = 12

  func changes(_ index: UInt64) -> [Model.Change] {
    var random = Seeded(seed &* 1_000_003 &+ index)
    return (0..<Int.random(in: 1...5, using: &random)).map { writeID in
      let name = "d\(Int.random(in: 0..<documents, using: &random))"
      let padding = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: .random(in: 0..<200, using: &random))
      if Int.random(in: 0..<3, using: &random) == 0 {
        let key = version(name, UInt64.random(in: 0..<4, using: &random))
        return Model.Change(family: .intents, key: key, value: Bool.random(using: &random) ? nil : row("i") + padding)
      }
      let key = version(name, index, writeID: UInt32(writeID))
      let isDeletion = Int.random(in: 0..<4, using: &random) == 0
      return Model.Change(family: .regular, key: key, value: isDeletion ? tombstone : row("r") + padding)
    }
  }

  func batch(_ index: UInt64) -> WriteBatch {
    var batch = WriteBatch()
    for change in changes(index) {
      if let value = change.value {
        batch.put(change.family, key: change.key, value: value)
      } else {
        batch.delete(change.family, key: change.key)
      }
    }
    return batch
  }

  func model(through index: UInt64) -> Model {
    var model = Model()
    for index in 0..<index { model.apply(changes(index + 1)) }
    return model
  }
}
