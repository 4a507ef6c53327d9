import DequeModule

// Leases.
//
// A *round* is a moment at which the leader sent something to everyone; rounds are counted within a term, and each
// append and heartbeat carries the newest. A follower that receives round r of term t promises, for `leaseDuration` of
// its own clock from now, not to vote for anyone else. A leader whose round a quorum answered holds a lease of
// `leaderLease` from when it *sent* that round. Sending comes before receiving, and `leaderLease` is shorter by the
// bound on the clocks' rates, so at each instant of the lease a quorum is under its promise.
//
// No second leader can be elected meanwhile: its votes would include one of that quorum. So a new leader need not wait
// for anything: its voters have waited. Three cases need more:
//
// - A voter that restarts has forgotten its promises. It makes a promise to everyone for one `leaseDuration`.
// - A transfer asks voters to vote although they promised. The old leader first gives up all lease rounds up to r, and
//   says so in TimeoutNow; the request carries r; a voter that promised a later round refuses. If the transfer fails,
//   the leader may hold a lease again, but only from rounds after r: a TimeoutNow that comes late releases nothing new.
// - A change of the membership. Neighbouring configurations have overlapping quorums, but two steps apart they need
//   not. A leader takes the second step only after a quorum of the first answered a round sent under it. The promises
//   of that quorum outlast every lease that was earned before.

/// A promise not to vote.
struct LeasePromise: Hashable, Sendable {
  private var term: Term = .zero
  private var round: UInt64 = 0
  private var until: UInt64 = 0
  /// After a restart: the end of every promise that may have been made before. It is kept apart from the promise to the
  /// leader of now, whose heartbeats would otherwise make it last for ever, and with it the refusal of every transfer.
  private var forgottenUntil: UInt64 = 0

  func holds(at now: UInt64) -> Bool { now < max(until, forgottenUntil) }

  mutating func extend(in term: Term, round: UInt64, until: UInt64) {
    if (term, round) > (self.term, self.round) { (self.term, self.round) = (term, round) }
    self.until = max(self.until, until)
  }

  /// After a restart: nothing is known but that no promise lasts longer than this. No transfer releases it.
  mutating func restart(until: UInt64) { forgottenUntil = until }

  func isReleased(by term: Term, round: UInt64, at now: UInt64) -> Bool {
    now >= forgottenUntil && (self.term, self.round) <= (term, round)
  }

  /// A leader's promise to itself ends with its leadership.
  mutating func endOwn() { until = 0 }
}

/// The leader's rounds, and the lease that they earned.
struct Rounds: Hashable, Sendable {
  private(set) var current: UInt64 = 0
  /// The greatest round that a quorum answered.
  private(set) var answered: UInt64 = 0
  /// Rounds up to this one were given up in a transfer.
  private(set) var released: UInt64 = 0
  /// When the rounds after `answered` were sent, oldest first; only the newest if nobody answers.
  private var sent: Deque<Sent> = []
  /// The end of the lease on this node's clock.
  private(set) var leaseEnd: UInt64 = 0

  private struct Sent: Hashable, Sendable {
    var round: UInt64
    var time: UInt64
  }

  mutating func start(at now: UInt64) {
    current += 1
    if sent.count == Rounds.maxUnanswered { sent.removeFirst() }
    sent.append(Sent(round: current, time: now))
  }

  private static let maxUnanswered = 1024

  /// - Returns: whether a quorum got further.
  mutating func answered(through round: UInt64, lease: UInt64) -> Bool {
    guard round > answered, round <= current else { return false }
    answered = round
    while let oldest = sent.first, oldest.round <= round {
      sent.removeFirst()
      if oldest.round > released { leaseEnd = max(leaseEnd, oldest.time + lease) }
    }
    return true
  }

  mutating func release() {
    released = current
    leaseEnd = 0
  }
}

/// The bound that the leader's shell puts on the times it serves, and how far the group has confirmed it.
struct LeaderHorizon: Hashable, Sendable {
  /// The greatest that the voters of this leader may have confirmed to leaders before.
  let inherited: UInt64
  /// What the shell asks for; never below what was inherited.
  var value: UInt64
  /// The greatest that a quorum confirmed.
  var granted: UInt64 = 0

  init(inherited: UInt64) {
    self.inherited = inherited
    value = inherited
  }
}

extension RaftGroup {
  /// Whether this leader may serve reads by itself at `now`: a quorum's promises cover it, and the state machine has
  /// applied an entry of its own term, and so every entry that any leader before it committed (Raft §8).
  package func leaseIsValid(now: UInt64) -> Bool {
    guard let leadership, now >= self.now else { return false }
    return holdsLease(leadership, at: now) && appliedIndex >= leadership.firstIndex
  }

  func holdsLease(_ leadership: Leadership, at now: UInt64) -> Bool {
    settings.leaseDuration > 0 && now < leadership.rounds.leaseEnd
  }

  /// Whether promises made before a restart may still be in force.
  var mayHavePromised: Bool {
    // A promise is only made in a term that is about to be durable, so term 0 promised nothing. A sole voter that voted
    // for itself is the only leader that its term can have.
    hardState.term > .zero && !(configuration.voters == [id] && !configuration.isJoint && hardState.vote == id)
  }

  // MARK: Rounds

  /// Sends a round now rather than with the next tick, so that followers hear of a commit at once; one that does not have
  /// the entry yet hears of it when it acknowledges it. For groups whose followers are waited for; elsewhere the next
  /// append or heartbeat is soon enough.
  package mutating func announceCommit(effects: inout [Effect]) {
    leadership?.announced = commitIndex
    beginRound(effects: &effects)
  }

  /// Sends a round now rather than with the next tick: its answers confirm the horizon.
  package mutating func beginRound(effects: inout [Effect]) {
    if leadership != nil { startRound(effects: &effects) }
  }

  /// Sends a heartbeat to everyone.
  mutating func startRound(effects: inout [Effect]) {
    leadership?.heartbeatElapsed = 0
    guard let current = leadership else { return }
    // After TimeoutNow the old rounds go on, so that no new promise stands in the successor's way.
    if current.transfer?.isOffered != true {
      leadership?.rounds.start(at: now)
      assignWaitingReads()
    }
    promise.extend(in: term, round: leadership?.rounds.current ?? 0, until: now + settings.leaseDuration)
    reserveHorizon(effects: &effects)
    sendHeartbeats(effects: &effects)
    if let position = current.position(of: id), let round = leadership?.rounds.current {
      leadership?.replications[position].round = round
      ownLogWritten(effects: &effects)
      roundsAnswered(effects: &effects)
    }
  }

  /// Some member answered a later round or confirmed a higher horizon than before.
  mutating func roundsAnswered(effects: inout [Effect]) {
    guard leadership != nil else { return }
    let round = configuration.quorumValue { leadership?.replication(of: $0)?.round ?? 0 } ?? 0
    if leadership?.rounds.answered(through: round, lease: settings.leaderLease) == true {
      answerConfirmedReads(effects: &effects)
    }
    horizonConfirmed(effects: &effects)
  }

  // MARK: Horizon
  //
  // A leader may serve reads at times up to `grantedHorizon`, which a quorum confirmed. A vote carries the greatest
  // horizon that the voter may have confirmed, and a new leader only writes above `inheritedHorizon`, the greatest of
  // its votes. The two quorums share a voter, so no write lands below a read that was served. A voter confirms only
  // what the ceiling in its hard state covers, so a restart does not make it forget. As with leases, the membership
  // takes a second step only after a quorum of the first confirmed all that was ever granted or inherited.

  /// Asks for a new bound, in a unit of the shell's choosing; it travels with the next append or heartbeat. Ignored
  /// where this replica does not lead, or if it is below the last.
  package mutating func setHorizon(_ value: UInt64) {
    guard let current = leadership else { return }
    leadership?.horizon.value = max(current.horizon.value, value)
    // As a voter it has heard of it now, and may confirm it at any time.
    horizon = max(horizon, value)
  }

  /// The greatest horizon that a quorum confirmed to this leader; 0 where this replica does not lead.
  package var grantedHorizon: UInt64 { leadership?.horizon.granted ?? 0 }

  /// The greatest horizon that this replica has heard of or may have confirmed; at a leader, at least all that it ever
  /// asked for.
  package var knownHorizon: UInt64 { horizon }

  /// A leader writes only above this; no leader before it served anything above.
  package var inheritedHorizon: UInt64 { leadership?.horizon.inherited ?? horizon }

  /// Writes the ceiling ahead of need, at half the reserve, so that confirmations seldom wait for the disk.
  mutating func reserveHorizon(effects: inout [Effect]) {
    let wanted = horizon.addingReportingOverflow(settings.horizonReserve / 2)
    let needed = wanted.overflow ? UInt64.max : wanted.partialValue
    guard horizon > 0, hardState.horizon < max(horizon, needed) else { return }
    let ceiling = horizon.addingReportingOverflow(settings.horizonReserve)
    hardState.horizon = ceiling.overflow ? .max : ceiling.partialValue
    persistHardState(effects: &effects)
  }

  mutating func horizonConfirmed(effects: inout [Effect]) {
    guard let current = leadership else { return }
    let confirmed = confirmedHorizon(current)
    leadership?.horizon.granted = max(current.horizon.granted, confirmed)
    leaveJointIfReady(effects: &effects)
  }

  /// The greatest horizon that a quorum of the current configuration has confirmed to this leader.
  func confirmedHorizon(_ leadership: Leadership) -> UInt64 {
    configuration.quorumValue { leadership.replication(of: $0)?.horizon ?? 0 } ?? 0
  }
}
