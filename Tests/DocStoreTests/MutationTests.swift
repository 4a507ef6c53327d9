import Coding
import DocStore
import Expressions
import Keys
import Operations
import Schema
import Storage
import Testing
import Values

/// Rows `1 one 10` and `2 two 20`, and what statements make of them.
@Suite struct MutationTests {
  private let table: TableDescriptor
  private let store: any Store

  init() throws {
    table = Make.table()
    store = try Make.store()
    try store.commit([Make.row(1, "one", 10), Make.row(2, "two", 20)], of: table, at: 1)
  }

  private func evaluator(bounds: KeyRange? = nil, limits: MutationLimits = MutationLimits()) -> MutationEvaluator {
    MutationEvaluator(
      codec: RowCodec(table: table), bounds: bounds ?? table.wholeRange, context: Make.context, limits: limits)
  }

  private func mutation(_ mutation: Mutation, returning: [Expression]? = nil) -> TableMutation {
    TableMutation(table: table.id, schemaVersion: table.version, mutation: mutation, returning: returning)
  }

  private func key(_ a: Int32) throws -> [UInt8] { try table.documentKey(keyValues: [.int4(a)]) }

  /// What the mutation writes, as `key row` or `key deleted`.
  private func writes(_ mutation: Mutation, bounds: KeyRange? = nil) throws -> [String] {
    let evaluated = try evaluator(bounds: bounds).evaluate(self.mutation(mutation), reading: store)
    return try evaluated.writes.map { write in
      let key = show([try table.keyValues(of: write.documentKey)])[0]
      guard let packed = write.packedRow else { return "\(key) deleted" }
      return show([try RowCodec(table: table).decode(packed.span)])[0]
    }
  }

  private func error(_ mutation: Mutation, bounds: KeyRange? = nil) -> SQLError? {
    do {
      _ = try writes(mutation, bounds: bounds)
      return nil
    } catch DocStoreError.statement(let error) {
      return error
    } catch {
      return nil
    }
  }

  private var everything: KeySelection { .ranges([table.wholeRange]) }

  // MARK: Insert

  @Test("New rows are written, counted and returned in their order")
  func insert() throws {
    let rows = [Make.row(5, "five", 50), Make.row(3, nil, nil)]
    let evaluated = try evaluator().evaluate(
      mutation(.insert(rows: rows, onConflict: .fail), returning: [Make.c, Make.a]), reading: store)
    #expect(try writes(.insert(rows: rows, onConflict: .fail)) == ["5 five 50", "3 - -"])
    #expect(evaluated.result.affectedCount == 2)
    #expect(show(evaluated.result.returned) == ["50 5", "- 3"])
  }

  @Test("A key that is there is a unique violation, in PostgreSQL's words")
  func duplicateKey() throws {
    let error = error(.insert(rows: [Make.row(1, "again", 1)], onConflict: .fail))
    #expect(error?.state == .uniqueViolation)
    #expect(error?.message == "duplicate key value violates unique constraint \"t_pkey\"")
    #expect(error?.detail == "Key (a)=(1) already exists.")
    #expect(error?.table == "t" && error?.schema == "public" && error?.constraint == "t_pkey")
  }

  @Test("The same key twice in one statement is one, too")
  func duplicateWithinStatement() {
    let rows = [Make.row(7, "a", 1), Make.row(7, "b", 2)]
    #expect(error(.insert(rows: rows, onConflict: .fail))?.detail == "Key (a)=(7) already exists.")
  }

  @Test("A deleted row's key is free again")
  func insertAfterDelete() throws {
    try store.commit([DocumentWrite(documentKey: try key(1), packedRow: nil)], at: HybridTime(microseconds: 2))
    #expect(try writes(.insert(rows: [Make.row(1, "new", 1)], onConflict: .fail)) == ["1 new 1"])
  }

  @Test("DO NOTHING skips rows that conflict, with stored ones or with each other")
  func doNothing() throws {
    let rows = [Make.row(1, "x", 1), Make.row(7, "a", 1), Make.row(7, "b", 2)]
    let evaluated = try evaluator().evaluate(
      mutation(.insert(rows: rows, onConflict: .doNothing), returning: [Make.a]), reading: store)
    #expect(evaluated.result.affectedCount == 1)
    #expect(show(evaluated.result.returned) == ["7"])
    #expect(try writes(.insert(rows: rows, onConflict: .doNothing)) == ["7 a 1"])
  }

  @Test("DO UPDATE sees the stored row and the proposed one")
  func doUpdate() throws {
    let action = ConflictAction.update(
      [Assignment(column: 1, value: Make.excludedB), Assignment(column: 2, value: Make.c + Make.excludedC)],
      filter: Make.c < 15)
    let rows = [Make.row(1, "uno", 1), Make.row(2, "dos", 1), Make.row(3, "tres", 1)]
    #expect(try writes(.insert(rows: rows, onConflict: action)) == ["1 uno 11", "3 tres 1"])
  }

  @Test("DO UPDATE affects no row twice")
  func doUpdateTwice() {
    let action = ConflictAction.update([Assignment(column: 1, value: Make.excludedB)], filter: nil)
    for rows in [[Make.row(1, "x", 1), Make.row(1, "y", 1)], [Make.row(7, "x", 1), Make.row(7, "y", 1)]] {
      let error = error(.insert(rows: rows, onConflict: action))
      #expect(error?.state == .cardinalityViolation)
      #expect(error?.message == "ON CONFLICT DO UPDATE command cannot affect row a second time")
    }
  }

  // MARK: Rules

  @Test("NULL in a NOT NULL column, in PostgreSQL's words")
  func notNull() {
    let error = error(.insert(rows: [[.null, .text("x"), .int4(1)]], onConflict: .fail))
    #expect(error?.state == .notNullViolation)
    #expect(error?.message == "null value in column \"a\" of relation \"t\" violates not-null constraint")
    #expect(error?.detail == "Failing row contains (null, x, 1).")
    #expect(error?.column == "a")
  }

  @Test("A false check fails, a NULL one holds; long values are cut in the message")
  func check() throws {
    let long = String(repeating: "é", count: 40)
    let error = error(.insert(rows: [Make.row(9, long, -1)], onConflict: .doNothing))
    #expect(error?.state == .checkViolation)
    #expect(error?.message == "new row for relation \"t\" violates check constraint \"t_c_check\"")
    #expect(error?.detail == "Failing row contains (9, \(String(repeating: "é", count: 32))..., -1).")
    #expect(error?.constraint == "t_c_check")
    #expect(try writes(.insert(rows: [Make.row(9, nil, nil)], onConflict: .fail)) == ["9 - -"])
    let update = Mutation.update(everything, filter: nil, [Assignment(column: 2, value: .int(0))])
    #expect(self.error(update)?.state == .checkViolation)
  }

  // MARK: Update and delete

  @Test("An update by key writes the whole new row and returns it")
  func updatePoint() throws {
    let update = Mutation.update(
      .points([try key(1), try key(99)]), filter: nil, [Assignment(column: 2, value: Make.c + .int(5))])
    let evaluated = try evaluator().evaluate(mutation(update, returning: [Make.a, Make.c]), reading: store)
    #expect(try writes(update) == ["1 one 15"])
    #expect(evaluated.result.affectedCount == 1)
    #expect(show(evaluated.result.returned) == ["1 15"])
  }

  @Test("An update of a range looks at each row's filter")
  func updateRange() throws {
    let update = Mutation.update(everything, filter: Make.c > 15, [Assignment(column: 1, value: .text("big"))])
    #expect(try writes(update) == ["2 big 20"])
  }

  @Test("A delete writes tombstones and returns the old rows")
  func delete() throws {
    let delete = Mutation.delete(everything, filter: Make.a < 2)
    let evaluated = try evaluator().evaluate(mutation(delete, returning: [Make.b]), reading: store)
    #expect(try writes(delete) == ["1 deleted"])
    #expect(evaluated.result.affectedCount == 1)
    #expect(show(evaluated.result.returned) == ["one"])
    #expect(try writes(.delete(.points([try key(42)]), filter: nil)).isEmpty)
  }

  @Test("What a mutation writes can be read at its time, and not before")
  func roundTrip() throws {
    let evaluated = try evaluator().evaluate(
      mutation(.update(everything, filter: nil, [Assignment(column: 2, value: Make.c + .int(1))])), reading: store)
    let time = HybridTime(microseconds: 50)
    try store.commit(evaluated.writes, at: time)
    let reader = RowReader(store: store, codec: RowCodec(table: table), historyCutoff: .zero)
    for (point, expected) in [(time, "1 one 11"), (time.previous, "1 one 10")] {
      guard case .found(let row?) = try reader.get(try key(1), at: ReadPoint(time: point)) else {
        Issue.record("no row at \(point)")
        return
      }
      #expect(show([row]) == [expected])
    }
  }

  // MARK: Locks, limits, routing

  @Test("The locks are known before the rows are read")
  func lockScope() throws {
    let rows = [Make.row(5, "x", 1), Make.row(3, "y", 1), Make.row(5, "z", 1)]
    #expect(
      try evaluator().lockScope(of: mutation(.insert(rows: rows, onConflict: .doNothing)))
        == .keys([try key(3), try key(5)]))
    #expect(
      try evaluator().lockScope(of: mutation(.delete(.points([try key(1)]), filter: nil))) == .keys([try key(1)]))
    #expect(
      try evaluator().lockScope(of: mutation(.delete(everything, filter: nil))) == .ranges([table.wholeRange]))
    // A row that moves to another key comes as a delete and an insert.
    let move = Mutation.update(.points([try key(1)]), filter: nil, [Assignment(column: 0, value: .int(8))])
    #expect(throws: DocStoreError.self) { try evaluator().lockScope(of: mutation(move)) }
  }

  @Test("Keys of another tablet are sent back")
  func wrongTablet() throws {
    let bounds = KeyRange(lower: table.wholeRange.lower, upper: try key(5))
    let all = [
      Mutation.insert(rows: [Make.row(7, "x", 1)], onConflict: .fail), .delete(.points([try key(7)]), filter: nil),
      .update(everything, filter: nil, []),
    ]
    for wrong in all {
      #expect {
        _ = try writes(wrong, bounds: bounds)
      } throws: { error in
        guard case .wrongTablet? = error as? DocStoreError else { return false }
        return true
      }
    }
  }

  @Test("A mutation that would not fit one log entry is refused")
  func limits() throws {
    var limits = MutationLimits()
    limits.writesMax = 1
    #expect(throws: DocStoreError.self) {
      _ = try evaluator(limits: limits).evaluate(mutation(.delete(everything, filter: nil)), reading: store)
    }
    limits = MutationLimits()
    limits.bytesMax = 100
    let rows = [Make.row(9, String(repeating: "x", count: 200), 1)]
    #expect(throws: DocStoreError.self) {
      _ = try evaluator(limits: limits).evaluate(mutation(.insert(rows: rows, onConflict: .fail)), reading: store)
    }
  }

  @Test("The same mutation over the same rows gives the same writes in the same order")
  func determinism() throws {
    let rows = (0..<200).map { Make.row(Int32($0 * 7919 % 1_000), "x", 1) }
    let action = ConflictAction.update([Assignment(column: 1, value: Make.excludedB)], filter: nil)
    let insert = mutation(.insert(rows: rows, onConflict: action))
    let first = try evaluator().evaluate(insert, reading: store).writes
    for _ in 0..<5 { #expect(try evaluator().evaluate(insert, reading: store).writes == first) }
    #expect(first.map(\.documentKey) == (try rows.map { try table.documentKey(for: $0) }))
  }

  @Test("Writes travel in the log as bytes")
  func writesCoding() throws {
    let writes = [
      DocumentWrite(documentKey: [1, 2], packedRow: [3]), DocumentWrite(documentKey: [4], packedRow: nil),
      DocumentWrite(documentKey: [5], packedRow: []),
    ]
    var writer = ByteWriter()
    writer.write(writes)
    var reader = ByteReader(writer.bytes)
    #expect(try reader.readDocumentWrites() == writes)
    #expect(reader.isAtEnd)
  }
}
