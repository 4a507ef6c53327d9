import Raft

/// A cluster that does only what a script says. Each command prints what the replicas did.
struct ScriptCluster {
  private struct Node {
    var group: RaftGroup?
    var disk: Disk
    var machine: Machine
  }

  private struct Envelope {
    var from: UInt64
    var to: UInt64
    var message: Message
  }

  private var nodes: [UInt64: Node] = [:]
  private var network: [Envelope] = []
  private var held: [Envelope] = []
  private var cut: Set<[UInt64]> = []
  private var settings = RaftSettings()
  private var now: UInt64 = 1_000_000_000
  private var nextContext: UInt64 = 1
  private var output: [String] = []
  private var effects: [Effect] = []

  private var ids: [UInt64] { nodes.keys.sorted() }

  /// Runs one command, such as `propose 1 a b`, and returns what it printed.
  mutating func run(_ command: String) throws -> String {
    output = []
    let words = command.split(separator: " ").map(String.init)
    let arguments = Array(words.dropFirst())
    switch words.first {
    case "cluster": try create(arguments)
    case "campaign": try step(number(arguments, 0)) { $0.campaign(now: $1, effects: &$2) }
    case "propose": try propose(arguments)
    case "change": try change(arguments)
    case "transfer": try transfer(arguments)
    case "read": try read(arguments)
    case "tick": try tick(arguments)
    case "wait": now += try number(arguments, 0) * 1_000_000
    case "deliver": try deliver(try link(arguments))
    case "copy": try copy(try link(arguments))
    case "hold": held += take(try link(arguments))
    case "release":
      network += held
      held = []
    case "drop": try drop(try link(arguments))
    case "sync": try sync(number(arguments, 0), count: arguments.count > 1 ? Int(number(arguments, 1)) : nil)
    case "stabilize": try stabilize(try arguments.map { try number([$0], 0) })
    case "run": try runTicks(Int(number(arguments, 0)))
    case "cut": cut.formUnion(try pairs(arguments))
    case "heal": cut = []
    case "crash": try crash(number(arguments, 0))
    case "restart": try restart(number(arguments, 0))
    case "compact": try compact(number(arguments, 0), through: number(arguments, 1))
    case "checkpoint": try checkpoint(try link(arguments))
    case "status": status()
    default: throw Violation("unknown command: \(command)")
    }
    return output.joined(separator: "\n")
  }

  // MARK: Arguments

  private func number(_ arguments: [String], _ place: Int) throws -> UInt64 {
    guard place < arguments.count, let value = UInt64(arguments[place]) else {
      throw Violation("argument \(place + 1) of \(arguments) is not a number")
    }
    return value
  }

  private func list(_ text: some StringProtocol) -> [ReplicaID] {
    text.split(separator: ",").compactMap { UInt64($0) }.map { ReplicaID($0) }
  }

  /// `1->2`, `1->*`, `*->2`, or nothing for all.
  private func link(_ arguments: [String]) throws -> (from: UInt64?, to: UInt64?) {
    guard let text = arguments.first else { return (nil, nil) }
    let ends = text.split(separator: ">")
    guard ends.count == 2 else { throw Violation("\(text) is not a link") }
    return (UInt64(ends[0].dropLast()), UInt64(ends[1]))
  }

  /// Both directions of `1-2`, or one of `1->2`; `1-*` is all links of 1.
  private func pairs(_ arguments: [String]) throws -> [[UInt64]] {
    var result: [[UInt64]] = []
    for text in arguments {
      let isOneWay = text.contains(">")
      let ends = text.split { $0 == "-" || $0 == ">" }
      guard ends.count == 2, let from = UInt64(ends[0]) else { throw Violation("\(text) is not a link") }
      for to in UInt64(ends[1]).map({ [$0] }) ?? ids where to != from {
        result.append([from, to])
        if !isOneWay { result.append([to, from]) }
      }
    }
    return result
  }

  // MARK: Commands

  private mutating func create(_ arguments: [String]) throws {
    self = ScriptCluster()
    var voters: [ReplicaID] = []
    var learners: [ReplicaID] = []
    var spares: [ReplicaID] = []
    var first: UInt64?
    for argument in arguments {
      let parts = argument.split(separator: "=")
      switch parts.first {
      case "voters": voters = list(parts[1])
      case "learners": learners = list(parts[1])
      case "new": spares = list(parts[1])
      case "no-lease": settings.leaseDuration = 0
      case "no-pre-vote": settings.preVote = false
      case "no-check-quorum": settings.checkQuorum = false
      case "one-entry": settings.maxAppendBytes = 1
      case "leader": first = UInt64(parts[1])
      case "window": settings.maxInflightMessages = Int(parts[1]) ?? 1
      default: throw Violation("unknown setting: \(argument)")
      }
    }
    let configuration = Configuration(voters: voters, learners: learners)
    for id in voters + learners + spares {
      let disk = Disk(configuration: spares.contains(id) ? .none : configuration)
      nodes[id.raw] = Node(group: nil, disk: disk, machine: disk.flushed)
      try restart(id.raw)
    }
    if let first {
      try step(first) { $0.campaign(now: $1, effects: &$2) }
      try runTicks(settings.heartbeatTicks)
    }
    output = []
  }

  private mutating func step(_ id: UInt64, _ input: (inout RaftGroup, UInt64, inout [Effect]) throws -> Void) throws {
    guard nodes[id]?.group != nil else { return }
    var buffer: [Effect] = []
    try input(&nodes[id]!.group!, now, &buffer)
    for effect in buffer { try perform(effect, at: id) }
    nodes[id]?.group?.checkInvariants()
  }

  private mutating func perform(_ effect: Effect, at id: UInt64) throws {
    switch effect {
    case .persist(let entries, let from, let hardState):
      nodes[id]?.disk.unsynced.append(Write(entries: entries, truncateFrom: from, hardState: hardState))
      var parts: [String] = []
      if let from { parts.append("cut from \(from)") }
      if !entries.isEmpty { parts.append(Describe.entries(entries)) }
      if let hardState { parts.append("term \(hardState.term) vote \(hardState.vote.map(\.description) ?? "none")") }
      output.append("\(id) writes \(parts.joined(separator: ", "))")
    case .send(let to, let message):
      let isCut = cut.contains([id, to.raw]) || nodes[to.raw] == nil
      if !isCut { network.append(Envelope(from: id, to: to.raw, message: message)) }
      output.append("\(id) -> \(to)\(isCut ? " (cut)" : "") \(Describe.message(message))")
    case .committed(let index):
      output.append("\(id) committed through \(index)")
      let batch = nodes[id]?.group?.entries(from: nodes[id]!.machine.position.index.next, through: index) ?? []
      for entry in batch { nodes[id]?.machine.apply(entry) }
      try step(id) { group, _, effects in group.applied(through: index, effects: &effects) }
    case .becameLeader(let term): output.append("\(id) LEADS term \(term)")
    case .steppedDown(let term, _): output.append("\(id) STEPS DOWN in term \(term)")
    case .leaderChanged(let leader): output.append("\(id) follows \(leader.map(\.description) ?? "nobody")")
    case .readReady(let context, let index): output.append("\(id) may serve read \(context) at \(index)")
    case .readRefused(let context): output.append("\(id) refuses read \(context)")
    case .sendSnapshot(let to): output.append("\(id) offers \(to) a checkpoint")
    case .configurationChanged(let configuration):
      output.append("\(id) has configuration \(Describe.configuration(configuration))")
    }
  }

  private mutating func propose(_ arguments: [String]) throws {
    var result: ProposeResult?
    let commands = arguments.dropFirst().map { Array($0.utf8) }
    try step(number(arguments, 0)) { group, _, effects in result = group.propose(commands, effects: &effects) }
    if let result, case .accepted = result { return }
    output.append(result.map { "\($0)" } ?? "down")
  }

  private mutating func change(_ arguments: [String]) throws {
    guard arguments.count > 2 else { throw Violation("change replica what whom") }
    let change: ConfigurationChange =
      switch arguments[1] {
      case "add-voter": .addVoter(list(arguments[2])[0])
      case "add-learner": .addLearner(list(arguments[2])[0])
      case "promote": .promote(list(arguments[2])[0])
      case "demote": .demote(list(arguments[2])[0])
      case "remove": .remove(list(arguments[2])[0])
      default: .replace(voters: list(arguments[2]), learners: [])
      }
    var result: ConfigurationResult?
    try step(number(arguments, 0)) { group, _, effects in
      result = group.proposeConfiguration(change, effects: &effects)
    }
    if let result { output.append("\(result)") }
  }

  private mutating func transfer(_ arguments: [String]) throws {
    let target = ReplicaID(try number(arguments, 1))
    var result: TransferResult?
    try step(number(arguments, 0)) { group, _, effects in
      result = group.transferLeadership(to: target, effects: &effects)
    }
    if let result { output.append("\(result)") }
  }

  private mutating func read(_ arguments: [String]) throws {
    let context = nextContext
    nextContext += 1
    try step(number(arguments, 0)) { $0.requestReadIndex(context: context, now: $1, effects: &$2) }
  }

  private mutating func tick(_ arguments: [String]) throws {
    let id = try number(arguments, 0)
    for _ in 0..<(arguments.count > 1 ? try number(arguments, 1) : 1) {
      now += 100_000_000
      try step(id) { $0.tick(now: $1, effects: &$2) }
    }
  }

  /// Every replica ticks; what follows from it happens at once.
  private mutating func runTicks(_ count: Int) throws {
    for _ in 0..<count {
      now += 100_000_000
      for id in ids { try step(id) { $0.tick(now: $1, effects: &$2) } }
      try stabilize([])
    }
  }

  private mutating func take(_ link: (from: UInt64?, to: UInt64?)) -> [Envelope] {
    func matches(_ envelope: Envelope) -> Bool {
      (link.from ?? envelope.from) == envelope.from && (link.to ?? envelope.to) == envelope.to
    }
    let taken = network.filter(matches)
    network.removeAll(where: matches)
    return taken
  }

  private mutating func deliver(_ link: (from: UInt64?, to: UInt64?)) throws {
    for envelope in take(link) { try receive(envelope) }
  }

  /// Delivers, and keeps the messages under way to be delivered again.
  private mutating func copy(_ link: (from: UInt64?, to: UInt64?)) throws {
    let taken = take(link)
    for envelope in taken { try receive(envelope) }
    network += taken
  }

  private mutating func drop(_ link: (from: UInt64?, to: UInt64?)) throws {
    for envelope in take(link) {
      output.append("lost: \(envelope.from) -> \(envelope.to) \(Describe.message(envelope.message))")
    }
  }

  private mutating func receive(_ envelope: Envelope) throws {
    let message = try Message(decoding: envelope.message.encoded())
    try step(envelope.to) { $0.receive(message, from: ReplicaID(envelope.from), now: $1, effects: &$2) }
  }

  private mutating func sync(_ id: UInt64, count: Int? = nil) throws {
    guard var node = nodes[id], !node.disk.unsynced.isEmpty else { return }
    var hardState: HardState?
    let batch = node.disk.unsynced.prefix(count ?? .max)
    node.disk.unsynced.removeFirst(batch.count)
    for write in batch {
      node.disk.sync(write)
      hardState = write.hardState ?? hardState
    }
    nodes[id] = node
    try step(id) { $0.persisted(through: node.disk.last, hardState: hardState, effects: &$2) }
  }

  /// Disks finish and messages arrive until nothing is under way among `some`, or among all.
  private mutating func stabilize(_ some: [UInt64]) throws {
    let chosen = some.isEmpty ? ids : some
    for _ in 0..<200 {
      for id in chosen { try sync(id) }
      let arrived = network.filter { chosen.contains($0.from) && chosen.contains($0.to) }
      if arrived.isEmpty { break }
      network.removeAll { chosen.contains($0.from) && chosen.contains($0.to) }
      for envelope in arrived { try receive(envelope) }
    }
  }

  private mutating func crash(_ id: UInt64) throws {
    let lost = nodes[id]?.disk.unsynced.count ?? 0
    nodes[id]?.disk.unsynced = []
    nodes[id]?.group = nil
    output.append("\(id) crashes\(lost > 0 ? ", \(lost) writes lost" : "")")
  }

  private mutating func restart(_ id: UInt64) throws {
    guard var node = nodes[id] else { return }
    node.machine = node.disk.flushed
    node.group = RaftGroup(
      id: ReplicaID(id), restored: node.disk.restored, settings: settings, seed: id, now: now)
    nodes[id] = node
    output.append("\(id) starts with log through \(node.disk.last)")
  }

  private mutating func compact(_ id: UInt64, through index: UInt64) throws {
    guard var node = nodes[id] else { return }
    node.disk.flushed = node.machine
    node.group?.compactLog(through: LogIndex(index))
    nodes[id] = node
    output.append("\(id) keeps its log behind \(node.group?.basePosition ?? .zero)")
  }

  private mutating func checkpoint(_ link: (from: UInt64?, to: UInt64?)) throws {
    guard let from = link.from, let to = link.to, let machine = nodes[from]?.machine else { return }
    nodes[to]?.disk.install(machine)
    nodes[to]?.machine = machine
    output.append("\(to) installs a checkpoint of \(machine.position)")
    try step(to) {
      $0.snapshotInstalled(position: machine.position, configuration: machine.configuration, effects: &$2)
    }
    nodes[from]?.group?.snapshotReport(to: ReplicaID(to), sent: true)
  }

  private mutating func status() {
    for id in ids {
      guard let group = nodes[id]?.group else {
        output.append("\(id) is down")
        continue
      }
      let lease = group.leaseIsValid(now: now) ? ", lease" : ""
      output.append(
        "\(id) \(group.role) term \(group.term) log \(group.lastPosition) durable \(group.persistedIndex)"
          + " commit \(group.commitIndex)\(lease)")
      for progress in group.progress() where progress.id.raw != id {
        output.append(
          "  \(progress.id) \(progress.state) match \(progress.match) next \(progress.next)"
            + "\(progress.isLearner ? " learner" : "")\(progress.isActive ? "" : " silent")")
      }
    }
  }
}

/// Short forms of messages for transcripts.
enum Describe {
  static func entries(_ entries: [Entry]) -> String {
    entries.map { entry in
      switch entry.payload {
      case .empty: "\(entry.position) empty"
      case .command(let bytes): "\(entry.position) \(String(decoding: bytes, as: UTF8.self))"
      case .configuration(let configuration): "\(entry.position) \(self.configuration(configuration))"
      }
    }.joined(separator: ", ")
  }

  static func configuration(_ configuration: Configuration) -> String {
    func list(_ ids: [ReplicaID]) -> String { ids.map(\.description).joined(separator: " ") }
    let joint = configuration.isJoint ? " from (\(list(configuration.outgoing)))" : ""
    let learners = configuration.learners.isEmpty ? "" : " learners (\(list(configuration.learners)))"
    return "(\(list(configuration.voters)))\(joint)\(learners)"
  }

  static func message(_ message: Message) -> String {
    let text: String =
      switch message.body {
      case .voteRequest(let request):
        "\(request.isPreVote ? "pre-vote" : "vote")? log \(request.last)"
          + (request.releasedRound.map { ", released round \($0)" } ?? "")
      case .voteReply(let reply): "\(reply.isPreVote ? "pre-vote" : "vote") \(reply.granted ? "granted" : "refused")"
      case .append(let append):
        "append after \(append.previous) [\(entries(append.entries))] commit \(append.commit)"
      case .heartbeat(let heartbeat): "heartbeat \(heartbeat.round) commit \(heartbeat.commit.index)"
      case .appendReply(let reply):
        "has \(reply.match), round \(reply.round)"
          + (reply.rejection.map { ", rejects after \($0.index), hint \($0.hint)" } ?? "")
      case .timeoutNow(let round): "timeout now, released round \(round)"
      case .readRequest: "read?"
      case .readReply(_, let position): "read \(position.map { "at \($0)" } ?? "refused")"
      }
    return "t\(message.term) \(text)"
  }
}
