import CPGQuery
import Values

/// The statements of one text, and what is needed to point into it.
package struct ParsedScript: Sendable {
  package struct Statement: Sendable {
    var syntax: StatementSyntax
    /// The statement's own text, trimmed of blanks.
    package var text: String
    /// The highest `$n` in it.
    var parameterCount: Int
    /// `AS OF SYSTEM TIME`, as it was written.
    var readTime: String?
  }
  package var statements: [Statement]
}

/// SQL text to typed syntax: lexical checks, foreign spellings, PostgreSQL's own parser, then our types.
package enum SQLParser {
  /// The longest statement text, in bytes.
  package static let textBytesMax = 16 << 20
  /// The most statements in one text.
  package static let statementCountMax = 10_000

  /// - Throws: 42601 and its kin with a position in characters; 54000 or 54001 for what is too long or too deep; 22021 for
  ///   a NUL byte.
  package static func parse(_ text: String) throws(SQLError) -> ParsedScript {
    do {
      return try parseUnlocated(text)
    } catch {
      throw error.located(in: text)
    }
  }

  private static func parseUnlocated(_ text: String) throws(SQLError) -> ParsedScript {
    let bytes = Array(text.utf8)
    guard bytes.count <= textBytesMax else {
      throw SQLError(
        .programLimitExceeded, "statement is longer than \(textBytesMax) bytes",
        hint: "Split it into several statements, or load data with COPY.")
    }
    if bytes.contains(0) {
      throw SQLError(.characterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
    }
    let (tokens, comments) = try Nesting.tokens(of: bytes)
    // PostgreSQL's scanner takes quadratic time for runs of comments; it need not see them.
    var uncommented = bytes
    for comment in comments { for index in comment { uncommented[index] = UInt8(ascii: " ") } }
    var rewriter = ShardingRewriter(uncommented, tokens: tokens)
    try rewriter.rewrite()

    var timeRewriter = SystemTimeRewriter(rewriter.bytes, tokens: tokens)
    try timeRewriter.rewrite()

    let tree = try parseTree(timeRewriter.bytes)
    var script = ParsedScript(statements: [])
    let statements = tree.root.list("stmts")
    guard statements.count <= statementCountMax else {
      throw SQLError(.programLimitExceeded, "more than \(statementCountMax) statements in one query")
    }
    for statement in statements {
      let start = min(max(0, statement.int("stmt_location")), bytes.count)
      let length = statement.int("stmt_len")
      let end = length <= 0 ? bytes.count : min(start + length, bytes.count)
      var reader = TreeReader(source: bytes, sharding: rewriter.syntax, statementStart: start, statementEnd: end)
      guard let node = statement["stmt"] else { continue }
      var syntax = try reader.statement(node)
      if case .createTable(var create) = syntax, case .values(let range, _)? = create.split {
        create.splitRows = try splitRows(range, of: uncommented)
        syntax = .createTable(create)
      }
      if case .createIndex(var create) = syntax, case .values(let range, _)? = create.split {
        create.splitRows = try splitRows(range, of: uncommented)
        syntax = .createIndex(create)
      }
      let own = String(decoding: bytes[start..<end].drop(while: isBlank), as: UTF8.self)
      script.statements.append(
        ParsedScript.Statement(
          syntax: syntax, text: own, parameterCount: reader.parameterCount,
          readTime: try timeRewriter.readTime(of: syntax, in: start..<end)))
    }
    return script
  }

  /// The rows of `SPLIT AT VALUES`, read by the stock parser as `VALUES` at the same offsets.
  private static func splitRows(
    _ range: Range<Int>, of bytes: [UInt8]
  ) throws(SQLError) -> [[ExpressionSyntax]] {
    // "SPLIT AT VALUES" stands before the range, so the word VALUES always fits.
    var padded = [UInt8](repeating: UInt8(ascii: " "), count: range.upperBound)
    padded.replaceSubrange(range, with: bytes[range])
    let word = Array("VALUES".utf8)
    padded.replaceSubrange(range.lowerBound - word.count..<range.lowerBound, with: word)
    let tree = try parseTree(padded)
    var reader = TreeReader(source: padded, sharding: ShardingSyntax(), statementStart: 0, statementEnd: bytes.count)
    guard let node = tree.root.list("stmts").first?["stmt"], case .select(let select) = try reader.statement(node)
    else { throw SQLError(.syntaxError, "SPLIT AT VALUES needs rows of constants", position: range.lowerBound + 1) }
    return select.values
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  private static func parseTree(_ bytes: [UInt8]) throws(SQLError) -> ParseTree {
    var terminated = bytes.map { CChar(bitPattern: $0) }
    terminated.append(0)
    let result = terminated.withUnsafeBufferPointer { pg_query_parse($0.baseAddress) }
    defer { pg_query_free_parse_result(result) }
    if let failure = result.error {
      throw error(failure.pointee, in: bytes)
    }
    guard let json = result.parse_tree else { throw SQLError(.internalError, "the parser gave no tree") }
    var tree: [UInt8] = []
    let count = unterminatedCount(json)
    tree.reserveCapacity(count)
    json.withMemoryRebound(to: UInt8.self, capacity: count) {
      tree.append(contentsOf: UnsafeBufferPointer(start: $0, count: count))
    }
    guard let parsed = ParseTree(json: tree) else {
      throw SQLError(.internalError, "the parser's tree could not be read")
    }
    return parsed
  }

  private static func unterminatedCount(_ text: UnsafePointer<CChar>) -> Int {
    var count = 0
    while text[count] != 0 { count += 1 }
    return count
  }

  private static func error(_ failure: PgQueryError, in bytes: [UInt8]) -> SQLError {
    let message = failure.message.map { String(cString: $0) } ?? "syntax error"
    let state: SQLState =
      message.hasPrefix("memory exhausted")
      ? .programLimitExceeded
      : message.contains("invalid Unicode") || message.contains("invalid byte")
        ? .characterNotInRepertoire
        : .syntaxError
    // The C parser counts characters from 1; our positions are bytes until they leave the front.
    let position = failure.cursorpos > 0 ? bytes.offset(ofCharacter: Int(failure.cursorpos)) + 1 : nil
    return SQLError(state, message, position: position)
  }
}

extension SQLError {
  /// Inside the front, positions are byte offsets from 1 in the statement's text; clients get characters.
  func located(in text: String) -> SQLError {
    guard let byte = position else { return self }
    var located = self
    located.position = text.characterPosition(ofByte: byte - 1)
    return located
  }

  init(_ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, at location: Int?) {
    self.init(state, message, detail: detail, hint: hint, position: location.map { $0 + 1 })
  }

  static func unsupported(_ what: String, hint: String? = nil, at location: Int? = nil) -> SQLError {
    SQLError(.featureNotSupported, "\(what) is not supported", hint: hint, at: location)
  }
}

extension String {
  /// PostgreSQL counts code points, from 1.
  fileprivate func characterPosition(ofByte offset: Int) -> Int {
    var position = 1
    for (index, byte) in utf8.enumerated() {
      if index >= offset { break }
      if byte & 0xc0 != 0x80 { position += 1 }
    }
    return position
  }
}

extension [UInt8] {
  /// Where a character of UTF-8 begins, counted from 1.
  fileprivate func offset(ofCharacter position: Int) -> Int {
    var seen = 0
    for (index, byte) in enumerated() where byte & 0xc0 != 0x80 {
      seen += 1
      if seen == position { return index }
    }
    return count
  }
}
