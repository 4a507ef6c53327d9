import Keys
import Storage
import Synchronization
import Testing

@Suite("The row cache")
struct RowCacheTests {
  /// What the threads of a test have told each other.
  private final class Board: Sendable {
    let announced = Atomic<UInt64>(0)
    let isOver = Atomic(false)
    let hits = Atomic<UInt64>(0)
  }

  /// The newest version of a document, by a cursor.
  private static func newest(_ document: [UInt8], in store: any Store) throws -> NewestVersion? {
    let cursor = try store.versions(.regular, of: document)
    guard cursor.isValid, let (_, time, writeID) = VersionedKey.split(cursor.key) else { return nil }
    return NewestVersion(time: time, writeID: writeID, value: cursor.value)
  }

  /// A permit for a document that is in no cache: the second question for it gets one.
  private func permit(for document: [UInt8], in store: any Store) throws -> RowCache.Permit {
    for _ in 0..<2 {
      if case .unknown(let permit?) = store.rows.look(up: document) { return permit }
    }
    throw StorageError.failed("no permit")
  }

  @Test("What is known is the newest version, whatever is written while somebody looks", arguments: EngineKind.allCases)
  func newestAlways(kind: EngineKind) throws {
    for seed in UInt64(1)...8 {
      var random = Seeded(seed)
      let bench = try Bench(kind)
      let names = (0..<12).map { "d\($0)" }
      var looking: [(permit: RowCache.Permit, version: NewestVersion)] = []
      var (time, index, hits) = (UInt64(100), UInt64(0), 0)
      for _ in 0..<3_000 {
        let name = names.randomElement(using: &random)!
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
          var changes: [([UInt8], [UInt8])] = []
          time += 1
          for writeID in 0..<UInt32.random(in: 1...3, using: &random) {
            // Now and then one that is older than what is there, as where an index is filled.
            let at = Int.random(in: 0..<8, using: &random) == 0 ? UInt64.random(in: 1...time, using: &random) : time
            let name = Bool.random(using: &random) ? name : names.randomElement(using: &random)!
            let value = Int.random(in: 0..<5, using: &random) == 0 ? tombstone : row("\(time) \(writeID)")
            changes.append((version(name, at, writeID: writeID), value))
          }
          index += 1
          try bench.store.put(changes, at: index)
        case 2 where Int.random(in: 0..<40, using: &random) == 0:
          try bench.store.flush()
          try bench.store.compact()
        case 2 where Int.random(in: 0..<40, using: &random) == 0:
          // What comes back is older than what was known.
          try bench.restart()
          index = bench.store.appliedFrontier?.index ?? 0
        case 3 where !looking.isEmpty:
          let (permit, version) = looking.remove(at: .random(in: looking.indices, using: &random))
          bench.store.rows.keep(version, by: permit)
        default:
          let document = document(name)
          switch bench.store.rows.look(up: document) {
          case .known(let version):
            hits += 1
            let stored = try Self.newest(document, in: bench.store)
            try #require(version == stored, "seed \(seed), document \(name)")
          case .unknown(let permit?):
            guard let found = try Self.newest(document, in: bench.store) else { break }
            if Bool.random(using: &random) {
              bench.store.rows.keep(found, by: permit)
            } else {
              looking.append((permit, found))
            }
          case .unknown(nil): break
          }
        }
      }
      #expect(hits > 500, "seed \(seed)")
    }
  }

  @Test("Readers and a writer on threads: nobody sees less than was announced before")
  func threads() async throws {
    let bench = try Bench(.rocksDB)
    let store = bench.store
    let key = document("hot")
    let board = Board()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask {
          while !board.isOver.load(ordering: .relaxed) {
            let least = board.announced.load(ordering: .acquiring)
            switch store.rows.look(up: key) {
            case .known(let version):
              board.hits.add(1, ordering: .relaxed)
              if version.time.rawValue < least { Issue.record("\(version.time) is known after \(least)") }
            case .unknown(let permit?):
              if let found = try? Self.newest(key, in: store) { store.rows.keep(found, by: permit) }
            case .unknown(nil): break
            }
            await Task.yield()
          }
        }
      }
      group.addTask {
        for time in UInt64(1)...20_000 {
          try? store.put([(version("hot", time), row("\(time)"))], at: time)
          board.announced.store(time, ordering: .releasing)
          if time % 16 == 0 { await Task.yield() }
        }
        board.isOver.store(true, ordering: .relaxed)
      }
    }
    #expect(board.announced.load(ordering: .relaxed) == 20_000)
    #expect(board.hits.load(ordering: .relaxed) > 0)
  }

  @Test("A void permit keeps nothing")
  func voidPermit() throws {
    let bench = try Bench(.memory)
    try bench.store.put([(version("a", 1), row("one"))], at: 1)
    let permit = try permit(for: document("a"), in: bench.store)
    let found = try #require(try Self.newest(document("a"), in: bench.store))
    try bench.store.put([(version("a", 2), row("two"))], at: 2)
    bench.store.rows.keep(found, by: permit)
    guard case .unknown = bench.store.rows.look(up: document("a")) else {
      Issue.record("a version that was written over is known")
      return
    }
  }

  @Test("It stays within its bytes, and keeps what is used")
  func bound() throws {
    let cache = RowCache(bytesMax: 4 << 20)
    let part = cache.part()
    let value = row(String(repeating: "x", count: 200))
    let hot = document("hot")
    var (kept, known) = (0, 0)
    for number in 0..<60_000 {
      for name in ["\(number)", "\(number)"] {
        guard case .unknown(let permit?) = part.look(up: document(name)) else { continue }
        part.keep(NewestVersion(time: HybridTime(rawValue: 1), writeID: 0, value: value), by: permit)
        kept += 1
      }
      switch part.look(up: hot) {
      case .known: known += 1
      case .unknown(let permit?):
        part.keep(NewestVersion(time: HybridTime(rawValue: 1), writeID: 0, value: value), by: permit)
      case .unknown(nil): break
      }
      if number % 1000 == 0 { #expect(cache.counters.bytes <= 4 << 20) }
    }
    #expect(kept == 60_000)
    #expect(known >= 59_990)
    #expect(cache.counters.bytes > 1 << 20)
    // Another store's document of the same name is another one.
    guard case .unknown = cache.part().look(up: hot) else {
      Issue.record("a part knows what another one was told")
      return
    }
  }

  @Test("A row that is larger than its share, and a cache of no bytes, keep nothing")
  func nothingKept() throws {
    let part = RowCache(bytesMax: 1 << 20).part()
    guard case .unknown = part.look(up: [1]), case .unknown(let permit?) = part.look(up: [1]) else {
      Issue.record("the second question gets a permit")
      return
    }
    part.keep(
      NewestVersion(time: HybridTime(rawValue: 1), writeID: 0, value: [UInt8](repeating: 1, count: 8 << 10)),
      by: permit)
    guard case .unknown = part.look(up: [1]) else {
      Issue.record("a row of half a stripe is kept")
      return
    }
    let off = RowCache(bytesMax: 0).part()
    for _ in 0..<3 {
      guard case .unknown(nil) = off.look(up: [1]) else {
        Issue.record("a cache that is off asks for something")
        return
      }
    }
  }
}
