import DocStore
import Expressions
import Keys
import Operations
import Schema
import Storage
import Synchronization
import TestSupport
import Testing
import Values

/// All versions in a plain list: a definition of what a read sees that is too simple to be wrong.
private struct Model {
  var versions: [Int32: [(time: HybridTime, text: String?)]] = [:]

  mutating func put(_ key: Int32, _ text: String?, at time: HybridTime) {
    versions[key, default: []].append((time, text))
  }

  func read(_ key: Int32, at time: HybridTime) -> String? {
    (versions[key] ?? []).filter { $0.time <= time }.max { $0.time < $1.time }?.text
  }

  /// Of which time a read is: that of the latest version up to its limit, if there is one after its time. It is in doubt
  /// instead where that version is later than it may move.
  func outcome(_ keys: some Sequence<Int32>, _ point: ReadPoint) -> ReadOutcome<HybridTime> {
    let latest = keys.flatMap { versions[$0] ?? [] }.map(\.time)
      .filter { $0 > point.time && $0 <= point.uncertaintyLimit }.max()
    guard let latest else { return .found(point.time) }
    return latest <= point.movesThrough ? .found(latest) : .uncertain(latest)
  }
}

@Suite struct ReadModelTests {
  private static let keys: Range<Int32> = 0..<40

  /// Random puts and deletes at random times, some documents with long chains of versions. They are written in the order
  /// of their times, as a tablet's log has them: history collection counts on it (see the page of `Storage`).
  private func fill(_ store: any Store, _ table: TableDescriptor, using random: inout Seed) throws -> Model {
    let codec = RowCodec(table: table)
    var model = Model()
    var times: Set<HybridTime> = []
    var commits: [(time: HybridTime, writes: [DocumentWrite])] = []
    for step in 0..<600 {
      let time = HybridTime(
        microseconds: .random(in: 1...300, using: &random), logical: .random(in: 0...3, using: &random))
      guard times.insert(time).inserted else { continue }
      var writes: [DocumentWrite] = []
      let keys = Set(
        (0..<Int.random(in: 1...3, using: &random)).map { _ in
          step % 2 == 0 ? Int32.random(in: Self.keys, using: &random) : Int32.random(in: 0...2, using: &random)
        }
      ).sorted()
      for key in keys {
        let text: String? = Int.random(in: 0..<4, using: &random) == 0 ? nil : "v\(step)"
        model.put(key, text, at: time)
        var packed: [UInt8] = []
        try codec.encode(Make.row(key, text, nil), into: &packed)
        writes.append(
          DocumentWrite(
            documentKey: try table.documentKey(keyValues: [.int4(key)]), packedRow: text == nil ? nil : packed))
      }
      commits.append((time, writes))
    }
    for (step, commit) in commits.sorted(by: { $0.time < $1.time }).enumerated() {
      try store.commit(commit.writes, at: commit.time)
      if step % 150 == 75 { try store.flush() }
    }
    return model
  }

  private func randomPoint(using random: inout Seed) -> ReadPoint {
    let time = HybridTime(
      microseconds: .random(in: 0...301, using: &random), logical: .random(in: 0...4, using: &random))
    func later() -> HybridTime { time.adding(microseconds: .random(in: 0...3, using: &random)) }
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return ReadPoint(time: time)
    case 1: return ReadPoint(time: time, uncertaintyLimit: later())
    default: return ReadPoint(time: time, uncertaintyLimit: later(), movesThrough: later())
    }
  }

  @Test("A read sees what the model sees, and doubts what it doubts", arguments: Seed.sample(16), [false, true])
  func readsFollowTheModel(seed: Seed, hashed: Bool) throws {
    try compare(store: try Make.store(), seed: seed, hashed: hashed)
  }

  @Test("History collection takes nothing that a read at or after the cutoff sees", arguments: Seed.sample(8))
  func historyCollection(seed: Seed) throws {
    let directory = try ScratchDirectory()
    let rocksDB = try RocksDBEngine().openStore(at: directory.path + "/store", options: StoreOptions())
    for store in [try Make.store(), rocksDB] {
      try compare(store: store, seed: seed, hashed: false, cutoff: HybridTime(microseconds: 150, logical: 2))
    }
    rocksDB.close()
  }

  @Test("RocksDB gives the same answers, from memtables, files and filters", arguments: Seed.sample(4), [false, true])
  func readsFollowTheModelOnRocksDB(seed: Seed, hashed: Bool) throws {
    let directory = try ScratchDirectory()
    let store = try RocksDBEngine().openStore(at: directory.path + "/store", options: StoreOptions())
    try compare(store: store, seed: seed, hashed: hashed)
    store.close()
  }

  private func compare(
    store: any Store, seed: Seed, hashed: Bool, cutoff: HybridTime = .zero
  ) throws {
    var random = seed
    let table = Make.table(hashed: hashed)
    let model = try fill(store, table, using: &random)
    if cutoff > .zero {
      store.setHistoryCutoff(cutoff)
      try store.compact()
    }
    let reader = RowReader(store: store, codec: RowCodec(table: table), historyCutoff: cutoff)
    let executor = ReadExecutor(reader: reader, bounds: table.wholeRange, context: Make.context)

    for _ in 0..<300 {
      let point = randomPoint(using: &random)
      if point.time < cutoff {
        #expect(throws: DocStoreError.self, "\(seed)") {
          _ = try readAll(executor, table, table.wholeRange, at: point, BatchLimits())
        }
        continue
      }
      let key = Int32.random(in: Self.keys, using: &random)
      let found = try reader.get(try table.documentKey(keyValues: [.int4(key)]), at: point)
      switch (found, model.outcome([key], point)) {
      case (.found(let row), .found(let time)):
        #expect(row.map { show([$0]) } == model.read(key, at: time).map { ["\(key) \($0) -"] }, "\(seed)")
      case (.uncertain(let time), .uncertain(let expected)): #expect(time == expected, "\(seed)")
      case (_, let expected): Issue.record("\(found) where the model has \(expected), \(seed)")
      }

      // A range of keys, or all of them where keys are hashed; in batches of any size.
      let low = Int32.random(in: 0..<40, using: &random)
      let high = Int32.random(in: low...40, using: &random)
      let keys = hashed ? Self.keys : low..<high
      let range =
        hashed
        ? table.wholeRange
        : try table.keyRange(
          prefix: [], lower: KeyBound(.int4(low), isInclusive: true), upper: KeyBound(.int4(high), isInclusive: false))
      var limits = BatchLimits()
      if point.time == point.uncertaintyLimit { limits.rowsMax = .random(in: 1...5, using: &random) }
      if Bool.random(using: &random), point.time == point.uncertaintyLimit { limits.versionsMax = 3 }
      let read = try readAll(executor, table, range, at: point, limits)
      switch (read, model.outcome(keys, point)) {
      case (.found(let batch), .found(let time)):
        #expect(batch.time == time, "\(seed)")
        // A read that moved is the same everywhere from there to where it could have moved.
        for time in [time, point.movesThrough] {
          let expected = keys.compactMap { key in model.read(key, at: time).map { "\(key) \($0)" } }
          let rows = show(batch.rows)
          #expect(hashed ? rows.sorted() == expected.sorted() : rows == expected, "\(seed)")
        }
      case (.uncertain(let time), .uncertain(let expected)): #expect(time == expected, "\(seed)")
      case (_, let expected): Issue.record("\(read) where the model has \(expected), \(seed)")
      }
    }
  }

  private func readAll(
    _ executor: ReadExecutor, _ table: TableDescriptor, _ range: KeyRange, at point: ReadPoint, _ limits: BatchLimits
  ) throws -> ReadOutcome<ReadBatch> {
    let read = TableRead(
      table: table.id, schemaVersion: table.version, selection: .ranges([range]),
      pipeline: RowPipeline(filter: nil, output: .rows(projection: [Make.a, Make.b], limit: nil)), isOrdered: true)
    var whole = ReadBatch(rows: [], resume: nil, time: point.time)
    repeat {
      switch try executor.execute(read, at: point, resume: whole.resume, limits: limits) {
      case .found(let batch): whole = ReadBatch(rows: whole.rows + batch.rows, resume: batch.resume, time: batch.time)
      case .uncertain(let time): return .uncertain(time)
      }
    } while whole.resume != nil
    return .found(whole)
  }

  @Test("A long chain of newer versions is jumped over")
  func longChains() throws {
    let (store, table) = (try Make.store(), Make.table())
    for time in 1...2_000 { try store.commit([Make.row(1, "v\(time)", nil)], of: table, at: UInt64(time)) }
    try store.commit([Make.row(2, "other", nil)], of: table, at: 1)
    let reader = RowReader(store: store, codec: RowCodec(table: table), historyCutoff: .zero)
    let executor = ReadExecutor(reader: reader, bounds: table.wholeRange, context: Make.context)
    let time = HybridTime(microseconds: 3)
    guard
      case .found(let batch) = try readAll(executor, table, table.wholeRange, at: ReadPoint(time: time), BatchLimits())
    else {
      Issue.record("a read without a window is never uncertain")
      return
    }
    #expect(show(batch.rows) == ["1 v3", "2 other"])
    // The greatest version in doubt is reported, not the first one behind the read's time.
    let doubtful = ReadPoint(time: time, uncertaintyLimit: HybridTime(microseconds: 900))
    guard case .uncertain(let found) = try readAll(executor, table, table.wholeRange, at: doubtful, BatchLimits())
    else {
      Issue.record("versions 4 to 900 are in doubt")
      return
    }
    #expect(found == HybridTime(microseconds: 900))
  }

  /// How many reads a thread has begun.
  private final class Begun: Sendable {
    let count = Atomic(0)
  }

  @Test("Reads of many keys beside a write leave nothing in the row cache that was written over")
  func readsBesideAWrite() async throws {
    let directory = try ScratchDirectory()
    let store = try RocksDBEngine().openStore(at: directory.path + "/store", options: StoreOptions())
    let table = Make.table()
    let reader = RowReader(store: store, codec: RowCodec(table: table), historyCutoff: .zero)
    let executor = ReadExecutor(reader: reader, bounds: table.wholeRange, context: Make.context)
    for round in Int32(0)..<400 {
      let rows = round * 64..<(round + 1) * 64
      let keys = try rows.map { try table.documentKey(keyValues: [.int4($0)]) }
      let read = TableRead(
        table: table.id, schemaVersion: table.version, selection: .points(keys),
        pipeline: RowPipeline(filter: nil, output: .rows(projection: [Make.c], limit: nil)), isOrdered: false)
      @Sendable func seen() -> [Row] {
        guard case .found(let batch) = try? executor.execute(read, at: ReadPoint(time: .max), limits: BatchLimits())
        else { return [] }
        return batch.rows
      }
      try store.commit(rows.map { Make.row($0, "x", 1) }, of: table, at: UInt64(round) * 2 + 1)
      let begun = Begun()
      let writes = try table.writes(of: rows.map { Make.row($0, "x", 2) })
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          // A document is kept when it is missed a second time: just then.
          while begun.count.load(ordering: .relaxed) < 2 { await Task.yield() }
          try? store.commit(writes, at: HybridTime(microseconds: UInt64(round) * 2 + 2))
        }
        group.addTask {
          for _ in 0..<6 {
            begun.count.add(1, ordering: .relaxed)
            _ = seen()
          }
        }
      }
      try #require(show(seen()) == rows.map { _ in "2" }, "round \(round)")
    }
    store.close()
  }

  @Test("Below the history there is an error, never a wrong row")
  func snapshotTooOld() throws {
    let (store, table) = (try Make.store(), Make.table())
    let reader = RowReader(
      store: store, codec: RowCodec(table: table), historyCutoff: HybridTime(microseconds: 100))
    let key = try table.documentKey(keyValues: [.int4(1)])
    #expect {
      _ = try reader.get(key, at: ReadPoint(time: HybridTime(microseconds: 99)))
    } throws: { error in
      guard case .statement(let error)? = error as? DocStoreError else { return false }
      return error.state == "72000" && error.message == "snapshot too old"
    }
    guard case .found(nil) = try reader.get(key, at: ReadPoint(time: HybridTime(microseconds: 100))) else {
      Issue.record("the cutoff itself can be read")
      return
    }
  }

  @Test("A row that cannot be unpacked stops the replica, not the process")
  func corruptRow() throws {
    let (store, table) = (try Make.store(), Make.table())
    let key = try table.documentKey(keyValues: [.int4(1)])
    try store.commit([DocumentWrite(documentKey: key, packedRow: [0xff, 1, 2])], at: HybridTime(microseconds: 1))
    let reader = RowReader(store: store, codec: RowCodec(table: table), historyCutoff: .zero)
    #expect {
      _ = try reader.get(key, at: ReadPoint(time: .max))
    } throws: { error in
      guard case .storage(.corrupt)? = error as? DocStoreError else { return false }
      return true
    }
  }
}
