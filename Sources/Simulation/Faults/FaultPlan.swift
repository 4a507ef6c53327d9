import Runtime

/// Which faults a seed gets, and how often: each family is on for about half of the seeds (swarm testing, Groce et al.
/// 2012), so that faults that hide each other's effects also appear alone.
package struct FaultPlan: Sendable {
  package enum Family: CaseIterable, Hashable, Sendable {
    case crash
    /// All nodes at once.
    case blackout
    case pause
    case partition
    case oneWay
    case bridge
    case reset
    case slowDisk
    case slowLink
    case clockRate
    case clockJump
  }

  /// In the order of `Family.allCases`.
  package var families: [Family]
  /// Mean time between two faults.
  package var intervalNanoseconds: UInt64

  package static let none = FaultPlan(families: [], intervalNanoseconds: .max)

  package static func draw(from random: inout SeededRandom) -> FaultPlan {
    var families = Family.allCases.filter { _ in random.oneIn(2) }
    if families.isEmpty { families = [.crash] }
    return FaultPlan(families: families, intervalNanoseconds: random.between(150, 1_500) * 1_000_000)
  }
}
