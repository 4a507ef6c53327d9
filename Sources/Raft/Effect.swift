/// What a step asks of the shell. Effects are plain data, in an order that is always safe to follow. Every `.send` may
/// leave at once: a message that depends on a write is only produced by the `persisted` that reports the write.
package enum Effect: Hashable, Sendable {
  /// To be made durable in order, and reported by `persisted(through:hardState:)` in the same order (reports may be
  /// merged). The log is first cut so that `truncateFrom` and all behind it are gone, then `entries` are appended.
  case persist(entries: [Entry], truncateFrom: LogIndex?, hardState: HardState?)
  case send(to: ReplicaID, Message)
  /// Entries up to this index are committed and durable here: apply them in order, read by
  /// `entries(from:through:maxBytes:)`, and report by `applied(through:)`.
  ///
  /// An entry that is committed but not yet durable *here* is not announced. It could be applied, since no crash here
  /// can undo a commit; but then a flush could get ahead of the local log, and recovery would have to know that hole.
  case committed(through: LogIndex)
  case becameLeader(Term)
  /// This replica led and does not any more, as of `term`.
  case steppedDown(Term, leader: ReplicaID?)
  /// The leader that this replica knows of changed; itself included.
  case leaderChanged(ReplicaID?)
  /// A read with this context is linearizable once `index` is applied here.
  case readReady(context: UInt64, index: LogIndex)
  /// The request failed (no leader, a new leader, too many, too late): ask again.
  case readRefused(context: UInt64)
  /// The log here no longer reaches back to what this follower needs: stream a checkpoint to it, and report the end
  /// by `snapshotReport(to:sent:)`.
  case sendSnapshot(to: ReplicaID)
  /// The configuration in force here changed: one was appended, or a truncated log fell back.
  case configurationChanged(Configuration)
}

/// The role of a replica in the current term.
package enum Role: Hashable, Sendable {
  case follower, preCandidate, candidate, leader
}

package enum ProposeResult: Hashable, Sendable {
  /// Appended at the leader, from `first` on, one index for each command. They commit or vanish with the term.
  case accepted(first: LogIndex, term: Term)
  case notLeader(hint: ReplicaID?)
  /// Too many bytes wait for their commit.
  case overloaded
  /// Leadership is being handed over; the next leader will take proposals.
  case transferring
}

package enum ConfigurationResult: Hashable, Sendable {
  case accepted(LogIndex)
  case notLeader(hint: ReplicaID?)
  /// Another change is not finished, or this leader has not settled in (it has not committed an entry of its term, or
  /// a quorum has not confirmed its horizon yet): try again soon.
  case notReady
  /// The change makes no sense for the current configuration.
  case invalid
  case transferring
}

package enum TransferResult: Hashable, Sendable {
  case started
  case alreadyLeader
  case notLeader(hint: ReplicaID?)
  case notVoter
  /// Another transfer is under way.
  case transferring
}

/// How replication to one member stands, for status pages.
package struct ReplicaProgress: Hashable, Sendable {
  package enum State: Hashable, Sendable { case probing, streaming, snapshot }
  package var id: ReplicaID
  package var match: LogIndex
  package var next: LogIndex
  package var state: State
  package var isLearner: Bool
  /// Whether it answered within the last election timeout.
  package var isActive: Bool
}
