import Glibc

// PostgreSQL's btree order of each type, in the C collation: text by its UTF-8 bytes, never Swift's canonical order.

extension Datum {
  package var isNull: Bool { if case .null = self { true } else { false } }

  /// −1, 0 or 1 for two values of one type. NULL counts as greatest, as it sorts; different kinds order by kind, so
  /// that the order is total whatever comes.
  package static func compare(_ a: Datum, _ b: Datum) -> Int {
    switch (a, b) {
    case (.bool(let x), .bool(let y)): x == y ? 0 : y ? -1 : 1
    case (.int2(let x), .int2(let y)): order(x, y)
    case (.int4(let x), .int4(let y)): order(x, y)
    case (.int8(let x), .int8(let y)): order(x, y)
    case (.float4(let x), .float4(let y)): orderFloats(x, y)
    case (.float8(let x), .float8(let y)): orderFloats(x, y)
    case (.numeric(let x), .numeric(let y)): Numeric.compare(x, y)
    case (.text(let x), .text(let y)): orderBytes(x, y)
    case (.bytes(let x), .bytes(let y)): orderBytes(x, y)
    case (.uuid(let x), .uuid(let y)): order(x, y)
    case (.date(let x), .date(let y)): order(x, y)
    case (.time(let x), .time(let y)): order(x, y)
    case (.timestamp(let x), .timestamp(let y)): order(x, y)
    case (.timestampTZ(let x), .timestampTZ(let y)): order(x, y)
    case (.interval(let x), .interval(let y)): Interval.compare(x, y)
    case (.json(let x), .json(let y)): orderBytes(x, y)
    case (.jsonb(let x), .jsonb(let y)): JSONB.compare(x, y)
    case (.oid(let x), .oid(let y)): order(x, y)
    default: order(a.kindRank, b.kindRank)
    }
  }

  /// As `compare`, with `char(n)`'s rule that trailing blanks do not count.
  package static func compare(_ a: Datum, _ b: Datum, as type: SQLType) -> Int {
    if type.kind == .char, case .text(let x) = a, case .text(let y) = b {
      return orderBytes(x, y) { $0.droppingTrailingBlanks }
    }
    return compare(a, b)
  }

  /// A number that never orders two values of the type otherwise than `compare(_:_:as:)` does; unequal values may share it.
  /// Every value has to be held as its type is.
  package func orderLead(as type: SQLType) -> UInt64 {
    switch (self, type.kind) {
    case (.int2(let value), .int2): Self.lead(Int64(value))
    case (.int4(let value), .int4): Self.lead(Int64(value))
    case (.int8(let value), .int8), (.timestamp(let value), .timestamp), (.timestampTZ(let value), .timestampTZ):
      Self.lead(value)
    case (.date(let value), .date): Self.lead(Int64(value))
    case (.text(let value), .text), (.text(let value), .varchar): Self.lead(value)
    case (.text(let value), .char): Self.lead(value) { $0.droppingTrailingBlanks }
    default: 0
    }
  }

  private static func lead(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ 1 << 63 }

  private static func lead(
    _ value: String, _ significant: (UnsafeRawBufferPointer) -> UnsafeRawBufferPointer = { $0 }
  ) -> UInt64 {
    var value = value
    return value.withUTF8 { bytes in
      let bytes = significant(UnsafeRawBufferPointer(bytes))
      var lead: UInt64 = 0
      for index in 0..<8 { lead = lead << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
      return lead
    }
  }

  /// SQL equality of two values of one type, neither NULL.
  package static func equal(_ a: Datum, _ b: Datum) -> Bool { compare(a, b) == 0 }

  private static func order<T: Comparable>(_ x: T, _ y: T) -> Int { x < y ? -1 : x == y ? 0 : 1 }

  private static func orderFloats<T: FloatingPoint>(_ x: T, _ y: T) -> Int {
    if x.isNaN || y.isNaN { return x.isNaN ? (y.isNaN ? 0 : 1) : -1 }
    return x < y ? -1 : x == y ? 0 : 1
  }

  /// - Parameter significant: the part of the bytes that counts.
  static func orderBytes(
    _ x: String, _ y: String, _ significant: (UnsafeRawBufferPointer) -> UnsafeRawBufferPointer = { $0 }
  ) -> Int {
    var (x, y) = (x, y)
    return x.withUTF8 { x in
      y.withUTF8 { y in
        orderBytes(significant(UnsafeRawBufferPointer(x)), significant(UnsafeRawBufferPointer(y)))
      }
    }
  }

  private static func orderBytes(_ x: [UInt8], _ y: [UInt8]) -> Int {
    x.withUnsafeBytes { x in y.withUnsafeBytes { y in orderBytes(x, y) } }
  }

  private static func orderBytes(_ x: UnsafeRawBufferPointer, _ y: UnsafeRawBufferPointer) -> Int {
    if let a = x.baseAddress, let b = y.baseAddress {
      let order = memcmp(a, b, min(x.count, y.count))
      if order != 0 { return order < 0 ? -1 : 1 }
    }
    return order(x.count, y.count)
  }

  private var kindRank: Int {
    switch self {
    case .bool: 0
    case .int2: 1
    case .int4: 2
    case .int8: 3
    case .float4: 4
    case .float8: 5
    case .numeric: 6
    case .text: 7
    case .bytes: 8
    case .uuid: 9
    case .date: 10
    case .time: 11
    case .timestamp: 12
    case .timestampTZ: 13
    case .interval: 14
    case .json: 15
    case .jsonb: 16
    case .oid: 17
    case .null: 18
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var droppingTrailingBlanks: UnsafeRawBufferPointer {
    var count = self.count
    while count > 0, self[count - 1] == UInt8(ascii: " ") { count -= 1 }
    return UnsafeRawBufferPointer(rebasing: self[..<count])
  }
}

extension String {
  /// Without the blanks (U+0020 only) at the end.
  package var withoutTrailingBlanks: String {
    guard utf8.last == UInt8(ascii: " ") else { return self }
    let kept = utf8.count - utf8.reversed().prefix { $0 == UInt8(ascii: " ") }.count
    return String(decoding: utf8.prefix(kept), as: UTF8.self)
  }
}

// MARK: - Grouping

extension Datum {
  /// Feeds a hasher so that equal values (by `compare`) hash alike; NULL hashes as a value of its own.
  package func groupingHash(into hasher: inout Hasher) {
    hasher.combine(kindRank)
    switch self {
    case .null: break
    case .bool(let value): hasher.combine(value)
    case .int2(let value): hasher.combine(value)
    case .int4(let value): hasher.combine(value)
    case .int8(let value): hasher.combine(value)
    case .float4(let value): hasher.combine(value.isNaN ? .nan : value == 0 ? 0 : value)
    case .float8(let value): hasher.combine(value.isNaN ? .nan : value == 0 ? 0 : value)
    case .numeric(let value): hasher.combine(value)
    case .text(let value), .json(let value):
      var value = value
      value.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    case .bytes(let value): hasher.combine(value)
    case .uuid(let value): hasher.combine(value)
    case .date(let value): hasher.combine(value)
    case .time(let value), .timestamp(let value), .timestampTZ(let value): hasher.combine(value)
    case .interval(let value): hasher.combine(value.comparisonValue)
    case .jsonb(let value): JSONB.hash(value, into: &hasher)
    case .oid(let value): hasher.combine(value)
    }
  }
}

/// The values that GROUP BY, DISTINCT and set operations compare: NULLs are equal to each other here.
///
/// `char(n)` values must have their trailing blanks taken off first (`withoutTrailingBlanks`), as its type is not known
/// here.
package struct GroupKey: Hashable, Sendable {
  package var values: [Datum]

  package init(_ values: [Datum]) { self.values = values }

  package static func == (a: GroupKey, b: GroupKey) -> Bool {
    guard a.values.count == b.values.count else { return false }
    for index in a.values.indices where Datum.compare(a.values[index], b.values[index]) != 0 { return false }
    return true
  }

  package func hash(into hasher: inout Hasher) {
    for value in values { value.groupingHash(into: &hasher) }
  }
}
