import Expressions
import Testing
import Values

@Suite("Pipelines and resolution")
struct PipelineTests {
  private let context = TranscriptTests.context
  private func row(_ a: Int32?, _ b: String) -> Row { [a.map { .int4($0) } ?? .null, .text(b)] }
  private let columns: [SQLType] = [.int4, .text]

  private func run(_ pipeline: RowPipeline, _ rows: [Row]) throws -> [String] {
    var runner = try PipelineRunner(pipeline, context)
    for row in rows { if try !runner.push(row) { break } }
    return runner.finish().map { "\($0)" }
  }

  @Test("Rows are filtered, projected, and cut at the limit")
  func rows() throws {
    let filter = try ScalarSQL.bind("c0 > 1", columns: columns)
    let projection = [try ScalarSQL.bind("c1 || c0", columns: columns)]
    let rows = [row(1, "a"), row(2, "b"), row(nil, "c"), row(3, "d"), row(4, "e")]
    let pipeline = RowPipeline(filter: filter, output: .rows(projection: projection, limit: 2))
    #expect(try run(pipeline, rows) == ["\([Datum.text("b2")])", "\([Datum.text("d3")])"])

    var runner = try PipelineRunner(pipeline, context)
    #expect(try runner.push(rows[1]))
    #expect(try !runner.push(rows[3]))
    #expect(!runner.wantsMore)
    #expect(runner.takeRows().count == 2)
    let nothing = RowPipeline(filter: nil, output: .rows(projection: projection, limit: 0))
    #expect(try PipelineRunner(nothing, context).wantsMore == false)
  }

  @Test("Top rows are those of a sort, with NULLs where the key puts them", arguments: UInt64(1)...10)
  func top(seed: UInt64) throws {
    var random = Seeded(seed)
    let rows = (0..<100).map { _ in row(random.pick([nil, 1, 2, 3, 4, 5]), random.pick(["a", "b", "c"])) }
    let projection: [Expression] = [.column(0, .int4), .column(1, .text)]
    for keys in [
      [
        SortKey(column: 0, descending: true, nullsFirst: true),
        SortKey(column: 1, descending: false, nullsFirst: false),
      ],
      [
        SortKey(column: 1, descending: false, nullsFirst: false),
        SortKey(column: 0, descending: false, nullsFirst: false),
      ],
    ] {
      var sorted = rows
      RowSorter(keys: keys, types: columns).sort(&sorted)
      let pipeline = RowPipeline(filter: nil, output: .top(projection: projection, keys: keys, limit: 7))
      #expect(try run(pipeline, rows) == sorted.prefix(7).map { "\($0)" }, "SEED=\(seed)")
    }
  }

  @Test("Rows are put in the order of all their keys, equal ones as they came", arguments: UInt64(1)...20)
  func sorting(seed: UInt64) {
    var generator = Generator(seed: seed)
    for _ in 0..<50 {
      let rows = (0..<Int.random(in: 0...40, using: &generator.random)).map { _ in generator.row() }
      let keys = (0..<Int.random(in: 0...3, using: &generator.random)).map { _ in
        SortKey(
          column: .random(in: 0..<generatedColumns.count, using: &generator.random),
          descending: .random(using: &generator.random), nullsFirst: .random(using: &generator.random))
      }
      let sorter = RowSorter(keys: keys, types: generatedColumns)
      var sorted = rows
      sorter.sort(&sorted)
      let expected = rows.enumerated().sorted { a, b in
        let order = sorter.compare(a.element, b.element)
        return order != 0 ? order < 0 : a.offset < b.offset
      }
      #expect(sorted.map { "\($0)" } == expected.map { "\($0.element)" }, "SEED=\(seed) by \(keys)")
    }
  }

  @Test("Groups beyond the memory bound are refused")
  func memory() throws {
    let count = AggregateCall(function: AggregateID(2803), arguments: [], isDistinct: false, filter: nil, type: .int8)
    let pipeline = RowPipeline(filter: nil, output: .groups(by: [.column(0, .int4)], aggregates: [count]))
    var runner = try PipelineRunner(pipeline, context, memoryMax: 10_000)
    #expect(throws: SQLError.self) { for i in 0..<1_000 { _ = try runner.push(row(Int32(i), "")) } }
  }

  @Test("A failing constant is left for when it is reached")
  func guardedFolding() throws {
    let expression = try ScalarSQL.bind("case when c0 = 0 then null else 1 / 0 end", columns: columns)
    let folded = expression.foldConstants(context)
    #expect(try folded.evaluate(row: row(0, ""), context).isNull)
    #expect(throws: SQLError.self) { try folded.evaluate(row: row(1, ""), context) }
  }

  @Test("Parameters become constants, and columns can be renumbered")
  func traversal() throws {
    let expression = try ScalarSQL.bind("c0 = $1 and c1 like 'x%' and now() > '2000-01-01'", columns: columns)
    #expect(expression.containsParameter)
    #expect(!expression.isVolatile)
    #expect(expression.columnsUsed == [0, 1])
    let given = EvaluationContext(statementTime: 1, transactionTime: 1, parameters: [.int4(5)])
    let folded = expression.foldConstants(given)
    #expect(!folded.containsParameter)
    #expect(folded.mapColumns { $0 + 10 }.columnsUsed == [10, 11])
    #expect(try ScalarSQL.bind("random()").isVolatile)
    #expect(!(try ScalarSQL.bind("random()").foldConstants(given).isConstant))
  }

  @Test("Comparisons know their negator and commutator")
  func relatives() throws {
    let less = try FunctionCatalog.resolveOperator("<", left: .int4, right: .int8).function
    let more = try FunctionCatalog.resolveOperator(">", left: .int8, right: .int4).function
    #expect(FunctionCatalog.commutator(of: less) == more)
    #expect(
      FunctionCatalog.negator(of: less)
        == (try FunctionCatalog.resolveOperator(">=", left: .int4, right: .int8).function))
  }

  @Test("Common types")
  func commonTypes() throws {
    #expect(try FunctionCatalog.commonType(of: [.int4, .unknown, .numeric], context: "CASE") == .numeric)
    #expect(try FunctionCatalog.commonType(of: [.unknown, .unknown], context: "UNION") == .text)
    #expect(try FunctionCatalog.commonType(of: [.date, .timestampTZ], context: "CASE") == .timestampTZ)
    let error = #expect(throws: SQLError.self) {
      try FunctionCatalog.commonType(of: [.int4, .text], context: "CASE")
    }
    #expect(error?.message == "CASE types integer and text cannot be matched")
  }

  @Test("The time of day is the context's")
  func clocks() throws {
    let context = EvaluationContext(statementTime: 2, transactionTime: 1, clock: { 3 })
    func value(_ sql: String) throws -> String { "\(try ScalarSQL.bind(sql).evaluate(row: [], context))" }
    #expect(try value("now()") == "timestampTZ(1)")
    #expect(try value("statement_timestamp()") == "timestampTZ(2)")
    #expect(try value("clock_timestamp()") == "timestampTZ(3)")
    #expect(try value("current_date") == "date(0)")
  }

  @Test("A pattern that would take a backtracking matcher for ever is answered at once")
  func regularExpressionBombs() throws {
    let text = String(repeating: "a", count: 5_000)
    let sql = "'\(text)' ~ '^(a|a)*(a*)*(aa|a)*b$'"
    #expect("\(try ScalarSQL.bind(sql).evaluate(row: [], context))" == "bool(false)")
    for pattern in [
      "((((a{200}){200}){200}){200})", "((((){200}){200}){200}){200}", "(?:(?:(?:(?:){255}){255}){255}){255}",
    ] {
      #expect(throws: SQLError.self) { try ScalarSQL.bind("'a' ~ '\(pattern)'").evaluate(row: [], context) }
    }
  }
}
