/// A point on the cluster's common time line (Kulkarni et al., "Logical Physical Clocks", 2014): microseconds since the
/// Unix epoch in the upper 52 bits, a logical counter in the lower 12.
public struct HybridTime: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let logicalBits: UInt64 = 12
  public static let zero = HybridTime(rawValue: 0)
  public static let max = HybridTime(rawValue: .max)

  @inlinable public init(microseconds: UInt64, logical: UInt64 = 0) {
    rawValue = microseconds &<< Self.logicalBits | (logical & 0xfff)
  }

  @inlinable public var microseconds: UInt64 { rawValue >> Self.logicalBits }
  @inlinable public var logical: UInt64 { rawValue & 0xfff }
  /// The next possible time; logical overflow carries into the microseconds.
  @inlinable public var next: HybridTime { HybridTime(rawValue: rawValue == .max ? .max : rawValue + 1) }
  @inlinable public var previous: HybridTime { HybridTime(rawValue: rawValue == 0 ? 0 : rawValue - 1) }
  @inlinable public func adding(microseconds: UInt64) -> HybridTime {
    let (sum, overflow) = rawValue.addingReportingOverflow(microseconds &<< Self.logicalBits)
    return HybridTime(rawValue: overflow ? .max : sum)
  }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "\(microseconds).\(logical)" }
}
