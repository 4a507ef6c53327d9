extension RaftGroup {
  /// Starts a change of the membership. A change of voters goes through joint consensus, which this leader, or the
  /// next one, leaves by itself when the joint configuration has settled.
  package mutating func proposeConfiguration(
    _ change: ConfigurationChange, effects: inout [Effect]
  ) -> ConfigurationResult {
    guard let leadership else { return .notLeader(hint: leader) }
    guard leadership.transfer == nil else { return .transferring }
    guard !configuration.isJoint, isSettled(leadership) else { return .notReady }
    guard let target = configuration.applying(change) else { return .invalid }
    let next =
      target.voters == configuration.voters
      ? target : Configuration(voters: target.voters, outgoing: configuration.voters, learners: target.learners)
    adopt(next, effects: &effects)
    return .accepted(history.index)
  }

  /// Whether the configuration may change (again): the last change is committed, so there is one at a time; this
  /// leader has committed an entry of its own term, so no other change of an earlier term can surface (Ongaro's
  /// correction of 2015); and a quorum of the configuration in force answered a round and confirmed every horizon
  /// (see the notes on leases).
  private func isSettled(_ leadership: Leadership) -> Bool {
    commitIndex >= leadership.firstIndex && commitIndex >= history.index
      && leadership.rounds.answered > leadership.configurationRound
      && confirmedHorizon(leadership) >= max(leadership.horizon.inherited, leadership.horizon.granted)
  }

  /// Appends a configuration, which is in force from then on.
  private mutating func adopt(_ next: Configuration, effects: inout [Effect]) {
    history.append(next, at: log.last.index.next)
    effects.append(.configurationChanged(next))
    leadership?.adopt(members: next.members, next: log.last.index.next)
    append([.configuration(next)], effects: &effects)
    // The members that have to agree now should answer at once.
    startRound(effects: &effects)
  }

  /// The commit index moved.
  mutating func membershipCommitted(effects: inout [Effect]) {
    guard commitIndex >= history.index else { return }
    if !configuration.isJoint, !configuration.isVoter(id) {
      // Removed, and the removal is committed: the others take over (thesis §4.2.2). One last message tells them.
      sendHeartbeats(effects: &effects)
      becomeFollower(of: nil, in: term, effects: &effects)
      return
    }
    leaveJointIfReady(effects: &effects)
  }

  mutating func leaveJointIfReady(effects: inout [Effect]) {
    guard let leadership, configuration.isJoint, isSettled(leadership) else { return }
    adopt(configuration.settled, effects: &effects)
  }
}
