import Runtime

/// Which faults a seed gets, and how often: each family is on for about half of the seeds (swarm testing, Groce et al.
/// 2012), so that faults that hide each other's effects also appear alone.
package struct FaultPlan: Sendable {
  package enum Family: CaseIterable, Hashable, Sendable {
    case crash
    /// A crash just after some store was flushed, when the log may be cut.
    case flushCrash
    /// A crash, or a partition, when some gateway is just before a step of a transaction's commit.
    case commitCrash
    /// All nodes at once.
    case blackout
    case pause
    case partition
    case oneWay
    case bridge
    case reset
    case slowDisk
    case slowLink
    /// A disk takes no more for a while.
    case fullDisk
    /// A bit of one node's log turns over in what was synced, while the node is down. Always the same node, so that the
    /// others keep a majority of everything.
    case logDamage
    case clockRate
    case clockJump
    /// The source of all clocks was wrong: they go back together, or forth.
    case clockStep
  }

  /// In the order of `Family.allCases`.
  package var families: [Family]
  /// Mean time between two faults.
  package var intervalNanoseconds: UInt64

  package init(families: [Family], intervalNanoseconds: UInt64) {
    self.families = families
    self.intervalNanoseconds = intervalNanoseconds
  }

  package static let none = FaultPlan(families: [], intervalNanoseconds: .max)

  package static func draw(from random: inout SeededRandom) -> FaultPlan {
    var families = Family.allCases.filter { _ in random.oneIn(2) }
    if families.isEmpty { families = [.crash] }
    return FaultPlan(families: families, intervalNanoseconds: random.between(150, 1_500) * 1_000_000)
  }
}
