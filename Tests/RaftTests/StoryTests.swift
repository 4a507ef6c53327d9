import Raft
import Testing

/// One rule each, told with a single replica: inputs in, effects out.
@Suite("Rules of one replica")
struct StoryTests {
  private static let second: UInt64 = 1_000_000_000
  private static let ids = (1...UInt64(3)).map { ReplicaID($0) }

  /// A replica and what it did last.
  private struct Replica {
    var group: RaftGroup
    var effects: [Effect] = []

    init(
      _ id: UInt64 = 1, voters: [ReplicaID] = StoryTests.ids, hardState: HardState = HardState(), entries: [Entry] = [],
      settings: RaftSettings = RaftSettings()
    ) {
      let restored = RestoredState(
        hardState: hardState, configuration: Configuration(voters: voters), entries: entries)
      group = RaftGroup(id: ReplicaID(id), restored: restored, settings: settings, seed: 1, now: second)
    }

    mutating func step(_ input: (inout RaftGroup, inout [Effect]) -> Void) {
      effects = []
      input(&group, &effects)
      group.checkInvariants()
    }

    mutating func receive(_ body: Message.Body, term: UInt64, from sender: UInt64, at now: UInt64 = second) {
      step { group, effects in
        group.receive(Message(term: Term(term), body: body), from: ReplicaID(sender), now: now, effects: &effects)
      }
    }

    /// The disk is done with everything.
    mutating func persist() {
      var hardState: HardState?
      for effect in effects {
        if case .persist(_, _, let written?) = effect { hardState = written }
      }
      let last = group.lastPosition
      step { group, effects in group.persisted(through: last, hardState: hardState, effects: &effects) }
    }

    var sent: [Message.Body] {
      effects.compactMap { if case .send(_, let message) = $0 { message.body } else { nil } }
    }
    var acknowledged: [LogIndex] {
      sent.compactMap { if case .appendReply(let reply) = $0 { reply.match } else { nil } }
    }
    var votes: [Bool] { sent.compactMap { if case .voteReply(let reply) = $0 { reply.granted } else { nil } } }

    /// Makes a replica of three lead term 1.
    static func leader(settings: RaftSettings = RaftSettings()) -> Replica {
      var settings = settings
      settings.preVote = false
      var replica = Replica(settings: settings)
      replica.step { group, effects in group.campaign(now: second, effects: &effects) }
      replica.persist()
      replica.receive(.voteReply(VoteReply(isPreVote: false, granted: true, horizon: 40)), term: 1, from: 2)
      return replica
    }

    mutating func answer(_ from: UInt64, match: UInt64, round: UInt64, horizon: UInt64 = 0, at now: UInt64 = second) {
      receive(
        .appendReply(AppendReply(match: LogIndex(match), round: round, horizon: horizon)), term: 1, from: from, at: now)
    }
  }

  private func entry(_ index: UInt64, _ term: UInt64) -> Entry {
    Entry(position: LogPosition(term: Term(term), index: LogIndex(index)), payload: .command([UInt8(term)]))
  }

  private func append(after index: UInt64, _ term: UInt64, _ entries: [Entry], commit: UInt64 = 0) -> Message.Body {
    .append(
      Append(
        previous: LogPosition(term: Term(term), index: LogIndex(index)), entries: entries, commit: LogIndex(commit),
        round: 1, horizon: 0))
  }

  // MARK: Durability

  @Test("A follower acknowledges an entry when it is on disk, and repeats claim no more")
  func acknowledgement() {
    var replica = Replica(2)
    replica.receive(append(after: 0, 0, [entry(1, 1)]), term: 1, from: 1)
    #expect(replica.acknowledged.isEmpty)
    var writing = replica.effects
    replica.receive(append(after: 0, 0, [entry(1, 1)]), term: 1, from: 1)
    #expect(replica.acknowledged.isEmpty, "the term is not on disk")
    replica.receive(append(after: 1, 1, []), term: 1, from: 1)
    #expect(replica.acknowledged.isEmpty)
    swap(&writing, &replica.effects)
    replica.persist()
    #expect(replica.acknowledged == [LogIndex(1)])

    replica.receive(append(after: 1, 1, [entry(2, 1)]), term: 1, from: 1)
    #expect(replica.acknowledged.isEmpty)
    replica.receive(append(after: 1, 1, [entry(2, 1)]), term: 1, from: 1)
    #expect(replica.acknowledged == [LogIndex(1)])
    replica.receive(append(after: 2, 1, []), term: 1, from: 1)
    #expect(replica.acknowledged == [LogIndex(1)])
    replica.persist()
    #expect(replica.acknowledged == [LogIndex(2)])
  }

  @Test("A late report of a write does not count for the same entry written again behind another")
  func appendABA() {
    let first = [entry(1, 1), entry(2, 1)]
    var replica = Replica(3, hardState: HardState(term: Term(1)), entries: [first[0]])
    replica.receive(append(after: 1, 1, [first[1]]), term: 1, from: 1)
    replica.receive(append(after: 1, 1, [entry(2, 2)]), term: 2, from: 2)
    replica.receive(append(after: 1, 1, [first[1], entry(3, 3)]), term: 3, from: 1)
    #expect(replica.group.lastPosition == entry(3, 3).position)

    // The first write is done; two more of index 2 are queued behind it.
    replica.step { group, effects in group.persisted(through: first[1].position, effects: &effects) }
    #expect(replica.group.persistedIndex == LogIndex(1))
    replica.step { group, effects in
      group.persisted(through: self.entry(2, 2).position, hardState: HardState(term: Term(3)), effects: &effects)
    }
    #expect(replica.group.persistedIndex == LogIndex(1))
    #expect(replica.acknowledged == [LogIndex(1)])
    replica.step { group, effects in group.persisted(through: self.entry(3, 3).position, effects: &effects) }
    #expect(replica.acknowledged == [LogIndex(3)])
  }

  @Test("A late append neither cuts what follows it nor moves the commit index back")
  func lateAppend() {
    let log = (1...5).map { entry($0, 1) }
    var replica = Replica(2, hardState: HardState(term: Term(1)), entries: log)
    replica.receive(append(after: 5, 1, [], commit: 4), term: 1, from: 1)
    replica.receive(append(after: 0, 0, Array(log.prefix(2)), commit: 1), term: 1, from: 1)
    #expect(replica.group.lastPosition == log[4].position)
    #expect(replica.group.commitIndex == LogIndex(4))
    #expect(replica.acknowledged == [LogIndex(5)])
  }

  @Test("A vote is sent when it is on disk")
  func voteOnDisk() {
    var replica = Replica(2)
    let request = VoteRequest(isPreVote: false, last: .zero)
    replica.receive(.voteRequest(request), term: 1, from: 1)
    #expect(replica.sent.isEmpty)
    #expect(
      replica.effects == [
        .persist(entries: [], truncateFrom: nil, hardState: HardState(term: Term(1), vote: ReplicaID(1)))
      ])
    replica.persist()
    #expect(replica.votes == [true])
    replica.receive(.voteRequest(request), term: 1, from: 3)
    #expect(replica.votes == [false])
    replica.receive(.voteRequest(request), term: 1, from: 1)
    #expect(replica.votes == [true])
  }

  @Test("A leader's own disk counts when it is done")
  func ownDisk() {
    var replica = Replica(voters: [ReplicaID(1)])
    replica.step { group, effects in group.campaign(now: StoryTests.second, effects: &effects) }
    replica.persist()
    #expect(replica.group.role == .leader)
    #expect(replica.group.commitIndex == .zero)
    replica.persist()
    #expect(replica.group.commitIndex == LogIndex(1))
    #expect(replica.effects.contains(.committed(through: LogIndex(1))))
  }

  // MARK: Proposals

  @Test("Proposals are refused where they cannot be taken")
  func proposals() {
    var settings = RaftSettings()
    settings.maxUncommittedBytes = 100
    var replica = Replica.leader(settings: settings)
    replica.step { group, effects in
      #expect(group.propose([Array(repeating: 0, count: 90)], effects: &effects) == .overloaded, "the first is open")
    }
    replica.persist()
    replica.answer(2, match: 1, round: 1)
    replica.step { group, effects in
      let result = group.propose([Array(repeating: 0, count: 150)], effects: &effects)
      #expect(result == .accepted(first: LogIndex(2), term: Term(1)), "one that is too large alone may pass")
      #expect(group.propose([[1]], effects: &effects) == .overloaded)
      #expect(group.transferLeadership(to: ReplicaID(3), effects: &effects) == .started)
      #expect(group.propose([[1]], effects: &effects) == .transferring)
    }
    var follower = Replica(2)
    follower.receive(append(after: 0, 0, []), term: 1, from: 1)
    follower.step { group, effects in
      #expect(group.propose([[1]], effects: &effects) == .notLeader(hint: ReplicaID(1)))
    }
  }

  @Test("The membership waits for the leader's own entry, for a round, and for the horizon")
  func membershipGuards() {
    var replica = Replica.leader()
    func propose() -> ConfigurationResult {
      var result = ConfigurationResult.invalid
      var copy = replica
      copy.step { group, effects in
        result = group.proposeConfiguration(.addVoter(ReplicaID(4)), effects: &effects)
      }
      return result
    }
    replica.persist()
    replica.answer(2, match: 0, round: 1, horizon: 40)
    #expect(propose() == .notReady, "its own entry is not committed")
    replica.answer(2, match: 1, round: 1, horizon: 40)
    #expect(propose() == .accepted(LogIndex(2)))

    var other = Replica.leader()
    other.persist()
    other.answer(2, match: 1, round: 0, horizon: 40)
    swap(&other, &replica)
    #expect(propose() == .notReady, "no quorum has answered a round")
    replica.answer(2, match: 1, round: 1, horizon: 40)
    #expect(propose() == .accepted(LogIndex(2)))

    other = Replica.leader()
    other.persist()
    other.answer(2, match: 1, round: 1, horizon: 39)
    swap(&other, &replica)
    #expect(propose() == .notReady, "a voter confirmed 40 to a leader before, and no quorum has to this one")
  }

  // MARK: News of a commit

  @Test("An announced commit reaches a follower that had not the entry when it acknowledges it, and only once")
  func announcement() {
    func commits(_ replica: Replica) -> [LogIndex] {
      replica.sent.compactMap { if case .heartbeat(let heartbeat) = $0 { heartbeat.commit.index } else { nil } }
    }
    var replica = Replica.leader()
    replica.persist()
    replica.answer(2, match: 1, round: 1)
    #expect(replica.group.commitIndex == LogIndex(1))
    replica.step { group, effects in group.announceCommit(effects: &effects) }
    #expect(commits(replica) == [LogIndex(1), .zero], "3 has nothing yet that could be committed")
    replica.answer(3, match: 1, round: 1)
    #expect(commits(replica) == [LogIndex(1)])
    replica.answer(3, match: 1, round: 2)
    replica.answer(2, match: 1, round: 2)
    #expect(commits(replica).isEmpty)
  }

  // MARK: Leases

  @Test("A lease is counted from sending, is shorter than the promise, and needs an applied entry of the term")
  func lease() {
    var replica = Replica.leader()
    let start = StoryTests.second
    replica.answer(2, match: 0, round: 1, at: start + 300_000_000)
    #expect(!replica.group.leaseIsValid(now: start + 300_000_000), "nothing of this term is applied")
    replica.answer(2, match: 1, round: 1, at: start + 300_000_000)
    replica.persist()
    replica.answer(3, match: 1, round: 1, at: start + 300_000_000)
    replica.persist()
    replica.step { group, effects in group.applied(through: LogIndex(1), effects: &effects) }
    #expect(replica.group.leaseIsValid(now: start + 980_000_000))
    #expect(!replica.group.leaseIsValid(now: start + 981_000_000), "1 % of drift on both sides")
    #expect(!replica.group.leaseIsValid(now: start), "time does not run backwards")
  }

  @Test("Who promised does not vote, except for the leader's chosen successor")
  func promise() {
    var replica = Replica(3)
    let (start, last) = (StoryTests.second, LogPosition.zero)
    replica.receive(.heartbeat(Heartbeat(commit: .zero, round: 5, horizon: 0)), term: 1, from: 1, at: start)
    replica.persist()
    func votes(_ releasedRound: UInt64?, term: UInt64 = 2, at now: UInt64) -> Bool {
      var copy = replica
      copy.receive(
        .voteRequest(VoteRequest(isPreVote: false, last: last, releasedRound: releasedRound)), term: term, from: 2,
        at: now)
      copy.persist()
      return copy.votes == [true]
    }
    #expect(!votes(nil, at: start + 999_999_999))
    #expect(votes(5, at: start + 1))
    #expect(!votes(4, at: start + 1), "it promised a later round")
    #expect(!votes(5, term: 1, at: start + 1), "rounds of a term before this one release nothing of it")
    for _ in 0..<10 {
      replica.step { group, effects in group.tick(now: start + 500_000_000, effects: &effects) }
    }
    #expect(!votes(nil, at: start + 999_999_999))
    #expect(votes(nil, at: start + 1_000_000_000))
  }

  @Test("A restarted voter is bound for one lease by what it may have promised; a new one is not")
  func restart() {
    let request = Message.Body.voteRequest(VoteRequest(isPreVote: false, last: .zero, releasedRound: 9))
    var fresh = Replica(2)
    fresh.receive(request, term: 2, from: 1)
    fresh.persist()
    #expect(fresh.votes == [true])

    var restarted = Replica(2, hardState: HardState(term: Term(1)))
    restarted.receive(request, term: 2, from: 1, at: 2 * StoryTests.second - 1)
    #expect(restarted.effects.isEmpty)
    restarted.step { group, effects in group.campaign(now: 2 * StoryTests.second - 1, effects: &effects) }
    #expect(restarted.effects.isEmpty)
    restarted.receive(request, term: 2, from: 1, at: 2 * StoryTests.second)
    restarted.persist()
    #expect(restarted.votes == [true])

    // Alone, and its own leader in that term: nobody else can have had its promise.
    var alone = Replica(
      1, voters: [ReplicaID(1)], hardState: HardState(term: Term(1), vote: ReplicaID(1)))
    alone.step { group, effects in group.campaign(now: StoryTests.second, effects: &effects) }
    alone.persist()
    #expect(alone.group.role == .leader)
  }

  // MARK: Horizon

  @Test("A horizon is confirmed when the ceiling on disk covers it, and a vote carries it, even after a restart")
  func horizon() {
    var settings = RaftSettings()
    settings.horizonReserve = 100
    var replica = Replica(2, settings: settings)
    func confirmed(_ replica: Replica) -> [UInt64] {
      replica.sent.compactMap { if case .appendReply(let reply) = $0 { reply.horizon } else { nil } }
    }
    replica.receive(.heartbeat(Heartbeat(commit: .zero, round: 1, horizon: 1000)), term: 1, from: 1)
    #expect(confirmed(replica).isEmpty)
    replica.persist()
    #expect(confirmed(replica) == [1000])
    replica.receive(.heartbeat(Heartbeat(commit: .zero, round: 2, horizon: 1040)), term: 1, from: 1)
    #expect(confirmed(replica) == [1040])
    #expect(replica.effects.count == 1, "the ceiling covers it without a write")
    replica.receive(.heartbeat(Heartbeat(commit: .zero, round: 3, horizon: 1120)), term: 1, from: 1)
    #expect(confirmed(replica) == [1100], "no more than the ceiling, until the next is on disk")

    func voteHorizon(_ replica: Replica) -> UInt64? {
      var copy = replica
      copy.receive(
        .voteRequest(VoteRequest(isPreVote: false, last: .zero)), term: 2, from: 3, at: 9 * StoryTests.second)
      for _ in 0..<30 { copy.step { group, effects in group.tick(now: 9 * StoryTests.second, effects: &effects) } }
      copy.receive(
        .voteRequest(VoteRequest(isPreVote: false, last: .zero)), term: 9, from: 3, at: 9 * StoryTests.second)
      copy.persist()
      guard case .voteReply(let reply)? = copy.sent.last else { return nil }
      return reply.horizon
    }
    #expect(voteHorizon(replica) == 1120)
    let restarted = Replica(2, hardState: HardState(term: Term(1), horizon: 1100), settings: settings)
    #expect(voteHorizon(restarted) == 1100)
  }

  @Test("A leader starts above what its voters confirmed, and is granted what a quorum confirms")
  func inheritedHorizon() {
    var replica = Replica.leader()
    #expect(replica.group.inheritedHorizon == 40)
    replica.group.setHorizon(500)
    replica.step { group, effects in
      for _ in 0..<2 { group.tick(now: StoryTests.second + 1, effects: &effects) }
    }
    replica.answer(2, match: 1, round: 2, horizon: 500)
    #expect(replica.group.grantedHorizon == 0, "its own disk has not confirmed anything")
    var writing = Replica.leader()
    writing.persist()
    writing.group.setHorizon(500)
    writing.step { group, effects in
      for _ in 0..<2 { group.tick(now: StoryTests.second + 1, effects: &effects) }
    }
    #expect(writing.group.grantedHorizon == 0)
    writing.answer(2, match: 1, round: 2, horizon: 500)
    #expect(writing.group.grantedHorizon == 500)
  }

  @Test("A restarted replica takes a transfer once what it may have promised has run out, though heartbeats go on")
  func transferAfterRestart() {
    func takesOver(_ replica: Replica, round: UInt64, at now: UInt64) -> Bool {
      var copy = replica
      copy.receive(.timeoutNow(round: round), term: 1, from: 1, at: now)
      return copy.group.term == Term(2)
    }
    var replica = Replica(2, hardState: HardState(term: Term(1)))
    for round in 1...8 as ClosedRange<UInt64> {
      let now = StoryTests.second + round * StoryTests.second / 4
      replica.receive(.heartbeat(Heartbeat(commit: .zero, round: round, horizon: 0)), term: 1, from: 1, at: now)
      #expect(takesOver(replica, round: round, at: now) == (round >= 4), "round \(round)")
      #expect(!takesOver(replica, round: round - 1, at: now), "a round that was not released binds it")
    }
  }

  // MARK: Reads

  @Test("An answer to an old read request is not taken for one to a new")
  func oldReadAnswer() {
    var replica = Replica(2)
    replica.receive(append(after: 0, 0, []), term: 1, from: 1)
    var requests: [UInt64] = []
    for _ in 0..<2 {
      replica.step { group, effects in group.requestReadIndex(context: 7, now: StoryTests.second, effects: &effects) }
      for case .readRequest(let request) in replica.sent { requests.append(request) }
      // Too late: refused, and the shell asks again with the same context.
      if requests.count == 1 {
        replica.step { group, effects in
          for _ in 0..<9 { group.tick(now: StoryTests.second, effects: &effects) }
        }
        replica.receive(append(after: 0, 0, []), term: 2, from: 3)
        #expect(replica.effects.contains(.readRefused(context: 7)))
      }
    }
    replica.receive(.readReply(request: requests[0], position: .zero), term: 2, from: 3)
    #expect(replica.effects.isEmpty)
    replica.receive(.readReply(request: requests[1], position: .zero), term: 2, from: 3)
    #expect(replica.effects == [.readReady(context: 7, index: .zero)])
  }

  // MARK: Cost

  @Test("A quiet group does nothing between heartbeats, and little on them")
  func quiet() throws {
    var world = try World(seed: 1, count: 3, faults: .none)
    try world.run(for: 3_000 * World.millisecond)
    var leader = try #require(world.leader)
    let now = world.localTime(of: world.nodes[leader.id]!)
    var counts: [Int] = []
    for beat in 1...6 {
      var effects: [Effect] = []
      leader.tick(now: now + UInt64(beat) * World.tick, effects: &effects)
      counts.append(effects.count)
    }
    #expect(counts.sorted() == [0, 0, 0, 2, 2, 2])
  }
}
