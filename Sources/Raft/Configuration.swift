/// The members of a group. While `outgoing` is not empty the group is in joint consensus: an election or a commit
/// needs a majority of `voters` *and* a majority of `outgoing` (Raft §6).
///
/// The three lists are sorted and hold no replica twice. A learner may also be an outgoing voter: it is being demoted,
/// and counts as a voter of the outgoing half until the group leaves joint consensus.
package struct Configuration: Hashable, Sendable {
  package let voters: [ReplicaID]
  package let outgoing: [ReplicaID]
  package let learners: [ReplicaID]

  package init(
    voters: some Sequence<ReplicaID>, outgoing: some Sequence<ReplicaID> = [], learners: some Sequence<ReplicaID> = []
  ) {
    self.voters = Configuration.sorted(voters)
    self.outgoing = Configuration.sorted(outgoing)
    let members = self.voters
    self.learners = Configuration.sorted(learners.filter { !members.contains($0) })
  }

  /// A replica that has not heard yet who its group is.
  package static let none = Configuration(voters: [])

  package var isJoint: Bool { !outgoing.isEmpty }

  /// Everyone who gets the log, in ascending order.
  package var members: [ReplicaID] { Configuration.sorted(voters + outgoing + learners) }

  package func isVoter(_ id: ReplicaID) -> Bool { voters.contains(id) || outgoing.contains(id) }
  package func contains(_ id: ReplicaID) -> Bool { isVoter(id) || learners.contains(id) }

  /// What stays when the group leaves joint consensus.
  package var settled: Configuration { Configuration(voters: voters, learners: learners) }

  private static func sorted(_ ids: some Sequence<ReplicaID>) -> [ReplicaID] { Set(ids).sorted() }
}

extension Configuration {
  /// Whether the replicas that satisfy `holds` are a quorum.
  func isQuorum(_ holds: (ReplicaID) -> Bool) -> Bool {
    Configuration.isMajority(of: voters, holds) && (outgoing.isEmpty || Configuration.isMajority(of: outgoing, holds))
  }

  private static func isMajority(of voters: [ReplicaID], _ holds: (ReplicaID) -> Bool) -> Bool {
    var count = 0
    for voter in voters where holds(voter) { count += 1 }
    return count > voters.count / 2
  }

  /// The greatest value that a quorum has reached: each voter of a quorum has it or more. `nil` without voters.
  ///
  /// Quadratic on purpose: groups have 3 to 7 voters, and this allocates nothing.
  func quorumValue<Value: Comparable>(_ value: (ReplicaID) -> Value) -> Value? {
    guard let incoming = Configuration.majorityValue(of: voters, value) else { return nil }
    guard let old = Configuration.majorityValue(of: outgoing, value) else { return incoming }
    return min(incoming, old)
  }

  private static func majorityValue<Value: Comparable>(
    of voters: [ReplicaID], _ value: (ReplicaID) -> Value
  ) -> Value? {
    var best: Value?
    for voter in voters {
      let candidate = value(voter)
      if let best, candidate <= best { continue }
      if isMajority(of: voters, { value($0) >= candidate }) { best = candidate }
    }
    return best
  }
}

/// A wish about the membership. One that changes voters goes through joint consensus; the leader leaves the joint
/// configuration by itself.
package enum ConfigurationChange: Hashable, Sendable {
  /// Makes a new replica a member that gets the log but has no vote.
  case addLearner(ReplicaID)
  /// Makes a learner or a new replica a voter.
  case addVoter(ReplicaID)
  /// Makes a learner a voter; refused if it is not a learner.
  case promote(ReplicaID)
  /// Makes a voter a learner.
  case demote(ReplicaID)
  /// Removes a voter or learner.
  case remove(ReplicaID)
  /// Replaces the whole membership in one step.
  case replace(voters: [ReplicaID], learners: [ReplicaID])
}

extension Configuration {
  /// The configuration that `change` leads to, after joint consensus; `nil` if the change makes no sense here.
  /// Only called on a configuration that is not joint.
  func applying(_ change: ConfigurationChange) -> Configuration? {
    var voters = self.voters
    var learners = self.learners
    switch change {
    case .addLearner(let id):
      guard !contains(id) else { return nil }
      learners.append(id)
    case .addVoter(let id):
      guard !isVoter(id) else { return nil }
      voters.append(id)
    case .promote(let id):
      guard learners.contains(id) else { return nil }
      voters.append(id)
    case .demote(let id):
      guard isVoter(id) else { return nil }
      voters.removeAll { $0 == id }
      learners.append(id)
    case .remove(let id):
      guard contains(id) else { return nil }
      voters.removeAll { $0 == id }
      learners.removeAll { $0 == id }
    case .replace(let newVoters, let newLearners):
      voters = newVoters
      learners = newLearners
    }
    let result = Configuration(voters: voters, learners: learners)
    return result.voters.isEmpty || result == self ? nil : result
  }
}

/// Every configuration that the log holds, newest last, and the one that its base stands on. A configuration counts
/// from the moment it is appended, and a truncated log falls back to the one before.
struct ConfigurationHistory: Hashable, Sendable {
  private var records: [Record]

  private struct Record: Hashable, Sendable {
    var index: LogIndex
    var configuration: Configuration
  }

  init(base: LogIndex, configuration: Configuration) {
    records = [Record(index: base, configuration: configuration)]
  }

  var current: Configuration { records[records.count - 1].configuration }
  /// Where the current configuration was appended.
  var index: LogIndex { records[records.count - 1].index }

  func configuration(at index: LogIndex) -> Configuration {
    (records.last { $0.index <= index } ?? records[0]).configuration
  }

  mutating func append(_ configuration: Configuration, at index: LogIndex) {
    records.append(Record(index: index, configuration: configuration))
  }

  /// - Returns: whether the current configuration changed.
  mutating func truncate(from index: LogIndex) -> Bool {
    let before = current
    while records.count > 1, records[records.count - 1].index >= index { records.removeLast() }
    return current != before
  }

  mutating func compact(through index: LogIndex) {
    while records.count > 1, records[1].index <= index { records.removeFirst() }
  }
}
