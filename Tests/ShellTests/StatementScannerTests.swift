import Shell
import Testing

@Suite("Cutting lines into statements")
struct StatementScannerTests {
  /// The statements of a text, the unfinished one last with `…`.
  static func statements(_ text: String) -> [String] {
    var scanner = StatementScanner()
    var found: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) { found += scanner.feed(line) }
    if let rest = scanner.finish() { found.append(rest + "…") }
    return found
  }

  @Test(
    "A semicolon ends a statement where PostgreSQL would say so",
    arguments: [
      ("select 1; select 2;", ["select 1", "select 2"]),
      ("select\n 1\n;", ["select\n 1"]),
      (";;  ;", []),
      ("-- only words;\n", []),
      ("select 1 -- a; b\n;", ["select 1 -- a; b"]),
      ("select ';'; x", ["select ';'", "x…"]),
      ("select 'it''s; so';", ["select 'it''s; so'"]),
      (#"select 'a\'; select 2;"#, [#"select 'a\'"#, "select 2"]),
      (#"select E'a\'; b';"#, [#"select E'a\'; b'"#]),
      (#"select note'a\'; b"#, [#"select note'a\'"#, "b…"]),
      (#"select "a;""b";"#, [#"select "a;""b""#]),
      ("select $$a;b$$;", ["select $$a;b$$"]),
      ("select $x$ $$ ; $y$ $x$;", ["select $x$ $$ ; $y$ $x$"]),
      ("select $1; select $2;", ["select $1", "select $2"]),
      ("select a$b$; select 2;", ["select a$b$", "select 2"]),
      ("select /* a; /* b; */ c; */ 1;", ["select /* a; /* b; */ c; */ 1"]),
      ("create rule r as (select 1; select 2);", ["create rule r as (select 1; select 2)"]),
      ("select 'a\n;b';", ["select 'a\n;b'"]),
      ("select '雨燕;';", ["select '雨燕;'"]),
      ("select )); 1", ["select ))", "1…"]),
    ])
  func ends(text: String, expected: [String]) { #expect(Self.statements(text) == expected) }

  @Test(
    "The prompt shows what is open",
    arguments: [
      ("", .nothing), ("select 1;", .nothing), ("select 1", .statement), ("select 'a", .string), ("select \"a", .name),
      ("select $x$ a", .dollarString), ("select (1", .parenthesis), ("/* a /* b */", .comment), ("-- a", .nothing),
      ("select (1 -- )", .parenthesis),
    ] as [(String, StatementScanner.Open)])
  func open(text: String, expected: StatementScanner.Open) {
    var scanner = StatementScanner()
    _ = scanner.feed(text)
    #expect(scanner.open == expected)
  }

  @Test("However a text is cut into lines, no byte outside of the ends is lost")
  func keepsText() {
    let text = "select 1 + /* x */ 2, 'a''b', $q$ ; $q$"
    #expect(Self.statements(text + ";" + text + ";") == [text, text])
  }
}
