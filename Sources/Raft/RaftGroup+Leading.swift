import DequeModule

/// What only a leader has.
struct Leadership: Hashable, Sendable {
  /// One for each member, this replica included, in ascending order. Groups are small: a scan beats a table.
  var replications: [Replication]
  /// The entry that opened this term; it is this leader's once it is committed.
  var firstIndex: LogIndex
  /// Bytes of this term's proposals that wait for their commit.
  var uncommittedBytes = 0
  var rounds = Rounds()
  var horizon: LeaderHorizon
  var transfer: Transfer?
  var heartbeatElapsed = 0
  /// The commit that followers are to hear of as soon as they have it.
  var announced: LogIndex = .zero
  /// The round in which the current configuration took effect here; the members have to answer a later one before it
  /// may change again.
  var configurationRound: UInt64 = 0

  init(members: [ReplicaID], next: LogIndex, inheritedHorizon: UInt64) {
    replications = members.map { Replication(id: $0, next: next) }
    firstIndex = next
    horizon = LeaderHorizon(inherited: inheritedHorizon)
  }

  /// The members change: those that stay keep their place in the log. The current round is the last of the old ones.
  mutating func adopt(members: [ReplicaID], next: LogIndex) {
    let before = replications
    replications = members.map { member in
      before.first { $0.id == member } ?? Replication(id: member, next: next)
    }
    configurationRound = rounds.current
  }

  /// Takes in a member's answer. Changes its record in place: this runs for each answer of each member.
  mutating func take(_ reply: AppendReply, at position: Int, meeting: LogIndex?, logFirst: LogIndex) -> Answered {
    var result = Answered()
    result.isNews = reply.round > replications[position].round || reply.horizon > replications[position].horizon
    replications[position].isActive = true
    replications[position].round = max(replications[position].round, reply.round)
    replications[position].horizon = max(replications[position].horizon, min(reply.horizon, horizon.value))
    if let meeting, let rejection = reply.rejection {
      result.isInDoubt = replications[position].rejected(at: rejection.index, meeting: meeting)
    }
    result.hasAdvanced = replications[position].acknowledged(
      through: reply.match, logFirst: logFirst, in: reply.round)
    if replications[position].answered(round: reply.round) { result.isInDoubt = true }
    return result
  }

  struct Answered {
    /// The member has more of the log.
    var hasAdvanced = false
    /// It answered a later round, or confirmed a higher horizon.
    var isNews = false
    /// It has to be asked again where it stands.
    var isInDoubt = false
  }

  func replication(of id: ReplicaID) -> Replication? { replications.first { $0.id == id } }
  func position(of id: ReplicaID) -> Int? { replications.firstIndex { $0.id == id } }
}

extension RaftGroup {
  // MARK: Proposals

  /// Appends one entry for each command and sends them out; they also go to this replica's own disk, in parallel.
  package mutating func propose(_ commands: [[UInt8]], effects: inout [Effect]) -> ProposeResult {
    guard let waiting = leadership?.uncommittedBytes else { return .notLeader(hint: leader) }
    guard leadership?.transfer == nil else { return .transferring }
    let first = log.last.index.next
    guard !commands.isEmpty else { return .accepted(first: first, term: term) }
    let bytes = commands.reduce(0) { $0 + $1.count }
    guard waiting == 0 || waiting + bytes <= settings.maxUncommittedBytes else { return .overloaded }
    append(commands.map { .command($0) }, effects: &effects)
    return .accepted(first: first, term: term)
  }

  /// Appends to the leader's own log and replicates.
  mutating func append(_ payloads: [EntryPayload], effects: inout [Effect]) {
    var entries: [Entry] = []
    entries.reserveCapacity(payloads.count)
    var index = log.last.index
    var bytes = 0
    for payload in payloads {
      index = index.next
      let entry = Entry(position: LogPosition(term: term, index: index), payload: payload)
      log.append(entry)
      bytes += entry.size
      entries.append(entry)
    }
    leadership?.uncommittedBytes += bytes
    effects.append(.persist(entries: entries, truncateFrom: nil, hardState: nil))
    replicate(fresh: entries, bytes: bytes, effects: &effects)
  }

  // MARK: Sending

  private mutating func replicate(fresh: [Entry], bytes: Int, effects: inout [Effect]) {
    for position in 0..<(leadership?.replications.count ?? 0) where leadership?.replications[position].id != id {
      // The common case: a member that has been sent all before gets the very array that goes to the disk.
      if leadership?.replications[position].next == fresh[0].index, bytes <= settings.maxAppendBytes {
        guard leadership?.replications[position].isReady(maxInflight: settings.maxInflightMessages) == true else {
          continue
        }
        sendAppend(to: position, entries: fresh, effects: &effects)
      } else {
        sendEntries(to: position, effects: &effects)
      }
    }
  }

  /// Sends what a member lacks, as far as its flow control allows.
  mutating func sendEntries(to position: Int, effects: inout [Effect]) {
    while let next = leadership?.replications[position].next, next <= log.last.index,
      leadership?.replications[position].isReady(maxInflight: settings.maxInflightMessages) == true
    {
      guard next >= log.first else { return offerSnapshot(to: position, effects: &effects) }
      let entries = log.slice(from: next, through: log.last.index, maxBytes: settings.maxAppendBytes)
      sendAppend(to: position, entries: entries, effects: &effects)
    }
  }

  /// Sends one append, empty to find out where a member stands.
  private mutating func sendAppend(to position: Int, entries: [Entry], effects: inout [Effect]) {
    guard let receiver = leadership?.replications[position].id,
      let before = leadership?.replications[position].next.previous,
      let round = leadership?.rounds.current, let horizon = leadership?.horizon.value
    else { return }
    guard let termBefore = log.term(at: before) else { return offerSnapshot(to: position, effects: &effects) }
    let previous = LogPosition(term: termBefore, index: before)
    let message = Append(previous: previous, entries: entries, commit: commitIndex, round: round, horizon: horizon)
    send(.append(message), to: receiver, effects: &effects)
    leadership?.replications[position].sent(through: entries.last?.index ?? before, in: round)
  }

  mutating func sendHeartbeats(effects: inout [Effect]) {
    guard let leadership else { return }
    for replication in leadership.replications where replication.id != id {
      sendHeartbeat(to: replication, leadership, effects: &effects)
    }
  }

  private mutating func sendHeartbeat(
    to replication: Replication, _ leadership: Leadership, effects: inout [Effect]
  ) {
    let known = min(commitIndex, replication.match)
    // Below the base only a member that the log cannot help any more; its commit can wait.
    let commit = log.term(at: known).map { LogPosition(term: $0, index: known) } ?? .zero
    let message = Heartbeat(commit: commit, round: leadership.rounds.current, horizon: leadership.horizon.value)
    send(.heartbeat(message), to: replication.id, effects: &effects)
  }

  /// Tells a member of the announced commit if it had not the entry before and has it now.
  private mutating func announce(to position: Int, after before: LogIndex, effects: inout [Effect]) {
    guard let leadership else { return }
    let replication = leadership.replications[position]
    guard replication.id != id, before < leadership.announced, replication.match >= leadership.announced else { return }
    sendHeartbeat(to: replication, leadership, effects: &effects)
  }

  // MARK: Answers

  mutating func appendAnswered(_ reply: AppendReply, by member: ReplicaID, effects: inout [Effect]) {
    guard let position = leadership?.position(of: member), let round = leadership?.rounds.current else { return }
    guard reply.match <= log.last.index, reply.round <= round else { return }
    let meeting = reply.rejection.map { rejection in
      log.lastIndex(atOrBefore: rejection.hint.index, withTermAtMost: rejection.hint.term).index
    }
    let before = leadership?.replications[position].match ?? .zero
    let answered = leadership?.take(reply, at: position, meeting: meeting, logFirst: log.first)
    guard let answered else { return }
    if answered.hasAdvanced {
      announce(to: position, after: before, effects: &effects)
      advanceCommit(effects: &effects)
    }
    if answered.isNews { roundsAnswered(effects: &effects) }
    // Either may have ended this leadership or changed the members.
    guard let position = leadership?.position(of: member) else { return }
    if answered.hasAdvanced, leadership?.transfer?.target == member { continueTransfer(effects: &effects) }
    let sentBefore = effects.count
    sendEntries(to: position, effects: &effects)
    if answered.isInDoubt, effects.count == sentBefore {
      // Nothing left to send: an empty append finds out, and a rejection of it shows what was lost.
      sendAppend(to: position, entries: [], effects: &effects)
    }
  }

  /// The leader's own disk has got further: it counts like a follower's acknowledgement, and not before.
  mutating func ownLogWritten(effects: inout [Effect]) {
    guard let position = leadership?.position(of: id), let asked = leadership?.horizon.value else { return }
    let reply = AppendReply(match: log.persisted, round: 0, horizon: min(asked, durable.horizon))
    let answered = leadership?.take(reply, at: position, meeting: nil, logFirst: log.first)
    if answered?.hasAdvanced == true { advanceCommit(effects: &effects) }
    if answered?.isNews == true { horizonConfirmed(effects: &effects) }
  }

  // MARK: Commit

  /// Commits what a quorum has durably, if it is of this term: counting says nothing about older entries, which only
  /// become committed with one of ours behind them (Raft §5.4.2, figure 8).
  private mutating func advanceCommit(effects: inout [Effect]) {
    guard let first = leadership?.firstIndex else { return }
    let reached = configuration.quorumValue { leadership?.replication(of: $0)?.match ?? .zero }
    guard let reached, reached > commitIndex, log.term(at: reached) == term else { return }
    let before = commitIndex
    commitIndex = reached
    releaseBytes(after: max(before, first.previous), through: reached)
    announceCommitted(effects: &effects)
    if before < first { answerWaitingReads(effects: &effects) }
    membershipCommitted(effects: &effects)
  }

  private mutating func releaseBytes(after start: LogIndex, through end: LogIndex) {
    var bytes = 0
    var index = start.next
    while index <= end {
      bytes += log[index].size
      index = index.next
    }
    if let waiting = leadership?.uncommittedBytes { leadership?.uncommittedBytes = max(0, waiting - bytes) }
  }

  // MARK: Time

  mutating func tickAsLeader(effects: inout [Effect]) {
    if timer.elapsed >= settings.electionTicks {
      timer.elapsed = 0
      guard !settings.checkQuorum || checkQuorum() else {
        becomeFollower(of: nil, in: term, effects: &effects)
        return
      }
      giveUpTransfer()
    }
    leadership?.heartbeatElapsed += 1
    if let elapsed = leadership?.heartbeatElapsed, elapsed >= settings.heartbeatTicks {
      startRound(effects: &effects)
    }
  }

  /// Whether a quorum answered since the last call.
  private mutating func checkQuorum() -> Bool {
    guard let leadership else { return false }
    let isAlive = configuration.isQuorum { $0 == id || leadership.replication(of: $0)?.isActive == true }
    for position in leadership.replications.indices { self.leadership?.replications[position].isActive = false }
    return isAlive
  }

  /// The end of this replica's leadership: its lease ends here, and its reads fail.
  mutating func endLeadership(_ leadership: Leadership, effects: inout [Effect]) {
    promise.endOwn()
    refuseReads(leadership, effects: &effects)
  }

  // MARK: Status

  /// How replication to each member stands; empty unless this replica leads.
  package func progress() -> [ReplicaProgress] {
    guard let leadership else { return [] }
    return leadership.replications.map { replication in
      let state: ReplicaProgress.State =
        switch replication.phase {
        case .probing: .probing
        case .streaming: .streaming
        case .snapshot: .snapshot
        }
      return ReplicaProgress(
        id: replication.id, match: replication.match, next: replication.next, state: state,
        isLearner: !configuration.isVoter(replication.id), isActive: replication.isActive || replication.id == id)
    }
  }
}
