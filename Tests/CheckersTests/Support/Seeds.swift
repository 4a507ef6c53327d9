import Foundation

/// A seed for one run of a property; `SEED=…` replays a single one.
struct Seed: Sendable, CustomStringConvertible {
  var value: UInt64
  var description: String { "SEED=\(value)" }

  static func sample(_ count: Int) -> [Seed] {
    if let given = ProcessInfo.processInfo.environment["SEED"].flatMap({ UInt64($0) }) { return [Seed(value: given)] }
    return (1...count).map { Seed(value: UInt64($0)) }
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
  mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }
  mutating func oneIn(_ n: UInt64) -> Bool { below(n) == 0 }
}
