import DocStore
import Expressions
import Keys
import Operations
import Schema
import Storage
import Synchronization
import Testing
import Values

/// Ten rows: `a` from 1 to 10, `b` "odd" or "even", `c` ten times `a`.
@Suite struct ReadExecutorTests {
  private let table = Make.table()
  private let store: any Store
  private let point = ReadPoint(time: HybridTime(microseconds: 10))

  init() throws {
    store = try Make.store()
    try store.commit(
      (1...10).map { Make.row(Int32($0), $0 % 2 == 0 ? "even" : "odd", Int32($0) * 10) }, of: table, at: 1)
  }

  private func executor(bounds: KeyRange? = nil) -> ReadExecutor {
    ReadExecutor(
      reader: RowReader(store: store, codec: RowCodec(table: table), historyCutoff: .zero),
      bounds: bounds ?? table.wholeRange, context: Make.context)
  }

  private func read(
    _ selection: KeySelection? = nil, filter: Expression? = nil, giving output: RowPipeline.Output
  ) -> TableRead {
    TableRead(
      table: table.id, schemaVersion: table.version, selection: selection ?? .ranges([table.wholeRange]),
      pipeline: RowPipeline(filter: filter, output: output), isOrdered: true)
  }

  /// The batches of a read, one list of rows for each.
  private func batches(_ read: TableRead, _ limits: BatchLimits = BatchLimits(), bounds: KeyRange? = nil) throws
    -> [[String]]
  {
    var batches: [[String]] = []
    var resume: [UInt8]?
    repeat {
      guard
        case .found(let batch) = try executor(bounds: bounds).execute(read, at: point, resume: resume, limits: limits)
      else { return [["uncertain"]] }
      batches.append(show(batch.rows))
      resume = batch.resume
    } while resume != nil
    return batches
  }

  private func key(_ a: Int32) throws -> [UInt8] { try table.documentKey(keyValues: [.int4(a)]) }

  @Test("Filter and projection run next to the rows")
  func filterAndProject() throws {
    let read = read(filter: Make.a > 7, giving: .rows(projection: [Make.c, Make.a + .int(1)], limit: nil))
    #expect(try batches(read) == [["80 9", "90 10", "100 11"]])
  }

  @Test("Batches end at their limit and go on where they ended")
  func batching() throws {
    var limits = BatchLimits()
    limits.rowsMax = 4
    let read = read(giving: .rows(projection: [Make.a], limit: nil))
    #expect(try batches(read, limits) == [["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9", "10"]])
  }

  @Test("A limit counts over all batches")
  func limit() throws {
    var limits = BatchLimits()
    limits.rowsMax = 2
    #expect(
      try batches(read(giving: .rows(projection: [Make.a], limit: 5)), limits) == [["1", "2"], ["3", "4"], ["5"]])
    #expect(try batches(read(giving: .rows(projection: [Make.a], limit: 0)), limits) == [[]])
  }

  @Test("A filter that keeps little still gives the tablet back now and then")
  func scanBudget() throws {
    var limits = BatchLimits()
    limits.versionsMax = 4
    let batches = try batches(read(filter: Make.a == 10, giving: .rows(projection: [Make.a], limit: nil)), limits)
    #expect(batches.count > 1)
    #expect(batches.flatMap(\.self) == ["10"])
  }

  @Test("Points are looked up one by one, missing ones skipped")
  func points() throws {
    var limits = BatchLimits()
    limits.rowsMax = 2
    let points = KeySelection.points([try key(2), try key(3), try key(99), try key(100), try key(2_000)])
    #expect(
      try batches(read(points, giving: .rows(projection: [Make.a], limit: nil)), limits).flatMap(\.self) == ["2", "3"])
  }

  @Test("Several ranges are read in order, and cut at the tablet's bounds")
  func ranges() throws {
    let selection = KeySelection.ranges([
      KeyRange(lower: try key(2), upper: try key(4)), KeyRange(lower: try key(6), upper: try key(9)),
    ])
    let read = read(selection, giving: .rows(projection: [Make.a], limit: nil))
    var limits = BatchLimits()
    limits.rowsMax = 2
    #expect(try batches(read, limits).flatMap(\.self) == ["2", "3", "6", "7", "8"])
    let bounds = KeyRange(lower: try key(3), upper: try key(8))
    #expect(try batches(read, limits, bounds: bounds).flatMap(\.self) == ["3", "6", "7"])
  }

  @Test("The first rows of a sort come at once, sorted")
  func top() throws {
    let output = RowPipeline.Output.top(
      projection: [Make.a, Make.b],
      keys: [
        SortKey(column: 1, descending: false, nullsFirst: false),
        SortKey(column: 0, descending: true, nullsFirst: true),
      ], limit: 3)
    #expect(try batches(read(giving: output)) == [["10 even", "8 even", "6 even"]])
  }

  @Test("Groups come at once, as partial states")
  func groups() throws {
    let count = AggregateCall(function: AggregateID(2803), arguments: [], isDistinct: false, filter: nil, type: .int8)
    let groups = try batches(read(filter: Make.a < 4, giving: .groups(by: [Make.b], aggregates: [count])))
    #expect(groups.count == 1)
    #expect(groups[0].count == 2)
  }

  @Test("A cancelled read ends with 57014")
  func cancellation() throws {
    var limits = BatchLimits()
    limits.isCanceled = { true }
    #expect {
      _ = try batches(read(giving: .rows(projection: [Make.a], limit: nil)), limits)
    } throws: { error in
      guard case .statement(let error)? = error as? DocStoreError else { return false }
      return error.state == .queryCanceled
    }
  }

  @Test("A request for another schema is sent back")
  func schemaVersion() throws {
    var read = read(giving: .rows(projection: [Make.a], limit: nil))
    read.schemaVersion = 2
    #expect {
      _ = try batches(read)
    } throws: { error in
      guard case .schemaChanged(current: 1)? = error as? DocStoreError else { return false }
      return true
    }
  }

  @Test("A token that no read gave is refused", arguments: [[], [1], [2, 0, 0], [1, 0xff, 0xff, 0xff]] as [[UInt8]])
  func hostileToken(token: [UInt8]) throws {
    let read = read(giving: .rows(projection: [Make.a], limit: nil))
    #expect(throws: DocStoreError.self) { _ = try executor().execute(read, at: point, resume: token) }
  }
}
