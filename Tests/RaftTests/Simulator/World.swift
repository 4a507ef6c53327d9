import Raft

/// What may go wrong in one run; drawn from the seed.
struct Faults {
  var loss = 0.0
  var duplication = 0.0
  var reordering = false
  var slowDisk = false
  var partitions = false
  var crashes = false
  var pauses = false
  var drift = false
  var membership = false
  var compaction = false
  var transfers = false

  static let none = Faults()
  static let all = Faults(
    loss: 0.1, duplication: 0.1, reordering: true, slowDisk: true, partitions: true, crashes: true, pauses: true,
    drift: true, membership: true, compaction: true, transfers: true)

  static func drawn(using random: inout SeededRandom) -> Faults {
    var faults = Faults()
    if random.chance(0.5) { faults.loss = Double.random(in: 0.01...0.3, using: &random) }
    if random.chance(0.5) { faults.duplication = Double.random(in: 0.01...0.3, using: &random) }
    faults.reordering = random.chance(0.5)
    faults.slowDisk = random.chance(0.5)
    faults.partitions = random.chance(0.6)
    faults.crashes = random.chance(0.6)
    faults.pauses = random.chance(0.3)
    faults.drift = random.chance(0.7)
    faults.membership = random.chance(0.5)
    faults.compaction = random.chance(0.5)
    faults.transfers = random.chance(0.5)
    return faults
  }
}

/// A group of replicas on simulated time, network and disks.
struct World {
  static let millisecond: UInt64 = 1_000_000
  static let tick = 100 * millisecond

  struct Node {
    var id: ReplicaID
    var group: RaftGroup?
    var disk: Disk
    var machine: Machine
    /// Counts restarts: what was under way in a process that is gone does not reach the next.
    var life = 0
    var rate = 1.0
    var bootTime: UInt64 = 0
    var isSyncing = false
    var isApplying = false
    var pausedUntil: UInt64 = 0
    var horizonSkew: UInt64 = 0
  }

  enum Event {
    case tick(ReplicaID, life: Int)
    case deliver(Message, from: ReplicaID, to: ReplicaID)
    case synced(ReplicaID, life: Int, count: Int)
    case apply(ReplicaID, life: Int)
    case checkpoint(from: ReplicaID, to: ReplicaID, leaderLife: Int)
    case restart(ReplicaID)
    case nemesis
    case client
  }

  var now: UInt64 = 0
  var random: SeededRandom
  var faults: Faults
  var settings: RaftSettings
  var nodes: [ReplicaID: Node] = [:]
  var order: [ReplicaID] = []
  var queue = EventQueue<Event>()
  var checker = Checker()
  /// Links that carry nothing, by direction.
  var cut: Set<Link> = []
  var isHealed = false
  var reads: [UInt64: Int] = [:]
  var nextNumber: UInt64 = 1
  var steps = 0
  var elections = 0
  var snapshots = 0
  var readsServed = 0
  /// Depends on every step of the run: two runs of one seed must end with the same.
  private(set) var digest: UInt64 = 0
  private var effects: [Effect] = []

  struct Link: Hashable {
    var from: ReplicaID
    var to: ReplicaID
  }

  init(seed: UInt64, count: Int, faults: Faults, settings: RaftSettings = RaftSettings()) throws {
    random = SeededRandom(seed: seed)
    self.faults = faults
    self.settings = settings
    let ids = (1...UInt64(count)).map { ReplicaID($0) }
    let configuration = Configuration(voters: ids)
    for id in ids { try addNode(id, configuration: configuration) }
    queue.add(.nemesis, at: 500 * World.millisecond)
    queue.add(.client, at: 10 * World.millisecond)
  }

  // MARK: Nodes

  mutating func addNode(_ id: ReplicaID, configuration: Configuration) throws {
    let disk = Disk(configuration: configuration)
    var node = Node(id: id, disk: disk, machine: disk.flushed)
    if faults.drift { node.rate = Double.random(in: 0.99...1.01, using: &random) }
    node.horizonSkew = UInt64(random.int(0...2000))
    nodes[id] = node
    order.append(id)
    boot(id)
  }

  mutating func boot(_ id: ReplicaID) {
    guard var node = nodes[id], node.group == nil else { return }
    node.life += 1
    node.bootTime = now
    node.isSyncing = false
    node.isApplying = false
    node.machine = node.disk.flushed
    node.disk.compact()
    node.group = RaftGroup(
      id: id, restored: node.disk.restored, settings: settings, seed: random.next(), now: localTime(of: node))
    nodes[id] = node
    scheduleTick(id)
  }

  mutating func crash(_ id: ReplicaID) throws {
    guard nodes[id]?.group != nil else { return }
    nodes[id]?.group = nil
    nodes[id]?.disk.crash(random: &random)
    try checker.checkDurable { nodes[$0]?.disk }
  }

  /// The node's monotonic clock: from its boot, at its own rate.
  func localTime(of node: Node) -> UInt64 { 1_000_000_000 + UInt64(Double(now - node.bootTime) * node.rate) }

  private mutating func scheduleTick(_ id: ReplicaID) {
    guard let node = nodes[id] else { return }
    queue.add(.tick(id, life: node.life), at: now + UInt64(Double(World.tick) / node.rate))
  }

  var leaders: [RaftGroup] { order.compactMap { nodes[$0]?.group }.filter { $0.role == .leader } }
  /// The leader of the highest term.
  var leader: RaftGroup? { leaders.max { $0.term < $1.term } }

  // MARK: Running

  mutating func run(for duration: UInt64) throws {
    let end = now + duration
    while let time = queue.nextTime, time <= end, let (_, event) = queue.pop() {
      now = time
      try handle(event)
    }
    now = end
  }

  /// Runs until `condition`, for at most `limit`.
  /// - Returns: the time that it took, or nil.
  mutating func run(atMost limit: UInt64, until condition: (World) -> Bool) throws -> UInt64? {
    let start = now
    while now - start <= limit {
      if condition(self) { return now - start }
      try run(for: World.tick)
    }
    return nil
  }

  private mutating func handle(_ event: Event) throws {
    if let id = target(of: event), let until = nodes[id]?.pausedUntil, until > now {
      queue.add(event, at: until)
      return
    }
    switch event {
    case .tick(let id, let life):
      guard nodes[id]?.life == life, nodes[id]?.group != nil else { return }
      scheduleTick(id)
      if let node = nodes[id], node.group?.role == .leader {
        nodes[id]?.group?.setHorizon((now / 1_000_000 + node.horizonSkew) << 12)
      }
      try step(id) { group, time, effects in group.tick(now: time, effects: &effects) }
    case .deliver(let message, let sender, let receiver):
      // Everything travels as bytes, so that the codec is part of every run.
      let message = try Message(decoding: message.encoded())
      try step(receiver) { group, time, effects in
        group.receive(message, from: sender, now: time, effects: &effects)
      }
    case .synced(let id, let life, let count):
      try synced(id, life: life, count: count)
    case .apply(let id, let life):
      try apply(id, life: life)
    case .checkpoint(let sender, let receiver, let life):
      try installCheckpoint(from: sender, to: receiver, life: life)
    case .restart(let id):
      boot(id)
    case .nemesis:
      try nemesis()
    case .client:
      try client()
    }
  }

  private func target(of event: Event) -> ReplicaID? {
    switch event {
    case .tick(let id, _), .synced(let id, _, _), .apply(let id, _), .deliver(_, _, let id): id
    case .checkpoint(_, let id, _): id
    case .restart, .nemesis, .client: nil
    }
  }

  /// The one place that steps a replica: carries out the effects, then checks everything.
  mutating func step(_ id: ReplicaID, _ input: (inout RaftGroup, UInt64, inout [Effect]) throws -> Void) throws {
    guard let node = nodes[id], node.group != nil else { return }
    let time = localTime(of: node)
    let commitBefore = node.group?.commitIndex ?? .zero
    let hadLed = node.group?.role == .leader
    effects.removeAll(keepingCapacity: true)
    var buffer = effects
    if var group = nodes[id]?.group {
      nodes[id]?.group = nil
      try input(&group, time, &buffer)
      nodes[id]?.group = group
    }
    steps += 1
    digest = (digest &* 31 &+ id.raw) &* 31 &+ now &+ UInt64(buffer.count)
    for effect in buffer { try perform(effect, at: id) }
    guard let group = nodes[id]?.group else { return }
    try require(group.commitIndex >= commitBefore, "commit went back at \(id)")
    try checker.stepped(group, hadLed: hadLed) { nodes[$0]?.disk }
    try checker.checkLeases(
      order.compactMap { id in
        guard let node = nodes[id], let group = node.group else { return nil }
        return group.leaseIsValid(now: localTime(of: node)) ? group : nil
      })
  }

  private mutating func perform(_ effect: Effect, at id: ReplicaID) throws {
    guard let node = nodes[id], let group = node.group else { return }
    switch effect {
    case .persist(let entries, let from, let hardState):
      try checker.willPersist(entries, of: group)
      nodes[id]?.disk.unsynced.append(Write(entries: entries, truncateFrom: from, hardState: hardState))
      startSync(id)
    case .send(let receiver, let message):
      try checker.willSend(message, from: group, disk: node.disk, to: receiver)
      send(message, from: id, to: receiver)
    case .committed:
      startApply(id)
    case .becameLeader(let term):
      elections += 1
      try checker.becameLeader(group, term: term)
      try checker.checkFloor(of: term)
    case .sendSnapshot(let receiver):
      queue.add(
        .checkpoint(from: id, to: receiver, leaderLife: node.life), at: now + delay(5...400))
    case .readReady(let context, let index):
      readsServed += 1
      let atLeast = reads.removeValue(forKey: context) ?? 0
      try require(
        Int(index.raw) >= atLeast, "read \(context) at \(id) got index \(index), but \(atLeast) were committed before")
    case .readRefused(let context):
      reads[context] = nil
    case .steppedDown, .leaderChanged, .configurationChanged:
      break
    }
  }

  // MARK: Network

  private mutating func delay(_ milliseconds: ClosedRange<Int>) -> UInt64 {
    UInt64(random.int(milliseconds.lowerBound * 1000...milliseconds.upperBound * 1000)) * 1000
  }

  private mutating func send(_ message: Message, from sender: ReplicaID, to receiver: ReplicaID) {
    guard !cut.contains(Link(from: sender, to: receiver)), nodes[receiver] != nil else { return }
    if !isHealed, random.chance(faults.loss) { return }
    var copies = 1
    if !isHealed, random.chance(faults.duplication) { copies = 2 }
    for _ in 0..<copies {
      var latency = delay(1...5)
      if !isHealed, faults.reordering {
        if random.chance(0.2) { latency += delay(0...60) }
        if random.chance(0.02) { latency += delay(0...3000) }
      }
      queue.add(.deliver(message, from: sender, to: receiver), at: now + latency)
    }
  }

  // MARK: Disk

  private mutating func startSync(_ id: ReplicaID) {
    guard let node = nodes[id], !node.isSyncing, !node.disk.unsynced.isEmpty else { return }
    nodes[id]?.isSyncing = true
    var latency = delay(1...3)
    if faults.slowDisk && !isHealed {
      latency += delay(0...40)
      if random.chance(0.02) { latency += delay(0...2000) }
    }
    queue.add(.synced(id, life: node.life, count: node.disk.unsynced.count), at: now + latency)
  }

  private mutating func synced(_ id: ReplicaID, life: Int, count: Int) throws {
    guard var node = nodes[id], node.life == life, node.group != nil else { return }
    // One report for the whole batch, or one for each write of it.
    let merged = random.chance(0.5)
    var reports: [(LogPosition, HardState?)] = []
    for write in node.disk.unsynced.prefix(count) {
      node.disk.sync(write)
      if merged, let last = reports.popLast() {
        reports.append((node.disk.last, write.hardState ?? last.1))
      } else {
        reports.append((node.disk.last, write.hardState))
      }
    }
    node.disk.unsynced.removeFirst(min(count, node.disk.unsynced.count))
    node.isSyncing = false
    nodes[id] = node
    startSync(id)
    for (position, hardState) in reports {
      try step(id) { group, _, effects in
        group.persisted(through: position, hardState: hardState, effects: &effects)
      }
    }
  }

  // MARK: State machine

  private mutating func startApply(_ id: ReplicaID) {
    guard let node = nodes[id], !node.isApplying else { return }
    nodes[id]?.isApplying = true
    queue.add(.apply(id, life: node.life), at: now + delay(0...10))
  }

  private mutating func apply(_ id: ReplicaID, life: Int) throws {
    guard var node = nodes[id], node.life == life, let group = node.group else { return }
    node.isApplying = false
    let end = min(group.commitIndex, group.persistedIndex)
    let batch = group.entries(from: node.machine.position.index.next, through: end, maxBytes: random.int(1...400))
    for entry in batch {
      try checker.willApply(entry, at: id)
      node.machine.apply(entry)
    }
    nodes[id] = node
    guard let last = batch.last else { return }
    try step(id) { group, _, effects in group.applied(through: last.index, effects: &effects) }
    if last.index < end { startApply(id) }
  }

  mutating func flushAndCompact(_ id: ReplicaID, keeping tail: UInt64) {
    guard var node = nodes[id], node.group != nil else { return }
    let through = node.machine.position.index.raw
    node.disk.flushed = node.machine
    node.group?.compactLog(through: LogIndex(through > tail ? through - tail : 0))
    nodes[id] = node
  }

  private mutating func installCheckpoint(from sender: ReplicaID, to receiver: ReplicaID, life: Int) throws {
    guard let source = nodes[sender], source.life == life, source.group != nil else { return }
    let isCut = cut.contains(Link(from: sender, to: receiver)) || !isHealed && random.chance(faults.loss)
    let machine = source.machine
    var sent = false
    if !isCut, let node = nodes[receiver], let group = node.group {
      sent = true
      if machine.position.index > group.appliedIndex {
        snapshots += 1
        // Reports of writes that are under way come later; the disk is as it will be then.
        nodes[receiver]?.disk.install(machine)
        nodes[receiver]?.machine = machine
        try step(receiver) { group, _, effects in
          group.snapshotInstalled(
            position: machine.position, configuration: machine.configuration, effects: &effects)
        }
      }
    }
    nodes[sender]?.group?.snapshotReport(to: receiver, sent: sent)
  }

  // MARK: Clients

  private mutating func client() throws {
    queue.add(.client, at: now + delay(5...60))
    let id = random.pick(order)
    if faults.compaction, random.chance(0.1) { flushAndCompact(id, keeping: UInt64(random.int(0...10))) }
    if random.chance(0.25) {
      nextNumber += 1
      let context = nextNumber
      reads[context] = checker.committed.count
      try step(id) { group, time, effects in
        group.requestReadIndex(context: context, now: time, effects: &effects)
      }
    }
    guard let leader = leaders.randomElement(using: &random) else { return }
    var commands: [[UInt8]] = []
    for _ in 0..<random.int(1...3) {
      nextNumber += 1
      commands.append((0..<8).map { UInt8(truncatingIfNeeded: nextNumber >> ($0 * 8)) })
    }
    try step(leader.id) { group, _, effects in _ = group.propose(commands, effects: &effects) }
  }
}
