/// What a follower knows about its place behind the current leader.
struct Following: Hashable, Sendable {
  /// Our log agrees with the leader's up to here. Only what a message of this term has shown.
  var verified: LogIndex = .zero
  /// The greatest match reported in this term.
  var reported: LogIndex = .zero
  /// The greatest round heard in this term.
  var round: UInt64 = 0
  /// An answer waits until the term is durable.
  var owesAnswer = false

  mutating func reset() { self = Following() }
}

extension RaftGroup {
  mutating func follow(_ append: Append, effects: inout [Effect]) {
    heard(round: append.round, horizon: append.horizon, effects: &effects)
    guard append.isWellFormed(in: term) else { return }
    var previous = append.previous
    var entries = append.entries[...]
    if previous.index < commitIndex {
      // What is committed here agrees with the leader's log; only the rest of the message is news.
      let known = Int(min(commitIndex.raw - previous.index.raw, UInt64(entries.count)))
      entries = entries.dropFirst(known)
      previous = commitPosition
    }
    guard log.matches(previous) else {
      reject(append.previous, effects: &effects)
      return
    }
    // Skip what is there already: a late or repeated message must not cut entries that followed (§5.3, step 3).
    while let entry = entries.first, log.matches(entry.position) { entries = entries.dropFirst() }
    let isNews = !entries.isEmpty
    if let entry = entries.first { take(entries, replacingFrom: entry.index, effects: &effects) }
    let end = append.previous.index.raw + UInt64(append.entries.count)
    verify(through: max(previous.index, LogIndex(end)), commit: append.commit, effects: &effects)
    // New entries are acknowledged when they are durable.
    if !isNews { acknowledge(effects: &effects) }
  }

  mutating func follow(_ heartbeat: Heartbeat, effects: inout [Effect]) {
    heard(round: heartbeat.round, horizon: heartbeat.horizon, effects: &effects)
    learnCommit(heartbeat.commit, effects: &effects)
    acknowledge(effects: &effects)
  }

  private var commitPosition: LogPosition {
    LogPosition(term: log.term(at: commitIndex) ?? log.base.term, index: commitIndex)
  }

  /// The leader sent this round, and this replica still followed when it came: it promises not to vote for another
  /// for a lease, counted from now.
  private mutating func heard(round: UInt64, horizon theirs: UInt64, effects: inout [Effect]) {
    following.round = max(following.round, round)
    promise.extend(in: term, round: round, until: now + settings.leaseDuration)
    horizon = max(horizon, theirs)
    reserveHorizon(effects: &effects)
  }

  private mutating func take(_ entries: ArraySlice<Entry>, replacingFrom index: LogIndex, effects: inout [Effect]) {
    let replaces = index <= log.last.index
    var changed = false
    if replaces {
      precondition(index > commitIndex, "the leader of term \(term) contradicts committed entry \(index)")
      log.truncate(from: index, in: term)
      following.verified = min(following.verified, index.previous)
      changed = history.truncate(from: index)
    }
    for entry in entries {
      log.append(entry)
      if case .configuration(let configuration) = entry.payload {
        history.append(configuration, at: entry.index)
        changed = true
      }
    }
    effects.append(.persist(entries: Array(entries), truncateFrom: replaces ? index : nil, hardState: nil))
    if changed { effects.append(.configurationChanged(configuration)) }
  }

  private mutating func verify(through index: LogIndex, commit: LogIndex, effects: inout [Effect]) {
    following.verified = max(following.verified, index)
    commitIndex = max(commitIndex, min(commit, following.verified))
    announceCommitted(effects: &effects)
  }

  /// The leader said that this position is committed. Logs that share a position share all before it (§5.3).
  mutating func learnCommit(_ position: LogPosition, effects: inout [Effect]) {
    guard log.matches(position) else { return }
    verify(through: position.index, commit: position.index, effects: &effects)
  }

  private mutating func reject(_ previous: LogPosition, effects: inout [Effect]) {
    let hint = log.lastIndex(atOrBefore: previous.index, withTermAtMost: previous.term)
    answer(rejection: AppendReply.Rejection(index: previous.index, hint: hint), effects: &effects)
  }

  private mutating func acknowledge(effects: inout [Effect]) { answer(rejection: nil, effects: &effects) }

  /// Acknowledges what has become durable since the last answer.
  mutating func acknowledgeIfNews(effects: inout [Effect]) {
    guard leader != nil, durableMatch > following.reported || following.owesAnswer else { return }
    acknowledge(effects: &effects)
  }

  /// What this replica may claim to have: in agreement with the leader *and* on disk.
  private var durableMatch: LogIndex { min(following.verified, log.persisted) }

  /// Every answer to a leader goes through here, so none can claim more than the disk holds: not for an empty append,
  /// not for a repeated one, not for a heartbeat. And none leaves before the term itself is durable, or a crash could
  /// bring back a follower of the leader before.
  private mutating func answer(rejection: AppendReply.Rejection?, effects: inout [Effect]) {
    guard let leader else { return }
    guard durable.term == term else {
      following.owesAnswer = true
      return
    }
    following.owesAnswer = false
    following.reported = durableMatch
    let reply = AppendReply(
      match: durableMatch, rejection: rejection, round: following.round, horizon: min(horizon, durable.horizon))
    send(.appendReply(reply), to: leader, effects: &effects)
  }
}

extension Append {
  /// Entries in order, without a gap, of terms that a leader of `term` can have.
  fileprivate func isWellFormed(in term: Term) -> Bool {
    var last = previous
    for entry in entries {
      guard entry.index.raw == last.index.raw &+ 1, entry.index > last.index, entry.term >= last.term else {
        return false
      }
      last = entry.position
    }
    return last.term <= term
  }
}
