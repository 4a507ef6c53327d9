import Testing
import Values

/// A seeded generator (SplitMix64): the same seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// What a call gives: its text, or `ERR state message`.
func outcome(_ body: () throws(SQLError) -> String) -> String {
  do { return try body() } catch { return "ERR \(error.state.code) \(error.message)" }
}

/// Reads a text as a type and writes it again.
func throughText(_ text: String, _ type: SQLType, _ settings: FormatSettings = .standard) -> String {
  outcome { () throws(SQLError) in
    TextFormat.text(try TextFormat.parse(text, as: type, settings: settings, now: 0), as: type, settings: settings)
  }
}

/// Types of which every value kind is drawn by `Datum.random`.
let storedTypes: [SQLType] = [
  .boolean, .int2, .int4, .int8, .float4, .float8, .numeric, .text, .bytea, .uuid, .date, .time, .timestamp,
  .timestampTZ, .interval, .json, .jsonb, .oid,
]

extension Datum {
  /// A value of a type, edges often.
  static func random(_ kind: TypeKind, using generator: inout SeededGenerator) -> Datum {
    func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &generator)] }
    let isEdge = Int.random(in: 0..<5, using: &generator) == 0
    switch kind {
    case .boolean: return .bool(Bool.random(using: &generator))
    case .int2: return .int2(isEdge ? pick([0, .min, .max, -1]) : .random(in: .min ... .max, using: &generator))
    case .int4: return .int4(isEdge ? pick([0, .min, .max, -1]) : .random(in: -50...50, using: &generator))
    case .int8: return .int8(isEdge ? pick([0, .min, .max, -1]) : .random(in: .min ... .max, using: &generator))
    case .float4:
      return .float4(
        isEdge ? pick([0, -0.0, .nan, .infinity, -.infinity]) : Float(bitPattern: generator.next32()))
    case .float8:
      return .float8(
        isEdge ? pick([0, -0.0, .nan, .infinity, -.infinity]) : Double(bitPattern: generator.next()))
    case .numeric: return .numeric(.random(using: &generator))
    case .bytea: return .bytes((0..<Int.random(in: 0..<8, using: &generator)).map { _ in generator.nextByte() })
    case .uuid: return .uuid(UUIDValue(high: generator.next(), low: generator.next()))
    case .date: return .date(isEdge ? pick([.min, .max, 0]) : .random(in: -2_451_545..<9_000_000, using: &generator))
    case .time: return .time(.random(in: 0...86_400_000_000, using: &generator))
    case .timestamp:
      return .timestamp(
        isEdge ? pick([.min, .max, 0, -1]) : .random(in: DateTime.timestampRange, using: &generator))
    case .timestampTZ:
      return .timestampTZ(
        isEdge ? pick([.min, .max, 0, -1]) : .random(in: DateTime.timestampRange, using: &generator))
    case .interval:
      let small = Int32(isEdge ? 0 : 1000)
      return .interval(
        Interval(
          months: .random(in: -small...small, using: &generator), days: .random(in: -small...small, using: &generator),
          microseconds: .random(in: -200_000_000_000...200_000_000_000, using: &generator)))
    case .json, .jsonb:
      var text = ""
      JSONValue.random(depth: 3, using: &generator).write(into: &text)
      let canonical = (try? JSONB.canonical(text)) ?? "null"
      return kind == .json ? .json(text) : .jsonb(canonical)
    case .oid: return .oid(generator.next32())
    case .text, .varchar, .char, .name, .void, .unknown:
      return .text(pick(["", "a", "b", "ab", "é", "e\u{301}", "日本", " ", "a ", "\u{1F600}"]) + pick(["", "x", "\n"]))
    }
  }
}

extension SeededGenerator {
  mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
  mutating func nextByte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}

extension Numeric {
  static func random(using generator: inout SeededGenerator) -> Numeric {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0: return [.nan, .infinity, .negativeInfinity, .zero, .one][Int.random(in: 0..<5, using: &generator)]
    case 1...10:
      return Numeric(
        coefficient: .random(in: -100_000...100_000, using: &generator), scale: .random(in: 0...6, using: &generator))
    default:
      let whole = String(generator.next()) + (Bool.random(using: &generator) ? String(generator.next()) : "")
      let point = Int.random(in: 0...whole.utf8.count, using: &generator)
      let sign = Bool.random(using: &generator) ? "-" : ""
      return Numeric("\(sign)0\(whole.prefix(point)).\(whole.dropFirst(point))0") ?? .zero
    }
  }
}

extension JSONValue {
  static func random(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &generator))
    case 2, 3: return .number(["0", "1", "1.0", "1.00", "-5", "2.5e2", "1e-3"].randomElement(using: &generator) ?? "0")
    case 4: return .string(["", "a", "b", "é", "e\u{301}", "\n\"\\", "\u{1}"].randomElement(using: &generator) ?? "")
    case 5:
      return .array(
        (0..<Int.random(in: 0..<3, using: &generator)).map { _ in .random(depth: depth - 1, using: &generator) })
    default:
      return .object(
        (0..<Int.random(in: 0..<3, using: &generator)).map { _ in
          Member(
            name: ["a", "b", "aa", "é"].randomElement(using: &generator) ?? "",
            value: .random(depth: depth - 1, using: &generator))
        })
    }
  }

  func write(into text: inout String) { text += description }
}
