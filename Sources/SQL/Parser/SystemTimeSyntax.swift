import Values

/// Finds CockroachDB's `AS OF SYSTEM TIME time` in the tokens of a text and takes it out, as `ShardingRewriter` does with
/// YugabyteDB's clauses. The time is a string, a number with or without a minus, or `INTERVAL` and a string.
struct SystemTimeRewriter {
  private struct Clause {
    var offset: Int
    var time: String
  }

  private(set) var bytes: [UInt8]
  private let tokens: [Token]
  private var clauses: [Clause] = []

  init(_ bytes: [UInt8], tokens: [Token]) {
    self.bytes = bytes
    self.tokens = tokens
  }

  mutating func rewrite() throws(SQLError) {
    var index = 0
    while index + 4 < tokens.count {
      guard isWord(index, "as"), isWord(index + 1, "of"), isWord(index + 2, "system"), isWord(index + 3, "time") else {
        index += 1
        continue
      }
      let (time, end) = try time(at: index + 4)
      clauses.append(Clause(offset: tokens[index].start, time: time))
      blank(tokens[index].start..<tokens[end - 1].end)
      // SET TRANSACTION needs a mode, and this is the one that the clause means.
      if isBehindSetTransaction(index) {
        bytes.replaceSubrange(tokens[index].start..<tokens[index].start + 9, with: Array("READ ONLY".utf8))
      }
      index = end
    }
  }

  /// The time that the statement in this range of the text gives.
  func readTime(of statement: StatementSyntax, in range: Range<Int>) throws(SQLError) -> String? {
    let own = clauses.filter { range.contains($0.offset) }
    guard let first = own.first else { return nil }
    guard own.count == 1, statement.mayHaveReadTime else {
      throw SQLError(.syntaxError, "syntax error at or near \"AS OF SYSTEM TIME\"", at: own[own.count - 1].offset)
    }
    return first.time
  }

  private func isWord(_ index: Int, _ word: StaticString) -> Bool {
    index >= 0 && index < tokens.count && bytes.isWord(tokens[index], word)
  }

  private func isBehindSetTransaction(_ index: Int) -> Bool {
    isWord(index - 1, "transaction") && isWord(index - 2, "set")
  }

  private mutating func blank(_ range: Range<Int>) {
    for offset in range { bytes[offset] = UInt8(ascii: " ") }
  }

  private func text(_ index: Int) -> String {
    index < tokens.count ? String(decoding: bytes[tokens[index].start..<tokens[index].end], as: UTF8.self) : ""
  }

  /// The time's text, and the index behind it.
  private func time(at index: Int) throws(SQLError) -> (String, end: Int) {
    var index = index
    var sign = ""
    if isWord(index, "interval") { index += 1 }
    if index < tokens.count, tokens[index].kind == .operation, text(index) == "-" {
      sign = "-"
      index += 1
    }
    guard index < tokens.count else {
      throw SQLError(.syntaxError, "syntax error at end of input", position: bytes.count + 1)
    }
    let literal = text(index)
    switch tokens[index].kind {
    case .number: return (sign + literal, index + 1)
    case .string where literal.hasPrefix("'") && literal.hasSuffix("'") && literal.utf8.count >= 2:
      return (sign + literal.dropFirst().dropLast().replacing("''", with: "'"), index + 1)
    default:
      throw SQLError(.syntaxError, "syntax error at or near \"\(literal)\"", position: tokens[index].start + 1)
    }
  }
}

extension StatementSyntax {
  fileprivate var mayHaveReadTime: Bool {
    switch self {
    case .select, .set, .transaction(.begin): true
    case .explain(let inner, _): inner.mayHaveReadTime
    case .copy(let copy): !copy.isFrom
    default: false
    }
  }
}
