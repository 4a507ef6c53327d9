/// Numbers that are the same for the same seed (SplitMix64, Steele et al. 2014). A failing test prints its seed.
public struct Seed: RandomNumberGenerator, CustomStringConvertible, Sendable {
  @usableFromInline let start: UInt64
  @usableFromInline var state: UInt64

  @inlinable public init(_ start: UInt64) {
    self.start = start
    state = start
  }

  public var description: String { "seed \(start)" }

  public static func sample(_ count: Int) -> [Seed] { (1...count).map { Seed(UInt64($0)) } }

  @inlinable public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
