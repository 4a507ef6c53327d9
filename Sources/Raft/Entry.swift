/// What an entry carries.
package enum EntryPayload: Hashable, Sendable {
  /// The first entry of a new leader: by committing it, the leader commits all that it inherited (Raft §5.4.2, §8).
  case empty
  /// Bytes of the state machine, opaque here.
  case command([UInt8])
  /// The membership from this entry on. It is in force as soon as it is in the log, committed or not (thesis §4.1).
  case configuration(Configuration)
}

/// One entry of a group's log.
package struct Entry: Hashable, Sendable {
  package var position: LogPosition
  package var payload: EntryPayload

  package init(position: LogPosition, payload: EntryPayload) {
    self.position = position
    self.payload = payload
  }

  package var term: Term { position.term }
  package var index: LogIndex { position.index }

  /// Bytes that the entry counts for in limits: about what it takes in a message.
  package var size: Int {
    switch payload {
    case .empty: Entry.overhead
    case .command(let bytes): Entry.overhead + bytes.count
    case .configuration(let configuration):
      Entry.overhead + 8 * (configuration.voters.count + configuration.outgoing.count + configuration.learners.count)
    }
  }

  private static let overhead = 16
}

/// What a replica must remember beside its log. It is durable before any message that depends on it leaves.
package struct HardState: Hashable, Sendable {
  package var term: Term
  /// The candidate that got this replica's vote in `term`.
  package var vote: ReplicaID?
  /// A ceiling: this replica never confirmed a horizon above it. Written ahead in strides, so that a horizon that
  /// moves with every heartbeat does not cost a write for each (see `RaftSettings.horizonReserve`).
  package var horizon: UInt64

  package init(term: Term = .zero, vote: ReplicaID? = nil, horizon: UInt64 = 0) {
    self.term = term
    self.vote = vote
    self.horizon = horizon
  }
}
