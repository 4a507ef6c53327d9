import Values

/// A regular expression made ready to run, by stepping all the states that it may be in at once (Thompson, "Regular
/// Expression Search Algorithm", 1968; captures after Pike). The cost of a search is bounded by text length times
/// pattern size, whatever the pattern: there is no backtracking.
///
/// Of several matches the leftmost counts, and of those the longest; the shortest if the pattern's first quantifier is
/// a lazy one (PostgreSQL manual, 9.7.3.5, of which this is the simple half).
struct Pattern: Sendable {
  enum Instruction: Sendable {
    case scalar(Unicode.Scalar)
    case any
    case set(ScalarSet)
    case assertion(PatternNode.Assertion)
    case save(Int)
    case split(Int, Int)
    case jump(Int)
    case accept
  }

  struct Options: Sendable {
    var ignoresCase = false
    /// Whether `.` and negated sets leave newlines out, and `^` and `$` match at them.
    var newlineStopsAny = false
    var newlineIsAnchor = false

    /// Reads option letters; `g` is for the caller.
    /// - Throws: 22023 for an unknown letter.
    mutating func read(_ letters: String) throws(SQLError) {
      for letter in letters.unicodeScalars {
        switch letter {
        case "i": ignoresCase = true
        case "c": ignoresCase = false
        case "n", "m": (newlineStopsAny, newlineIsAnchor) = (true, true)
        case "p": newlineStopsAny = true
        case "w": newlineIsAnchor = true
        case "s": (newlineStopsAny, newlineIsAnchor) = (false, false)
        case "t", "e", "g": break
        default: throw SQLError(.invalidParameterValue, "invalid regular expression option: \"\(letter)\"")
        }
      }
    }
  }

  static let programMax = 10_000
  /// State steps that one search may take, some tenths of a second.
  static let stepsMax = 50_000_000

  let program: [Instruction]
  let captureCount: Int
  let options: Options
  let isLazy: Bool

  /// - Throws: 2201B for bad syntax or a pattern that is too big, 0A000 for back-references and lookaround.
  init(_ text: String, options: Options = Options()) throws(SQLError) {
    var parser = PatternParser(text.scalars)
    let node = try parser.parse()
    var options = options
    try options.read(parser.embeddedOptions)
    self.options = options
    captureCount = parser.captureCount
    isLazy = node.firstQuantifierIsLazy ?? false
    var builder = Builder()
    try builder.emit(node)
    program = builder.program + [.accept]
  }

  private struct Builder {
    var program: [Instruction] = []
    /// Nodes met, those repeated counted again: an empty one adds no instruction, however often it is repeated.
    private var visits = 0

    mutating func append(_ instruction: Instruction) throws(SQLError) {
      guard program.count < Pattern.programMax else { throw .invalidPattern("regular expression is too complex") }
      program.append(instruction)
    }

    mutating func emit(_ node: PatternNode) throws(SQLError) {
      visits += 1
      guard visits <= 4 * Pattern.programMax else { throw .invalidPattern("regular expression is too complex") }
      switch node {
      case .empty: break
      case .scalar(let scalar): try append(.scalar(scalar))
      case .any: try append(.any)
      case .set(let set): try append(.set(set))
      case .assertion(let assertion): try append(.assertion(assertion))
      case .sequence(let nodes): for node in nodes { try emit(node) }
      case .group(let node, let capture):
        if let capture { try append(.save(2 * capture)) }
        try emit(node)
        if let capture { try append(.save(2 * capture + 1)) }
      case .choice(let branches):
        var jumps: [Int] = []
        for (index, branch) in branches.enumerated() {
          let split = program.count
          let isLast = index == branches.count - 1
          if !isLast { try append(.jump(0)) }
          try emit(branch)
          if isLast { break }
          jumps.append(program.count)
          try append(.jump(0))
          program[split] = .split(split + 1, program.count)
        }
        for jump in jumps { program[jump] = .jump(program.count) }
      case .repeated(let node, let min, let max, let isGreedy):
        for _ in 0..<min { try emit(node) }
        guard let max else {
          let split = program.count
          try append(.jump(0))
          try emit(node)
          try append(.jump(split))
          program[split] = isGreedy ? .split(split + 1, program.count) : .split(program.count, split + 1)
          return
        }
        var splits: [Int] = []
        for _ in 0..<max - min {
          splits.append(program.count)
          try append(.jump(0))
          try emit(node)
        }
        for split in splits {
          program[split] = isGreedy ? .split(split + 1, program.count) : .split(program.count, split + 1)
        }
      }
    }
  }
}

extension PatternNode {
  /// Of the first quantifier in the text; nil without one.
  fileprivate var firstQuantifierIsLazy: Bool? {
    switch self {
    case .repeated(_, _, _, let isGreedy): !isGreedy
    case .sequence(let nodes), .choice(let nodes): nodes.lazy.compactMap(\.firstQuantifierIsLazy).first
    case .group(let node, _): node.firstQuantifierIsLazy
    case .empty, .scalar, .any, .set, .assertion: nil
    }
  }
}
