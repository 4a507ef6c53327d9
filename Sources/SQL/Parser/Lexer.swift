/// A word, number, string, operator or mark of SQL text, by PostgreSQL's lexical rules (manual, 4.1).
struct Token: Hashable {
  enum Kind: Hashable {
    /// Unquoted: a key word or a name.
    case word
    case quotedName
    case string
    case number
    case parameter
    case operation
    /// One of `( ) [ ] , ; . :`.
    case mark(UInt8)
  }
  var kind: Kind
  /// Byte offsets in the text.
  var start: Int
  var end: Int
}

/// Cuts SQL text into tokens. Never fails: what the C parser would refuse becomes some token or other, and it will be
/// refused there, with PostgreSQL's message.
struct Lexer {
  let bytes: [UInt8]
  private var position = 0
  /// The comments met so far, without the end of line behind those that begin with two hyphens.
  private(set) var comments: [Range<Int>] = []

  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  mutating func next() -> Token? {
    skipBlanks()
    guard position < bytes.count else { return nil }
    let start = position
    let kind = scan()
    return Token(kind: kind, start: start, end: position)
  }

  private func byte(_ ahead: Int = 0) -> UInt8 { position + ahead < bytes.count ? bytes[position + ahead] : 0 }

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch byte() {
      case 9...13, 32: position += 1
      case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-"):
        let start = position
        while position < bytes.count, byte() != 10, byte() != 13 { position += 1 }
        comments.append(start..<position)
      case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"):
        let start = position
        // What is never closed stays in the text, for the C parser to refuse.
        if skipBlockComment() { comments.append(start..<position) }
      default: return
      }
    }
  }

  private mutating func skipBlockComment() -> Bool {
    var depth = 0
    repeat {
      if byte() == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
        depth += 1
        position += 2
      } else if byte() == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
      } else {
        position += 1
      }
    } while depth > 0 && position < bytes.count
    position = min(position, bytes.count)
    return depth == 0
  }

  private mutating func scan() -> Token.Kind {
    switch byte() {
    case UInt8(ascii: "'"):
      skipQuoted(UInt8(ascii: "'"), backslashEscapes: false)
      return .string
    case UInt8(ascii: "\""):
      skipQuoted(UInt8(ascii: "\""), backslashEscapes: false)
      return .quotedName
    case UInt8(ascii: "e"), UInt8(ascii: "E"):
      if byte(1) == UInt8(ascii: "'") {
        position += 1
        skipQuoted(UInt8(ascii: "'"), backslashEscapes: true)
        return .string
      }
      return scanWord()
    case let prefix where Self.prefixesString(prefix) && byte(1) == UInt8(ascii: "'"):
      position += 1
      skipQuoted(UInt8(ascii: "'"), backslashEscapes: false)
      return .string
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      if byte(1) == UInt8(ascii: "&"), byte(2) == UInt8(ascii: "'") || byte(2) == UInt8(ascii: "\"") {
        let quote = byte(2)
        position += 2
        skipQuoted(quote, backslashEscapes: false)
        return quote == UInt8(ascii: "'") ? .string : .quotedName
      }
      return scanWord()
    case UInt8(ascii: "$"): return scanDollar()
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return scanNumber()
    case UInt8(ascii: ".") where Self.isDigit(byte(1)): return scanNumber()
    case let mark where "()[],;.:".utf8.contains(mark):
      position += 1
      if mark == UInt8(ascii: ":"), byte() == mark || byte() == UInt8(ascii: "=") {
        position += 1
        return .operation
      }
      return .mark(mark)
    case let first where Self.startsWord(first): return scanWord()
    default: return scanOperator()
    }
  }

  private mutating func skipQuoted(_ quote: UInt8, backslashEscapes: Bool) {
    position += 1
    while position < bytes.count {
      if backslashEscapes, byte() == UInt8(ascii: "\\") {
        position += 2
      } else if byte() != quote {
        position += 1
      } else if byte(1) == quote {
        position += 2
      } else {
        position += 1
        return
      }
    }
    position = min(position, bytes.count)
  }

  private mutating func scanWord() -> Token.Kind {
    while position < bytes.count, Self.continuesWord(byte()) { position += 1 }
    return .word
  }

  private mutating func scanNumber() -> Token.Kind {
    while position < bytes.count {
      let isExponent = byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E")
      if Self.isDigit(byte()) || (byte() == UInt8(ascii: ".") && byte(1) != UInt8(ascii: ".")) {
        position += 1
      } else if isExponent, Self.isDigit(byte(1)) {
        position += 2
      } else if isExponent, byte(1) == UInt8(ascii: "-") || byte(1) == UInt8(ascii: "+"), Self.isDigit(byte(2)) {
        position += 3
      } else {
        break
      }
    }
    return .number
  }

  /// `$1`, or a string between `$tag$` marks.
  private mutating func scanDollar() -> Token.Kind {
    let start = position
    position += 1
    if Self.isDigit(byte()) {
      while Self.isDigit(byte()) { position += 1 }
      return .parameter
    }
    if Self.startsWord(byte()) {
      while Self.continuesWord(byte()), byte() != UInt8(ascii: "$") { position += 1 }
    }
    guard byte() == UInt8(ascii: "$") else {
      position = start + 1
      return .operation
    }
    position += 1
    let tag = Array(bytes[start..<position])
    while position < bytes.count {
      if byte() == UInt8(ascii: "$"), bytes[position...].starts(with: tag) {
        position += tag.count
        return .string
      }
      position += 1
    }
    return .string
  }

  private mutating func scanOperator() -> Token.Kind {
    let start = position
    while position < bytes.count, "+-*/<>=~!@#%^&|`?".utf8.contains(byte()) {
      let opensComment =
        (byte() == UInt8(ascii: "-") && byte(1) == UInt8(ascii: "-"))
        || (byte() == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*"))
      if opensComment { break }
      position += 1
    }
    if position == start { position += 1 }
    return .operation
  }

  private static func prefixesString(_ byte: UInt8) -> Bool { "bBxXnN".utf8.contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func startsWord(_ byte: UInt8) -> Bool {
    (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
  }
  private static func continuesWord(_ byte: UInt8) -> Bool {
    startsWord(byte) || isDigit(byte) || byte == UInt8(ascii: "$")
  }
}

extension [UInt8] {
  /// Whether the token is this key word (given in lower case), in any case.
  func isWord(_ token: Token, _ word: StaticString) -> Bool {
    guard token.kind == .word, token.end - token.start == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { wanted in
      for offset in 0..<wanted.count where self[token.start + offset] | 0x20 != wanted[offset] { return false }
      return true
    }
  }
}
