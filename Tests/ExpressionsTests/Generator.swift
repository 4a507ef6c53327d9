import Expressions
import Values

/// A seeded generator (SplitMix64), so that a failure can be replayed.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }
}

/// The columns that random expressions read: one for each kind that is worth a lane.
let generatedColumns: [SQLType] = [
  .int4, .int8, .int2, .text, .boolean, .float8, .numeric, .date, .timestamp, SQLType(.char),
]

/// Random rows and expressions over them. Expressions are bound by the catalogue, so they are well typed.
struct Generator {
  var random: Seeded

  init(seed: UInt64) { random = Seeded(seed) }

  mutating func value(_ type: SQLType) -> Datum {
    if random.pick([true, false, false, false, false]) { return .null }
    let small = Int64.random(in: -3...3, using: &random)
    let integer = random.pick([small, small, small, Int64(Int32.max), Int64(Int32.min)])
    switch type.kind {
    case .boolean: return .bool(small > 0)
    case .int2: return .int2(Int16(truncatingIfNeeded: random.pick([small, 32767, -32768])))
    case .int4: return .int4(Int32(truncatingIfNeeded: integer))
    case .int8: return .int8(random.pick([integer, Int64.max, Int64.min, small]))
    case .float8: return .float8(random.pick([Double(small), 0.5, .nan, .infinity, 1e300]))
    case .numeric:
      return .numeric(random.pick([Numeric(small), Numeric("1.50") ?? .nan, Numeric("1e20") ?? .nan, .nan]))
    case .date: return .date(random.pick([Int32(small), .max, .min]))
    case .timestamp: return .timestamp(random.pick([small, .max, .min, 86_400_000_000]))
    case .char: return .text(random.pick(["a   ", "b", "a", "ab "]))
    default: return .text(random.pick(["", "a", "ab", "b", "x%", "é", "e\u{301}", "12"]))
    }
  }

  mutating func row() -> Row { generatedColumns.map { value($0) } }

  mutating func expression(depth: Int) -> Expression {
    if depth == 0 {
      let column = Int.random(in: 0..<generatedColumns.count, using: &random)
      let type = generatedColumns[column]
      return random.pick([true, false]) ? .column(column, type) : .constant(value(type), type)
    }
    // Many attempts do not type: then another one.
    for _ in 0..<20 {
      if let made = try? attempt(depth: depth - 1) { return made }
    }
    return expression(depth: 0)
  }

  private mutating func truth(depth: Int) throws(SQLError) -> Expression {
    try FunctionCatalog.coerce(expression(depth: depth), to: .boolean, context: .assignment)
  }

  private mutating func attempt(depth: Int) throws(SQLError) -> Expression {
    switch Int.random(in: 0..<12, using: &random) {
    case 0...2:
      let name = random.pick(["=", "<>", "<", "<=", ">", ">=", "=", "<"])
      return try FunctionCatalog.bindOperator(name, left: expression(depth: depth), right: expression(depth: depth))
    case 3, 4:
      let name = random.pick(["+", "-", "*", "/", "%", "||", "&", "|", "<<", "~~", "~"])
      return try FunctionCatalog.bindOperator(name, left: expression(depth: depth), right: expression(depth: depth))
    case 5:
      let name = random.pick(["abs", "lower", "length", "floor", "round", "upper", "sign", "concat", "reverse"])
      return try FunctionCatalog.bindFunction(name, [expression(depth: depth)])
    case 6: return .and([try truth(depth: depth), try truth(depth: depth), try truth(depth: depth)])
    case 7: return .or([try truth(depth: depth), try truth(depth: depth)])
    case 8:
      let operand = try truth(depth: depth)
      return random.pick([.not(operand), .isNull(operand), .isBool(operand, expected: true)])
    case 9:
      let result = expression(depth: depth)
      return .when(
        [WhenClause(condition: try truth(depth: depth), result: result)], otherwise: .constant(.null, result.type),
        result.type)
    case 10:
      let operand = expression(depth: depth)
      let elements = (0..<3).map { _ in Expression.constant(value(operand.type), operand.type) }
      return random.pick([
        .inList(operand, elements), .coalesce([operand] + elements, operand.type),
        .greatest([operand] + elements, operand.type), .isDistinct(operand, elements[0]),
      ])
    default:
      let type = random.pick([SQLType.int4, .int8, .text, .numeric, .float8, .boolean, SQLType(.varchar, .length(2))])
      return try FunctionCatalog.coerce(expression(depth: depth), to: type, context: .explicit)
    }
  }
}

/// A result to compare: a value's text and case, or an error.
func outcome(_ body: () throws(SQLError) -> Datum) -> String {
  do { return "\(try body())" } catch { return "!! \(error.state.code) \(error.message)" }
}
