import Testing
import Values

@Suite("JSON")
struct JSONTests {
  @Test("Nesting is bounded, not recursed into the ground")
  func depth() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throughText(deep, .json) == "ERR 54001 stack depth limit exceeded")
    #expect(throughText(deep, .jsonb) == "ERR 54001 stack depth limit exceeded")
    let fits = String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000)
    #expect(throughText(fits, .jsonb) == fits)
    #expect(
      outcome { () throws(SQLError) in try JSONValue.parse("[[1]]", depthMax: 1).description }.hasPrefix("ERR 54001"))
  }

  @Test("Errors say what stood where, in PostgreSQL's words")
  func details() {
    for (text, detail) in [
      ("{\"a\" 1}", "Expected \":\", but found \"1\"."), ("[1,]", "Expected JSON value, but found \"]\"."),
      ("[1", "The input string ended unexpectedly."), ("{1:2}", "Expected string or \"}\", but found \"1\"."),
      ("[1 2]", "Expected \",\" or \"]\", but found \"2\"."), ("1 2", "Expected end of input, but found \"2\"."),
      ("01", "Token \"01\" is invalid."), ("\"a\\xb\"", "Escape sequence \"\\x\" is invalid."),
      ("\"\u{1}\"", "Character with value 0x01 must be escaped."),
    ] {
      let error = #expect(throws: SQLError.self) { try JSONText.validate(text) }
      #expect(error?.detail == detail)
      #expect(error?.state == .invalidTextRepresentation)
    }
  }

  @Test("Parts are found by name, index and path")
  func parts() throws {
    let value = try JSONValue.parse(#"{"a": [10, {"b": "x"}], "n": null, "a": [1, {"b": "é"}, 2.50]}"#)
    #expect(value["a"]?[0]?.description == "1")
    #expect(value["a"]?[-1]?.textValue == "2.50")
    #expect(value[path: ["a", "1", "b"]]?.textValue == "é")
    #expect(value[path: ["a", "-3"]]?.textValue == "1")
    #expect(value["n"]?.textValue == nil && value["n"]?.typeName == "null")
    #expect(value["x"] == nil && value["a"]?["b"] == nil && value[path: ["a", "9"]] == nil)
  }

  @Test("jsonb order: object > array > boolean > number > string > null, and the empty array below all scalars")
  func order() {
    let ascending = [
      "[]", "null", "\"\"", "\"a\"", "\"ab\"", "\"b\"", "-5", "0", "1", "false", "true", "[null]", "[\"a\"]", "[1]",
      "[2]", "[[]]", "[{}]", "[1, 2]", "{}", "{\"a\": null}", "{\"a\": 1}", "{\"a\": 2}", "{\"a\": []}",
      "{\"aa\": 1}", "{\"b\": 1}", "{\"a\": 1, \"b\": 2}",
    ]
    for (i, a) in ascending.enumerated() {
      for (j, b) in ascending.enumerated() {
        #expect(JSONB.compare(a, b) == (i < j ? -1 : i == j ? 0 : 1), "\(a) \(b)")
      }
    }
    #expect(JSONB.compare("[1.0]", "[1.00]") == 0)
  }
}
