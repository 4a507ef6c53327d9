/// What replicas of a group say to each other. `term` is the sender's term, except in a pre-vote request and its
/// grant, where it is the term that the candidate would enter.
package struct Message: Hashable, Sendable {
  package enum Body: Hashable, Sendable {
    case voteRequest(VoteRequest)
    case voteReply(VoteReply)
    case append(Append)
    case heartbeat(Heartbeat)
    case appendReply(AppendReply)
    /// The leader gave up its lease from all rounds up to `round`: campaign at once (thesis §3.10).
    case timeoutNow(round: UInt64)
    /// A follower asks for a read index; `request` is its own number for it.
    case readRequest(request: UInt64)
    case readReply(request: UInt64, position: LogPosition?)
  }

  package var term: Term
  package var body: Body

  package init(term: Term, body: Body) {
    self.term = term
    self.body = body
  }
}

package struct VoteRequest: Hashable, Sendable {
  package var isPreVote: Bool
  /// The end of the candidate's log.
  package var last: LogPosition
  /// In a transfer: the candidate campaigns on behalf of the last leader, which gave up all lease rounds of the term
  /// before up to this one.
  package var releasedRound: UInt64?

  package init(isPreVote: Bool, last: LogPosition, releasedRound: UInt64? = nil) {
    self.isPreVote = isPreVote
    self.last = last
    self.releasedRound = releasedRound
  }
}

package struct VoteReply: Hashable, Sendable {
  package var isPreVote: Bool
  package var granted: Bool
  /// The greatest horizon that the voter may have confirmed.
  package var horizon: UInt64

  package init(isPreVote: Bool, granted: Bool, horizon: UInt64) {
    self.isPreVote = isPreVote
    self.granted = granted
    self.horizon = horizon
  }
}

package struct Append: Hashable, Sendable {
  /// The position before the first entry.
  package var previous: LogPosition
  package var entries: [Entry]
  package var commit: LogIndex
  /// The leader's newest round; see `Heartbeat`.
  package var round: UInt64
  package var horizon: UInt64

  package init(previous: LogPosition, entries: [Entry], commit: LogIndex, round: UInt64, horizon: UInt64) {
    self.previous = previous
    self.entries = entries
    self.commit = commit
    self.round = round
    self.horizon = horizon
  }
}

package struct Heartbeat: Hashable, Sendable {
  /// A committed position that the leader knows to be in the follower's log. With its term, so that a follower that
  /// restarted can tell that its log agrees up to here.
  package var commit: LogPosition
  /// Counts the leader's rounds within its term. An answer to a round proves that the sender still followed after the
  /// leader sent it: what check-quorum, leases and read indexes rest on.
  package var round: UInt64
  package var horizon: UInt64

  package init(commit: LogPosition, round: UInt64, horizon: UInt64) {
    self.commit = commit
    self.round = round
    self.horizon = horizon
  }
}

package struct AppendReply: Hashable, Sendable {
  /// The sender's log agrees with the leader's up to here, and is durable up to here.
  package var match: LogIndex
  package var rejection: Rejection?
  /// The greatest round heard from this leader.
  package var round: UInt64
  /// The greatest horizon that the sender confirms: its ceiling on disk covers it.
  package var horizon: UInt64

  package init(match: LogIndex, rejection: Rejection? = nil, round: UInt64, horizon: UInt64) {
    self.match = match
    self.rejection = rejection
    self.round = round
    self.horizon = horizon
  }

  /// The follower lacks the position before the entries.
  package struct Rejection: Hashable, Sendable {
    /// The index that was looked for.
    package var index: LogIndex
    /// The last position of the follower's log, at or before `index`, whose term is not above the leader's there:
    /// nothing between can match (Raft §5.3, the hint by term).
    package var hint: LogPosition

    package init(index: LogIndex, hint: LogPosition) {
      self.index = index
      self.hint = hint
    }
  }
}
