import Keys
import Storage

/// What may be gone from a store: of each document, the versions behind the newest one that is not after the cutoff, and
/// that one too if it is a tombstone. The definition that compactions are held against.
struct CollectableHistory {
  private var keys: Set<[UInt8]> = []

  init(of versions: [(key: [UInt8], value: [UInt8])], cutoff: HybridTime) {
    var old: [[UInt8]: [(key: [UInt8], value: [UInt8])]] = [:]
    for version in versions {
      guard let (document, time, _) = VersionedKey.split(version.key), time <= cutoff else { continue }
      old[document, default: []].append(version)
    }
    for versions in old.values {
      // The newest of a document has the least key.
      guard let newest = versions.min(by: { $0.key.lexicographicallyPrecedes($1.key) }) else { continue }
      for version in versions where version.key != newest.key || newest.value.first == VersionTag.tombstone {
        keys.insert(version.key)
      }
    }
  }

  func contains(_ key: [UInt8]) -> Bool { keys.contains(key) }
}
