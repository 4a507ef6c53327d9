import Raft

extension World {
  /// Makes trouble, and comes back.
  mutating func nemesis() throws {
    guard !isHealed else { return }
    queue.add(.nemesis, at: now + UInt64(random.int(50...900)) * World.millisecond)
    let troubles: [(Bool, (inout World) throws -> Void)] = [
      (faults.partitions, { world in world.repartition() }),
      (faults.crashes, { world in try world.crashSome() }),
      (faults.pauses, { world in world.pauseOne() }),
      (faults.membership, { world in try world.changeMembership() }),
      (faults.compaction, { world in world.compactOne() }),
      (faults.transfers, { world in try world.transfer() }),
    ]
    let possible = troubles.filter(\.0)
    guard !possible.isEmpty else { return }
    try random.pick(possible.map(\.1))(&self)
  }

  mutating func heal() {
    isHealed = true
    cut = []
    for id in order {
      nodes[id]?.pausedUntil = 0
      boot(id)
    }
  }

  mutating func repartition() {
    cut = []
    let shuffled = order.shuffled(using: &random)
    switch random.int(0...6) {
    case 0, 1:
      break
    case 2:
      let half = Set(shuffled.prefix(random.int(1...shuffled.count / 2)))
      cutLinks { half.contains($0) != half.contains($1) }
    case 3:
      isolate(shuffled[0])
    case 4:
      // One direction only.
      let deaf = shuffled[0]
      let mute = random.chance(0.5)
      cutLinks { mute ? $0 == deaf : $1 == deaf }
    case 5:
      cutBridge(shuffled)
    default:
      cutRing(shuffled)
    }
  }

  mutating func isolate(_ id: ReplicaID) { cutLinks { ($0 == id) != ($1 == id) } }

  /// Two halves that see each other only through one replica in between.
  mutating func cutBridge(_ ids: [ReplicaID]) {
    let bridge = ids[ids.count / 2]
    let left = Set(ids.prefix(ids.count / 2))
    cutLinks { $0 != bridge && $1 != bridge && left.contains($0) != left.contains($1) }
  }

  /// Everyone sees its two neighbours only.
  mutating func cutRing(_ ids: [ReplicaID]) {
    cutLinks { a, b in
      guard let i = ids.firstIndex(of: a), let j = ids.firstIndex(of: b) else { return false }
      let distance = (i - j + ids.count) % ids.count
      return distance != 1 && distance != ids.count - 1
    }
  }

  mutating func cutLinks(where isCut: (ReplicaID, ReplicaID) -> Bool) {
    for from in order {
      for to in order where from != to && isCut(from, to) { cut.insert(Link(from: from, to: to)) }
    }
  }

  private mutating func crashSome() throws {
    let count = random.chance(0.2) ? order.count : random.int(1...2)
    for id in order.shuffled(using: &random).prefix(count) where nodes[id]?.group != nil {
      try crash(id)
      queue.add(.restart(id), at: now + UInt64(random.int(0...2500)) * World.millisecond)
    }
  }

  private mutating func pauseOne() {
    nodes[random.pick(order)]?.pausedUntil = now + UInt64(random.int(100...2500)) * World.millisecond
  }

  private mutating func compactOne() {
    for id in order where random.chance(0.5) { flushAndCompact(id, keeping: UInt64(random.int(0...20))) }
  }

  private mutating func transfer() throws {
    guard let leader = leaders.randomElement(using: &random) else { return }
    let target = random.pick(leader.configuration.voters)
    try step(leader.id) { group, _, effects in _ = group.transferLeadership(to: target, effects: &effects) }
  }

  private mutating func changeMembership() throws {
    guard let leader = leaders.randomElement(using: &random) else { return }
    let configuration = leader.configuration
    var change: ConfigurationChange
    switch random.int(0...5) {
    case 0 where order.count < 9:
      let id = ReplicaID(UInt64(order.count + 1))
      try addNode(id, configuration: .none)
      change = random.chance(0.5) ? .addLearner(id) : .addVoter(id)
    case 1:
      change = .promote(configuration.learners.randomElement(using: &random) ?? configuration.voters[0])
    case 2 where configuration.voters.count > 2:
      change = .remove(random.pick(configuration.voters))
    case 3 where configuration.voters.count > 2:
      change = .demote(random.pick(configuration.voters))
    case 4:
      change = .addVoter(random.pick(order))
    default:
      let voters = Array(order.shuffled(using: &random).prefix(random.int(2...max(2, min(5, order.count)))))
      change = .replace(voters: voters, learners: [])
    }
    try step(leader.id) { group, _, effects in _ = group.proposeConfiguration(change, effects: &effects) }
  }
}
