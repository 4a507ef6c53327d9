import DocStore
import Expressions
import Keys
import Operations
import Schema
import Storage
import TestSupport
import Testing
import Values

@Suite("What a transaction has spilled")
struct SpilledWritesTests {
  @Test("keeps track of statements that were taken back")
  func dropping() {
    var dropped: [ClosedRange<UInt32>] = []
    dropped.drop(after: 5, through: 5)
    #expect(dropped == [])
    dropped.drop(after: 5, through: 7)
    dropped.drop(after: 9, through: 10)
    #expect(dropped == [6...7, 10...10])
    dropped.drop(after: 7, through: 8)
    #expect(dropped == [6...8, 10...10])
    dropped.drop(after: 2, through: 3)
    #expect(dropped == [3...3, 6...8, 10...10])
    dropped.drop(after: 6, through: .max)
    #expect(dropped == [3...3, 6...UInt32.max])
    dropped.drop(after: 0, through: .max)
    #expect(dropped == [1...UInt32.max])
  }

  /// A transaction that writes, goes back and spills at random, and the definition of what it has written.
  private struct Story {
    let table = Make.table()
    let codec: RowCodec
    let store: any Store
    static let mark = HybridTime(microseconds: 15)
    var overlay = TransactionOverlay()
    var spilled = SpilledWrites(mark: Story.mark, range: Make.table().wholeRange)
    var spilledThrough: UInt32 = 0
    /// What it has made of each row after each of its statements; nil for a deleted one.
    var states: [(statement: UInt32, rows: [Int32: String?])] = [(0, [:])]
    var newest: UInt32 = 0
    var stored: [Int32: String] = [:]
    var index: UInt64 = 10

    init(_ random: inout Seed) throws {
      codec = RowCodec(table: table)
      store = try Make.store()
      for key in Int32(0)..<12 where Bool.random(using: &random) { stored[key] = "stored" }
      if !stored.isEmpty {
        try store.commit(stored.keys.sorted().map { Make.row($0, "stored", nil) }, of: table, at: 10)
      }
      // Somebody else's intents lie among its own.
      let others = try (0..<12).filter { $0 % 3 == 0 }.map { key in
        IntentWrite(statement: 9, strength: .update, document: try write(Int32(key), "not mine"))
      }
      try apply { $0.put(others, mark: HybridTime(microseconds: 16)) }
      try apply { $0.put(others, mark: HybridTime(microseconds: 14)) }
    }

    func write(_ key: Int32, _ text: String?) throws -> DocumentWrite {
      var packed: [UInt8] = []
      try codec.encode(Make.row(key, text, nil), into: &packed)
      return DocumentWrite(
        documentKey: try table.documentKey(keyValues: [.int4(key)]), packedRow: text == nil ? nil : packed)
    }

    mutating func apply(_ body: (inout WriteBatch) throws -> Void) throws {
      var batch = WriteBatch()
      try body(&batch)
      index += 1
      try store.write(batch, frontier: Frontier(index: index, term: 1, hybridTime: Self.mark))
    }

    mutating func step(_ random: inout Seed) throws {
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        let back = Int.random(in: 0..<states.count, using: &random)
        let statement = states[back].statement
        overlay.rollBack(to: statement)
        if spilledThrough > statement {
          spilled.drop(after: statement, through: newest)
          spilledThrough = statement
        }
        states.removeLast(states.count - 1 - back)
      case 1...2:
        let taken = overlay.beginLeaving(bytesMax: Int.random(in: 0...60, using: &random))
        guard let last = taken.last else { return }
        spilledThrough = last.statement
        // A statement may come, or be taken back, while they are on their way.
        if Int.random(in: 0..<3, using: &random) == 0 { try write(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 {
          let statement = states[states.count - 1].statement
          let back = states.count > 1 ? states[states.count - 2].statement : 0
          overlay.rollBack(to: back)
          if spilledThrough > back {
            spilled.drop(after: back, through: max(newest, statement))
            spilledThrough = back
          }
          if states.count > 1 { states.removeLast() }
        }
        try apply { batch in
          batch.put(
            taken.map { IntentWrite(statement: $0.statement, strength: .update, document: $0.write) }, mark: Self.mark)
        }
        overlay.finishLeaving()
      default: try write(&random)
      }
    }

    private mutating func write(_ random: inout Seed) throws {
      newest += UInt32.random(in: 1...3, using: &random)
      var rows = states[states.count - 1].rows
      for _ in 0...Int.random(in: 0...2, using: &random) {
        let key = Int32.random(in: 0..<12, using: &random)
        let text = Bool.random(using: &random) ? "own\(newest)" : nil
        overlay.put([try write(key, text)], statement: newest)
        rows[key] = .some(text)
      }
      states.append((newest, rows))
    }

    var expected: [Int32: String] {
      var all = stored
      for (key, text) in states[states.count - 1].rows { all[key] = text }
      return all
    }
  }

  @Test("is read by key and by range under what is in memory, and over what is stored", arguments: Seed.sample(80))
  func reads(seed: Seed) throws {
    var random = seed
    var story = try Story(&random)
    for _ in 0..<30 {
      try story.step(&random)
      let reader = RowReader(
        store: story.store, codec: story.codec, historyCutoff: .zero,
        overlay: story.overlay.view(of: [story.table.wholeRange], spilled: story.spilled))
      let executor = ReadExecutor(reader: reader, bounds: story.table.wholeRange, context: Make.context)
      let keys = try (Int32(0)..<12).map { try story.table.documentKey(keyValues: [.int4($0)]) }
      let expected = story.expected.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      let selections: [KeySelection] = [.ranges([story.table.wholeRange]), .points(keys)]
      for selection in selections {
        let read = TableRead(
          table: story.table.id, schemaVersion: 1, selection: selection,
          pipeline: RowPipeline(filter: nil, output: .rows(projection: [Make.a, Make.b], limit: nil)), isOrdered: true)
        var rows: [Row] = []
        var resume: [UInt8]?
        repeat {
          var limits = BatchLimits()
          limits.rowsMax = .random(in: 1...5, using: &random)
          let point = ReadPoint(time: HybridTime(microseconds: 20))
          guard case .found(let batch) = try executor.execute(read, at: point, resume: resume, limits: limits) else {
            Issue.record("\(seed): the read is in doubt")
            return
          }
          rows += batch.rows
          resume = batch.resume
        } while resume != nil
        #expect(show(rows) == expected, "\(seed)")
      }
      let single = Int32.random(in: 0..<12, using: &random)
      let key = try story.table.documentKey(keyValues: [.int4(single)])
      guard case .found(let row) = try reader.get(key, at: ReadPoint(time: HybridTime(microseconds: 20))) else {
        Issue.record("\(seed): row \(single) is in doubt")
        return
      }
      #expect((row != nil) == (story.expected[single] != nil), "\(seed)")
    }
  }

  @Test("is committed part by part, once, however often a part is applied", arguments: Seed.sample(80), [true, false])
  func resolution(seed: Seed, commits: Bool) throws {
    var random = seed
    var story = try Story(&random)
    for _ in 0..<25 { try story.step(&random) }
    // What is in memory goes the same way.
    while !story.overlay.isEmpty {
      let taken = story.overlay.beginLeaving(bytesMax: 40)
      try story.apply { batch in
        batch.put(
          taken.map { IntentWrite(statement: $0.statement, strength: .update, document: $0.write) }, mark: Story.mark)
      }
      story.overlay.finishLeaving()
    }
    let expected = commits ? story.expected : story.stored
    let written = commits ? story.states[story.states.count - 1].rows.count : 0
    let time = commits ? HybridTime(microseconds: 30) : nil
    var count = 0
    while true {
      let part = try SpilledPart(
        of: story.spilled, documentsMax: .random(in: 1...3, using: &random),
        bytesMax: .random(in: 1...200, using: &random), reading: story.store)
      for _ in 0...Int.random(in: 0...1, using: &random) {
        let (spilled, store) = (story.spilled, story.store)
        try story.apply { batch in
          count += try batch.resolve(spilled, in: part.range, at: time, reading: store).count
        }
      }
      if part.isLast { break }
      story.spilled.range.lower = part.range.upper
    }
    #expect(count == written, "\(seed)")
    let reader = RowReader(store: story.store, codec: story.codec, historyCutoff: .zero)
    for key in Int32(0)..<12 {
      let documentKey = try story.table.documentKey(keyValues: [.int4(key)])
      guard case .found(let row) = try reader.get(documentKey, at: ReadPoint(time: HybridTime(microseconds: 40))) else {
        Issue.record("\(seed): row \(key) is in doubt")
        continue
      }
      #expect(row.map { show([$0]) } == expected[key].map { ["\(key) \($0) -"] }, "\(seed), row \(key)")
      // Others' intents are where they were, and are locks.
      var holders = try IntentHolders(story.store)
      let marks = try holders.holders(of: documentKey).map(\.mark)
      #expect(marks == (key % 3 == 0 ? [HybridTime(microseconds: 16), HybridTime(microseconds: 14)] : []), "\(seed)")
    }
  }
}
