import Values

/// One of the pattern operators, `~~` to `!~*`.
struct Matching: Sendable {
  enum Kind: Sendable { case like, regularExpression }
  var kind: Kind
  var ignoresCase: Bool
  var isNegated: Bool

  /// A pattern, read.
  enum Matcher: Sendable {
    case like(LikePattern, ignoresCase: Bool)
    case regularExpression(Pattern)

    func matches(_ text: String) throws(SQLError) -> Bool {
      switch self {
      case .like(let pattern, let ignoresCase): pattern.matches(ignoresCase ? lowercase(text) : text)
      case .regularExpression(let pattern): try pattern.matches(text.scalars)
      }
    }
  }

  /// - Throws: 22025, 2201B for a bad pattern.
  func matcher(_ pattern: String) throws(SQLError) -> Matcher {
    switch kind {
    case .like:
      let text = ignoresCase ? lowercase(pattern) : pattern
      return .like(try LikePattern(Array(text.utf8)), ignoresCase: ignoresCase)
    case .regularExpression:
      return .regularExpression(try Pattern(pattern, options: Pattern.Options(ignoresCase: ignoresCase)))
    }
  }
}

extension FunctionCatalog.Tables {
  private mutating func matching(
    _ symbol: String, _ name: String, _ matching: Matching, operators: [UInt32], functions: [UInt32]
  ) {
    for (type, (oid, function)) in zip([TypeKind.name, .text, .char], zip(operators, functions)) {
      add(
        BuiltinFunction(
          id: FunctionID(function), name: "\(type)\(name)", argumentTypes: [type, .text], isVariadic: false,
          returnType: .boolean, isStrict: true, volatility: .immutable, implementation: .matching(matching)))
      operate(symbol, type, .text, oid: oid, function: function)
    }
  }

  mutating func defineTextSearch() {
    func like(ignoresCase: Bool = false, isNegated: Bool = false) -> Matching {
      Matching(kind: .like, ignoresCase: ignoresCase, isNegated: isNegated)
    }
    func expression(ignoresCase: Bool = false, isNegated: Bool = false) -> Matching {
      Matching(kind: .regularExpression, ignoresCase: ignoresCase, isNegated: isNegated)
    }
    matching("~~", "like", like(), operators: [1207, 1209, 1211], functions: [858, 850, 1631])
    matching("!~~", "nlike", like(isNegated: true), operators: [1208, 1210, 1212], functions: [859, 851, 1632])
    matching(
      "~~*", "iclike", like(ignoresCase: true), operators: [1625, 1627, 1629], functions: [1635, 1633, 1660])
    matching(
      "!~~*", "icnlike", like(ignoresCase: true, isNegated: true), operators: [1626, 1628, 1630],
      functions: [1636, 1634, 1661])
    matching("~", "regexeq", expression(), operators: [639, 641, 1055], functions: [79, 1254, 1658])
    matching(
      "!~", "regexne", expression(isNegated: true), operators: [640, 642, 1056], functions: [1252, 1256, 1659])
    matching(
      "~*", "icregexeq", expression(ignoresCase: true), operators: [1226, 1228, 1234], functions: [1240, 1238, 1656])
    matching(
      "!~*", "icregexne", expression(ignoresCase: true, isNegated: true), operators: [1227, 1229, 1235],
      functions: [1241, 1239, 1657])
    for (symbol, oid, function, isNegated) in [("~~", 2016, 2005, false), ("!~~", 2017, 2006, true)] {
      binaryOperator(
        symbol, .bytea, .bytea, .boolean, oid: UInt32(oid), function: UInt32(function), named: "bytea\(symbol)"
      ) { (a, b) throws(SQLError) -> Datum in
        .bool(try LikePattern(try b.byteArray(), isBinary: true).matches(try a.byteArray()) != isNegated)
      }
    }
    binary(1637, "like_escape", .text, .text, .text) { (a, b) throws(SQLError) -> Datum in
      .text(try likePattern(try a.string(), escape: try b.string()))
    }
    binary(1986, "similar_to_escape", .text, .text, .text) { (a, b) throws(SQLError) -> Datum in
      .text(try similarPattern(try a.string(), escape: try b.string()))
    }
    unary(1987, "similar_to_escape", .text, .text) { (a) throws(SQLError) -> Datum in
      .text(try similarPattern(try a.string(), escape: "\\"))
    }
    defineRegularExpressionFunctions()
  }

  private mutating func defineRegularExpressionFunctions() {
    binary(2073, "substring", .text, .text, .text) { (a, b) throws(SQLError) -> Datum in
      let (pattern, text) = (try Pattern(try b.string()), try a.string().scalars)
      guard let match = try pattern.firstMatch(in: text) else { return .null }
      let range = pattern.captureCount > 0 ? match.group(1) : match.range
      return range.map { .text(String(scalars: text[$0])) } ?? .null
    }
    for (id, count) in [(2284, 3), (2285, 4)] {
      general(UInt32(id), "regexp_replace", Array(repeating: .text, count: count), .text) {
        (arguments, _) throws(SQLError) -> Datum in
        let flags = arguments.count > 3 ? try arguments[3].string() : ""
        return .text(
          try replaceMatches(
            in: try arguments.argument(0).string(), pattern: try arguments.argument(1).string(),
            with: try arguments.argument(2).string(), flags: flags))
      }
    }
    for (id, count) in [(6263, 2), (6264, 3)] {
      general(UInt32(id), "regexp_like", Array(repeating: .text, count: count), .boolean) {
        (arguments, _) throws(SQLError) -> Datum in
        let pattern = try searchPattern(arguments, flags: 2, function: "regexp_like")
        return .bool(try pattern.matches(try arguments.argument(0).string().scalars))
      }
    }
    for (id, types) in [
      (6254, [TypeKind.text, .text]), (6255, [.text, .text, .int4]), (6256, [.text, .text, .int4, .text]),
    ] {
      general(UInt32(id), "regexp_count", types, .int4) { (arguments, _) throws(SQLError) -> Datum in
        let pattern = try searchPattern(arguments, flags: 3, function: "regexp_count")
        let text = try arguments.argument(0).string().scalars
        let start = arguments.count > 2 ? try arguments[2].int4() : 1
        if start <= 0 { throw SQLError(.invalidParameterValue, "invalid value for parameter \"start\": \(start)") }
        var count = 0
        try forEachMatch(of: pattern, in: text, from: start - 1) { _ in count += 1 }
        return .int4(Int32(clamping: count))
      }
    }
    binary(6265, "regexp_substr", .text, .text, .text) { (a, b) throws(SQLError) -> Datum in
      let text = try a.string().scalars
      return try Pattern(try b.string()).firstMatch(in: text).map { .text(String(scalars: text[$0.range])) } ?? .null
    }
    binary(6257, "regexp_instr", .text, .text, .int4) { (a, b) throws(SQLError) -> Datum in
      let match = try Pattern(try b.string()).firstMatch(in: try a.string().scalars)
      return .int4(Int32(clamping: match.map { $0.range.lowerBound + 1 } ?? 0))
    }
  }
}

private func searchPattern(_ arguments: [Datum], flags index: Int, function: String) throws(SQLError) -> Pattern {
  var options = Pattern.Options()
  if arguments.count > index {
    let flags = try arguments[index].string()
    if flags.contains("g") {
      throw SQLError(.invalidParameterValue, "\(function)() does not support the \"global\" option")
    }
    try options.read(flags)
  }
  return try Pattern(try arguments.argument(1).string(), options: options)
}

/// Runs over the matches one after the other; an empty one moves on by a character.
private func forEachMatch(
  of pattern: Pattern, in text: Scalars, from start: Int, _ body: (PatternMatch) throws(SQLError) -> Void
) throws(SQLError) {
  var position = start
  while position <= text.count, let match = try pattern.firstMatch(in: text, from: position) {
    try body(match)
    position = match.range.isEmpty ? match.range.upperBound + 1 : match.range.upperBound
  }
}

/// `regexp_replace`: `\1` to `\9` and `\&` in the replacement stand for what matched.
private func replaceMatches(
  in text: String, pattern: String, with replacement: String, flags: String
) throws(SQLError) -> String {
  var options = Pattern.Options()
  try options.read(flags)
  let pattern = try Pattern(pattern, options: options)
  let (text, replacement) = (text.scalars, replacement.scalars)
  var (result, copied) = (Scalars(), 0)

  func substitute(_ match: PatternMatch) throws(SQLError) {
    result += text[copied..<match.range.lowerBound]
    var index = 0
    while index < replacement.count {
      let scalar = replacement[index]
      index += 1
      guard scalar == "\\", index < replacement.count else {
        result.append(scalar)
        continue
      }
      switch replacement[index] {
      case "&": result += text[match.range]
      case "1"..."9":
        if let range = match.group(Int(replacement[index].value - 48)) { result += text[range] }
      case "\\": result.append("\\")
      case let other: result += [scalar, other]
      }
      index += 1
    }
    copied = match.range.upperBound
    if result.count > resultBytesMax { throw .resultTooLarge }
  }

  if flags.contains("g") {
    try forEachMatch(of: pattern, in: text, from: 0, substitute)
  } else if let match = try pattern.firstMatch(in: text) {
    try substitute(match)
  }
  return String(scalars: result + text[copied...])
}
