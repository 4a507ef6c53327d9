import PostgresClient
import Shell
import Testing

/// The expected texts are what psql 15 prints for the same rows.
@Suite("Tables as psql prints them")
struct TableTextTests {
  static let number: UInt32 = 23
  static let text: UInt32 = 25

  static func result(_ columns: [(String, UInt32)], _ rows: [[String?]]) -> PostgresResult {
    PostgresResult(kind: .rows, columns: columns.map { .init(name: $0.0, type: $0.1) }, rows: rows)
  }

  @Test("Headings in the middle, numbers to the right, text to the left")
  func aligned() {
    let rows = Self.result([("id", Self.number), ("name", Self.text)], [["1", "a swift"], ["200", nil]])
    #expect(
      TableText().text(rows) == """
         id  |  name  \u{20}
        -----+---------
           1 | a swift
         200 |\u{20}
        (2 rows)


        """)
    #expect(TableText(null: "∅").text(rows).contains(" 200 | ∅\n"))
  }

  @Test("One row, no row, no column")
  func counts() {
    let columns = [("count", UInt32(20))]
    #expect(TableText().text(Self.result(columns, [["3"]])) == " count \n-------\n     3\n(1 row)\n\n")
    #expect(TableText().text(Self.result(columns, [])) == " count \n-------\n(0 rows)\n\n")
    #expect(TableText().text(Self.result([], [[]])) == "--\n(1 row)\n\n")
  }

  @Test("A value with several lines goes on with a plus")
  func lines() {
    let rows = Self.result([("a", Self.text), ("b", Self.text), ("c", Self.text)], [["x\nyy", "1", "p\nqq"]])
    #expect(
      TableText().text(rows) == """
         a  | b | c \u{20}
        ----+---+----
         x +| 1 | p +
         yy |   | qq
        (1 row)


        """)
  }

  @Test("Wide and combining characters take the places that a terminal gives them")
  func wide() {
    let rows = Self.result(
      [("a", Self.text), ("b", Self.number)], [["雨燕", "1"], ["e\u{301}", "2"], ["\u{1}\t", "3"]])
    #expect(
      TableText().text(rows) == """
            a     | b\u{20}
        ----------+---
         雨燕     | 1
         e\u{301}        | 2
         \\x01     | 3
        (3 rows)


        """)
  }

  @Test("A record under the other")
  func expanded() {
    let rows = Self.result([("id", Self.number), ("name", Self.text)], [["1", "abcdefghijklmnop"], ["2", nil]])
    #expect(
      TableText(isExpanded: true).text(rows) == """
        -[ RECORD 1 ]----------
        id   | 1
        name | abcdefghijklmnop
        -[ RECORD 2 ]----------
        id   | 2
        name | 


        """)
    #expect(TableText(isExpanded: true).text(Self.result([("id", Self.number)], [])) == "(0 rows)\n\n")
  }
}
