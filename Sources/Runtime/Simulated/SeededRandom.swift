/// A generator whose numbers follow from its seed: SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014). Small, fast, and any seed is a good one.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(state)
  }

  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  package mutating func below(_ bound: UInt64) -> UInt64 {
    precondition(bound > 0, "no number is below 0")
    return next().multipliedFullWidth(by: bound).high
  }

  /// A number in the closed range.
  package mutating func between(_ low: UInt64, _ high: UInt64) -> UInt64 {
    precondition(low <= high, "\(low) is above \(high)")
    let width = high - low
    return width == .max ? next() : low + below(width + 1)
  }

  package mutating func oneIn(_ n: UInt64) -> Bool { below(n) == 0 }
}

/// A node's source of random numbers under simulation.
final class SimulatedRandom: RandomSource, @unchecked Sendable {
  // `@unchecked`: used only by the node's code, which runs on the world's one thread.
  private var generator: SeededRandom

  init(seed: UInt64) {
    generator = SeededRandom(seed: seed)
  }

  func next() -> UInt64 { generator.next() }
}

/// A digest of everything that happened in a run, in order. Two runs of one seed that differ anywhere differ here.
struct EventHash: Sendable {
  private(set) var value: UInt64 = 0x6170_7573

  mutating func mix(_ word: UInt64) {
    value = ((value << 5) | (value >> 59)) ^ word
    value &*= 0x9e37_79b9_7f4a_7c15
  }

  mutating func mix(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while offset + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = UInt64(bytes.count)
    while offset < bytes.count {
      rest = rest << 8 | UInt64(bytes[offset])
      offset += 1
    }
    mix(rest)
  }
}
