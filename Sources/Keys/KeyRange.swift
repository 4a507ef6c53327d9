/// Document keys from `lower` up to but not including `upper`. Empty where `upper` is not greater.
package struct KeyRange: Hashable, Sendable {
  package var lower: [UInt8]
  package var upper: [UInt8]
  package init(lower: [UInt8], upper: [UInt8]) {
    self.lower = lower
    self.upper = upper
  }

  /// All keys that begin with `prefix`; nil if no key can follow them (the prefix is empty or all 0xFF).
  package init?(prefix: [UInt8]) {
    guard let upper = Self.successor(ofPrefix: prefix) else { return nil }
    self.init(lower: prefix, upper: upper)
  }

  package var isEmpty: Bool { !Self.isLess(lower, upper) }

  package func contains(_ key: [UInt8]) -> Bool {
    !Self.isLess(key, lower) && Self.isLess(key, upper)
  }

  /// The keys in both.
  package func intersection(_ other: KeyRange) -> KeyRange {
    KeyRange(
      lower: Self.isLess(lower, other.lower) ? other.lower : lower,
      upper: Self.isLess(upper, other.upper) ? upper : other.upper)
  }

  /// The least key that is greater than all keys which begin with `prefix`; nil if there is none.
  package static func successor(ofPrefix prefix: [UInt8]) -> [UInt8]? {
    guard let last = prefix.lastIndex(where: { $0 != 0xff }) else { return nil }
    var successor = Array(prefix[...last])
    successor[last] += 1
    return successor
  }

  /// Byte order, a prefix before what it begins.
  package static func isLess(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }
}
