/// Cuts what a person or a script gives, line by line, into statements that end with a semicolon.
///
/// Follows PostgreSQL 15, chapter 4.1 "Lexical Structure": a semicolon inside a quoted string, a quoted name, a
/// dollar-quoted string, a comment or parentheses ends nothing. Block comments nest.
package struct StatementScanner: Sendable {
  /// What the text so far leaves open, for the prompt.
  package enum Open: Sendable, Equatable {
    case nothing
    case statement
    case string
    case name
    case dollarString
    case comment
    case parenthesis
  }

  private enum State: Equatable {
    case plain
    case string(withEscapes: Bool)
    case name
    case dollarString(tag: [UInt8])
    case lineComment
    case blockComment(depth: Int)
  }

  private var state = State.plain
  private var parenthesisDepth = 0
  /// The statement so far.
  private var text: [UInt8] = []
  private var hasWords = false

  package init() {}

  package var open: Open {
    switch state {
    case .string: .string
    case .name: .name
    case .dollarString: .dollarString
    case .blockComment: .comment
    case .plain, .lineComment: parenthesisDepth > 0 ? .parenthesis : hasWords ? .statement : .nothing
    }
  }

  /// Whether a backslash at the start of the next line would be a command of the shell.
  package var isBetweenTokens: Bool { state == .plain }

  /// The unfinished statement.
  package var rest: String { String(decoding: text, as: UTF8.self) }

  package mutating func reset() { self = StatementScanner() }

  /// Takes one line, without the newline at its end.
  /// - Returns: the statements that end in it, without the semicolon.
  package mutating func feed(_ line: some StringProtocol) -> [String] {
    var statements: [String] = []
    let bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
    var index = 0
    while index < bytes.count {
      let length = step(bytes, index)
      if state == .plain, parenthesisDepth == 0, length == 1, bytes[index] == UInt8(ascii: ";") {
        if hasWords { statements.append(Self.trimmed(text)) }
        text = []
        hasWords = false
      } else if !text.isEmpty || !Self.isBlank(bytes[index]) {
        text += bytes[index..<index + length]
      }
      index += length
    }
    return statements
  }

  /// The statement that the end of the input ends.
  package mutating func finish() -> String? {
    defer { reset() }
    return hasWords ? Self.trimmed(text) : nil
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
      true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "$"): true
    default: false
    }
  }

  private static func trimmed(_ text: [UInt8]) -> String {
    var text = text[...]
    while let last = text.last, isBlank(last) { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads one token's part at `index` and changes the state.
  /// - Returns: how many bytes it has, at least 1.
  private mutating func step(_ bytes: [UInt8], _ index: Int) -> Int {
    let byte = bytes[index]
    let next = index + 1 < bytes.count ? bytes[index + 1] : 0
    switch state {
    case .plain:
      return stepPlain(bytes, index, byte, next)
    case .string(let withEscapes):
      if withEscapes, byte == UInt8(ascii: "\\"), index + 1 < bytes.count { return 2 }
      // A doubled quote leaves the string and enters it again: the same thing here, but for the escapes.
      if byte == UInt8(ascii: "'") {
        if next == byte { return 2 }
        state = .plain
      }
    case .name:
      if byte == UInt8(ascii: "\"") { state = .plain }
    case .dollarString(let tag):
      if byte == UInt8(ascii: "$"), bytes[index...].starts(with: tag) {
        state = .plain
        return tag.count
      }
    case .lineComment:
      if byte == UInt8(ascii: "\n") { state = .plain }
    case .blockComment(let depth):
      if byte == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
        state = .blockComment(depth: depth + 1)
        return 2
      }
      if byte == UInt8(ascii: "*"), next == UInt8(ascii: "/") {
        state = depth == 1 ? .plain : .blockComment(depth: depth - 1)
        return 2
      }
    }
    return 1
  }

  private mutating func stepPlain(_ bytes: [UInt8], _ index: Int, _ byte: UInt8, _ next: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "-") where next == byte:
      state = .lineComment
      return 2
    case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
      state = .blockComment(depth: 1)
      return 2
    case UInt8(ascii: ";") where parenthesisDepth == 0:
      return 1
    case _ where Self.isBlank(byte):
      return 1
    default:
      hasWords = true
    }
    switch byte {
    case UInt8(ascii: "'"):
      state = .string(withEscapes: Self.hasEscapePrefix(bytes, index))
    case UInt8(ascii: "\""):
      state = .name
    case UInt8(ascii: "("):
      parenthesisDepth += 1
    case UInt8(ascii: ")"):
      parenthesisDepth = max(0, parenthesisDepth - 1)
    case UInt8(ascii: "$") where index == 0 || !Self.isNamePart(bytes[index - 1]):
      if let tag = Self.dollarTag(bytes, index) {
        state = .dollarString(tag: tag)
        return tag.count
      }
    default: break
    }
    return 1
  }

  /// Whether an `E` that is a word of its own stands before the quote.
  private static func hasEscapePrefix(_ bytes: [UInt8], _ index: Int) -> Bool {
    guard index > 0, bytes[index - 1] | 0x20 == UInt8(ascii: "e") else { return false }
    return index == 1 || !isNamePart(bytes[index - 2])
  }

  /// `$$` or `$tag$` at `index`; a tag does not begin with a digit, so `$1` is none.
  private static func dollarTag(_ bytes: [UInt8], _ index: Int) -> [UInt8]? {
    var end = index + 1
    while end < bytes.count, bytes[end] != UInt8(ascii: "$"), isNamePart(bytes[end]) { end += 1 }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else { return nil }
    if end > index + 1, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index + 1]) { return nil }
    return Array(bytes[index...end])
  }
}
