/// Leadership on its way to another replica.
struct Transfer: Hashable, Sendable {
  var target: ReplicaID
  /// Whether TimeoutNow was sent.
  var isOffered = false
  /// Whether it was there at the last check: a transfer gets one to two election timeouts.
  var isOld = false
}

extension RaftGroup {
  /// Hands leadership to a voter: proposals stop, the target gets what it lacks, this leader gives up its lease and
  /// tells the target to campaign. If that does not happen within two election timeouts, this leader goes on.
  package mutating func transferLeadership(to target: ReplicaID, effects: inout [Effect]) -> TransferResult {
    guard let current = leadership else { return .notLeader(hint: leader) }
    guard current.transfer == nil else { return .transferring }
    guard target != id else { return .alreadyLeader }
    guard configuration.voters.contains(target), let position = current.position(of: target) else { return .notVoter }
    leadership?.transfer = Transfer(target: target)
    sendEntries(to: position, effects: &effects)
    continueTransfer(effects: &effects)
    return .started
  }

  mutating func continueTransfer(effects: inout [Effect]) {
    guard let current = leadership, let transfer = current.transfer, !transfer.isOffered,
      current.replication(of: transfer.target)?.match == log.last.index
    else { return }
    leadership?.rounds.release()
    leadership?.transfer?.isOffered = true
    send(.timeoutNow(round: current.rounds.current), to: transfer.target, effects: &effects)
  }

  /// Called once an election timeout.
  mutating func giveUpTransfer() {
    guard let transfer = leadership?.transfer else { return }
    if transfer.isOld {
      leadership?.transfer = nil
    } else {
      leadership?.transfer?.isOld = true
    }
  }

  /// TimeoutNow: the leader released its lease up to a round and wants this replica to take over.
  mutating func transferOffered(by sender: ReplicaID, releasedRound: UInt64, effects: inout [Effect]) {
    guard leadership == nil, sender == leader, configuration.voters.contains(id) else { return }
    guard !promise.holds(at: now) || promise.isReleased(by: term, round: releasedRound, at: now) else { return }
    startCampaign(isPreVote: false, releasedRound: releasedRound, effects: &effects)
  }
}
