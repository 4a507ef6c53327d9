import Keys
import Storage
import Testing

@Suite("Collecting history, on both engines")
struct RetentionTests {
  @Test("A compaction keeps what a reader at the cutoff or later can see", arguments: EngineKind.allCases)
  func cutoff(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put(
      [
        (version("a", 10), row("old")), (version("a", 20), row("at cutoff")), (version("a", 30), row("new")),
        (version("b", 10), row("only")),
        (version("c", 10), row("dead")), (version("c", 15), tombstone),
        (version("d", 10), row("dying")), (version("d", 25), tombstone),
      ], at: 1)
    bench.store.setHistoryCutoff(HybridTime(rawValue: 20))
    bench.store.setHistoryCutoff(HybridTime(rawValue: 5))
    try bench.store.compact()
    #expect(
      try bench.store.contents(.regular).map(\.key) == [
        version("a", 30), version("a", 20), version("b", 10), version("d", 25), version("d", 10),
      ])
  }

  @Test("Intents are never history", arguments: EngineKind.allCases)
  func intents(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([(version("a", 1), row("1")), (version("a", 2), row("2"))], in: .intents, at: 1)
    bench.store.setHistoryCutoff(HybridTime(rawValue: 100))
    try bench.store.compact()
    #expect(try bench.store.contents(.intents).count == 2)
  }

  @Test("After a split, each half drops the other one, but nothing reserved", arguments: EngineKind.allCases)
  func split(kind: EngineKind) throws {
    let bench = try Bench(kind)
    let reserved: [UInt8] = [0, 0, 0, 0] + Array("transaction 4711".utf8)
    for (family, index) in [(ColumnFamily.regular, UInt64(1)), (.intents, 2)] {
      try bench.store.put(
        [(version("a", 1), row("1")), (version("m", 1), row("2")), (version("z", 1), row("3")), (reserved, [4])],
        in: family, at: index)
    }
    bench.store.setBounds(lower: document("b"), upper: document("z"))
    try bench.store.compact()
    for family in ColumnFamily.allCases {
      #expect(try bench.store.contents(family).map(\.key) == [reserved, version("m", 1)])
    }
  }

  @Test("A tombstone outlives a compaction that does not see everything")
  func partialCompaction() throws {
    // Four flushes make RocksDB compact level 0 by itself; the tombstone may then meet all older files or only some.
    let bench = try Bench(.rocksDB)
    bench.store.setHistoryCutoff(HybridTime(rawValue: 1_000))
    try bench.store.put([(version("k", 1), row("old"))], at: 1)
    try bench.store.compact()
    for index in UInt64(2)...40 {
      try bench.store.put([(version("k", index), index.isMultiple(of: 2) ? tombstone : row("\(index)"))], at: index)
      try bench.store.flush()
      let newest = try bench.store.contents(.regular, of: document("k")).first?.value ?? tombstone
      #expect(newest == (index.isMultiple(of: 2) ? tombstone : row("\(index)")))
    }
  }

  @Test("A full compaction leaves exactly what the definition says", arguments: EngineKind.allCases, 0..<8)
  func definition(kind: EngineKind, seed: Int) throws {
    var random = Seeded(UInt64(seed))
    let workload = Workload(seed: UInt64(seed))
    let bench = try Bench(kind)
    var model = Model()
    var cutoff: UInt64 = 0
    for index in UInt64(1)...200 {
      try bench.store.write(workload.batch(index), frontier: frontier(index))
      model.apply(workload.changes(index))
      guard index.isMultiple(of: 40) else {
        if Int.random(in: 0..<10, using: &random) == 0 { try bench.store.flush() }
        continue
      }
      cutoff = max(cutoff, UInt64.random(in: 0...index, using: &random))
      bench.store.setHistoryCutoff(HybridTime(rawValue: cutoff))
      try bench.store.compact()
      let left = try bench.store.contents(.regular)
      let difference = firstDifference(left, model.collected(cutoff: cutoff, from: [], to: nil))
      #expect(difference == nil, "seed \(seed), index \(index)")
      let intents = firstDifference(try bench.store.contents(.intents), model.pairs(.intents))
      #expect(intents == nil, "seed \(seed), index \(index)")
      for time in stride(from: cutoff, through: index, by: 7) {
        let isSame = Model.rows(left, at: time) == Model.rows(model.pairs(.regular), at: time)
        #expect(isSame, "seed \(seed), time \(time)")
      }
    }
  }
}
