import Expressions
import Values

/// A small reader of SQL scalar expressions, so that tests can be written in SQL: literals, `$1`, columns `c0`, calls,
/// casts, the usual operators and CASE. It binds as it reads, by the catalogue's rules.
struct ScalarSQL {
  private enum Token: Equatable {
    case number(String)
    case string(String)
    case word(String)
    case sign(String)
    case end
  }

  private var tokens: [Token] = []
  private var index = 0
  private let columns: [SQLType]
  private let settings: FormatSettings

  static func bind(
    _ sql: String, columns: [SQLType] = [], settings: FormatSettings = .standard
  ) throws(SQLError) -> Expression {
    var reader = try ScalarSQL(sql, columns: columns, settings: settings)
    let expression = try reader.parse(0)
    guard reader.current == .end else { throw SQLError(.syntaxError, "trailing input in \(sql)") }
    return expression
  }

  private init(_ sql: String, columns: [SQLType], settings: FormatSettings) throws(SQLError) {
    self.columns = columns
    self.settings = settings
    var rest = Array(sql.unicodeScalars)[...]
    func isWord(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isAlphabetic || scalar == "_" || isDigit(scalar) }
    func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
    func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
      scalars.reduce(into: "") { $0.unicodeScalars.append($1) }
    }
    while let first = rest.first {
      if first == " " || first == "\n" {
        rest.removeFirst()
      } else if first == "'" {
        rest.removeFirst()
        var value = ""
        while let scalar = rest.popFirst() {
          if scalar == "'" {
            guard rest.first == "'" else { break }
            rest.removeFirst()
          }
          value.unicodeScalars.append(scalar)
        }
        tokens.append(.string(value))
      } else if isDigit(first) {
        let number = rest.prefix { isDigit($0) || $0 == "." || $0 == "e" }
        tokens.append(.number(text(number)))
        rest = rest.dropFirst(number.count)
      } else if isWord(first) {
        let word = rest.prefix(while: isWord)
        tokens.append(.word(text(word).lowercased()))
        rest = rest.dropFirst(word.count)
      } else if "(),$".unicodeScalars.contains(first) {
        rest.removeFirst()
        tokens.append(.sign(String(first)))
      } else if first == ":" {
        rest = rest.dropFirst(2)
        tokens.append(.sign("::"))
      } else {
        var sign = rest.prefix { "+-*/<>=~!@#%^&|?".unicodeScalars.contains($0) }
        // As SQL has it: a sign of several characters ends in + or - only if it holds one of ~ ! @ # % ^ & | ?.
        while sign.count > 1, sign.last == "-" || sign.last == "+",
          !sign.contains(where: { "~!@#%^&|?".unicodeScalars.contains($0) })
        {
          sign.removeLast()
        }
        guard !sign.isEmpty else { throw SQLError(.syntaxError, "unexpected \(first)") }
        tokens.append(.sign(text(sign)))
        rest = rest.dropFirst(sign.count)
      }
    }
  }

  private var current: Token { index < tokens.count ? tokens[index] : .end }

  private mutating func accept(_ token: Token) -> Bool {
    guard current == token else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ token: Token) throws(SQLError) {
    guard accept(token) else { throw SQLError(.syntaxError, "expected \(token), found \(current)") }
  }

  private func precedence(_ token: Token) -> Int? {
    switch token {
    case .word("or"): 1
    case .word("and"): 2
    case .word("is"): 4
    case .sign("="), .sign("<"), .sign(">"), .sign("<="), .sign(">="), .sign("<>"): 5
    case .word("like"), .word("ilike"), .word("in"), .word("similar"), .word("not"): 6
    case .sign("+"), .sign("-"): 8
    case .sign("*"), .sign("/"), .sign("%"): 9
    case .sign("^"): 10
    case .word("at"): 11
    case .sign("::"): 14
    case .sign(let sign) where !["(", ")", ",", "$"].contains(sign): 7
    default: nil
    }
  }

  private mutating func parse(_ minimum: Int) throws(SQLError) -> Expression {
    var left = try parsePrefix()
    while let level = precedence(current), level >= minimum {
      let token = current
      index += 1
      switch token {
      case .word("or"): left = .or([left, try parse(level + 1)])
      case .word("and"): left = .and([left, try parse(level + 1)])
      case .word("is"): left = try parseIs(left)
      case .word("not"):
        let next = current
        index += 1
        left = .not(try parseMatch(next, left, level))
      case .word("like"), .word("ilike"), .word("in"), .word("similar"): left = try parseMatch(token, left, level)
      case .word("at"):
        try expect(.word("time"))
        try expect(.word("zone"))
        left = try FunctionCatalog.bindFunction("timezone", [try parse(level + 1), left], settings: settings)
      case .sign("::"): left = try cast(left, to: try parseType())
      case .sign(let sign):
        left = try FunctionCatalog.bindOperator(sign, left: left, right: try parse(level + 1), settings: settings)
      default: throw SQLError(.syntaxError, "unexpected \(token)")
      }
    }
    return left
  }

  private mutating func parseMatch(_ token: Token, _ left: Expression, _ level: Int) throws(SQLError) -> Expression {
    switch token {
    case .word("in"):
      try expect(.sign("("))
      let elements = try parseList()
      let type = try FunctionCatalog.commonType(of: [left.type] + elements.map(\.type), context: "IN")
      var coerced: [Expression] = []
      for element in elements { coerced.append(try coerce(element, type)) }
      return .inList(try coerce(left, type), coerced)
    case .word("similar"):
      try expect(.word("to"))
      let pattern = try FunctionCatalog.bindFunction("similar_to_escape", [try parse(level + 1)])
      return try FunctionCatalog.bindOperator("~", left: left, right: pattern)
    default:
      var pattern = try parse(level + 1)
      if accept(.word("escape")) {
        pattern = try FunctionCatalog.bindFunction("like_escape", [pattern, try parse(level + 1)])
      }
      return try FunctionCatalog.bindOperator(token == .word("ilike") ? "~~*" : "~~", left: left, right: pattern)
    }
  }

  private mutating func parseIs(_ operand: Expression) throws(SQLError) -> Expression {
    let isNegated = accept(.word("not"))
    let test: Expression
    if accept(.word("null")) {
      test = .isNull(operand)
    } else if accept(.word("true")) {
      test = .isBool(try coerce(operand, .boolean), expected: true)
    } else if accept(.word("false")) {
      test = .isBool(try coerce(operand, .boolean), expected: false)
    } else {
      try expect(.word("distinct"))
      try expect(.word("from"))
      let other = try parse(5)
      let type = try FunctionCatalog.commonType(of: [operand.type, other.type], context: "IS DISTINCT FROM")
      test = .isDistinct(try coerce(operand, type), try coerce(other, type))
    }
    return isNegated ? .not(test) : test
  }

  private func coerce(_ expression: Expression, _ type: SQLType) throws(SQLError) -> Expression {
    try FunctionCatalog.coerce(expression, to: type, context: .implicit, settings: settings)
  }

  private func cast(_ expression: Expression, to type: SQLType) throws(SQLError) -> Expression {
    try FunctionCatalog.coerce(expression, to: type, context: .explicit, settings: settings)
  }

  private mutating func parseType() throws(SQLError) -> SQLType {
    guard case .word(let name) = current else { throw SQLError(.syntaxError, "expected a type") }
    index += 1
    var modifiers: [Int] = []
    if accept(.sign("(")) {
      repeat {
        guard case .number(let digits) = current, let value = Int(digits) else {
          throw SQLError(.syntaxError, "expected a modifier")
        }
        index += 1
        modifiers.append(value)
      } while accept(.sign(","))
      try expect(.sign(")"))
    }
    return try TypeCatalog.named(name, modifiers: modifiers)
  }

  private mutating func parseList() throws(SQLError) -> [Expression] {
    if accept(.sign(")")) { return [] }
    var list = [try parse(0)]
    while accept(.sign(",")) { list.append(try parse(0)) }
    try expect(.sign(")"))
    return list
  }

  private mutating func parsePrefix() throws(SQLError) -> Expression {
    let token = current
    index += 1
    switch token {
    case .number(let digits):
      if !digits.contains("."), !digits.contains("e") {
        if let value = Int32(digits) { return .constant(.int4(value), .int4) }
        if let value = Int64(digits) { return .constant(.int8(value), .int8) }
      }
      return .constant(.numeric(try Numeric.parse(digits)), .numeric)
    case .string(let text): return .constant(.text(text), .unknown)
    case .sign("("):
      let inner = try parse(0)
      try expect(.sign(")"))
      return inner
    case .sign("$"):
      guard case .number(let digits) = current, let position = Int(digits) else { break }
      index += 1
      return .parameter(position - 1, .unknown)
    case .sign(let sign):
      return try FunctionCatalog.bindOperator(sign, left: nil, right: try parse(sign == "-" ? 12 : 8))
    case .word("not"): return .not(try coerce(try parse(3), .boolean))
    case .word("null"): return .constant(.null, .unknown)
    case .word("true"): return .constant(.bool(true), .boolean)
    case .word("false"): return .constant(.bool(false), .boolean)
    case .word("case"): return try parseCase()
    case .word(let name): return try parseWord(name)
    case .end: break
    }
    throw SQLError(.syntaxError, "unexpected \(token)")
  }

  private mutating func parseWord(_ name: String) throws(SQLError) -> Expression {
    if name.first == "c", let column = Int(name.dropFirst()), columns.indices.contains(column) {
      return .column(column, columns[column])
    }
    if ["current_date", "current_timestamp", "localtimestamp"].contains(name) {
      return try FunctionCatalog.bindFunction(name, [])
    }
    if case .string(let text) = current, let type = try? TypeCatalog.named(name) {
      index += 1
      return try cast(.constant(.text(text), .unknown), to: type)
    }
    try expect(.sign("("))
    if name == "extract", case .word(let field) = current {
      index += 1
      try expect(.word("from"))
      let source = try parse(0)
      try expect(.sign(")"))
      return try FunctionCatalog.bindFunction("extract", [.constant(.text(field), .text), source])
    }
    let arguments = try parseList()
    switch name {
    case "coalesce", "greatest", "least":
      let type = try FunctionCatalog.commonType(of: arguments.map(\.type), context: name.uppercased())
      var coerced: [Expression] = []
      for argument in arguments { coerced.append(try coerce(argument, type)) }
      return name == "coalesce"
        ? .coalesce(coerced, type) : name == "greatest" ? .greatest(coerced, type) : .least(coerced, type)
    default: return try FunctionCatalog.bindFunction(name, arguments, settings: settings)
    }
  }

  private mutating func parseCase() throws(SQLError) -> Expression {
    var clauses: [(Expression, Expression)] = []
    while accept(.word("when")) {
      let condition = try coerce(try parse(0), .boolean)
      try expect(.word("then"))
      clauses.append((condition, try parse(0)))
    }
    let otherwise = accept(.word("else")) ? try parse(0) : nil
    try expect(.word("end"))
    let results = (otherwise.map { [$0] } ?? []) + clauses.map(\.1)
    let type = try FunctionCatalog.commonType(of: results.map(\.type), context: "CASE")
    var bound: [WhenClause] = []
    for (condition, result) in clauses {
      bound.append(WhenClause(condition: condition, result: try coerce(result, type)))
    }
    return .when(bound, otherwise: try otherwise.map { (e) throws(SQLError) in try coerce(e, type) }, type)
  }
}
