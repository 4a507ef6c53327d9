import Keys

/// How far a store has applied its tablet's Raft log. It is written in the same atomic batch as the data, so that
/// after a crash the store itself knows where to go on.
package struct Frontier: Hashable, Comparable, Sendable {
  /// The last applied entry.
  package var index: UInt64
  /// The term of that entry.
  package var term: UInt64
  /// The greatest hybrid time among the applied entries.
  package var hybridTime: HybridTime

  package init(index: UInt64, term: UInt64, hybridTime: HybridTime) {
    self.index = index
    self.term = term
    self.hybridTime = hybridTime
  }

  /// The log has one entry for each index, so the index alone orders.
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

extension Frontier {
  static let byteCount = 24

  /// Index, term and time, 8 bytes each, big-endian.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    for field in [index, term, hybridTime.rawValue] {
      for shift in stride(from: UInt64(56), through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: field >> shift))
      }
    }
    return bytes
  }

  init(decoding bytes: [UInt8]) throws(StorageError) {
    guard bytes.count == Self.byteCount else {
      throw .corrupt("a frontier of \(bytes.count) bytes")
    }
    func field(_ number: Int) -> UInt64 {
      bytes[number * 8..<number * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(index: field(0), term: field(1), hybridTime: HybridTime(rawValue: field(2)))
  }
}
