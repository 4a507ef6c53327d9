import Coding
import Expressions
import Testing
import Values

@Suite("Properties of random expressions")
struct PropertyTests {
  private let context = TranscriptTests.context

  @Test("Compiled and folded expressions give what walking the tree gives", arguments: UInt64(1)...30)
  func compiledAgrees(seed: UInt64) {
    var generator = Generator(seed: seed)
    for round in 0..<25 {
      let expression = generator.expression(depth: 3)
      let compiled = CompiledExpression(expression)
      let folded = expression.foldConstants(context)
      for _ in 0..<10 {
        let row = generator.row()
        let expected = outcome { () throws(SQLError) in try expression.evaluate(row: row, context) }
        let got = outcome { () throws(SQLError) in try compiled.evaluate(row, context) }
        #expect(got == expected, "SEED=\(seed) round \(round): \(expression) over \(row)")
        // Folding may only remove errors: AND drops what false decides.
        if !expected.hasPrefix("!!") {
          let got = outcome { () throws(SQLError) in try folded.evaluate(row: row, context) }
          #expect(got == expected, "SEED=\(seed) round \(round), folded: \(expression) over \(row)")
        }
      }
    }
  }

  @Test("Expressions and pipelines survive their binary form", arguments: UInt64(1)...30)
  func roundTrip(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    let pipeline = generator.pipeline()
    var writer = ByteWriter()
    writer.write(pipeline)
    var reader = ByteReader(writer.bytes)
    let read = try reader.readRowPipeline()
    #expect(reader.isAtEnd)
    #expect("\(read)" == "\(pipeline)", "SEED=\(seed)")
  }

  @Test("The module page's worked example")
  func workedExample() throws {
    var writer = ByteWriter()
    writer.write(try ScalarSQL.bind("c0 > 5", columns: [.int4]))
    #expect(writer.bytes == [4, 0x93, 1, 2, 2, 0, 3, 0, 1, 4, 0x0a, 3, 0, 1, 0])
  }

  @Test("Damaged bytes are refused or give some other pipeline, which runs or throws", arguments: UInt64(1)...200)
  func damagedBytes(seed: UInt64) {
    var generator = Generator(seed: seed)
    var writer = ByteWriter()
    writer.write(generator.pipeline())
    for _ in 0..<50 {
      var bytes = writer.bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator.random) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator.random)] = UInt8.random(
          in: 0...255, using: &generator.random)
      }
      var reader = ByteReader(bytes)
      guard let pipeline = try? reader.readRowPipeline() else { continue }
      guard var runner = try? PipelineRunner(pipeline, context) else { continue }
      _ = try? runner.push(generator.row())
      _ = try? runner.push([])
      _ = runner.finish()
    }
  }

  @Test("A deep expression is refused, not run into the stack's end")
  func deepExpression() throws {
    var expression = Expression.constant(.bool(true), .boolean)
    for _ in 0..<2_000 { expression = .not(expression) }
    #expect(throws: SQLError.self) { try expression.evaluate(row: [], context) }
    #expect(throws: SQLError.self) { try CompiledExpression(expression).evaluate([], context) }
    var writer = ByteWriter()
    for _ in 0..<100_000 { writer.write(UInt8(8)) }
    var reader = ByteReader(writer.bytes)
    #expect(throws: CodingError.self) { try reader.readExpression() }
  }
}

extension Generator {
  mutating func pipeline() -> RowPipeline {
    let filter = random.pick([true, false]) ? expression(depth: 2) : nil
    let projection = (0..<3).map { _ in expression(depth: 2) }
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return RowPipeline(filter: filter, output: .rows(projection: projection, limit: random.pick([nil, 5])))
    case 1:
      let keys = [
        SortKey(column: 2, descending: true, nullsFirst: false),
        SortKey(column: 0, descending: false, nullsFirst: true),
      ]
      return RowPipeline(filter: filter, output: .top(projection: projection, keys: keys, limit: 3))
    default:
      let sum = AggregateCall(
        function: AggregateID(2108), arguments: [.column(0, .int4)], isDistinct: random.pick([true, false]),
        filter: filter, type: .int8)
      return RowPipeline(filter: filter, output: .groups(by: projection, aggregates: [sum]))
    }
  }
}
