import Raft
import Testing

/// Networks that are broken for good, but leave some replica in touch with a majority. Under each of them, a leader
/// must be found and must stay: no replica at the edge may depose it again and again.
@Suite("Partial connectivity")
struct LivenessTests {
  enum Profile: String, CaseIterable, CustomTestStringConvertible {
    case bridge, ring, deafLeader, muteLeader, isolatedLeader, deafFollower, muteFollower, chain, minority

    var testDescription: String { rawValue }

    func cut(_ world: inout World) {
      let leader = world.leader?.id ?? ReplicaID(1)
      let others = world.order.filter { $0 != leader }
      switch self {
      case .bridge: world.cutBridge(world.order)
      case .ring: world.cutRing(world.order)
      case .deafLeader: world.cutLinks { $1 == leader }
      case .muteLeader: world.cutLinks { from, _ in from == leader }
      case .isolatedLeader: world.isolate(leader)
      case .deafFollower: world.cutLinks { $1 == others[0] }
      case .muteFollower: world.cutLinks { from, _ in from == others[0] }
      // The leader and one follower do not see each other; everyone else sees everyone.
      case .chain: world.cutLinks { Set([$0, $1]) == Set([leader, others[0]]) }
      case .minority: world.cutLinks { Set(others.prefix(2)).contains($0) != Set(others.prefix(2)).contains($1) }
      }
    }
  }

  @Test("A leader in touch with a majority holds for ten election timeouts", arguments: Profile.allCases)
  func holds(profile: Profile) throws {
    for seed in Seeds.sample(4) {
      var world = try World(seed: seed, count: 5, faults: .none)
      try world.run(for: 4_000 * World.millisecond)
      try #require(world.leader != nil, "no leader at all; seed \(seed)")
      profile.cut(&world)
      try world.run(for: 10_000 * World.millisecond)
      let (elections, committed) = (world.elections, world.checker.committed.count)
      let timeout = 2 * UInt64(world.settings.electionTicks) * World.tick
      try world.run(for: 10 * timeout)
      #expect(world.elections == elections, "the leader did not hold; seed \(seed)")
      #expect(world.checker.committed.count > committed + 100, "nothing was committed; seed \(seed)")
    }
  }

  @Test("A run is the same each time, and meets everything that it is meant to meet")
  func determinism() throws {
    var (snapshots, elections, reads, configurations) = (0, 0, 0, 0)
    for seed in 1...UInt64(8) {
      func run() throws -> World {
        var world = try World(seed: seed, count: 3, faults: .all)
        try world.run(for: 6_000 * World.millisecond)
        return world
      }
      let world = try run()
      #expect(try run().digest == world.digest)
      snapshots += world.snapshots
      elections += world.elections
      reads += world.readsServed
      for entry in world.checker.committed {
        if case .configuration = entry.payload { configurations += 1 }
      }
    }
    #expect(snapshots > 0)
    #expect(elections > 5)
    #expect(reads > 50)
    #expect(configurations > 2)
  }
}
