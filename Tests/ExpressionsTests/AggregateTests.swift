import Expressions
import Testing
import Values

@Suite("Aggregates give what PostgreSQL gives, however the rows are split")
struct AggregateTests {
  private struct Case {
    var call: AggregateCall
    var rows: [Row]
  }

  private func read(_ line: TranscriptLine) throws -> Case {
    var words = line.sql.split(separator: " ").map(String.init)
    let isDistinct = words[0] == "distinct"
    if isDistinct { words.removeFirst() }
    let type = try TypeCatalog.named(words[1])
    var rows: [Row] = []
    for word in words[2...] {
      rows.append([word == "NULL" ? .null : try TextFormat.parse(word, as: type, settings: .standard, now: 0)])
    }
    var arguments = [Expression.column(0, type)]
    if words[0] == "string_agg" {
      arguments.append(.constant(type == .bytea ? .bytes([44]) : .text(","), type))
    }
    let resolved = try FunctionCatalog.resolveAggregate(words[0], arguments.map(\.type))
    return Case(
      call: AggregateCall(
        function: resolved.aggregate, arguments: arguments, isDistinct: isDistinct, filter: nil,
        type: resolved.resultType),
      rows: rows)
  }

  private func shown(_ type: SQLType, _ body: () throws(SQLError) -> Datum) -> String {
    do {
      let datum = try body()
      return datum.isNull ? "NULL" : TextFormat.text(datum, as: type, settings: .standard)
    } catch {
      return "!! \(error.state.code) \(error.message)"
    }
  }

  @Test(arguments: TranscriptLine.read(aggregateTranscript))
  func onePass(_ line: TranscriptLine) throws {
    let test = try read(line)
    let result = shown(test.call.type) { () throws(SQLError) in
      var table = try GroupTable(by: [], aggregates: [test.call])
      for row in test.rows { try table.add(row, TranscriptTests.context) }
      return try table.takeResults()[0][0]
    }
    #expect(result == line.expected)
  }

  /// Each row at a tablet of its own; the states travel in rows.
  @Test(arguments: TranscriptLine.read(aggregateTranscript))
  func merged(_ line: TranscriptLine) throws {
    let test = try read(line)
    let pipeline = RowPipeline(filter: nil, output: .groups(by: [], aggregates: [test.call]))
    let result = shown(test.call.type) { () throws(SQLError) in
      var merger = try GroupMerger(by: [], aggregates: [test.call])
      for row in test.rows {
        var runner = try PipelineRunner(pipeline, TranscriptTests.context)
        _ = try runner.push(row)
        for partial in runner.finish() { try merger.merge(partial) }
      }
      return try merger.finish()[0][0]
    }
    #expect(result == line.expected)
  }

  @Test("Over no rows there is one row, and count is 0")
  func empty() throws {
    let count = AggregateCall(function: AggregateID(2803), arguments: [], isDistinct: false, filter: nil, type: .int8)
    var merger = try GroupMerger(by: [], aggregates: [count])
    let rows = try merger.finish()
    #expect(rows.count == 1)
    #expect("\(rows[0][0])" == "int8(0)")
    var grouped = try GroupMerger(by: [.column(0, .int4)], aggregates: [count])
    #expect(try grouped.finish().isEmpty)
  }

  @Test("Groups over random splits are the groups of all rows", arguments: UInt64(1)...20)
  func randomSplits(seed: UInt64) throws {
    var random = Seeded(seed)
    let rows = (0..<200).map { _ -> Row in
      [
        random.pick([.text("a"), .text("b"), .text("é"), .null]),
        random.pick([.int4(Int32.random(in: -5...5, using: &random)), .null]),
        .numeric(Numeric(coefficient: Int64.random(in: -500...500, using: &random), scale: 2)),
      ]
    }
    func call(_ name: String, _ arguments: [Expression], distinct: Bool = false) throws -> AggregateCall {
      let resolved = try FunctionCatalog.resolveAggregate(name, arguments.map(\.type))
      let filter = try FunctionCatalog.bindOperator(
        ">", left: .column(1, .int4), right: .constant(.int4(-4), .int4))
      return AggregateCall(
        function: resolved.aggregate, arguments: arguments, isDistinct: distinct, filter: distinct ? filter : nil,
        type: resolved.resultType)
    }
    let (key, integer, number) = (
      Expression.column(0, .text), Expression.column(1, .int4), Expression.column(2, .numeric)
    )
    let calls = [
      try call("count", []), try call("sum", [integer]), try call("avg", [number]), try call("min", [number]),
      try call("stddev", [integer]), try call("sum", [integer], distinct: true),
      try call("count", [number], distinct: true),
    ]
    var whole = try GroupTable(by: [key], aggregates: calls)
    for row in rows { try whole.add(row, TranscriptTests.context) }

    let pipeline = RowPipeline(filter: nil, output: .groups(by: [key], aggregates: calls))
    var runners = try (0..<3).map { _ in try PipelineRunner(pipeline, TranscriptTests.context) }
    for row in rows { _ = try runners[Int.random(in: 0..<3, using: &random)].push(row) }
    var merger = try GroupMerger(by: [key], aggregates: calls)
    for index in runners.indices {
      #expect(runners[index].memoryEstimate > 0)
      for partial in runners[index].finish() { try merger.merge(partial) }
    }
    let expected = try whole.takeResults().map { "\($0)" }.sorted()
    #expect(try merger.finish().map { "\($0)" }.sorted() == expected, "SEED=\(seed)")
  }

  @Test("A malformed partial state is refused, never trusted", arguments: UInt64(1)...50)
  func malformedStates(seed: UInt64) throws {
    var random = Seeded(seed)
    for line in TranscriptLine.read(aggregateTranscript) {
      let test = try read(line)
      var state = try AggregateState(test.call)
      for row in test.rows { try? state.accumulate(row[0], .text(",")) }
      guard case .bytes(var bytes) = state.encoded else { continue }
      let position = Int.random(in: 0..<bytes.count, using: &random)
      if random.pick([true, false]) {
        bytes[position] = UInt8.random(in: 0...255, using: &random)
      } else {
        bytes.removeLast(bytes.count - position)
      }
      guard var damaged = try? AggregateState(test.call, encoded: .bytes(bytes)) else { continue }
      // Whatever it says now, taking it must end in a value or an error.
      try? damaged.merge(state)
      _ = try? damaged.finish()
    }
  }
}
