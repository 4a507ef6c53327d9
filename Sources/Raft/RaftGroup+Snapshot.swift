extension RaftGroup {
  /// What this member needs is compacted here: it gets a checkpoint, if it is there to take one.
  mutating func offerSnapshot(to position: Int, effects: inout [Effect]) {
    guard let replication = leadership?.replications[position], replication.isActive else { return }
    leadership?.replications[position].sendingSnapshot()
    effects.append(.sendSnapshot(to: replication.id))
  }

  /// At the leader: streaming a checkpoint to `replica` has ended. If it failed, the replica is offered another as soon
  /// as it answers again. If it was sent, the replica has some rounds' time to report that it installed it.
  package mutating func snapshotReport(to replica: ReplicaID, sent: Bool) {
    guard let position = leadership?.position(of: replica), let round = leadership?.rounds.current else { return }
    leadership?.replications[position].snapshotEnded(sent: sent, in: round)
  }

  /// At the follower: a checkpoint of the state machine at `position` is durable and has replaced the one before. A
  /// log that holds the position keeps what follows (Raft §7); any other starts anew behind it. One that is not ahead
  /// of what is applied changes nothing, and must not be installed. A replica that was elected meanwhile holds the
  /// position: it is committed.
  package mutating func snapshotInstalled(
    position: LogPosition, configuration restored: Configuration, effects: inout [Effect]
  ) {
    guard position.index > appliedIndex else { return }
    let before = configuration
    if log.matches(position) {
      log.cover(through: position.index)
      history.compact(through: position.index)
    } else {
      precondition(leadership == nil, "the leader of term \(term) lacks the checkpoint's position \(position)")
      precondition(
        position.index > commitIndex || position.index > log.last.index,
        "a checkpoint at \(position) contradicts the committed log")
      let dropped = log.restart(at: position, in: term)
      history = ConfigurationHistory(base: position.index, configuration: restored)
      if dropped {
        effects.append(.persist(entries: [], truncateFrom: position.index.next, hardState: nil))
      }
      following.verified = min(following.verified, position.index)
    }
    appliedIndex = position.index
    commitIndex = max(commitIndex, position.index)
    announcedIndex = max(announcedIndex, position.index)
    if configuration != before { effects.append(.configurationChanged(configuration)) }
    // A checkpoint is of committed entries, which every later leader has.
    following.verified = max(following.verified, position.index)
    acknowledgeIfNews(effects: &effects)
    announceCommitted(effects: &effects)
  }
}
