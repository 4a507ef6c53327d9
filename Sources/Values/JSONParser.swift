/// One pass over UTF-8 bytes that are known to be valid UTF-8. Recursion is bounded by `depthMax`.
struct JSONParser {
  private let bytes: [UInt8]
  private let depthMax: Int
  private let typeName: String
  private var position = 0

  init(_ bytes: [UInt8], depthMax: Int, typeName: String) {
    self.bytes = bytes
    self.depthMax = depthMax
    self.typeName = typeName
  }

  mutating func parseDocument() throws(SQLError) -> JSONValue {
    let value = try parseValue(depth: 0)
    skipSpaces()
    if position < bytes.count { throw expected("end of input") }
    return value
  }

  /// As `parseDocument` without building the value; `\u0000` passes, as in PostgreSQL's `json`.
  mutating func checkDocument() throws(SQLError) {
    try checkValue(depth: 0)
    skipSpaces()
    if position < bytes.count { throw expected("end of input") }
  }

  // MARK: Values

  private mutating func parseValue(depth: Int) throws(SQLError) -> JSONValue {
    skipSpaces()
    guard position < bytes.count else { throw endedEarly() }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object(try parseObject(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try parseArray(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let range = try scanNumber()
      return .number(String(decoding: bytes[range], as: UTF8.self))
    case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ":"): throw expected("JSON value")
    default:
      let start = position
      while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
      switch String(decoding: bytes[start..<position], as: UTF8.self) {
      case "null": return .null
      case "true": return .bool(true)
      case "false": return .bool(false)
      default: throw invalidToken(from: start)
      }
    }
  }

  private mutating func parseObject(depth: Int) throws(SQLError) -> [JSONValue.Member] {
    try enter(depth)
    var members: [JSONValue.Member] = []
    if closes(with: UInt8(ascii: "}")) { return members }
    while true {
      skipSpaces()
      guard position < bytes.count else { throw endedEarly() }
      guard bytes[position] == UInt8(ascii: "\"") else {
        throw expected(members.isEmpty ? "string or \"}\"" : "string")
      }
      let name = try parseString()
      try expectColon()
      members.append(JSONValue.Member(name: name, value: try parseValue(depth: depth)))
      if try !continues(until: UInt8(ascii: "}"), named: "}") { return members }
    }
  }

  private mutating func parseArray(depth: Int) throws(SQLError) -> [JSONValue] {
    try enter(depth)
    var elements: [JSONValue] = []
    if closes(with: UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try parseValue(depth: depth))
      if try !continues(until: UInt8(ascii: "]"), named: "]") { return elements }
    }
  }

  private mutating func checkValue(depth: Int) throws(SQLError) {
    skipSpaces()
    guard position < bytes.count else { throw endedEarly() }
    switch bytes[position] {
    case UInt8(ascii: "{"):
      try enter(depth + 1)
      if closes(with: UInt8(ascii: "}")) { return }
      var isFirst = true
      repeat {
        skipSpaces()
        guard position < bytes.count else { throw endedEarly() }
        guard bytes[position] == UInt8(ascii: "\"") else { throw expected(isFirst ? "string or \"}\"" : "string") }
        isFirst = false
        _ = try scanString()
        try expectColon()
        try checkValue(depth: depth + 1)
      } while try continues(until: UInt8(ascii: "}"), named: "}")
    case UInt8(ascii: "["):
      try enter(depth + 1)
      if closes(with: UInt8(ascii: "]")) { return }
      repeat { try checkValue(depth: depth + 1) } while try continues(until: UInt8(ascii: "]"), named: "]")
    case UInt8(ascii: "\""): _ = try scanString()
    default: _ = try parseValue(depth: depth)
    }
  }

  // MARK: Punctuation

  /// Steps over the opening bracket.
  private mutating func enter(_ depth: Int) throws(SQLError) {
    guard depth <= depthMax else {
      throw SQLError(
        .statementTooComplex, "stack depth limit exceeded", detail: "JSON nests deeper than \(depthMax) levels.")
    }
    position += 1
  }

  private mutating func closes(with bracket: UInt8) -> Bool {
    skipSpaces()
    guard position < bytes.count, bytes[position] == bracket else { return false }
    position += 1
    return true
  }

  private mutating func expectColon() throws(SQLError) {
    skipSpaces()
    guard position < bytes.count else { throw endedEarly() }
    guard bytes[position] == UInt8(ascii: ":") else { throw expected("\":\"") }
    position += 1
  }

  /// Steps over a comma (true) or the closing bracket (false).
  private mutating func continues(until bracket: UInt8, named name: String) throws(SQLError) -> Bool {
    skipSpaces()
    guard position < bytes.count else { throw endedEarly() }
    let byte = bytes[position]
    guard byte == bracket || byte == UInt8(ascii: ",") else { throw expected("\",\" or \"\(name)\"") }
    position += 1
    return byte != bracket
  }

  private mutating func skipSpaces() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  // MARK: Numbers and strings

  private mutating func scanNumber() throws(SQLError) -> Range<Int> {
    let start = position
    var isValid = true
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    if position < bytes.count, bytes[position] == UInt8(ascii: "0") {
      position += 1
    } else {
      isValid = skipDigits()
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      if !skipDigits() { isValid = false }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      if !skipDigits() { isValid = false }
    }
    if !isValid || (position < bytes.count && isWordByte(bytes[position])) {
      while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
      throw invalidToken(from: start)
    }
    return start..<position
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while position < bytes.count, bytes[position].isASCIIDigit { position += 1 }
    return position > start
  }

  /// Steps over a string literal whose escapes are well formed.
  private mutating func scanString() throws(SQLError) -> (contents: Range<Int>, hasEscapes: Bool) {
    let start = position
    position += 1
    var hasEscapes = false
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return (start + 1..<position - 1, hasEscapes)
      }
      if byte < 0x20 {
        position += 1
        throw malformed("Character with value 0x\(hex(byte)) must be escaped.")
      }
      position += 1
      guard byte == UInt8(ascii: "\\") else { continue }
      hasEscapes = true
      guard position < bytes.count else { break }
      switch bytes[position] {
      case UInt8(ascii: "u"):
        for offset in 1...4 where position + offset >= bytes.count || bytes[position + offset].hexValue == nil {
          throw malformed("\"\\u\" must be followed by four hexadecimal digits.")
        }
        position += 5
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
        UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
        position += 1
      default:
        let rest = String(decoding: bytes[position...].prefix(4), as: UTF8.self)
        throw malformed("Escape sequence \"\\\(rest.first.map(String.init) ?? "")\" is invalid.")
      }
    }
    throw invalidToken(from: start)
  }

  private mutating func parseString() throws(SQLError) -> String {
    let (contents, hasEscapes) = try scanString()
    guard hasEscapes else { return String(decoding: bytes[contents], as: UTF8.self) }
    var out: [UInt8] = []
    out.reserveCapacity(contents.count)
    var index = contents.lowerBound
    while index < contents.upperBound {
      let byte = bytes[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        continue
      }
      let escape = bytes[index]
      index += 1
      switch escape {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0c)
      case UInt8(ascii: "n"): out.append(0x0a)
      case UInt8(ascii: "r"): out.append(0x0d)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"): out.append(contentsOf: try unicodeEscape(&index, end: contents.upperBound))
      default: out.append(escape)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The code point of `XXXX`, or of a surrogate pair `XXXX\uXXXX`; `index` stands behind the first `u`.
  private func unicodeEscape(_ index: inout Int, end: Int) throws(SQLError) -> [UInt8] {
    var unit = codeUnit(at: index)
    index += 4
    if unit == 0 {
      throw SQLError(
        .untranslatableCharacter, "unsupported Unicode escape sequence", detail: "\\u0000 cannot be converted to text.")
    }
    if (0xdc00...0xdfff).contains(unit) {
      throw malformed("Unicode low surrogate must follow a high surrogate.")
    }
    if (0xd800...0xdbff).contains(unit) {
      guard index + 6 <= end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
        case let low = codeUnit(at: index + 2), (0xdc00...0xdfff).contains(low)
      else {
        let follows =
          index + 6 <= end && bytes[index] == UInt8(ascii: "\\") && bytes[index + 1] == UInt8(ascii: "u")
          && (0xd800...0xdbff).contains(codeUnit(at: index + 2))
        throw malformed(
          follows
            ? "Unicode high surrogate must not follow a high surrogate."
            : "Unicode low surrogate must follow a high surrogate.")
      }
      index += 6
      unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
    }
    return Unicode.Scalar(unit).map { Array(UTF8.encode($0) ?? .init()) } ?? []
  }

  private func codeUnit(at index: Int) -> UInt32 {
    bytes[index..<index + 4].reduce(0) { $0 << 4 | UInt32($1.hexValue ?? 0) }
  }

  // MARK: Errors

  private func isWordByte(_ byte: UInt8) -> Bool {
    byte.isASCIILetter || byte.isASCIIDigit || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  private func hex(_ byte: UInt8) -> String {
    var out: [UInt8] = []
    out.appendHex(byte)
    return String(decoding: out, as: UTF8.self)
  }

  private func malformed(_ detail: String) -> SQLError {
    var error = SQLError(.invalidTextRepresentation, "invalid input syntax for type \(typeName)", detail: detail)
    error.context = context
    return error
  }

  /// `JSON data, line 1: {"a":` up to where reading stopped.
  private var context: String {
    let end = min(position, bytes.count)
    let line = bytes[..<end].count { $0 == 0x0a } + 1
    var start = bytes[..<end].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    let isCut = end - start > 50
    if isCut { start = end - 47 }
    while start < end, bytes[start] & 0xc0 == 0x80 { start += 1 }
    let shown = String(decoding: bytes[start..<end], as: UTF8.self)
    return "JSON data, line \(line): \(isCut ? "..." : "")\(shown)\(end < bytes.count ? "..." : "")"
  }

  private func endedEarly() -> SQLError { malformed("The input string ended unexpectedly.") }

  private mutating func invalidToken(from start: Int) -> SQLError {
    var end = max(position, start)
    if end == start {
      end += 1
      while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
    }
    end = min(end, bytes.count)
    position = end
    return malformed("Token \"\(String(decoding: bytes[start..<end], as: UTF8.self))\" is invalid.")
  }

  /// The error for a token that is well formed but not what the grammar wants here.
  private mutating func expected(_ what: String) -> SQLError {
    let start = position
    switch bytes[position] {
    case UInt8(ascii: "\""):
      do { _ = try scanString() } catch { return error }
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      do { _ = try scanNumber() } catch { return error }
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
      UInt8(ascii: ":"):
      position += 1
    default:
      while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
      let word = String(decoding: bytes[start..<position], as: UTF8.self)
      guard ["null", "true", "false"].contains(word) else { return invalidToken(from: start) }
    }
    return malformed("Expected \(what), but found \"\(String(decoding: bytes[start..<position], as: UTF8.self))\".")
  }
}
