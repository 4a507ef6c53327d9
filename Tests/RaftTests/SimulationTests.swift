import Foundation
import Raft
import Testing

/// The seeds of a run: the one that `SEED` names, or as many as fit the build, times `SEED_FACTOR`.
enum Seeds {
  static func sample(_ count: Int) -> [UInt64] {
    let environment = ProcessInfo.processInfo.environment
    if let text = environment["SEED"], let seed = UInt64(text) { return [seed] }
    let factor = environment["SEED_FACTOR"].flatMap { Int($0) } ?? 1
    #if DEBUG
      return (1...UInt64(max(1, count * factor / 10))).map { $0 }
    #else
      return (1...UInt64(count * factor)).map { $0 }
    #endif
  }
}

@Suite("A group under faults")
struct SimulationTests {
  @Test("Nothing breaks a safety rule, and after healing all converge", arguments: Seeds.sample(240))
  func anyFaults(seed: UInt64) throws {
    do { try runAnyFaults(seed: seed) } catch { Issue.record("\(error); replay with SEED=\(seed)") }
  }

  /// Elections start long before leases end, links break all the time, and leadership is handed around.
  @Test("No two replicas hold a lease at once, whatever their clocks do", arguments: Seeds.sample(60))
  func leases(seed: UInt64) throws {
    var settings = RaftSettings()
    settings.electionTicks = 3
    settings.heartbeatTicks = 1
    settings.leaseDuration = 1_500 * World.millisecond
    settings.preVote = seed % 2 == 0
    var faults = Faults()
    faults.partitions = true
    faults.transfers = true
    faults.drift = true
    faults.crashes = seed % 3 == 0
    faults.loss = 0.15
    do {
      var world = try World(seed: seed, count: seed % 2 == 0 ? 3 : 5, faults: faults, settings: settings)
      try world.run(for: 15_000 * World.millisecond)
      try settle(&world)
    } catch { Issue.record("\(error); replay with SEED=\(seed)") }
  }

  private func runAnyFaults(seed: UInt64) throws {
    var random = SeededRandom(seed: seed ^ 0xfa17)
    let faults = Faults.drawn(using: &random)
    var settings = RaftSettings()
    settings.electionTicks = random.int(4...12)
    settings.heartbeatTicks = random.int(1...2)
    settings.maxInflightMessages = random.int(1...8)
    settings.maxAppendBytes = random.int(30...400)
    settings.preVote = random.chance(0.8)
    settings.horizonReserve = UInt64(random.int(0...3000)) << 12
    settings.leaseDuration = UInt64(random.int(300...1500)) * World.millisecond
    var world = try World(seed: seed, count: random.pick([3, 3, 5, 7]), faults: faults, settings: settings)
    try world.run(for: 20_000 * World.millisecond)
    try settle(&world)
  }

  /// Heals everything; a leader must be there soon, and everyone must end up equal.
  private func settle(_ world: inout World) throws {
    world.heal()
    let limit = 10 * UInt64(world.settings.electionTicks) * World.tick + 2 * world.settings.leaseDuration
    let elected = try world.run(atMost: limit) { world in
      world.leader.map { $0.leaseIsValid(now: world.localTime(of: world.nodes[$0.id]!)) } ?? false
    }
    try require(elected != nil, "no leader within ten election timeouts")
    let settled = try world.run(atMost: 2 * limit) { world in
      guard let leader = world.leader, !leader.configuration.isJoint else { return false }
      let members = leader.configuration.members.compactMap { world.nodes[$0] }
      return members.allSatisfy { node in
        node.machine.position.index.raw + 20 >= UInt64(world.checker.committed.count)
          && node.group?.configuration == leader.configuration
      }
    }
    try require(settled != nil, "the replicas do not converge")
  }
}
