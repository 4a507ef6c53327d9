import Runtime
import Transactions

/// Breaks things in a world, one after the other, and mends each after a while. Never more than a minority of the nodes is
/// down at a time, but for blackouts.
package struct Nemesis {
  private let plan: FaultPlan
  private var random: SeededRandom
  private var nextFault: UInt64
  /// What is broken now, with the time at which it is mended.
  private var repairs: [(time: UInt64, repair: Repair)] = []
  /// How far all wall clocks are from true time, in microseconds, beside what each is off by itself.
  private var clockBase: Int64 = 0
  package private(set) var faultCount = 0
  package private(set) var counts: [FaultPlan.Family: Int] = [:]

  private enum Repair {
    case start(Int)
    case resume(Int)
    case healNetwork
    case disk(Int)
    case fullDisk(Int)
    case link(Int, Int)
  }

  package init(plan: FaultPlan, seed: UInt64, now: UInt64) {
    self.plan = plan
    random = SeededRandom(seed: seed ^ 0x6e65_6d65_7369_7321)
    nextFault = plan.families.isEmpty ? .max : now + random.between(1, plan.intervalNanoseconds)
  }

  /// Does what is due. Call it between two runs of the world.
  package mutating func step(_ cluster: SimulatedCluster) {
    let now = cluster.world.nowNanoseconds
    repairs.sort { $0.time < $1.time }
    while let first = repairs.first, first.time <= now {
      repairs.removeFirst()
      cluster.note("mended: \(first.repair)")
      carryOut(first.repair, cluster)
    }
    guard now >= nextFault else { return }
    nextFault = now + random.between(1, plan.intervalNanoseconds * 2)
    inject(plan.families[Int(random.below(UInt64(plan.families.count)))], cluster)
  }

  /// Mends everything: all nodes run, all links are open, clocks are near to each other.
  package mutating func healAll(_ cluster: SimulatedCluster) {
    for item in repairs { carryOut(item.repair, cluster) }
    repairs = []
    nextFault = .max
    cluster.world.network.heal()
    for node in cluster.members { cluster.emptyDisk(of: node) }
    for node in cluster.members where !cluster.isUp(node) { cluster.launch(node) }
  }

  private mutating func inject(_ family: FaultPlan.Family, _ cluster: SimulatedCluster) {
    guard apply(family, cluster) else { return }
    cluster.note("\(family)")
    faultCount += 1
    counts[family, default: 0] += 1
  }

  /// - Returns: whether anything was broken.
  private mutating func apply(_ family: FaultPlan.Family, _ cluster: SimulatedCluster) -> Bool {
    let world = cluster.world
    switch family {
    case .crash:
      let up = cluster.members.filter { cluster.isUp($0) }
      guard up.count > cluster.size / 2 + 1 else { return false }
      crash(pick(up), cluster)
    case .flushCrash:
      func flushes() -> UInt64 { world.faults.probeCount("flush completed") }
      let before = flushes()
      guard world.run(until: { flushes() > before }, limitNanoseconds: 300_000_000) else { return false }
      return apply(.crash, cluster)
    case .commitCrash:
      let point = CommitPoint.all[Int(random.below(UInt64(CommitPoint.all.count)))].probe.description
      let before = world.faults.probeCount(point)
      guard world.run(until: { world.faults.probeCount(point) > before }, limitNanoseconds: 500_000_000) else {
        return false
      }
      // On the way to the step's end.
      if random.oneIn(2) { world.advance(nanoseconds: random.below(3_000_000)) }
      return apply(random.oneIn(3) ? .partition : .crash, cluster)
    case .blackout:
      // Rare, since nothing goes on for a while.
      guard random.oneIn(3) else { return false }
      for node in cluster.members where cluster.isUp(node) { crash(node, cluster) }
    case .pause:
      let node = pick(cluster.members.filter { cluster.isUp($0) })
      guard node > 0, !isPaused(node) else { return false }
      world.pause(node)
      mend(.resume(node), after: 20...5_000, world)
    case .partition:
      var nodes = Array(cluster.members)
      nodes.shuffle(using: &random)
      let cut = 1 + Int(random.below(UInt64(cluster.size - 1)))
      world.network.partition([Array(nodes[..<cut]), Array(nodes[cut...])])
      mend(.healNetwork, after: 100...6_000, world)
    case .oneWay:
      let (a, b) = pair(cluster)
      world.network.cut(from: a, to: b)
      mend(.healNetwork, after: 100...6_000, world)
    case .bridge:
      var nodes = Array(cluster.members)
      nodes.shuffle(using: &random)
      let half = nodes.count / 2
      world.network.bridge(Array(nodes[..<half]), over: nodes[half], Array(nodes[(half + 1)...]))
      mend(.healNetwork, after: 100...6_000, world)
    case .reset:
      let (a, b) = pair(cluster)
      world.network.reset(a, b)
    case .slowDisk:
      let node = pick(Array(cluster.members))
      world.disk(of: node).slowFactor = random.between(5, 300)
      mend(.disk(node), after: 100...4_000, world)
    case .slowLink:
      let (a, b) = pair(cluster)
      let slow = random.between(5, 400) * 1_000_000
      world.network.setLatency(from: a, to: b, slow / 4...slow)
      mend(.link(a, b), after: 100...4_000, world)
    case .fullDisk:
      // A node does not start on a full disk.
      let node = pick(cluster.members.filter { cluster.isUp($0) && cluster.registry.core(of: $0) != nil })
      guard node > 0 else { return false }
      cluster.fillDisk(of: node, leaving: random.oneIn(3) ? nil : Int(random.below(4_000)))
      mend(.fullDisk(node), after: 300...10_000, world)
    case .logDamage:
      let node = 1 + Int(cluster.seed % UInt64(cluster.size))
      guard cluster.isUp(node), cluster.registry.core(of: node) != nil else { return false }
      crash(node, kind: .kill, cluster)
      cluster.damageLog(of: node, at: random.next())
    case .clockRate:
      // Within the bound that leases count on.
      world.clock(of: pick(Array(cluster.members))).ratePerMillion = random.between(990_000, 1_010_000)
    case .clockJump:
      // Any two clocks stay within four tenths of a second: inside the skew that the cluster allows.
      world.clock(of: pick(Array(cluster.members))).wallOffsetMicroseconds =
        clockBase + Int64(random.below(400_001)) - 200_000
    case .clockStep:
      // More than it takes to elect a leader, whose clock may then be behind what the last one served.
      let base = Int64(random.below(4_000_001)) - 3_000_000
      for node in cluster.members { world.clock(of: node).wallOffsetMicroseconds += base - clockBase }
      clockBase = base
    }
    return true
  }

  private mutating func crash(_ node: Int, kind: SimulatedWorld.Crash? = nil, _ cluster: SimulatedCluster) {
    // A crash ends a pause, so the resume that is due must not meet the next process.
    repairs.removeAll { if case .resume(node) = $0.repair { true } else { false } }
    cluster.crash(node, kind)
    // Somebody makes room before the node starts again.
    cluster.emptyDisk(of: node)
    mend(.start(node), after: 50...4_000, cluster.world)
  }

  private func isPaused(_ node: Int) -> Bool {
    repairs.contains { if case .resume(node) = $0.repair { true } else { false } }
  }

  private mutating func pick(_ nodes: [Int]) -> Int {
    nodes.isEmpty ? 0 : nodes[Int(random.below(UInt64(nodes.count)))]
  }

  private mutating func pair(_ cluster: SimulatedCluster) -> (Int, Int) {
    let a = pick(Array(cluster.members))
    return (a, pick(cluster.members.filter { $0 != a }))
  }

  private mutating func mend(_ repair: Repair, after milliseconds: ClosedRange<UInt64>, _ world: SimulatedWorld) {
    let pause = random.between(milliseconds.lowerBound, milliseconds.upperBound) * 1_000_000
    repairs.append((world.nowNanoseconds + pause, repair))
  }

  private mutating func carryOut(_ repair: Repair, _ cluster: SimulatedCluster) {
    switch repair {
    case .start(let node): if !cluster.isUp(node) { cluster.launch(node) }
    case .resume(let node): cluster.world.resume(node)
    case .healNetwork: cluster.world.network.heal()
    case .fullDisk(let node): cluster.emptyDisk(of: node)
    case .disk(let node): cluster.world.disk(of: node).slowFactor = 1
    case .link(let a, let b): cluster.world.network.setLatency(from: a, to: b, nil)
    }
  }
}
