import Glibc
import Keys
import Storage
import Synchronization
import Testing

/// A reproducible source of random numbers (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A directory that goes away with the test.
final class ScratchDirectory: Sendable {
  let path: String
  private static let count = Atomic(0)

  init() {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    path = "/tmp/apus-storage-tests.\(getpid()).\(number)"
    mkdir(path, 0o755)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in names(in: path) { remove("\(path)/\(name)") }
    Glibc.remove(path)
  }

  static func names(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

/// The two engines under one hand, so that each test runs on both.
enum EngineKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case rocksDB, memory
  var testDescription: String { rawValue }

  func makeEngine() -> any StorageEngine {
    switch self {
    case .rocksDB: RocksDBEngine()
    case .memory: MemoryStorageEngine()
    }
  }
}

/// One store with all that it needs.
final class Bench {
  let scratch = ScratchDirectory()
  let engine: any StorageEngine
  var options = StoreOptions()
  var store: any Store

  init(_ kind: EngineKind, options: StoreOptions = StoreOptions()) throws {
    engine = kind.makeEngine()
    self.options = options
    store = try engine.openStore(at: scratch.path + "/store", options: options)
  }

  deinit { store.close() }

  /// As after `kill -9`: nothing is flushed on the way out.
  func restart() throws {
    if let memory = engine as? MemoryStorageEngine { memory.crash() } else { store.close() }
    store = try engine.openStore(at: scratch.path + "/store", options: options)
  }
}

func frontier(_ index: UInt64, term: UInt64 = 1) -> Frontier {
  Frontier(index: index, term: term, hybridTime: HybridTime(rawValue: index * 10))
}

/// A document key as `Keys` makes them: a table and a terminated text.
func document(_ name: String, table: UInt8 = 7) -> [UInt8] { [0, 0, 64, table] + Array(name.utf8) + [0] }

func version(_ name: String, _ time: UInt64, writeID: UInt32 = 0) -> [UInt8] {
  VersionedKey.encode(document: document(name), time: HybridTime(rawValue: time), writeID: writeID)
}

func row(_ text: String) -> [UInt8] { [VersionTag.row] + Array(text.utf8) }
let tombstone = [VersionTag.tombstone]

/// A key and its value.
struct Pair: Hashable, CustomStringConvertible, CustomTestStringConvertible {
  var key: [UInt8]
  var value: [UInt8]
  var testDescription: String { description }
  var description: String { "\(key)=\(value.prefix(3))" }
}

extension Store {
  func put(_ pairs: [([UInt8], [UInt8])], in family: ColumnFamily = .regular, at index: UInt64) throws {
    var batch = WriteBatch()
    for (key, value) in pairs { batch.put(family, key: key, value: value) }
    try write(batch, frontier: frontier(index))
  }

  func contents(
    _ family: ColumnFamily, from lower: [UInt8] = [], to upper: [UInt8]? = nil, of document: [UInt8]? = nil
  ) throws -> [Pair] {
    var cursor = try cursor(family, lower: lower, upper: upper, pointPrefix: document)
    var pairs: [Pair] = []
    while cursor.isValid {
      pairs.append(Pair(key: cursor.key, value: cursor.value))
      try cursor.next()
    }
    return pairs
  }

  func contentsBackwards(_ family: ColumnFamily, from lower: [UInt8], to upper: [UInt8]?) throws -> [Pair] {
    var cursor = try cursor(family, lower: lower, upper: upper, pointPrefix: nil)
    try cursor.seekToLast()
    var pairs: [Pair] = []
    while cursor.isValid {
      pairs.append(Pair(key: cursor.key, value: cursor.value))
      try cursor.previous()
    }
    return pairs
  }
}

/// Where two listings differ first: a whole one says nothing to a reader.
func firstDifference(_ found: [Pair], _ expected: [Pair]) -> String? {
  for (place, pair) in zip(found, expected).enumerated() where pair.0 != pair.1 {
    return "at \(place): found \(pair.0), expected \(pair.1)"
  }
  if found.count == expected.count { return nil }
  return "found \(found.count) pairs, expected \(expected.count)"
}

/// `#expect` cannot look into a value that is not copyable.
func expectEnd(_ cursor: borrowing Cursor, sourceLocation: SourceLocation = #_sourceLocation) {
  let isValid = cursor.isValid
  #expect(!isValid, "the cursor should have run out", sourceLocation: sourceLocation)
}
