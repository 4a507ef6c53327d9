import Glibc
import Keys
import Storage
import Testing

@Suite("Promises of a store, on both engines")
struct StoreTests {
  @Test("A batch is there as a whole, with its frontier", arguments: EngineKind.allCases)
  func batch(kind: EngineKind) throws {
    let bench = try Bench(kind)
    #expect(bench.store.appliedFrontier == nil)
    #expect(bench.store.flushedFrontier == nil)

    var batch = WriteBatch()
    batch.put(.regular, key: version("a", 1), value: row("one"))
    batch.put(.intents, key: version("a", 2), value: row("two"))
    batch.put(.regular, key: version("b", 1), value: row("gone"))
    batch.delete(.regular, key: version("b", 1))
    try bench.store.write(batch, frontier: frontier(1))

    #expect(try bench.store.get(.regular, version("a", 1)) == row("one"))
    #expect(try bench.store.get(.intents, version("a", 2)) == row("two"))
    #expect(try bench.store.get(.regular, version("a", 2)) == nil)
    #expect(try bench.store.get(.regular, version("b", 1)) == nil)
    #expect(bench.store.appliedFrontier == frontier(1))
    #expect(bench.store.flushedFrontier == nil)
    #expect(bench.store.memtableBytes > 0)
  }

  @Test("A crash forgets what was not flushed, all of it", arguments: EngineKind.allCases)
  func crash(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([(version("a", 1), row("one"))], at: 1)
    try bench.store.flush()
    #expect(bench.store.flushedFrontier == frontier(1))
    try bench.store.put([(version("a", 2), row("two"))], at: 2)
    try bench.store.put([(version("a", 3), row("three"))], in: .intents, at: 3)
    #expect(bench.store.appliedFrontier == frontier(3))

    try bench.restart()
    #expect(bench.store.appliedFrontier == frontier(1))
    #expect(bench.store.flushedFrontier == frontier(1))
    #expect(try bench.store.contents(.regular) == [Pair(key: version("a", 1), value: row("one"))])
    #expect(try bench.store.contents(.intents).isEmpty)
  }

  @Test("A store that only learned a frontier keeps it", arguments: EngineKind.allCases)
  func emptyBatch(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.write(WriteBatch(), frontier: frontier(9, term: 4))
    try bench.store.flush()
    try bench.restart()
    #expect(bench.store.appliedFrontier == frontier(9, term: 4))
    #expect(try bench.store.contents(.regular).isEmpty)
  }

  @Test("A cursor sees the contents of its beginning", arguments: EngineKind.allCases)
  func snapshot(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([(version("a", 1), row("1")), (version("c", 1), row("1"))], at: 1)
    var cursor = try bench.store.cursor(.regular, lower: [], upper: nil, pointPrefix: nil)
    try bench.store.put([(version("a", 2), row("2")), (version("b", 2), row("2"))], at: 2)
    try bench.store.flush()
    try bench.store.compact()
    #expect(cursor.key == version("a", 1))
    try cursor.next()
    #expect(cursor.key == version("c", 1))
    try cursor.seek(to: [])
    #expect(cursor.key == version("a", 1))
    try cursor.seek(before: version("c", 1))
    #expect(cursor.key == version("a", 1))
    try cursor.previous()
    expectEnd(cursor)
  }

  @Test("Families and bounds fence a cursor in", arguments: EngineKind.allCases)
  func bounds(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([([], [9]), ([0], [8]), ([1], [1]), ([2], [2]), ([255, 255], [3])], at: 1)
    try bench.store.put([([], [10]), ([2], [12])], in: .intents, at: 2)
    #expect(try bench.store.contents(.regular).map(\.key) == [[], [0], [1], [2], [255, 255]])
    #expect(try bench.store.contents(.intents).map(\.value) == [[10], [12]])
    #expect(try bench.store.contents(.regular, from: [1], to: [2]).map(\.key) == [[1]])
    #expect(try bench.store.contents(.regular, from: [1, 0], to: [255, 255]).map(\.key) == [[2]])
    #expect(try bench.store.contents(.regular, from: [3], to: [3]).isEmpty)
    #expect(try bench.store.contentsBackwards(.regular, from: [0], to: [255]).map(\.key) == [[2], [1], [0]])

    var cursor = try bench.store.cursor(.regular, lower: [1], upper: [3], pointPrefix: nil)
    try cursor.seek(to: [])
    #expect(cursor.key == [1])
    try cursor.seek(to: [3])
    expectEnd(cursor)
    try cursor.seek(before: [200])
    #expect(cursor.key == [2])
    try cursor.seek(before: [1])
    expectEnd(cursor)
  }

  @Test("A point cursor sees the versions of its document", arguments: EngineKind.allCases)
  func pointCursor(kind: EngineKind) throws {
    let bench = try Bench(kind)
    for index in UInt64(1)...30 {
      try bench.store.put([(version("d\(index % 3)", index), row("\(index)"))], at: index)
      if index % 10 == 0 { try bench.store.flush() }
    }
    let newestFirst = stride(from: UInt64(28), through: 1, by: -3).map { row("\($0)") }
    #expect(try bench.store.contents(.regular, of: document("d1")).map(\.value) == newestFirst)
    #expect(try bench.store.contents(.regular, of: document("none")).isEmpty)

    var cursor = try bench.store.versions(.regular, of: document("d1"), notAfter: HybridTime(rawValue: 15))
    #expect(cursor.value == row("13"))
    #expect(VersionedKey.time(of: cursor.keySpan) == HybridTime(rawValue: 13))
    try cursor.seek(to: version("d1", 4))
    #expect(cursor.value == row("4"))
    try cursor.seek(to: document("d1") + [0xff])
    #expect(cursor.value == row("13"))
    try cursor.seek(to: version("d1", 4) + [1])
    #expect(cursor.value == row("1"))
    try cursor.seek(to: document("d2"))
    expectEnd(cursor)
  }

  @Test("After close, everything throws and nothing crashes", arguments: EngineKind.allCases)
  func closed(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([(version("a", 1), row("1")), (version("b", 1), row("2"))], at: 1)
    var cursor = try bench.store.cursor(.regular, lower: [], upper: nil, pointPrefix: nil)
    bench.store.close()
    bench.store.close()
    #expect(throws: StorageError.closed) { try bench.store.get(.regular, version("a", 1)) }
    #expect(throws: StorageError.closed) { try bench.store.put([], at: 2) }
    #expect(throws: StorageError.closed) { try bench.store.contents(.regular) }
    #expect(throws: StorageError.closed) { try bench.store.flush() }
    #expect(throws: StorageError.closed) { try bench.store.compact() }
    #expect(throws: StorageError.closed) { try bench.store.checkpoint(to: bench.scratch.path + "/copy") }
    var caught: StorageError?
    do { try cursor.next() } catch { caught = error }
    #expect(caught == .closed)
    expectEnd(cursor)
  }

  @Test("A checkpoint is a store of its own", arguments: EngineKind.allCases)
  func checkpoint(kind: EngineKind) throws {
    let bench = try Bench(kind)
    try bench.store.put([(version("a", 1), row("1"))], at: 1)
    let copyPath = bench.scratch.path + "/copy"
    try bench.store.checkpoint(to: copyPath)
    #expect(bench.store.flushedFrontier == frontier(1))
    try bench.store.put([(version("a", 2), row("2"))], at: 2)

    let copy = try bench.engine.openStore(at: copyPath, options: StoreOptions())
    #expect(copy.appliedFrontier == frontier(1))
    #expect(try copy.contents(.regular).map(\.value) == [row("1")])
    try copy.put([(version("b", 5), row("5"))], at: 5)
    #expect(try bench.store.contents(.regular).map(\.value) == [row("2"), row("1")])
    copy.close()
    #expect(throws: StorageError.self) { try bench.store.checkpoint(to: copyPath) }
    try bench.engine.destroyStore(at: copyPath)
    #expect(ScratchDirectory.names(in: bench.scratch.path).allSatisfy { $0 == "store" })
    try bench.engine.destroyStore(at: copyPath)
  }

  @Test("A checkpoint travels to another node in pieces", arguments: EngineKind.allCases)
  func transfer(kind: EngineKind) throws {
    let source = try Bench(kind)
    for index in UInt64(1)...50 { try source.store.write(Workload(seed: 5).batch(index), frontier: frontier(index)) }
    let from = source.scratch.path + "/copy"
    try source.store.checkpoint(to: from)

    let target = try Bench(kind)
    let to = target.scratch.path + "/received"
    for file in try source.engine.files(at: from) {
      var received = 0
      repeat {
        let piece = try source.engine.readFile(file.name, at: from, offset: received, count: 1000)
        try target.engine.appendFile(file.name, at: to, bytes: piece)
        received += piece.count
      } while received < file.byteCount
    }
    try target.engine.finishReceiving(at: to)
    let copy = try target.engine.openStore(at: to, options: StoreOptions())
    defer { copy.close() }
    #expect(copy.appliedFrontier == frontier(50))
    for family in ColumnFamily.allCases {
      #expect(try copy.contents(family) == source.store.contents(family))
    }
    #expect(throws: StorageError.self) { try target.engine.appendFile("../x", at: to, bytes: [1]) }
  }

  @Test("One directory, one store", arguments: EngineKind.allCases)
  func exclusive(kind: EngineKind) throws {
    let bench = try Bench(kind)
    var caught: StorageError?
    do throws(StorageError) {
      _ = try bench.engine.openStore(at: bench.scratch.path + "/store", options: StoreOptions())
    } catch {
      caught = error
    }
    guard case .busy = caught else {
      Issue.record("\(String(describing: caught))")
      return
    }
  }

  @Test("A frontier that goes back ends the process")
  func frontierGoesBack() async {
    let scratch = ScratchDirectory()
    await #expect(processExitsWith: .failure) { [path = scratch.path as String] in
      let store = try RocksDBEngine().openStore(at: path + "/store", options: StoreOptions())
      try store.put([], at: 2)
      try store.put([], at: 1)
    }
    await #expect(processExitsWith: .failure) {
      let store = try MemoryStorageEngine().openStore(at: "store", options: StoreOptions())
      try store.put([], at: 2)
      try store.put([], at: 1)
    }
  }
}
