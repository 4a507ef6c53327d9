import Expressions
import Testing
import Values

/// One line of a transcript.
struct TranscriptLine: CustomTestStringConvertible, Sendable {
  var sql: String
  var expected: String
  var testDescription: String { sql }

  static func read(_ transcript: String) -> [TranscriptLine] {
    transcript.split(separator: "\n").compactMap { line in
      for (mark, prefix) in [("  =>  ", ""), ("  !!  ", "!! ")] {
        let parts = line.split(separator: mark, maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { return TranscriptLine(sql: String(parts[0]), expected: prefix + String(parts[1])) }
      }
      return nil
    }
  }
}

@Suite("Scalar expressions give what PostgreSQL gives")
struct TranscriptTests {
  static let context = EvaluationContext(statementTime: 800_000_000_000_000, transactionTime: 800_000_000_000_000)

  /// The result as the transcript shows it.
  private func shown(_ type: SQLType, _ body: () throws(SQLError) -> Datum) -> String {
    do {
      let datum = try body()
      if datum.isNull { return "NULL" }
      return TextFormat.text(datum, as: type, settings: .standard).replacing("\n", with: "\\n")
    } catch {
      return "!! \(error.state.code) \(error.message)"
    }
  }

  private func check(_ line: TranscriptLine) {
    let expression: Expression
    do {
      expression = try ScalarSQL.bind(line.sql)
    } catch {
      #expect("!! \(error.state.code) \(error.message)" == line.expected)
      return
    }
    let context = TranscriptTests.context
    #expect(
      shown(expression.type) { () throws(SQLError) in try expression.evaluate(row: [], context) } == line.expected)
    let compiled = CompiledExpression(expression)
    #expect(
      shown(expression.type) { () throws(SQLError) in try compiled.evaluate([], context) } == line.expected, "compiled")
    let folded = expression.foldConstants(context)
    #expect(
      shown(expression.type) { () throws(SQLError) in try folded.evaluate(row: [], context) } == line.expected, "folded"
    )
  }

  @Test(arguments: TranscriptLine.read(numberTranscript))
  func numbers(_ line: TranscriptLine) { check(line) }

  @Test(arguments: TranscriptLine.read(textTranscript))
  func text(_ line: TranscriptLine) { check(line) }

  @Test(arguments: TranscriptLine.read(dateTimeTranscript))
  func datesAndTimes(_ line: TranscriptLine) { check(line) }

  @Test(arguments: TranscriptLine.read(jsonTranscript))
  func json(_ line: TranscriptLine) { check(line) }

  @Test(arguments: TranscriptLine.read(typeTranscript))
  func types(_ line: TranscriptLine) { check(line) }

  @Test(arguments: TranscriptLine.read(formatTranscript))
  func formatting(_ line: TranscriptLine) { check(line) }
}
