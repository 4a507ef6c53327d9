import Raft

/// How far an exploration goes: every order of events that stays within these counts.
struct Scope {
  var replicas = 3
  var maxTerm: UInt64 = 2
  var proposals = 1
  var changes = 0
  var crashes = 0
  var duplicates = 0
  /// Heartbeat ticks of leaders.
  var ticks = 0
  /// Messages under way at once; a step that would have more is not taken.
  var maxMessages = 6
  var maxStates = 100_000
  /// The first change and the second.
  var wishes: [ConfigurationChange] = []
}

/// One state of a whole group: replicas, disks, the network, and what the checker remembers.
struct GroupState {
  struct Envelope {
    let from: Int
    let to: Int
    let message: Message
    let fingerprint: Int

    init(from: Int, to: Int, message: Message) {
      self.from = from
      self.to = to
      self.message = message
      var hasher = Hasher()
      hasher.combine(from)
      hasher.combine(to)
      hasher.combine(message)
      fingerprint = hasher.finalize()
    }
  }

  struct Member {
    var group: RaftGroup
    var disk: Disk
    var fingerprint = 0
  }

  /// The way here, newest step first.
  final class Trace {
    let step: Step
    let envelope: Envelope?
    let before: Trace?
    init(_ step: Step, _ envelope: Envelope?, after before: Trace?) {
      self.step = step
      self.envelope = envelope
      self.before = before
    }
  }

  var members: [Member] = []
  var network: [Envelope] = []
  var scope: Scope
  var checker = Checker()
  var trace: Trace?
  private var effects: [Effect] = []

  static let settings: RaftSettings = {
    var settings = RaftSettings()
    settings.preVote = false
    settings.checkQuorum = false
    settings.leaseDuration = 0
    settings.horizonReserve = 0
    settings.heartbeatTicks = 1
    settings.electionTicks = 1000
    // One entry in a message, so that each can be acknowledged and counted alone.
    settings.maxAppendBytes = 1
    return settings
  }()

  init(_ scope: Scope, voters: Int) {
    self.scope = scope
    let configuration = Configuration(voters: (1...UInt64(voters)).map { ReplicaID($0) })
    for number in 1...scope.replicas {
      let disk = Disk(configuration: number <= voters ? configuration : .none)
      members.append(Member(group: GroupState.boot(number, disk), disk: disk))
    }
    for place in members.indices { updateFingerprint(of: place) }
  }

  private static func boot(_ number: Int, _ disk: Disk) -> RaftGroup {
    RaftGroup(id: ReplicaID(UInt64(number)), restored: disk.restored, settings: settings, seed: 0, now: 0)
  }

  // MARK: Steps

  enum Step {
    case campaign(Int)
    case propose(Int)
    case change(Int)
    case tick(Int)
    case deliver(Int, keep: Bool)
    case sync(Int, count: Int)
    case crash(Int, kept: Int)
  }

  var steps: [Step] {
    var steps: [Step] = []
    for place in network.indices {
      steps.append(.deliver(place, keep: false))
      if scope.duplicates > 0 { steps.append(.deliver(place, keep: true)) }
    }
    for (place, member) in members.enumerated() {
      let unsynced = member.disk.unsynced.count
      if unsynced > 0 { steps.append(.sync(place, count: unsynced)) }
      if unsynced > 1 { steps.append(.sync(place, count: 1)) }
      if scope.crashes > 0 {
        for kept in 0...unsynced { steps.append(.crash(place, kept: kept)) }
      }
      if member.group.role == .leader {
        if scope.proposals > 0 { steps.append(.propose(place)) }
        if scope.changes > 0 { steps.append(.change(place)) }
        if scope.ticks > 0 { steps.append(.tick(place)) }
      } else if member.group.term.raw < scope.maxTerm {
        steps.append(.campaign(place))
      }
    }
    return steps
  }

  /// The state after one step, or nil if it leaves the scope.
  func after(_ step: Step) throws -> GroupState? {
    var next = self
    if case .deliver(let place, _) = step {
      next.trace = Trace(step, network[place], after: trace)
    } else {
      next.trace = Trace(step, nil, after: trace)
    }
    switch step {
    case .campaign(let place):
      try next.input(at: place) { group, effects in group.campaign(now: 0, effects: &effects) }
    case .propose(let place):
      next.scope.proposals -= 1
      let command = [UInt8(scope.proposals)]
      try next.input(at: place) { group, effects in _ = group.propose([command], effects: &effects) }
    case .change(let place):
      next.scope.changes -= 1
      let wish = scope.wishes[scope.wishes.count - scope.changes]
      try next.input(at: place) { group, effects in _ = group.proposeConfiguration(wish, effects: &effects) }
    case .tick(let place):
      next.scope.ticks -= 1
      try next.input(at: place) { group, effects in group.tick(now: 0, effects: &effects) }
    case .deliver(let place, let keep):
      let envelope = network[place]
      if keep { next.scope.duplicates -= 1 } else { next.network.remove(at: place) }
      let sender = members[envelope.from].group.id
      try next.input(at: envelope.to) { group, effects in
        group.receive(envelope.message, from: sender, now: 0, effects: &effects)
      }
    case .sync(let place, let count):
      var hardState: HardState?
      for write in members[place].disk.unsynced.prefix(count) {
        next.members[place].disk.sync(write)
        hardState = write.hardState ?? hardState
      }
      next.members[place].disk.unsynced.removeFirst(count)
      let last = next.members[place].disk.last
      try next.input(at: place) { group, effects in
        group.persisted(through: last, hardState: hardState, effects: &effects)
      }
    case .crash(let place, let kept):
      next.scope.crashes -= 1
      for write in members[place].disk.unsynced.prefix(kept) { next.members[place].disk.sync(write) }
      next.members[place].disk.unsynced = []
      next.members[place].group = GroupState.boot(place + 1, next.members[place].disk)
      next.updateFingerprint(of: place)
      let members = next.members
      try next.checker.checkDurable { GroupState.disk(of: $0, in: members) }
    }
    let members = next.members
    next.network.removeAll { members[$0.to].group.term > $0.message.term && $0.message.isRequest }
    return next.network.count > scope.maxMessages ? nil : next
  }

  private static func disk(of id: ReplicaID, in members: [Member]) -> Disk? {
    id.raw <= UInt64(members.count) ? members[Int(id.raw) - 1].disk : nil
  }

  private mutating func input(at place: Int, _ body: (inout RaftGroup, inout [Effect]) -> Void) throws {
    let hadLed = members[place].group.role == .leader
    effects.removeAll(keepingCapacity: true)
    body(&members[place].group, &effects)
    let members = members
    try checker.stepped(members[place].group, hadLed: hadLed) { GroupState.disk(of: $0, in: members) }
    for effect in effects {
      let group = members[place].group
      switch effect {
      case .persist(let entries, let from, let hardState):
        try checker.willPersist(entries, of: group)
        self.members[place].disk.unsynced.append(Write(entries: entries, truncateFrom: from, hardState: hardState))
      case .send(let receiver, let message):
        try checker.willSend(message, from: group, disk: self.members[place].disk, to: receiver)
        let envelope = Envelope(from: place, to: Int(receiver.raw) - 1, message: message)
        if envelope.to < members.count, !network.contains(where: { $0.fingerprint == envelope.fingerprint }) {
          network.append(envelope)
        }
      case .committed(let index):
        for entry in group.entries(from: group.appliedIndex.next, through: index) {
          try checker.willApply(entry, at: group.id)
        }
      case .becameLeader(let term):
        try checker.becameLeader(group, term: term)
      case .steppedDown, .leaderChanged, .readReady, .readRefused, .sendSnapshot, .configurationChanged:
        break
      }
    }
    updateFingerprint(of: place)
  }

  // MARK: Identity

  private mutating func updateFingerprint(of place: Int) {
    var hasher = Hasher()
    hasher.combine(members[place].group)
    hasher.combine(members[place].disk.hardState)
    hasher.combine(members[place].disk.entries)
    for write in members[place].disk.unsynced {
      hasher.combine(write.entries)
      hasher.combine(write.truncateFrom)
      hasher.combine(write.hardState)
    }
    members[place].fingerprint = hasher.finalize()
  }

  /// Equal for states that behave alike: the order of messages under way does not matter.
  var fingerprint: Int {
    var hasher = Hasher()
    for member in members { hasher.combine(member.fingerprint) }
    var messages = 0
    for envelope in network { messages ^= envelope.fingerprint }
    hasher.combine(messages)
    hasher.combine(scope.proposals)
    hasher.combine(scope.changes)
    hasher.combine(scope.crashes)
    hasher.combine(scope.duplicates)
    hasher.combine(scope.ticks)
    hasher.combine(checker.committedFingerprint)
    return hasher.finalize()
  }

  static func story(_ trace: Trace?) -> String {
    var lines: [String] = []
    var trace = trace
    while let step = trace {
      let message = step.envelope.map { " \($0.from + 1)->\($0.to + 1) \($0.message)" } ?? ""
      lines.append("  \(step.step)\(message)\n")
      trace = step.before
    }
    return lines.reversed().joined()
  }
}

extension Message {
  /// Requests of a term that the receiver has left change nothing any more. Answers do neither, but are few.
  fileprivate var isRequest: Bool {
    switch body {
    case .append, .heartbeat, .voteRequest: true
    case .voteReply, .appendReply, .timeoutNow, .readRequest, .readReply: false
    }
  }
}

struct Exploration {
  var states = 0
  var isComplete = true

  /// Visits every state that `scope` allows, depth first, or as many as `maxStates`.
  init(_ scope: Scope, voters: Int = 3) throws {
    let start = GroupState(scope, voters: voters)
    var seen: Set<Int> = [start.fingerprint]
    var stack = [start]
    while let state = stack.popLast() {
      states += 1
      if states >= scope.maxStates {
        isComplete = false
        return
      }
      for step in state.steps {
        do {
          guard let next = try state.after(step), seen.insert(next.fingerprint).inserted else { continue }
          stack.append(next)
        } catch let violation as Violation {
          throw Violation("\(violation)\n\(GroupState.story(state.trace))  then \(step)")
        }
      }
    }
  }
}
