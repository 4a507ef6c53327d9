/// An attempt to become leader.
struct Candidacy: Hashable, Sendable {
  var isPreVote: Bool
  /// In a transfer, the lease rounds that the last leader gave up.
  var releasedRound: UInt64?
  /// Whether the vote for itself is durable, and the others have been asked.
  var hasAsked = false
  var granted: Set<ReplicaID> = []
  var refused: Set<ReplicaID> = []
  /// The greatest horizon of those that granted.
  var horizon: UInt64 = 0
}

/// A vote that waits for the disk.
struct PendingVote: Hashable, Sendable {
  var term: Term
  var candidate: ReplicaID
}

struct ElectionTimer: Hashable, Sendable {
  /// Ticks since the leader was heard, the vote was given, or the campaign began; at a leader, since it last checked
  /// its quorum.
  var elapsed = 0
  var timeout = 0
  /// Campaigns since the last leader, so that replicas that collided draw again.
  var attempt: UInt64 = 0
}

extension RaftGroup {
  /// Between one and two election timeouts, different for each replica, term and attempt (Raft §5.2).
  func electionTimeout(attempt: UInt64) -> Int {
    let spread = UInt64(max(1, settings.electionTicks))
    return settings.electionTicks + Int(mix(seed, id.raw, mix(term.raw, attempt, 0)) % spread)
  }

  /// Starts an election at once, for the preferred replica of a fresh group, which need not ask before it raises the
  /// term: there is nobody to disturb. Does nothing while this replica's promise to a leader lasts, or where it is no
  /// voter.
  package mutating func campaign(now: UInt64, effects: inout [Effect]) {
    self.now = max(self.now, now)
    guard leadership == nil else { return }
    startCampaign(effects: &effects)
  }

  mutating func startCampaign(effects: inout [Effect]) {
    guard configuration.isVoter(id), !promise.holds(at: now) else { return }
    startCampaign(isPreVote: settings.preVote && term > .zero, releasedRound: nil, effects: &effects)
  }

  mutating func startCampaign(isPreVote: Bool, releasedRound: UInt64?, effects: inout [Effect]) {
    timer.attempt += 1
    timer.elapsed = 0
    setLeader(nil, effects: &effects)
    candidacy = Candidacy(isPreVote: isPreVote, releasedRound: releasedRound)
    guard !isPreVote else {
      timer.timeout = electionTimeout(attempt: timer.attempt)
      askForVotes(effects: &effects)
      countVote(of: id, granted: true, horizon: horizon, effects: &effects)
      return
    }
    hardState.term = term.next
    hardState.vote = id
    pendingVote = nil
    following.reset()
    timer.timeout = electionTimeout(attempt: timer.attempt)
    // The request leaves once term and vote are durable, and with them every entry before. Else, after a crash, this
    // replica could ask again in the same term with a shorter log, and count votes that the longer one won.
    persistHardState(effects: &effects)
  }

  private mutating func askForVotes(effects: inout [Effect]) {
    guard let current = candidacy, !current.hasAsked else { return }
    candidacy?.hasAsked = true
    let request = VoteRequest(isPreVote: current.isPreVote, last: log.last, releasedRound: current.releasedRound)
    let asked = Message(term: current.isPreVote ? term.next : term, body: .voteRequest(request))
    for voter in configuration.members where voter != id && configuration.isVoter(voter) {
      effects.append(.send(to: voter, asked))
    }
  }

  // MARK: The voter

  mutating func voteRequested(
    _ request: VoteRequest, term asked: Term, by candidate: ReplicaID, effects: inout [Effect]
  ) {
    guard asked >= term else {
      refuse(request, by: candidate, effects: &effects)
      return
    }
    // A replica that hears a leader, or promised one its time, neither votes nor lets its term be raised (thesis
    // §4.2.3, §6.4.1), except on behalf of that leader itself.
    guard !isLoyal(against: request, term: asked) else {
      if request.isPreVote { refuse(request, by: candidate, effects: &effects) }
      return
    }
    if request.isPreVote {
      guard asked > term, request.last >= log.last else {
        refuse(request, by: candidate, effects: &effects)
        return
      }
      let grant = VoteReply(isPreVote: true, granted: true, horizon: horizon)
      effects.append(.send(to: candidate, Message(term: asked, body: .voteReply(grant))))
      return
    }
    let isUpToDate = request.last >= log.last
    if asked > term {
      becomeFollower(of: nil, in: asked, votingFor: isUpToDate ? candidate : nil, effects: &effects)
    }
    let isFree = hardState.vote == nil && leader == nil || hardState.vote == candidate
    guard isFree, leadership == nil, isUpToDate else {
      refuse(request, by: candidate, effects: &effects)
      return
    }
    timer.elapsed = 0
    if hardState.vote == nil {
      hardState.vote = candidate
      persistHardState(effects: &effects)
    }
    pendingVote = PendingVote(term: term, candidate: candidate)
    sendPendingVote(effects: &effects)
  }

  private func refuse(_ request: VoteRequest, by candidate: ReplicaID, effects: inout [Effect]) {
    send(
      .voteReply(VoteReply(isPreVote: request.isPreVote, granted: false, horizon: 0)), to: candidate, effects: &effects)
  }

  private func isLoyal(against request: VoteRequest, term asked: Term) -> Bool {
    if let round = request.releasedRound, asked.raw > 0, !request.isPreVote {
      return promise.holds(at: now) && !promise.isReleased(by: Term(asked.raw - 1), round: round, at: now)
    }
    if promise.holds(at: now) { return true }
    if leadership != nil { return settings.checkQuorum }
    return (settings.checkQuorum || settings.preVote) && leader != nil && timer.elapsed < settings.electionTicks
  }

  /// Sends the vote once it is durable.
  private mutating func sendPendingVote(effects: inout [Effect]) {
    guard let vote = pendingVote, durable.term == vote.term, durable.vote == vote.candidate else { return }
    pendingVote = nil
    let grant = VoteReply(isPreVote: false, granted: true, horizon: horizon)
    effects.append(.send(to: vote.candidate, Message(term: vote.term, body: .voteReply(grant))))
  }

  mutating func hardStateWritten(effects: inout [Effect]) {
    sendPendingVote(effects: &effects)
    guard let current = candidacy, !current.isPreVote, !current.hasAsked else { return }
    guard durable.term == term, durable.vote == id else { return }
    askForVotes(effects: &effects)
    countVote(of: id, granted: true, horizon: horizon, effects: &effects)
  }

  // MARK: The candidate

  mutating func preVoteAnswered(
    _ reply: VoteReply, term answered: Term, by voter: ReplicaID, effects: inout [Effect]
  ) {
    guard reply.granted else {
      if answered > term { becomeFollower(of: nil, in: answered, effects: &effects) }
      if answered == term, candidacy?.isPreVote == true {
        countVote(of: voter, granted: false, horizon: 0, effects: &effects)
      }
      return
    }
    guard candidacy?.isPreVote == true, answered == term.next else { return }
    countVote(of: voter, granted: true, horizon: reply.horizon, effects: &effects)
  }

  mutating func voteAnswered(_ reply: VoteReply, by voter: ReplicaID, effects: inout [Effect]) {
    guard let current = candidacy, !current.isPreVote, current.hasAsked else { return }
    countVote(of: voter, granted: reply.granted, horizon: reply.horizon, effects: &effects)
  }

  private mutating func countVote(
    of voter: ReplicaID, granted: Bool, horizon theirs: UInt64, effects: inout [Effect]
  ) {
    guard var current = candidacy else { return }
    if granted {
      current.granted.insert(voter)
      current.horizon = max(current.horizon, theirs)
    } else {
      current.refused.insert(voter)
    }
    candidacy = current
    if configuration.isQuorum(current.granted.contains) {
      if current.isPreVote {
        startCampaign(isPreVote: false, releasedRound: nil, effects: &effects)
      } else {
        becomeLeader(inheriting: max(current.horizon, horizon), effects: &effects)
      }
    } else if !configuration.isQuorum({ !current.refused.contains($0) }) {
      // Lost: wait out the timer as a follower.
      candidacy = nil
    }
  }

  // MARK: Changes of role

  /// Steps back, into a later term if `newTerm` is one. A vote that comes with that term is written with it, at once.
  mutating func becomeFollower(
    of newLeader: ReplicaID?, in newTerm: Term, votingFor candidate: ReplicaID? = nil, effects: inout [Effect]
  ) {
    candidacy = nil
    let hadLed = leadership != nil
    if let leadership { endLeadership(leadership, effects: &effects) }
    leadership = nil
    if newTerm > term {
      hardState.term = newTerm
      hardState.vote = candidate
      pendingVote = nil
      persistHardState(effects: &effects)
      following.reset()
      timer.attempt = 0
      timer.timeout = electionTimeout(attempt: 0)
    }
    if hadLed {
      timer.elapsed = 0
      effects.append(.steppedDown(term, leader: newLeader))
    }
    setLeader(newLeader, effects: &effects)
  }

  private mutating func becomeLeader(inheriting inherited: UInt64, effects: inout [Effect]) {
    candidacy = nil
    pendingVote = nil
    timer.elapsed = 0
    horizon = inherited
    leadership = Leadership(
      members: configuration.members, next: log.last.index.next, inheritedHorizon: inherited)
    setLeader(id, effects: &effects)
    effects.append(.becameLeader(term))
    startRound(effects: &effects)
    append([.empty], effects: &effects)
  }
}
