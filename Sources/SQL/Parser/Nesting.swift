import Values

/// Bounds how deep the C parser's tree can get, before it builds it.
///
/// Bison keeps its own stack on the heap, but libpg_query writes the tree out by recursion, and it has no check of its
/// own. On a 512 KiB stack a chain of 4,000 operators or 1,000 nested sub-selects is still written (measured); deeper
/// ones overflow. What makes a tree deeper by a level is a bracket, or a token that takes what stands to its left as an
/// operand; commas, AND and OR begin anew, as the grammar flattens those.
struct Nesting {
  /// Levels of brackets and chained operators together.
  static let tokenDepthMax = 1_000
  /// Levels of the typed tree, which our own recursion walks.
  static let treeDepthMax = 300

  private struct Frame {
    var base: Int
    var chain: Int
    var isCase: Bool
  }

  private var open: [Frame] = []
  /// Levels that stay until the innermost bracket closes, and the chain of operators since the last comma, AND or OR.
  private var (base, chain) = (0, 0)

  /// The most tokens of a text: the C parser takes hundreds of bytes for each.
  static let tokenCountMax = 1_000_000
  /// The longest operator. PostgreSQL's limit too, but its scanner looks at a longer run of operator characters once for
  /// each of them.
  static let operatorBytesMax = 63

  /// The tokens and comments of a text that is not too deep; a text that is is given up as soon as that shows.
  static func tokens(of bytes: [UInt8]) throws(SQLError) -> (tokens: [Token], comments: [Range<Int>]) {
    var nesting = Nesting()
    var lexer = Lexer(bytes)
    var tokens: [Token] = []
    while let token = lexer.next() {
      try nesting.add(token, in: bytes)
      tokens.append(token)
      guard tokens.count <= tokenCountMax else {
        throw SQLError(
          .programLimitExceeded, "statement has more than \(tokenCountMax) words",
          hint: "Split it into several statements, or load data with COPY.")
      }
    }
    return (tokens, lexer.comments)
  }

  private mutating func add(_ token: Token, in bytes: [UInt8]) throws(SQLError) {
    switch token.kind {
    case .mark(UInt8(ascii: "(")), .mark(UInt8(ascii: "[")):
      open.append(Frame(base: base, chain: chain, isCase: false))
      (base, chain) = (base + chain + 1, 0)
    case .mark(UInt8(ascii: ")")), .mark(UInt8(ascii: "]")):
      while let frame = open.popLast() {
        (base, chain) = (frame.base, frame.chain)
        if !frame.isCase { break }
      }
    case .mark(UInt8(ascii: ",")): chain = 0
    case .mark(UInt8(ascii: ";")):
      open.removeAll(keepingCapacity: true)
      (base, chain) = (0, 0)
    case .operation:
      guard token.end - token.start <= Self.operatorBytesMax else {
        throw SQLError(.syntaxError, "operator too long", at: token.start)
      }
      // A run such as `+-+-` may be one operator or many.
      chain += token.end - token.start
    case .word:
      switch Self.effect(of: token, in: bytes) {
      case .none: break
      case .restarts: chain = 0
      case .extends: chain += 1
      case .deepens: base += 1
      case .opensCase:
        open.append(Frame(base: base, chain: chain, isCase: true))
        (base, chain) = (base + chain + 1, 0)
      case .closesCase:
        // `end` may also be a column label.
        if let frame = open.last, frame.isCase {
          (base, chain) = (frame.base, frame.chain)
          open.removeLast()
        }
      }
    default: break
    }
    if base + chain > Self.tokenDepthMax { throw Self.tooDeep }
  }

  static var tooDeep: SQLError {
    SQLError(
      .statementTooComplex, "stack depth limit exceeded",
      hint: "The statement nests expressions too deeply; write it with fewer levels of brackets and operators.")
  }

  private enum Effect { case none, restarts, extends, deepens, opensCase, closesCase }

  private static func effect(of token: Token, in bytes: [UInt8]) -> Effect {
    func isAny(_ words: StaticString...) -> Bool { words.contains { bytes.isWord(token, $0) } }
    return switch token.end - token.start {
    case 2: isAny("or") ? .restarts : isAny("is", "in", "at") ? .extends : .none
    case 3: isAny("and") ? .restarts : isAny("end") ? .closesCase : isAny("not", "any", "all") ? .extends : .none
    case 4: isAny("case") ? .opensCase : isAny("join") ? .deepens : isAny("like", "some") ? .extends : .none
    case 5: isAny("union") ? .deepens : isAny("ilike") ? .extends : .none
    case 6: isAny("select", "except", "values") ? .deepens : isAny("isnull", "escape") ? .extends : .none
    case 7: isAny("collate", "between", "similar", "notnull") ? .extends : .none
    case 8: isAny("operator", "overlaps") ? .extends : .none
    case 9: isAny("intersect") ? .deepens : .none
    default: .none
    }
  }
}
