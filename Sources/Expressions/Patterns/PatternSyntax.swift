import Values

/// A regular expression as read: PostgreSQL's "advanced" syntax (manual, 9.7.3) without what a bounded matcher cannot
/// do, which is back-references and lookaround.
indirect enum PatternNode: Sendable {
  case empty
  case scalar(Unicode.Scalar)
  case any
  case set(ScalarSet)
  case sequence([PatternNode])
  case choice([PatternNode])
  case group(PatternNode, capture: Int?)
  case repeated(PatternNode, min: Int, max: Int?, isGreedy: Bool)
  case assertion(Assertion)

  enum Assertion: Sendable { case start, end, textStart, textEnd, wordStart, wordEnd, boundary, notBoundary }
}

/// A bracket expression or class escape.
struct ScalarSet: Sendable {
  enum Class: Sendable {
    case alpha, digit, alnum, upper, lower, space, punct, blank, cntrl, graph, print, xdigit, word
  }

  var ranges: [ClosedRange<UInt32>] = []
  var classes: [(Class, isNegated: Bool)] = []
  var isNegated = false

  func contains(_ scalar: Unicode.Scalar, ignoresCase: Bool) -> Bool {
    var found = holds(scalar)
    if !found && ignoresCase { found = holds(foldUp(scalar)) || holds(foldDown(scalar)) }
    return found != isNegated
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) } || classes.contains { ScalarSet.holds($0, scalar) != $1 }
  }

  static func holds(_ set: Class, _ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    switch set {
    case .alpha: return properties.isAlphabetic
    case .digit: return properties.numericType == .decimal
    case .alnum: return properties.isAlphabetic || properties.numericType == .decimal
    case .upper: return properties.isUppercase
    case .lower: return properties.isLowercase
    case .space: return properties.isWhitespace
    case .blank: return scalar == " " || scalar == "\t"
    case .cntrl: return properties.generalCategory == .control
    case .graph: return scalar.value > 0x20 && properties.generalCategory != .control && !properties.isWhitespace
    case .print: return scalar.value >= 0x20 && properties.generalCategory != .control
    case .xdigit: return scalar.isASCII && properties.isASCIIHexDigit
    case .word: return properties.isAlphabetic || properties.numericType == .decimal || scalar == "_"
    case .punct:
      return scalar.isASCII
        ? scalar.value > 0x20 && scalar.value < 0x7f && !holds(.alnum, scalar)
        : !holds(.alnum, scalar) && !properties.isWhitespace && properties.generalCategory != .control
    }
  }
}

func foldDown(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  let mapped = scalar.properties.lowercaseMapping.unicodeScalars
  return mapped.count == 1 ? mapped.first ?? scalar : scalar
}

func foldUp(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  let mapped = scalar.properties.uppercaseMapping.unicodeScalars
  return mapped.count == 1 ? mapped.first ?? scalar : scalar
}

extension SQLError {
  static func invalidPattern(_ reason: String) -> SQLError {
    SQLError("2201B", "invalid regular expression: \(reason)")
  }
}
