import Values

/// Reads a regular expression.
struct PatternParser {
  private let text: Scalars
  private var index = 0
  private var depth = 0
  private(set) var captureCount = 0
  /// Set by an option prefix such as `(?i)`.
  private(set) var embeddedOptions = ""

  static let depthMax = 200
  static let repeatMax = 255

  init(_ text: Scalars) { self.text = text }

  mutating func parse() throws(SQLError) -> PatternNode {
    if text.starts(with: "***:".unicodeScalars) { index = 4 }
    if text[index...].starts(with: "(?".unicodeScalars),
      let end = text[index...].firstIndex(of: ")"),
      text[(index + 2)..<end].allSatisfy({ "bceimnpqstwx".unicodeScalars.contains($0) }), end > index + 2
    {
      embeddedOptions = String(scalars: text[(index + 2)..<end])
      index = end + 1
    }
    let node = try parseChoice()
    if index < text.count { throw .invalidPattern("parentheses () not balanced") }
    return node
  }

  private var current: Unicode.Scalar? { index < text.count ? text[index] : nil }

  private mutating func parseChoice() throws(SQLError) -> PatternNode {
    depth += 1
    guard depth < PatternParser.depthMax else { throw .invalidPattern("regular expression is too complex") }
    defer { depth -= 1 }
    var branches = [try parseSequence()]
    while current == "|" {
      index += 1
      branches.append(try parseSequence())
    }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func parseSequence() throws(SQLError) -> PatternNode {
    var nodes: [PatternNode] = []
    while let scalar = current, scalar != "|", scalar != ")" { nodes.append(try parseQuantified()) }
    return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  private mutating func parseQuantified() throws(SQLError) -> PatternNode {
    let atom = try parseAtom()
    let (min, max): (Int, Int?)
    switch current {
    case "*": (min, max) = (0, nil)
    case "+": (min, max) = (1, nil)
    case "?": (min, max) = (0, 1)
    case "{":
      guard index + 1 < text.count, ("0"..."9").contains(text[index + 1]) else { return atom }
      index += 1
      (min, max) = try parseBounds()
    default: return atom
    }
    index += 1
    var isGreedy = true
    if current == "?" {
      isGreedy = false
      index += 1
    }
    if let next = current, next == "*" || next == "+" || next == "?" {
      throw .invalidPattern("quantifier operand invalid")
    }
    if case .assertion = atom { throw .invalidPattern("quantifier operand invalid") }
    return .repeated(atom, min: min, max: max, isGreedy: isGreedy)
  }

  /// Stands before the digits; leaves the closing brace as the current character.
  private mutating func parseBounds() throws(SQLError) -> (Int, Int?) {
    let min = try parseCount()
    var max: Int? = min
    if current == "," {
      index += 1
      max = current == "}" ? nil : try parseCount()
    }
    guard current == "}", max.map({ $0 >= min }) ?? true else { throw .invalidPattern("invalid repetition count(s)") }
    return (min, max)
  }

  private mutating func parseCount() throws(SQLError) -> Int {
    var value: Int?
    while let scalar = current, ("0"..."9").contains(scalar) {
      value = (value ?? 0) * 10 + Int(scalar.value - 48)
      index += 1
      if value ?? 0 > PatternParser.repeatMax { break }
    }
    guard let value, value <= PatternParser.repeatMax else { throw .invalidPattern("invalid repetition count(s)") }
    return value
  }

  private mutating func parseAtom() throws(SQLError) -> PatternNode {
    guard let scalar = current else { return .empty }
    index += 1
    switch scalar {
    case ".": return .any
    case "^": return .assertion(.start)
    case "$": return .assertion(.end)
    case "*", "+", "?": throw .invalidPattern("quantifier operand invalid")
    case "[": return .set(try parseBracket())
    case "(": return try parseGroup()
    case "\\": return try parseEscape()
    default: return .scalar(scalar)
    }
  }

  private mutating func parseGroup() throws(SQLError) -> PatternNode {
    var capture: Int?
    if current == "?" {
      guard index + 1 < text.count, text[index + 1] == ":" else {
        throw SQLError(.featureNotSupported, "lookaround in regular expressions is not supported")
      }
      index += 2
    } else {
      captureCount += 1
      capture = captureCount
    }
    let node = try parseChoice()
    guard current == ")" else { throw .invalidPattern("parentheses () not balanced") }
    index += 1
    return .group(node, capture: capture)
  }

  private mutating func parseEscape() throws(SQLError) -> PatternNode {
    guard let scalar = current else { throw .invalidPattern("invalid escape \\ sequence") }
    index += 1
    if let set = PatternParser.classEscape(scalar) { return .set(set) }
    switch scalar {
    case "A": return .assertion(.textStart)
    case "Z": return .assertion(.textEnd)
    case "m", "<": return .assertion(.wordStart)
    case "M", ">": return .assertion(.wordEnd)
    case "y": return .assertion(.boundary)
    case "Y": return .assertion(.notBoundary)
    case "1"..."9":
      throw SQLError(.featureNotSupported, "back-references in regular expressions are not supported")
    default: return .scalar(try characterEscape(scalar))
    }
  }

  private static func classEscape(_ scalar: Unicode.Scalar) -> ScalarSet? {
    switch scalar {
    case "d": ScalarSet(classes: [(.digit, false)])
    case "D": ScalarSet(classes: [(.digit, false)], isNegated: true)
    case "s": ScalarSet(classes: [(.space, false)])
    case "S": ScalarSet(classes: [(.space, false)], isNegated: true)
    case "w": ScalarSet(classes: [(.word, false)])
    case "W": ScalarSet(classes: [(.word, false)], isNegated: true)
    default: nil
    }
  }

  private mutating func characterEscape(_ scalar: Unicode.Scalar) throws(SQLError) -> Unicode.Scalar {
    switch scalar {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "f": return "\u{c}"
    case "v": return "\u{b}"
    case "a": return "\u{7}"
    case "b": return "\u{8}"
    case "e": return "\u{1b}"
    case "B": return "\\"
    case "0": return "\0"
    case "x": return try hexEscape(digits: 1...8)
    case "u": return try hexEscape(digits: 4...4)
    case "U": return try hexEscape(digits: 8...8)
    default:
      if ScalarSet.holds(.alnum, scalar) { throw .invalidPattern("invalid escape \\ sequence") }
      return scalar
    }
  }

  private mutating func hexEscape(digits: ClosedRange<Int>) throws(SQLError) -> Unicode.Scalar {
    var (value, count) = (UInt32(0), 0)
    while count < digits.upperBound, let scalar = current, let digit = Character(scalar).hexDigitValue {
      value = value &* 16 &+ UInt32(digit)
      count += 1
      index += 1
    }
    guard count >= digits.lowerBound, let scalar = Unicode.Scalar(value) else {
      throw .invalidPattern("invalid escape \\ sequence")
    }
    return scalar
  }

  private mutating func parseBracket() throws(SQLError) -> ScalarSet {
    var set = ScalarSet()
    if current == "^" {
      set.isNegated = true
      index += 1
    }
    var isFirst = true
    while let scalar = current, isFirst || scalar != "]" {
      isFirst = false
      index += 1
      if scalar == "[", current == ":" {
        set.classes.append((try parseClassName(), false))
        continue
      }
      if scalar == "\\", let next = current, let escape = PatternParser.classEscape(next) {
        index += 1
        set.classes += escape.classes.map { ($0.0, escape.isNegated) }
        continue
      }
      let low = try bracketScalar(scalar)
      if current == "-", index + 1 < text.count, text[index + 1] != "]" {
        index += 1
        let next = text[index]
        index += 1
        let high = try bracketScalar(next)
        guard low.value <= high.value else { throw .invalidPattern("invalid character range") }
        set.ranges.append(low.value...high.value)
      } else {
        set.ranges.append(low.value...low.value)
      }
    }
    guard current == "]" else { throw .invalidPattern("brackets [] not balanced") }
    index += 1
    return set
  }

  private mutating func bracketScalar(_ scalar: Unicode.Scalar) throws(SQLError) -> Unicode.Scalar {
    guard scalar == "\\" else { return scalar }
    guard let next = current else { throw .invalidPattern("invalid escape \\ sequence") }
    index += 1
    return try characterEscape(next)
  }

  /// Stands at the colon of `[:alpha:]`.
  private mutating func parseClassName() throws(SQLError) -> ScalarSet.Class {
    let names: [String: ScalarSet.Class] = [
      "alpha": .alpha, "digit": .digit, "alnum": .alnum, "upper": .upper, "lower": .lower, "space": .space,
      "punct": .punct, "blank": .blank, "cntrl": .cntrl, "graph": .graph, "print": .print, "xdigit": .xdigit,
      "word": .word,
    ]
    index += 1
    let start = index
    while let scalar = current, scalar != ":" { index += 1 }
    guard index + 1 < text.count, text[index + 1] == "]", let set = names[String(scalars: text[start..<index])] else {
      throw .invalidPattern("invalid character class")
    }
    index += 2
    return set
  }
}
