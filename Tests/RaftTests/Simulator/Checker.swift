import Raft

/// A broken rule, with what is needed to understand it.
struct Violation: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  if !condition { throw Violation(message()) }
}

/// Knows what all replicas of a group have done, and checks it against definitions that are too plain to be wrong.
struct Checker {
  /// Every entry that was ever committed, by index from 1.
  private(set) var committed: [Entry] = []
  /// The term whose leader committed each of them.
  private var commitTerms: [Term] = []
  private(set) var committedFingerprint = 0
  private var commitConfiguration: Configuration?
  private var leaders: [Term: ReplicaID] = [:]
  private var votes: [Ballot: ReplicaID] = [:]
  private var appended: [LogPosition: Appended] = [:]
  private var granted: [Term: UInt64] = [:]
  private var inherited: [Term: UInt64] = [:]

  private struct Ballot: Hashable {
    var term: Term
    var voter: ReplicaID
  }

  private struct Appended {
    var fingerprint: Int
    var termBefore: Term
  }

  static func isQuorum(of configuration: Configuration, _ holds: (ReplicaID) -> Bool) -> Bool {
    func isMajority(_ voters: [ReplicaID]) -> Bool { voters.filter(holds).count * 2 > voters.count }
    return isMajority(configuration.voters) && (configuration.outgoing.isEmpty || isMajority(configuration.outgoing))
  }

  /// I-LOG: a position names one entry and one predecessor, in every log of the group.
  mutating func willPersist(_ entries: [Entry], of group: RaftGroup) throws {
    for entry in entries {
      guard let before = group.term(at: entry.index.previous) else { continue }
      let print = fingerprint(entry)
      if let known = appended[entry.position] {
        try require(
          known.fingerprint == print && known.termBefore == before, "I-LOG: two entries at \(entry.position)")
      } else {
        appended[entry.position] = Appended(fingerprint: print, termBefore: before)
      }
      if case .configuration = entry.payload, group.role == .leader {
        // I-CFG
        let open = group.entries(from: group.commitIndex.next, through: entry.index).filter {
          if case .configuration = $0.payload { true } else { false }
        }
        try require(open.count <= 1, "I-CFG: \(open.count) uncommitted configurations at \(group.id)")
      }
    }
  }

  /// I-VOTE: one vote in a term, and on disk before it is sent.
  mutating func willSend(_ message: Message, from group: RaftGroup, disk: Disk, to receiver: ReplicaID) throws {
    switch message.body {
    case .voteReply(let reply) where reply.granted && !reply.isPreVote:
      let ballot = Ballot(term: message.term, voter: group.id)
      let earlier = votes.updateValue(receiver, forKey: ballot)
      try require(
        earlier == nil || earlier == receiver,
        "I-VOTE: \(group.id) voted for \(receiver) and another in term \(message.term)")
      try require(
        disk.hardState.term == message.term && disk.hardState.vote == receiver,
        "I-VOTE: the vote of \(group.id) for \(receiver) is not on disk")
    case .voteRequest(let request) where !request.isPreVote:
      let ballot = Ballot(term: message.term, voter: group.id)
      let earlier = votes.updateValue(group.id, forKey: ballot)
      try require(
        earlier == nil || earlier == group.id, "I-VOTE: \(group.id) voted for itself and another in \(message.term)")
    case .appendReply(let reply) where message.term == group.term && reply.round > 0:
      try require(disk.hardState.term == message.term, "\(group.id) answers in a term that is not on disk")
      let position = group.term(at: reply.match).map { LogPosition(term: $0, index: reply.match) }
      try require(
        reply.match <= disk.flushed.position.index || position.map(disk.holds) ?? false,
        "I-DUR: \(group.id) acknowledges \(reply.match), which is not on disk")
      try require(reply.horizon <= disk.hardState.horizon, "\(group.id) confirms a horizon that is not on disk")
    default:
      break
    }
  }

  /// Election safety, leader completeness, and the horizon that a new leader starts above.
  mutating func becameLeader(_ group: RaftGroup, term: Term) throws {
    let earlier = leaders.updateValue(group.id, forKey: term)
    try require(earlier == nil || earlier == group.id, "two leaders in term \(term)")
    // A later leader has all that leaders of lower terms committed; one of a lower term may still turn up.
    for (entry, commitTerm) in zip(committed, commitTerms)
    where entry.index > group.basePosition.index && commitTerm < term {
      try require(
        group.term(at: entry.index) == entry.term,
        "leader completeness: \(group.id) leads term \(term) without committed \(entry.position)")
    }
    inherited[term] = group.inheritedHorizon
  }

  /// After a step of one replica: what it committed, and what it grants.
  mutating func stepped(_ group: RaftGroup, hadLed: Bool, disks: (ReplicaID) -> Disk?) throws {
    group.checkInvariants()
    let known = LogIndex(UInt64(committed.count))
    if group.commitIndex > known {
      let fresh = group.entries(from: known.next, through: group.commitIndex)
      try require(
        fresh.first?.index == known.next && fresh.last?.index == group.commitIndex, "committed what is not in the log")
      try require(group.role == .leader || hadLed, "\(group.id) commits \(group.commitIndex), and does not lead")
      committed += fresh
      for entry in fresh { committedFingerprint = committedFingerprint &* 31 &+ fingerprint(entry) }
      commitTerms += fresh.map { _ in group.term }
      commitConfiguration = group.configuration
      try checkDurable(disks: disks)
    }
    guard group.role == .leader else { return }
    granted[group.term] = max(granted[group.term] ?? 0, group.grantedHorizon)
    for (term, floor) in inherited where term > group.term {
      try require(
        floor >= group.grantedHorizon,
        "horizon: term \(group.term) was granted \(group.grantedHorizon), but term \(term) starts at \(floor)")
    }
  }

  /// New leader's floor against all horizons granted before.
  func checkFloor(of term: Term) throws {
    guard let floor = inherited[term] else { return }
    for (earlier, value) in granted where earlier < term {
      try require(
        floor >= value, "horizon: term \(term) starts at \(floor), but term \(earlier) was granted \(value)")
    }
  }

  /// I-DUR: what is committed is on the disks of a quorum.
  func checkDurable(disks: (ReplicaID) -> Disk?) throws {
    guard let last = committed.last, let configuration = commitConfiguration else { return }
    try require(
      Checker.isQuorum(of: configuration) { disks($0)?.holds(last.position) ?? false },
      "I-DUR: committed \(last.position) is not on a quorum of \(configuration.voters)")
  }

  /// State-machine safety: every replica applies the same entries.
  func willApply(_ entry: Entry, at id: ReplicaID) throws {
    let place = Int(entry.index.raw) - 1
    try require(
      place < committed.count && fingerprint(committed[place]) == fingerprint(entry),
      "state-machine safety: \(id) applies \(entry.position), which is not what was committed there")
  }

  /// I-LEASE: one holder at an instant of true time, and it knows all that is committed.
  func checkLeases(_ holders: [RaftGroup]) throws {
    try require(holders.count <= 1, "I-LEASE: \(holders.map(\.id)) hold a lease at once")
    for holder in holders {
      try require(
        Int(holder.commitIndex.raw) == committed.count,
        "I-LEASE: \(holder.id) serves at \(holder.commitIndex), but \(committed.count) are committed")
    }
  }
}
