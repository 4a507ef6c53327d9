/// One replica's part in one Raft group: a value without I/O, clock or chance of its own.
///
/// Inputs are method calls, answers are effects appended to the caller's buffer. `now` is the node's monotonic clock
/// in nanoseconds; it must not run backwards between calls. Replicas may hand in anything as a message: what makes no
/// sense is ignored. What would break the log itself (a gap, a conflict below the commit index) traps.
package struct RaftGroup: Hashable, Sendable {
  package let id: ReplicaID
  let settings: RaftSettings
  let seed: UInt64

  /// The newest hard state, perhaps not on disk yet, and the one that is.
  var hardState: HardState
  var durable: HardState
  var log: Log
  var history: ConfigurationHistory

  package internal(set) var commitIndex: LogIndex
  package internal(set) var appliedIndex: LogIndex
  /// How far `.committed` has been announced.
  var announcedIndex: LogIndex
  package internal(set) var leader: ReplicaID?

  /// At most one of these is there; without either the replica follows.
  var candidacy: Candidacy?
  var leadership: Leadership?

  var following = Following()
  var promise: LeasePromise
  /// The greatest horizon that this replica has heard of or may have confirmed.
  var horizon: UInt64
  var pendingVote: PendingVote?
  var reads: ReadRequests
  var timer: ElectionTimer
  /// The latest time that any input brought.
  var now: UInt64

  /// - Parameters:
  ///   - seed: anything that differs between replicas; spreads their election timeouts.
  ///   - now: the node's monotonic clock, in nanoseconds.
  package init(id: ReplicaID, restored: RestoredState, settings: RaftSettings, seed: UInt64, now: UInt64) {
    self.id = id
    self.settings = settings
    self.seed = seed
    hardState = restored.hardState
    durable = restored.hardState
    log = Log(base: restored.snapshot, entries: restored.entries)
    history = ConfigurationHistory(base: restored.snapshot.index, configuration: restored.configuration)
    for entry in restored.entries {
      if case .configuration(let configuration) = entry.payload { history.append(configuration, at: entry.index) }
    }
    let applied = max(restored.applied, restored.snapshot.index)
    precondition(applied <= log.last.index, "applied \(applied) is behind the end of the log, \(log.last)")
    precondition(log.last.term <= hardState.term, "the log ends at \(log.last), above the term \(hardState.term)")
    commitIndex = applied
    appliedIndex = applied
    announcedIndex = applied
    horizon = max(restored.horizon, restored.hardState.horizon)
    promise = LeasePromise()
    reads = ReadRequests(firstRequest: mix(seed, id.raw, now))
    timer = ElectionTimer()
    self.now = now
    timer.timeout = electionTimeout(attempt: 0)
    // It may have promised anything before it went down, so it promises to everyone until the longest promise is over.
    if mayHavePromised { promise.restart(until: now + settings.leaseDuration) }
  }

  // MARK: What it is and knows

  package var term: Term { hardState.term }

  package var role: Role {
    if leadership != nil { return .leader }
    guard let candidacy else { return .follower }
    return candidacy.isPreVote ? .preCandidate : .candidate
  }

  package var lastPosition: LogPosition { log.last }
  /// The position that the log in memory starts behind.
  package var basePosition: LogPosition { log.base }
  /// How far the log here is durable.
  package var persistedIndex: LogIndex { log.persisted }
  /// The configuration in force: the last one in the log, committed or not.
  package var configuration: Configuration { history.current }
  /// The configuration as of `index`, which is not below the log's base.
  package func configuration(at index: LogIndex) -> Configuration { history.configuration(at: index) }

  /// Entries from `start` on, within `end` and about `maxBytes`, at least one if there is one. Payloads are shared.
  /// Empty where the log is compacted or not there yet.
  package func entries(from start: LogIndex, through end: LogIndex, maxBytes: Int = .max) -> [Entry] {
    start < log.first ? [] : log.slice(from: start, through: end, maxBytes: maxBytes)
  }

  /// The term of the entry at `index`, if the log holds it.
  package func term(at index: LogIndex) -> Term? { log.term(at: index) }

  // MARK: Time

  /// One beat of the shell's clock.
  package mutating func tick(now: UInt64, effects: inout [Effect]) {
    self.now = max(self.now, now)
    timer.elapsed += 1
    if leadership != nil {
      tickAsLeader(effects: &effects)
    } else {
      expireReads(effects: &effects)
      if timer.elapsed >= timer.timeout { startCampaign(effects: &effects) }
    }
  }

  // MARK: Messages

  /// A message of another replica arrived.
  package mutating func receive(
    _ message: Message, from sender: ReplicaID, now: UInt64, effects: inout [Effect]
  ) {
    self.now = max(self.now, now)
    guard sender != id else { return }
    switch message.body {
    case .voteRequest(let request):
      voteRequested(request, term: message.term, by: sender, effects: &effects)
    case .voteReply(let reply) where reply.isPreVote:
      preVoteAnswered(reply, term: message.term, by: sender, effects: &effects)
    case .append(let append):
      if accepts(sender, asLeaderOf: message.term, effects: &effects) { follow(append, effects: &effects) }
    case .heartbeat(let heartbeat):
      if accepts(sender, asLeaderOf: message.term, effects: &effects) { follow(heartbeat, effects: &effects) }
    case .voteReply, .appendReply, .timeoutNow, .readRequest, .readReply:
      if message.term > term { becomeFollower(of: nil, in: message.term, effects: &effects) }
      guard message.term == term else { return }
      receiveInTerm(message.body, from: sender, effects: &effects)
    }
  }

  /// A message that only the leader of `theirs` sends has come: follows that leader, unless its term is over.
  private mutating func accepts(_ sender: ReplicaID, asLeaderOf theirs: Term, effects: inout [Effect]) -> Bool {
    guard theirs >= term else {
      // Tells a deposed leader about the new term, so that a replica with a higher term is not shut out for ever.
      send(.appendReply(AppendReply(match: .zero, round: 0, horizon: 0)), to: sender, effects: &effects)
      return false
    }
    // Two leaders in one term: impossible, so the sender does not follow the protocol.
    if theirs == term, leadership != nil || leader != nil && leader != sender { return false }
    if theirs > term || candidacy != nil || leader != sender {
      becomeFollower(of: sender, in: theirs, effects: &effects)
    }
    timer.elapsed = 0
    return true
  }

  private mutating func receiveInTerm(_ body: Message.Body, from sender: ReplicaID, effects: inout [Effect]) {
    switch body {
    case .voteReply(let reply): voteAnswered(reply, by: sender, effects: &effects)
    case .appendReply(let reply): appendAnswered(reply, by: sender, effects: &effects)
    case .timeoutNow(let round): transferOffered(by: sender, releasedRound: round, effects: &effects)
    case .readRequest(let request): readRequested(request, by: sender, effects: &effects)
    case .readReply(let request, let position): readAnswered(request, position: position, effects: &effects)
    case .voteRequest, .append, .heartbeat: break
    }
  }

  // MARK: The shell's reports

  /// Writes asked for by `.persist` are durable: all of them up to those that ended the log at `position` and, if
  /// given, made `hardState` durable. Reports come in the order of the effects; several may be merged into one that
  /// names the last position and the last hard state.
  package mutating func persisted(
    through position: LogPosition, hardState written: HardState? = nil, effects: inout [Effect]
  ) {
    if let written {
      precondition(written.term >= durable.term, "hard state of term \(written.term) after \(durable.term)")
      durable = written
    }
    log.reported(through: position, durableTerm: durable.term)
    if written != nil { hardStateWritten(effects: &effects) }
    if leadership != nil {
      ownLogWritten(effects: &effects)
    } else {
      acknowledgeIfNews(effects: &effects)
    }
    announceCommitted(effects: &effects)
  }

  /// The state machine has applied all up to `index`.
  package mutating func applied(through index: LogIndex, effects: inout [Effect]) {
    precondition(index <= announcedIndex, "applied \(index), but only \(announcedIndex) was announced")
    appliedIndex = max(appliedIndex, index)
  }

  /// A completed flush of the state machine covers the log up to `index`: forget it, as far as it is applied. What
  /// followers still need should be kept; one that needs more gets a checkpoint.
  package mutating func compactLog(through index: LogIndex) {
    log.compact(through: min(index, appliedIndex))
    history.compact(through: log.base.index)
  }

  // MARK: Shared steps

  mutating func persistHardState(effects: inout [Effect]) {
    effects.append(.persist(entries: [], truncateFrom: nil, hardState: hardState))
  }

  func send(_ body: Message.Body, to replica: ReplicaID, effects: inout [Effect]) {
    effects.append(.send(to: replica, Message(term: term, body: body)))
  }

  /// Announces what is committed and durable here.
  mutating func announceCommitted(effects: inout [Effect]) {
    let reached = min(commitIndex, log.persisted)
    guard reached > announcedIndex else { return }
    announcedIndex = reached
    effects.append(.committed(through: reached))
  }

  mutating func setLeader(_ replica: ReplicaID?, effects: inout [Effect]) {
    guard leader != replica else { return }
    leader = replica
    effects.append(.leaderChanged(replica))
    refuseForwardedReads(effects: &effects)
  }
}

/// A well-mixed 64-bit number from three (SplitMix64's finisher).
func mix(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
  var z = a &+ 0x9e37_79b9_7f4a_7c15
  for value in [b, c] {
    z = (z ^ value) &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    z ^= z >> 31
  }
  return z
}
