import TestSupport
import Values

/// Values of every type that can stand in a key: mostly random, often extreme, often close to each other, so that
/// comparisons are decided late.
enum RandomDatum {
  static let keyTypes: [SQLType] = [
    .boolean, .int2, .int4, .int8, .oid, .float4, .float8, .numeric, .text, SQLType(.varchar), SQLType(.char),
    SQLType(.name), .bytea, .uuid, .date, .time, .timestamp, .timestampTZ, .interval, .jsonb,
  ]

  static func make(_ type: SQLType, using random: inout Seed) -> Datum {
    switch type.kind {
    case .boolean: .bool(.random(using: &random))
    case .int2: .int2(integer(using: &random))
    case .int4: .int4(integer(using: &random))
    case .int8: .int8(integer(using: &random))
    case .oid: .oid(integer(using: &random))
    case .float4: .float4(float(using: &random))
    case .float8: .float8(double(using: &random))
    case .numeric: .numeric(numeric(using: &random))
    case .text, .varchar, .name: .text(text(using: &random))
    case .char: .text(text(using: &random) + String(repeating: " ", count: .random(in: 0...3, using: &random)))
    case .bytea: .bytes((0..<Int.random(in: 0...6, using: &random)).map { _ in byte(using: &random) })
    case .uuid: .uuid(UUIDValue(high: integer(using: &random), low: integer(using: &random)))
    case .date: .date(integer(using: &random))
    case .time: .time(.random(in: 0...86_400_000_000, using: &random))
    case .timestamp: .timestamp(integer(using: &random))
    case .timestampTZ: .timestampTZ(integer(using: &random))
    case .interval: .interval(interval(using: &random))
    case .jsonb: .jsonb(json(depth: 0, using: &random).description)
    case .json, .void, .unknown: .null
    }
  }

  private static func integer<T: FixedWidthInteger>(using random: inout Seed) -> T {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: T.min
    case 1: T.max
    case 2: T(truncatingIfNeeded: Int.random(in: -2...2, using: &random))
    case 3: T(truncatingIfNeeded: 1 << Int.random(in: 0..<63, using: &random)) &- 1
    default: T(truncatingIfNeeded: random.next())
    }
  }

  private static func byte(using random: inout Seed) -> UInt8 {
    [0, 0, 1, 0xfe, 0xff, 0xff, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
  }

  private static func float(using random: inout Seed) -> Float {
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, -.nan, .signalingNaN, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      .greatestFiniteMagnitude, 1, -1,
    ]
    return Bool.random(using: &random)
      ? special.randomElement(using: &random) ?? 0 : Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
  }

  private static func double(using random: inout Seed) -> Double {
    let special: [Double] = [
      0, -0.0, .infinity, -.infinity, .nan, -.nan, .signalingNaN, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      .greatestFiniteMagnitude, 1, -1,
    ]
    return Bool.random(using: &random)
      ? special.randomElement(using: &random) ?? 0 : Double(bitPattern: random.next())
  }

  private static func numeric(using random: inout Seed) -> Numeric {
    switch Int.random(in: 0..<8, using: &random) {
    case 0:
      return [.nan, .infinity, .negativeInfinity, .zero].randomElement(using: &random) ?? .zero
    case 1, 2:
      return Numeric(
        coefficient: .random(in: -1_000...1_000, using: &random), scale: .random(in: 0...5, using: &random))
    case 3: return Numeric(coefficient: integer(using: &random), scale: .random(in: 0...20, using: &random))
    default:
      let digits = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        [0, 1, 10, 100, 1000, 9999, UInt16.random(in: 0...9999, using: &random)].randomElement(using: &random) ?? 0
      }
      let weight = Int.random(in: -4...4, using: &random)
      let scale = max(0, (digits.count - 1 - weight) * 4) + Int.random(in: 0...3, using: &random)
      return Numeric(isNegative: .random(using: &random), weight: weight, digits: digits, scale: scale) ?? .zero
    }
  }

  private static func text(using random: inout Seed) -> String {
    // Composed and decomposed é are different texts; U+FFFF and U+10000 sort by their UTF-8, not their UTF-16.
    let pieces = ["a", "b", " ", "ab", "\u{1}", "\u{7f}", "é", "e\u{301}", "\u{ffff}", "\u{10000}", "ß", "Ω", "z"]
    return (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
  }

  private static func interval(using random: inout Seed) -> Interval {
    if Bool.random(using: &random) {
      return Interval(
        months: integer(using: &random), days: integer(using: &random), microseconds: integer(using: &random))
    }
    // Equal spans in different shapes are likely here.
    return Interval(
      months: .random(in: -1...1, using: &random), days: .random(in: -31...31, using: &random),
      microseconds: .random(in: -1...1, using: &random) * 86_400_000_000)
  }

  private static func json(depth: Int, using random: inout Seed) -> JSONValue {
    switch Int.random(in: 0..<(depth < 3 ? 6 : 4), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2: return .string(text(using: &random))
    case 3:
      return .number(
        Numeric(coefficient: .random(in: -30...30, using: &random), scale: .random(in: 0...2, using: &random))
          .description)
    case 4:
      return .array((0..<Int.random(in: 0...2, using: &random)).map { _ in json(depth: depth + 1, using: &random) })
    default:
      let members = (0..<Int.random(in: 0...2, using: &random)).map { _ in
        JSONValue.Member(name: text(using: &random), value: json(depth: depth + 1, using: &random))
      }
      return (try? JSONB.canonical(.object(members))) ?? .null
    }
  }
}
