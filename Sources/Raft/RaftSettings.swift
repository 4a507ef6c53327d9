/// How one group behaves. Ticks are whatever the shell makes of them; the defaults think of 100 ms.
package struct RaftSettings: Hashable, Sendable {
  /// A follower that hears nothing for this long, and up to twice this long, starts an election.
  package var electionTicks = 10
  package var heartbeatTicks = 2
  /// Append messages to one follower that may be under way at once.
  package var maxInflightMessages = 256
  /// Bytes of entries in one message; a single larger entry still travels.
  package var maxAppendBytes = 1 << 20
  /// Bytes of proposals that may wait for their commit; above it, proposals are refused.
  package var maxUncommittedBytes = 64 << 20
  /// Read-index requests that may wait at a leader; above it, they are refused.
  package var maxPendingReads = 4096
  /// How long a follower promises, from when it received a leader's round, not to vote for another, in nanoseconds of
  /// its own monotonic clock. Zero turns leases off. At most the election timeout, or it delays elections. It must be
  /// the same at all replicas of a group: a leader counts on what the others promise.
  package var leaseDuration: UInt64 = 1_000_000_000
  /// How far the rate of a monotonic clock may be off, in parts per million.
  package var clockDriftBound: UInt64 = 10_000
  /// How far ahead of the horizon a voter writes its ceiling, in units of the horizon (default: two seconds of
  /// hybrid time). A restarted voter reports the ceiling, so a new leader may start its clock by this much later.
  package var horizonReserve: UInt64 = 2_000_000 << 12
  /// Ask before raising the term (thesis §9.6).
  package var preVote = true
  /// A leader that hears no quorum for an election timeout steps down (thesis §6.2).
  package var checkQuorum = true

  package init() {}

  /// How long a leader may count on its followers' promise, in nanoseconds of its own clock from when it *sent* the
  /// round. Its clock may run slow and theirs fast, by the bound each, so it counts less than they promise.
  var leaderLease: UInt64 {
    let bound = min(clockDriftBound, 999_999)
    let product = leaseDuration.multipliedFullWidth(by: 1_000_000 - bound)
    return (1_000_000 + bound).dividingFullWidth(product).quotient
  }
}

/// What the shell found on disk.
package struct RestoredState: Hashable, Sendable {
  package var hardState: HardState
  /// The position that the state machine's durable base covers. The log before it is gone.
  package var snapshot: LogPosition
  /// The configuration as of `snapshot`; `.none` for a replica that waits to be added.
  package var configuration: Configuration
  /// The log after `snapshot`, without a gap.
  package var entries: [Entry]
  /// How far the state machine has applied, at least `snapshot.index`.
  package var applied: LogIndex
  /// A horizon that the shell knows of from elsewhere, or 0; the greater of this and the hard state's counts.
  package var horizon: UInt64

  package init(
    hardState: HardState = HardState(), snapshot: LogPosition = .zero, configuration: Configuration,
    entries: [Entry] = [], applied: LogIndex = .zero, horizon: UInt64 = 0
  ) {
    self.hardState = hardState
    self.snapshot = snapshot
    self.configuration = configuration
    self.entries = entries
    self.applied = applied
    self.horizon = horizon
  }
}
