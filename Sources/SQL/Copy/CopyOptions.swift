import Values

/// The options of COPY (PostgreSQL manual, COPY).
struct CopyOptions: Sendable {
  enum Format: Sendable { case text, csv }
  enum Header: Sendable { case none, present, match }
  enum Columns: Sendable {
    case none
    case all
    case some([String])

    func contains(_ name: String) -> Bool {
      switch self {
      case .none: false
      case .all: true
      case .some(let names): names.contains(name)
      }
    }
  }

  var format = Format.text
  var delimiter = UInt8(ascii: "\t")
  var null: [UInt8] = Array("\\N".utf8)
  var header = Header.none
  var quote = UInt8(ascii: "\"")
  var escape = UInt8(ascii: "\"")
  var forceQuote = Columns.none
  var forceNotNull = Columns.none
  var forceNull = Columns.none

  /// - Throws: 42601, 22023 or 0A000, in PostgreSQL's words.
  init(_ options: [OptionSyntax], isFrom: Bool) throws(SQLError) {
    var seen: Set<String> = []
    for option in options {
      guard seen.insert(option.name).inserted else {
        throw SQLError(.syntaxError, "conflicting or redundant options", at: option.location)
      }
      if option.name == "format" { try setFormat(option) }
    }
    if format == .csv {
      delimiter = UInt8(ascii: ",")
      null = []
    }
    var (quoteText, escapeText): (String?, String?)
    for option in options {
      switch option.name {
      case "format": break
      // All rows of a new table are visible to all at once anyway.
      case "freeze": _ = try StatementBinder.isOn(option)
      case "delimiter": delimiter = try Self.character(Self.text(option), of: "delimiter", option)
      case "null": null = Array(try Self.text(option).utf8)
      case "header": try setHeader(option, isFrom: isFrom)
      case "quote": quoteText = try Self.text(option)
      case "escape": escapeText = try Self.text(option)
      case "force_quote": forceQuote = try Self.columns(option)
      case "force_not_null": forceNotNull = try Self.columns(option)
      case "force_null": forceNull = try Self.columns(option)
      case "encoding":
        let name = try Self.text(option).lowercased().filter { $0 != "-" && $0 != "_" }
        guard name == "utf8" || name == "unicode" else {
          throw .unsupported("a COPY encoding other than UTF8", at: option.location)
        }
      default: throw SQLError(.syntaxError, "option \"\(option.name)\" not recognized", at: option.location)
      }
    }
    try check(seen, isFrom: isFrom)
    if let quoteText { quote = try Self.character(quoteText, of: "quote") }
    escape = try escapeText.map { text throws(SQLError) in try Self.character(text, of: "escape") } ?? quote
    try checkCharacters()
  }

  private mutating func setFormat(_ option: OptionSyntax) throws(SQLError) {
    switch try Self.text(option) {
    case "text": format = .text
    case "csv": format = .csv
    case "binary":
      throw .unsupported("COPY in binary format", hint: "Use the text or CSV format.", at: option.location)
    case let other:
      throw SQLError(.invalidParameterValue, "COPY format \"\(other)\" not recognized", at: option.location)
    }
  }

  private mutating func setHeader(_ option: OptionSyntax, isFrom: Bool) throws(SQLError) {
    if case .text(let text) = option.value, text.lowercased() == "match" {
      guard isFrom else { throw .unsupported("HEADER MATCH with COPY TO", at: option.location) }
      header = .match
    } else {
      header = try StatementBinder.isOn(option) ? .present : .none
    }
  }

  private func check(_ seen: Set<String>, isFrom: Bool) throws(SQLError) {
    if format != .csv {
      for (name, shown) in [
        ("quote", "COPY quote"), ("escape", "COPY escape"), ("force_quote", "COPY force quote"),
        ("force_not_null", "COPY force not null"), ("force_null", "COPY force null"),
      ] where seen.contains(name) {
        throw SQLError(.featureNotSupported, "\(shown) available only in CSV mode")
      }
    }
    if isFrom, seen.contains("force_quote") {
      throw SQLError(.featureNotSupported, "COPY force quote only available using COPY TO")
    }
    if !isFrom {
      for name in ["force_not_null", "force_null"] where seen.contains(name) {
        throw SQLError(
          .featureNotSupported,
          "COPY \(name == "force_null" ? "force null" : "force not null") only available using COPY FROM")
      }
      if seen.contains("freeze") { throw SQLError(.featureNotSupported, "COPY freeze only available using COPY FROM") }
    }
  }

  private func checkCharacters() throws(SQLError) {
    if delimiter == 10 || delimiter == 13 {
      throw SQLError(.invalidParameterValue, "COPY delimiter cannot be newline or carriage return")
    }
    if null.contains(where: { $0 == 10 || $0 == 13 }) {
      throw SQLError(.invalidParameterValue, "COPY null representation cannot use newline or carriage return")
    }
    if format == .text, "\\.abcdefghijklmnopqrstuvwxyz0123456789".utf8.contains(delimiter) {
      throw SQLError(
        .invalidParameterValue, "COPY delimiter cannot be \"\(Character(Unicode.Scalar(delimiter)))\"")
    }
    if format == .csv, delimiter == quote {
      throw SQLError(.invalidParameterValue, "COPY delimiter and quote must be different")
    }
    if null.contains(delimiter) {
      throw SQLError(.invalidParameterValue, "COPY delimiter must not appear in the NULL specification")
    }
    if format == .csv, null.contains(quote) {
      throw SQLError(.invalidParameterValue, "CSV quote character must not appear in the NULL specification")
    }
  }

  private static func text(_ option: OptionSyntax) throws(SQLError) -> String {
    switch option.value {
    case .text(let text): return text
    case .number(let number): return String(number)
    default: throw SQLError(.syntaxError, "\(option.name) requires a parameter", at: option.location)
    }
  }

  private static func character(
    _ text: String, of what: String, _ option: OptionSyntax? = nil
  ) throws(SQLError) -> UInt8 {
    let bytes = Array(text.utf8)
    guard bytes.count == 1, bytes[0] < 0x80, bytes[0] != 0 else {
      throw SQLError(
        what == "delimiter" ? .featureNotSupported : .featureNotSupported,
        "COPY \(what) must be a single one-byte character", at: option?.location)
    }
    return bytes[0]
  }

  private static func columns(_ option: OptionSyntax) throws(SQLError) -> Columns {
    switch option.value {
    case .star where option.name == "force_quote": return .all
    case .list(let names): return .some(names)
    default:
      throw SQLError(
        .invalidParameterValue, "argument to option \"\(option.name)\" must be a list of column names",
        at: option.location)
    }
  }
}
