import Values

// Functions that put text together from values of any type: concatenation, quoting, format.

/// A value of any type as `concat` and `format` write it.
func outputText(_ datum: Datum, _ type: SQLType, _ context: EvaluationContext) -> String {
  TextFormat.text(datum, as: type.kind == .unknown ? datum.naturalType : type, settings: context.settings)
}

/// A value as its cast to text gives it: `true`, where `concat` writes `t`.
private func castText(_ datum: Datum, _ type: SQLType, _ context: EvaluationContext) throws(SQLError) -> String {
  try Cast(from: type, to: .text, isExplicit: false).apply(datum, context).string()
}

/// As a string literal; backslashes make it an escape string.
func quoteLiteral(_ text: String) -> String {
  let hasBackslash = text.utf8.contains(UInt8(ascii: "\\"))
  var bytes = Array((hasBackslash ? "E'" : "'").utf8)
  for byte in text.utf8 {
    if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { bytes.append(byte) }
    bytes.append(byte)
  }
  bytes.append(UInt8(ascii: "'"))
  return String(decoding: bytes, as: UTF8.self)
}

/// As an identifier: in double quotes where it is not a plain lower-case word, or where it is a reserved one.
func quoteIdentifier(_ text: String) -> String {
  let isPlain = text.utf8.enumerated().allSatisfy { index, byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
    default: false
    }
  }
  if isPlain && !text.isEmpty && !reservedWords.contains(text) { return text }
  return "\"" + text.unicodeScalars.reduce(into: "") { $0 += $1 == "\"" ? "\"\"" : String($1) } + "\""
}

/// The key words that cannot stand unquoted for every identifier (PostgreSQL manual, appendix C).
private let reservedWords: Set<String> = [
  "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between", "bigint",
  "binary", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce", "collate", "collation",
  "column", "concurrently", "constraint", "create", "cross", "current_catalog", "current_date", "current_role",
  "current_schema", "current_time", "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable",
  "desc", "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign",
  "freeze", "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike", "in", "initially", "inner",
  "inout", "int", "integer", "intersect", "interval", "into", "is", "isnull", "join", "lateral", "leading", "least",
  "left", "like", "limit", "localtime", "localtimestamp", "national", "natural", "nchar", "none", "normalize", "not",
  "notnull", "null", "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "outer", "overlaps", "overlay",
  "placing", "position", "precision", "primary", "real", "references", "returning", "right", "row", "select",
  "session_user", "setof", "similar", "smallint", "some", "substring", "symmetric", "table", "tablesample", "then",
  "time", "timestamp", "to", "trailing", "treat", "trim", "true", "union", "unique", "user", "using", "values",
  "varchar", "variadic", "verbose", "when", "where", "window", "with", "xmlattributes", "xmlconcat", "xmlelement",
  "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
]

extension FunctionCatalog.Tables {
  /// A function that sees its arguments' types.
  mutating func typed(
    _ id: UInt32, _ name: String, _ arguments: [TypeKind], _ result: TypeKind, _ volatility: Volatility = .stable,
    isStrict: Bool = false, isVariadic: Bool = false,
    _ body: @escaping @Sendable ([Datum], [SQLType], EvaluationContext) throws(SQLError) -> Datum
  ) {
    add(
      BuiltinFunction(
        id: FunctionID(id), name: name, argumentTypes: arguments, isVariadic: isVariadic, returnType: result,
        isStrict: isStrict, volatility: volatility, implementation: .typed(body)))
  }

  mutating func defineTextAssembly() {
    binaryOperator("||", .text, .text, .text, oid: 654, function: 1258, named: "textcat") {
      (a, b) throws(SQLError) -> Datum in .text(try a.string() + b.string())
    }
    typed(2003, "textanycat", [.text, .unknown], .text, isStrict: true) { (values, types, context) throws(SQLError) in
      .text(try values.argument(0).string() + castText(values[1], types[1], context))
    }
    typed(2004, "anytextcat", [.unknown, .text], .text, isStrict: true) { (values, types, context) throws(SQLError) in
      .text(try castText(try values.argument(0), types[0], context) + (try values.argument(1).string()))
    }
    operate("||", .text, .unknown, oid: 2779, function: 2003)
    operate("||", .unknown, .text, oid: 2780, function: 2004)

    typed(3058, "concat", [.unknown], .text, isVariadic: true) { values, types, context in
      .text(zip(values, types).map { $0.isNull ? "" : outputText($0, $1, context) }.joined())
    }
    typed(3059, "concat_ws", [.text, .unknown], .text, isVariadic: true) {
      (values, types, context) throws(SQLError) in
      let separator = try values.argument(0)
      if separator.isNull { return .null }
      let texts = zip(values, types).dropFirst().filter { !$0.0.isNull }.map { outputText($0, $1, context) }
      return .text(texts.joined(separator: try separator.string()))
    }
    unary(1282, "quote_ident", .text, .text) { (a) throws(SQLError) -> Datum in
      .text(quoteIdentifier(try a.string()))
    }
    unary(1283, "quote_literal", .text, .text) { (a) throws(SQLError) -> Datum in
      .text(quoteLiteral(try a.string()))
    }
    typed(1285, "quote_literal", [.unknown], .text, isStrict: true) { (values, types, context) throws(SQLError) in
      .text(quoteLiteral(outputText(try values.argument(0), types[0], context)))
    }
    for (id, type) in [(1289, TypeKind.text), (1290, .unknown)] {
      typed(UInt32(id), "quote_nullable", [type], .text) { (values, types, context) throws(SQLError) in
        let value = try values.argument(0)
        return .text(value.isNull ? "NULL" : quoteLiteral(outputText(value, types[0], context)))
      }
    }
    typed(3539, "format", [.text, .unknown], .text, .stable, isVariadic: true, formatted)
    typed(3540, "format", [.text], .text, .stable, isVariadic: false, formatted)
    typed(438, "num_nulls", [.unknown], .int4, .immutable, isVariadic: true) { values, _, _ in
      .int4(Int32(clamping: values.count(where: \.isNull)))
    }
    typed(440, "num_nonnulls", [.unknown], .int4, .immutable, isVariadic: true) { values, _, _ in
      .int4(Int32(clamping: values.count { !$0.isNull }))
    }
  }
}

/// `format(pattern, …)`: `%[position$][-][width]{s|I|L}`; a width of `*` comes from an argument.
@Sendable
private func formatted(
  _ values: [Datum], _ types: [SQLType], _ context: EvaluationContext
) throws(SQLError) -> Datum {
  guard case .text(let pattern) = try values.argument(0) else { return .null }
  var scanner = FormatScanner(pattern: pattern.scalars)
  var (result, next) = ("", 1)

  func take(_ position: Int?) throws(SQLError) -> Int {
    let index = position ?? next
    if index == 0 {
      throw SQLError(.invalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
    }
    guard values.indices.contains(index) else {
      throw SQLError(.invalidParameterValue, "too few arguments for format()")
    }
    next = index + 1
    return index
  }

  while let piece = try scanner.next() {
    switch piece {
    case .literal(let text): result += text
    case .conversion(let conversion):
      var (width, isLeft) = (conversion.width, conversion.isLeft)
      if conversion.widthFromArgument {
        let datum = values[try take(conversion.widthPosition)]
        width = datum.isNull ? 0 : Int(clamping: try datum.integer())
        if width < 0 { (width, isLeft) = (-max(width, -resultBytesMax), true) }
      }
      let index = try take(conversion.position)
      let datum = values[index]
      let shown: String
      switch conversion.kind {
      case "s": shown = datum.isNull ? "" : outputText(datum, types[index], context)
      case "I":
        if datum.isNull { throw SQLError("22004", "null values cannot be formatted as an SQL identifier") }
        shown = quoteIdentifier(outputText(datum, types[index], context))
      default: shown = datum.isNull ? "NULL" : quoteLiteral(outputText(datum, types[index], context))
      }
      let missing = width - shown.unicodeScalars.count
      if missing > resultBytesMax || result.utf8.count > resultBytesMax { throw .resultTooLarge }
      let padding = String(repeating: " ", count: max(0, missing))
      result += isLeft ? shown + padding : padding + shown
    }
  }
  return .text(result)
}

/// Splits the pattern of `format` into literal text and conversions.
private struct FormatScanner {
  struct Conversion {
    var position: Int?
    var isLeft = false
    var width = 0
    var widthFromArgument = false
    var widthPosition: Int?
    var kind: Unicode.Scalar = "s"
  }
  enum Piece {
    case literal(String)
    case conversion(Conversion)
  }

  let pattern: Scalars
  var index = 0

  init(pattern: Scalars) { self.pattern = pattern }

  mutating func next() throws(SQLError) -> Piece? {
    guard index < pattern.count else { return nil }
    let start = index
    while index < pattern.count, pattern[index] != "%" { index += 1 }
    if index > start { return .literal(String(scalars: pattern[start..<index])) }
    index += 1
    if try peek() == "%" {
      index += 1
      return .literal("%")
    }
    var conversion = Conversion()
    var number = try readNumber()
    if number != nil, try peek() == "$" {
      index += 1
      conversion.position = number
      number = nil
    }
    if number == nil {
      while try peek() == "-" {
        conversion.isLeft = true
        index += 1
      }
      if try peek() == "*" {
        index += 1
        conversion.widthFromArgument = true
        if let position = try readNumber() {
          guard try peek() == "$" else {
            throw SQLError(.invalidParameterValue, "width argument position must be ended by \"$\"")
          }
          index += 1
          conversion.widthPosition = position
        }
      } else {
        number = try readNumber()
      }
    }
    conversion.width = number ?? 0
    let kind = try peek()
    guard kind == "s" || kind == "I" || kind == "L" else {
      throw SQLError(
        .invalidParameterValue, "unrecognized format() type specifier \"\(kind)\"",
        hint: "For a single \"%\" use \"%%\".")
    }
    conversion.kind = kind
    index += 1
    return .conversion(conversion)
  }

  private func peek() throws(SQLError) -> Unicode.Scalar {
    guard index < pattern.count else {
      throw SQLError(
        .invalidParameterValue, "unterminated format() type specifier", hint: "For a single \"%\" use \"%%\".")
    }
    return pattern[index]
  }

  private mutating func readNumber() throws(SQLError) -> Int? {
    var value: Int?
    while index < pattern.count, ("0"..."9").contains(pattern[index]) {
      value = (value ?? 0) * 10 + Int(pattern[index].value - 48)
      if value ?? 0 > Int(Int32.max) { throw SQLError(.numericValueOutOfRange, "number is out of range") }
      index += 1
    }
    return value
  }
}
