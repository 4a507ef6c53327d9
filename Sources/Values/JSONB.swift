/// The type `jsonb`, held as canonical text: members sorted by the length of the name, then its bytes; the last of
/// doubled names kept; numbers as `numeric` writes them; one space behind `,` and `:` (PostgreSQL manual, 8.14).
package enum JSONB {
  /// - Throws: 22P02 for bad syntax, 22P05 for `\u0000`, 54001 where it nests too deep, 22003 for a number beyond
  ///   `numeric`.
  package static func canonical(_ text: String) throws(SQLError) -> String {
    try canonical(JSONValue.parse(text)).description
  }

  /// The value with members sorted, doubles dropped, and numbers in canonical text.
  package static func canonical(_ value: JSONValue) throws(SQLError) -> JSONValue {
    switch value {
    case .null, .bool, .string: return value
    case .number(let text): return .number(try Numeric.parse(text).description)
    case .array(let elements):
      var result: [JSONValue] = []
      result.reserveCapacity(elements.count)
      for element in elements { result.append(try canonical(element)) }
      return .array(result)
    case .object(let members):
      var indexed: [(offset: Int, member: JSONValue.Member)] = []
      indexed.reserveCapacity(members.count)
      for (offset, member) in members.enumerated() {
        indexed.append((offset, JSONValue.Member(name: member.name, value: try canonical(member.value))))
      }
      indexed.sort {
        let order = compareNames($0.member.name, $1.member.name)
        return order == 0 ? $0.offset < $1.offset : order < 0
      }
      var result: [JSONValue.Member] = []
      result.reserveCapacity(members.count)
      for (_, member) in indexed {
        if let last = result.last, compareNames(last.name, member.name) == 0 { result.removeLast() }
        result.append(member)
      }
      return .object(result)
    }
  }

  private static func compareNames(_ a: String, _ b: String) -> Int {
    let (x, y) = (a.utf8.count, b.utf8.count)
    return x == y ? Datum.orderBytes(a, b) : x < y ? -1 : 1
  }

  /// PostgreSQL's order: object > array > boolean > number > string > null; more members or elements are greater, then
  /// member by member (a top-level empty array is least of all, below null).
  package static func compare(_ a: String, _ b: String) -> Int {
    if a.utf8.elementsEqual(b.utf8) { return 0 }
    guard let x = try? JSONValue.parse(a), let y = try? JSONValue.parse(b) else { return Datum.orderBytes(a, b) }
    // PostgreSQL holds a top-level scalar as an array of one, so the empty array, with fewer elements, is below it.
    switch (x, y) {
    case (.array(let elements), let other) where elements.isEmpty && !other.isContainer: return -1
    case (let other, .array(let elements)) where elements.isEmpty && !other.isContainer: return 1
    default: return compare(x, y)
    }
  }

  private static func compare(_ a: JSONValue, _ b: JSONValue) -> Int {
    switch (a, b) {
    case (.null, .null): return 0
    case (.bool(let x), .bool(let y)): return x == y ? 0 : y ? -1 : 1
    case (.number(let x), .number(let y)): return Numeric.compare(Numeric(x) ?? .nan, Numeric(y) ?? .nan)
    case (.string(let x), .string(let y)): return Datum.orderBytes(x, y)
    case (.array(let x), .array(let y)):
      if x.count != y.count { return x.count < y.count ? -1 : 1 }
      for (p, q) in zip(x, y) {
        let order = compare(p, q)
        if order != 0 { return order }
      }
      return 0
    case (.object(let x), .object(let y)):
      if x.count != y.count { return x.count < y.count ? -1 : 1 }
      for (p, q) in zip(x, y) {
        let names = Datum.orderBytes(p.name, q.name)
        if names != 0 { return names }
        let order = compare(p.value, q.value)
        if order != 0 { return order }
      }
      return 0
    default: return a.rank < b.rank ? -1 : 1
    }
  }

  /// Hashes so that values that compare equal (`1.0` and `1.00`) hash alike.
  static func hash(_ text: String, into hasher: inout Hasher) {
    guard let value = try? JSONValue.parse(text) else { return }
    value.hashJSONB(into: &hasher)
  }
}

extension JSONValue {
  fileprivate var rank: Int {
    switch self {
    case .null: 0
    case .string: 1
    case .number: 2
    case .bool: 3
    case .array: 4
    case .object: 5
    }
  }

  fileprivate var isContainer: Bool { rank >= 4 }

  fileprivate func hashJSONB(into hasher: inout Hasher) {
    hasher.combine(rank)
    switch self {
    case .null: break
    case .bool(let value): hasher.combine(value)
    case .number(let text): hasher.combine(Numeric(text) ?? .nan)
    case .string(let text): hasher.combineBytes(of: text)
    case .array(let elements):
      hasher.combine(elements.count)
      for element in elements { element.hashJSONB(into: &hasher) }
    case .object(let members):
      hasher.combine(members.count)
      for member in members {
        hasher.combineBytes(of: member.name)
        member.value.hashJSONB(into: &hasher)
      }
    }
  }
}

extension Hasher {
  /// The UTF-8 bytes, unlike `combine(_: String)`, which hashes canonically equivalent texts alike.
  fileprivate mutating func combineBytes(of text: String) {
    combine(text.utf8.count)
    var text = text
    text.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
