import Coding
import Values

/// `jsonb` in PostgreSQL's order (manual, 8.14.4): object > array > boolean > number > string > null, more members or
/// elements are greater, then member by member. A rank byte, for containers a count, then the parts.
enum OrderedJSON {
  private enum Rank {
    /// A value that is nothing but an empty array is below all others: PostgreSQL holds a lone scalar as an array of one.
    static let loneEmptyArray: UInt8 = 1
    static let null: UInt8 = 2
    static let string: UInt8 = 3
    static let number: UInt8 = 4
    static let bool: UInt8 = 5
    static let array: UInt8 = 6
    static let object: UInt8 = 7
  }

  /// - Parameter text: canonical, as `Datum.jsonb` holds it.
  static func append(_ text: String, into key: inout [UInt8]) throws(SQLError) {
    let value = try JSONValue.parse(text)
    if case .array(let elements) = value, elements.isEmpty {
      key.append(Rank.loneEmptyArray)
    } else {
      try append(value, into: &key)
    }
  }

  private static func append(_ value: JSONValue, into key: inout [UInt8]) throws(SQLError) {
    switch value {
    case .null: key.append(Rank.null)
    case .string(let text):
      key.append(Rank.string)
      KeyEncoder.appendEscaped(text.utf8, into: &key)
    case .number(let text):
      key.append(Rank.number)
      OrderedNumeric.append(try Numeric.parse(text), into: &key)
    case .bool(let value):
      key.append(Rank.bool)
      key.append(value ? 1 : 0)
    case .array(let elements):
      key.append(Rank.array)
      KeyEncoder.appendBigEndian(UInt32(elements.count), into: &key)
      for element in elements { try append(element, into: &key) }
    case .object(let members):
      key.append(Rank.object)
      KeyEncoder.appendBigEndian(UInt32(members.count), into: &key)
      for member in members {
        KeyEncoder.appendEscaped(member.name.utf8, into: &key)
        try append(member.value, into: &key)
      }
    }
  }

  /// Canonical text of an equal value; numbers come with as few digits as show them.
  static func read(from reader: inout KeyReader) throws(CodingError) -> String {
    let rank = try reader.readByte()
    return rank == Rank.loneEmptyArray ? "[]" : try read(rank: rank, depth: 1, from: &reader).description
  }

  private static func read(
    rank: UInt8, depth: Int, from reader: inout KeyReader
  ) throws(CodingError) -> JSONValue {
    guard depth <= JSONValue.depthMax else { throw .malformed(what: "depth of a jsonb key") }
    switch rank {
    case Rank.null: return .null
    case Rank.string: return .string(try reader.readText())
    case Rank.number: return .number(try OrderedNumeric.read(from: &reader).description)
    case Rank.bool: return .bool(try reader.readByte() != 0)
    case Rank.array:
      var elements: [JSONValue] = []
      for _ in 0..<(try reader.readBigEndian(UInt32.self)) {
        elements.append(try read(rank: reader.readByte(), depth: depth + 1, from: &reader))
      }
      return .array(elements)
    case Rank.object:
      var members: [JSONValue.Member] = []
      for _ in 0..<(try reader.readBigEndian(UInt32.self)) {
        let name = try reader.readText()
        members.append(
          JSONValue.Member(name: name, value: try read(rank: reader.readByte(), depth: depth + 1, from: &reader)))
      }
      return .object(members)
    default: throw .malformed(what: "jsonb key")
    }
  }
}
