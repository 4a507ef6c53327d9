import Values

/// What YugabyteDB's `CREATE TABLE` says beyond PostgreSQL's: which key columns are hashed or descending, and how the
/// table is split. The stock parser never sees it: the words are replaced by blanks, so offsets in the text stay.
struct ShardingSyntax: Sendable {
  enum KeyOrder: Hashable, Sendable { case unspecified, hash, ascending, descending }

  /// The columns of one `PRIMARY KEY (…)`, in order; the columns of `((a, b) HASH, …)` are each `.hash`.
  struct Key: Sendable {
    /// Offset of the word PRIMARY.
    var offset: Int
    var orders: [KeyOrder]
  }

  /// Which keys of a CREATE INDEX are hashed, in order.
  struct IndexKeys: Sendable {
    /// Offset of the bracket that opens the list.
    var offset: Int
    var isHashed: [Bool]
  }

  enum Split: Sendable {
    case tablets(count: Int, offset: Int)
    /// The text range of the rows, `(1, 'a'), (2, 'b')`.
    case values(Range<Int>, offset: Int)
  }

  var keys: [Key] = []
  var indexKeys: [IndexKeys] = []
  var splits: [Split] = []

  /// The first key clause at or behind an offset.
  func key(at offset: Int) -> Key? { keys.first { $0.offset >= offset } }

  /// The split clause within a statement's text.
  func split(in range: ClosedRange<Int>) -> Split? {
    splits.first { split in
      switch split {
      case .tablets(_, let offset), .values(_, let offset): range.contains(offset)
      }
    }
  }
}

/// Finds these clauses in the tokens of a text and blanks them out.
struct ShardingRewriter {
  private(set) var bytes: [UInt8]
  private let tokens: [Token]
  private(set) var syntax = ShardingSyntax()

  init(_ bytes: [UInt8], tokens: [Token]) {
    self.bytes = bytes
    self.tokens = tokens
  }

  mutating func rewrite() throws(SQLError) {
    var index = 0
    while index < tokens.count {
      let end = tokens[index...].firstIndex { $0.kind == .mark(UInt8(ascii: ";")) } ?? tokens.count
      if isWord(index, "create"), (index..<min(index + 4, end)).contains(where: { isWord($0, "table") }) {
        try rewriteCreateTable(index..<end)
      } else if isWord(index, "create"), isWord(index + 1, "index") || isWord(index + 2, "index") {
        try rewriteCreateIndex(index..<end)
      }
      index = end + 1
    }
  }

  private func isWord(_ index: Int, _ word: StaticString) -> Bool {
    index < tokens.count && bytes.isWord(tokens[index], word)
  }

  private func isMark(_ index: Int, _ mark: Unicode.Scalar) -> Bool {
    index < tokens.count && tokens[index].kind == .mark(UInt8(ascii: mark))
  }

  private mutating func blank(_ index: Int) {
    for offset in tokens[index].start..<tokens[index].end { bytes[offset] = UInt8(ascii: " ") }
  }

  private mutating func rewriteCreateTable(_ statement: Range<Int>) throws(SQLError) {
    var depth = 0
    var index = statement.lowerBound
    while index < statement.upperBound {
      if isMark(index, "(") { depth += 1 }
      if isMark(index, ")") { depth -= 1 }
      if isWord(index, "primary"), isWord(index + 1, "key"), isMark(index + 2, "(") {
        index = rewriteKey(at: index, end: statement.upperBound)
        continue
      }
      if depth == 0, isWord(index, "split"), isWord(index + 1, "into") || isWord(index + 1, "at") {
        index = try rewriteSplit(at: index, end: statement.upperBound)
        continue
      }
      index += 1
    }
  }

  /// Handles `PRIMARY KEY (…)` and returns the index behind it.
  private mutating func rewriteKey(at primary: Int, end: Int) -> Int {
    var orders: [ShardingSyntax.KeyOrder] = []
    var group: Int?
    var index = primary + 3
    while index < end {
      if isMark(index, "("), group == nil {
        group = orders.count
        blank(index)
      } else if isMark(index, ")") {
        guard let first = group, first <= orders.count else {
          index += 1
          break
        }
        group = nil
        blank(index)
        if isWord(index + 1, "hash") {
          blank(index + 1)
          index += 1
        }
        for column in first..<orders.count { orders[column] = .hash }
      } else if isMark(index, ",") {
      } else if startsColumn(index) {
        orders.append(.unspecified)
      } else if let order = order(at: index), !orders.isEmpty {
        orders[orders.count - 1] = order
        blank(index)
      }
      index += 1
    }
    syntax.keys.append(ShardingSyntax.Key(offset: tokens[primary].start, orders: orders))
    return index
  }

  /// Handles `CREATE INDEX … ON t (a HASH, …)` and `((a, b) HASH, …)`; ASC and DESC are PostgreSQL's own there.
  private mutating func rewriteCreateIndex(_ statement: Range<Int>) throws(SQLError) {
    guard let on = statement.first(where: { isWord($0, "on") }),
      let open = (on..<statement.upperBound).first(where: { isMark($0, "(") })
    else { return }
    var isHashed: [Bool] = []
    var depth = 1
    var startsKey = true
    var index = open + 1
    while index < statement.upperBound, depth > 0 {
      if startsKey {
        startsKey = false
        if isMark(index, "("), let close = closing(index, before: statement.upperBound), isWord(close + 1, "hash") {
          isHashed += Array(repeating: true, count: keyCount(between: index, close))
          for token in [index, close, close + 1] { blank(token) }
          index = close + 2
          continue
        }
        isHashed.append(false)
      } else if depth == 1, isWord(index, "hash"), isMark(index + 1, ",") || isMark(index + 1, ")") {
        isHashed[isHashed.count - 1] = true
        blank(index)
      }
      if isMark(index, "(") { depth += 1 }
      if isMark(index, ")") { depth -= 1 }
      if isMark(index, ","), depth == 1 { startsKey = true }
      index += 1
    }
    syntax.indexKeys.append(ShardingSyntax.IndexKeys(offset: tokens[open].start, isHashed: isHashed))
    while index < statement.upperBound {
      if isMark(index, "(") { depth += 1 }
      if isMark(index, ")") { depth -= 1 }
      if depth == 0, isWord(index, "split"), isWord(index + 1, "into") || isWord(index + 1, "at") {
        index = try rewriteSplit(at: index, end: statement.upperBound)
      } else {
        index += 1
      }
    }
  }

  /// The bracket that closes the one at `open`.
  private func closing(_ open: Int, before end: Int) -> Int? {
    var depth = 0
    for index in open..<end {
      if isMark(index, "(") { depth += 1 }
      if isMark(index, ")") { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  private func keyCount(between open: Int, _ close: Int) -> Int {
    var depth = 0
    var count = 1
    for index in open..<close {
      if isMark(index, "(") { depth += 1 }
      if isMark(index, ")") { depth -= 1 }
      if isMark(index, ","), depth == 1 { count += 1 }
    }
    return count
  }

  /// A column's name stands behind a bracket or a comma.
  private func startsColumn(_ index: Int) -> Bool {
    guard tokens[index].kind == .word || tokens[index].kind == .quotedName else { return false }
    // The bracket or comma before it may be blank in the text by now, but not in the tokens.
    return isMark(index - 1, "(") || isMark(index - 1, ",")
  }

  private func order(at index: Int) -> ShardingSyntax.KeyOrder? {
    if isWord(index, "hash") { return .hash }
    if isWord(index, "asc") { return .ascending }
    if isWord(index, "desc") { return .descending }
    return nil
  }

  private mutating func rewriteSplit(at split: Int, end: Int) throws(SQLError) -> Int {
    if isWord(split + 1, "into") {
      guard split + 3 < end, tokens[split + 2].kind == .number, isWord(split + 3, "tablets") else {
        throw syntaxError(near: split + 2)
      }
      let digits = bytes[tokens[split + 2].start..<tokens[split + 2].end]
      guard let count = Int(String(decoding: digits, as: UTF8.self)) else { throw syntaxError(near: split + 2) }
      syntax.splits.append(.tablets(count: count, offset: tokens[split].start))
      for index in split...split + 3 { blank(index) }
      return split + 4
    }
    guard isWord(split + 2, "values"), isMark(split + 3, "(") else { throw syntaxError(near: split + 2) }
    var depth = 0
    var close = split + 3
    while close < end {
      if isMark(close, "(") { depth += 1 }
      if isMark(close, ")") {
        depth -= 1
        if depth == 0 { break }
      }
      close += 1
    }
    guard close < end else { throw syntaxError(near: end) }
    syntax.splits.append(
      .values(tokens[split + 3].end..<tokens[close].start, offset: tokens[split].start))
    for index in split...close { blank(index) }
    return close + 1
  }

  private func syntaxError(near index: Int) -> SQLError {
    guard index < tokens.count else {
      return SQLError(.syntaxError, "syntax error at end of input", position: bytes.count + 1)
    }
    let text = String(decoding: bytes[tokens[index].start..<tokens[index].end], as: UTF8.self)
    return SQLError(.syntaxError, "syntax error at or near \"\(text)\"", position: tokens[index].start + 1)
  }
}
