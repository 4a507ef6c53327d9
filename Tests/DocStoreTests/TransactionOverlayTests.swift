import DocStore
import Expressions
import Keys
import Operations
import Schema
import Storage
import TestSupport
import Testing
import Values

@Suite("What a transaction has written")
struct TransactionOverlayTests {
  private static func write(_ key: UInt8, _ size: UInt8?) -> DocumentWrite {
    DocumentWrite(documentKey: [key], packedRow: size.map { [UInt8](repeating: key, count: Int($0)) })
  }

  @Test("goes back to every statement before", arguments: Seed.sample(100))
  func undo(seed: Seed) {
    var random = seed
    var overlay = TransactionOverlay()
    /// The writes after each statement, by number.
    var states: [(statement: UInt32, writes: [[UInt8]: DocumentWrite])] = [(0, [:])]
    for _ in 0..<60 {
      let last = states[states.count - 1]
      if Int.random(in: 0..<4, using: &random) == 0 {
        let back = Int.random(in: 0..<states.count, using: &random)
        // A number between two statements goes back to the first of them.
        let next = back + 1 < states.count ? states[back + 1].statement : states[back].statement + 1
        overlay.rollBack(to: UInt32.random(in: states[back].statement..<next, using: &random))
        states.removeLast(states.count - 1 - back)
      } else {
        let statement = last.statement + UInt32.random(in: 1...3, using: &random)
        var writes = last.writes
        // The calls of one statement.
        for _ in 0...Int.random(in: 0...2, using: &random) {
          let made = (0..<Int.random(in: 1...3, using: &random)).map { _ in
            Self.write(
              .random(in: 0..<8, using: &random),
              Bool.random(using: &random) ? .random(in: 0...20, using: &random) : nil)
          }
          overlay.put(made, statement: statement)
          for write in made { writes[write.documentKey] = write }
        }
        states.append((statement, writes))
      }
      let expected = states[states.count - 1].writes.values.sorted { KeyRange.isLess($0.documentKey, $1.documentKey) }
      #expect(overlay.writes() == expected, "\(seed)")
      #expect(overlay.byteCount == expected.reduce(0) { $0 + $1.byteCount }, "\(seed)")
      #expect(overlay.count == expected.count, "\(seed)")
    }
  }

  @Test("lies over what is stored, in scans and in looks at single rows", arguments: Seed.sample(50))
  func merge(seed: Seed) throws {
    var random = seed
    let table = Make.table()
    let codec = RowCodec(table: table)
    let store = try Make.store()
    var model: [Int32: String] = [:]
    let stored = (0..<20).filter { _ in Bool.random(using: &random) }.map { Int32($0) }
    for key in stored { model[key] = "stored" }
    if !stored.isEmpty { try store.commit(stored.map { Make.row($0, "stored", nil) }, of: table, at: 10) }
    var overlay = TransactionOverlay()
    for statement in 1...UInt32.random(in: 1...12, using: &random) {
      let key = Int32.random(in: 0..<20, using: &random)
      let text = Bool.random(using: &random) ? "own\(statement)" : nil
      var packed: [UInt8] = []
      try codec.encode(Make.row(key, text, nil), into: &packed)
      let write = DocumentWrite(
        documentKey: try table.documentKey(keyValues: [.int4(key)]), packedRow: text == nil ? nil : packed)
      overlay.put([write], statement: statement)
      model[key] = text
    }
    let reader = RowReader(
      store: store, codec: codec, historyCutoff: .zero, overlay: overlay.view(of: [table.wholeRange]))
    let point = ReadPoint(time: HybridTime(microseconds: 20))
    for key in Int32(0)..<20 {
      let row = try reader.get(try table.documentKey(keyValues: [.int4(key)]), at: point)
      guard case .found(let found) = row else {
        Issue.record("\(seed): row \(key) is in doubt")
        continue
      }
      #expect(found.map { show([$0]) } == model[key].map { ["\(key) \($0) -"] }, "\(seed)")
    }
    let executor = ReadExecutor(reader: reader, bounds: table.wholeRange, context: Make.context)
    let low = Int32.random(in: 0..<20, using: &random)
    let high = Int32.random(in: low...20, using: &random)
    let range = KeyRange(
      lower: try table.documentKey(keyValues: [.int4(low)]), upper: try table.documentKey(keyValues: [.int4(high)]))
    let read = TableRead(
      table: table.id, schemaVersion: 1, selection: .ranges([range]),
      pipeline: RowPipeline(filter: nil, output: .rows(projection: [Make.a, Make.b], limit: nil)), isOrdered: true)
    var rows: [Row] = []
    var resume: [UInt8]?
    repeat {
      var limits = BatchLimits()
      limits.rowsMax = .random(in: 1...5, using: &random)
      guard case .found(let batch) = try executor.execute(read, at: point, resume: resume, limits: limits) else {
        Issue.record("\(seed): the scan is in doubt")
        return
      }
      rows += batch.rows
      resume = batch.resume
    } while resume != nil
    let expected = model.filter { $0.key >= low && $0.key < high }.sorted { $0.key < $1.key }
    #expect(show(rows) == expected.map { "\($0.key) \($0.value)" }, "\(seed)")
  }
}
