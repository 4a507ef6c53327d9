import DequeModule

/// A read that waits for proof that its leader still leads (Raft §8, thesis §6.4).
struct PendingRead: Hashable, Sendable {
  /// Who asked: this replica itself or a follower.
  var reader: ReplicaID
  /// The shell's context if this replica asked, else the follower's number for the request.
  var context: UInt64
  /// Set when a round was sent after the request came: the read is good when a quorum has answered it.
  var round: UInt64 = 0
  var index: LogIndex = .zero
}

struct ReadRequests: Hashable, Sendable {
  /// At the leader: reads that no round has been sent for yet.
  var waiting: Deque<PendingRead> = []
  /// At the leader: reads whose round is under way, in its order.
  var confirming: Deque<PendingRead> = []
  /// At a follower: requests sent to the leader. Each has a number that is never used again, not even for the same
  /// context or after a restart, so that an answer to an old request cannot pass for one to a new.
  var forwarded: Deque<Forwarded> = []
  private var nextRequest: UInt64

  struct Forwarded: Hashable, Sendable {
    var request: UInt64
    var context: UInt64
    var ticks = 0
  }

  init(firstRequest: UInt64) { nextRequest = firstRequest }

  mutating func forward(context: UInt64) -> UInt64 {
    let request = nextRequest
    nextRequest &+= 1
    forwarded.append(Forwarded(request: request, context: context))
    return request
  }
}

extension RaftGroup {
  /// Asks for an index such that a state machine that has applied it shows every write acknowledged before this call.
  /// Answered by `.readReady` or `.readRefused`, at a leader and at a follower alike.
  package mutating func requestReadIndex(context: UInt64, now: UInt64, effects: inout [Effect]) {
    self.now = max(self.now, now)
    if leadership != nil {
      serveRead(PendingRead(reader: id, context: context), effects: &effects)
    } else if let leader, reads.forwarded.count < settings.maxPendingReads {
      let request = reads.forward(context: context)
      send(.readRequest(request: request), to: leader, effects: &effects)
    } else {
      effects.append(.readRefused(context: context))
    }
  }

  // MARK: The leader

  mutating func readRequested(_ request: UInt64, by reader: ReplicaID, effects: inout [Effect]) {
    guard let leadership, leadership.position(of: reader) != nil else {
      send(.readReply(request: request, position: nil), to: reader, effects: &effects)
      return
    }
    serveRead(PendingRead(reader: reader, context: request), effects: &effects)
  }

  private mutating func serveRead(_ read: PendingRead, effects: inout [Effect]) {
    guard let leadership, reads.waiting.count + reads.confirming.count < settings.maxPendingReads else {
      answer(read, index: nil, effects: &effects)
      return
    }
    // Before it has committed an entry of its term, a leader does not know what is committed (Raft §8).
    guard commitIndex >= leadership.firstIndex else {
      reads.waiting.append(read)
      return
    }
    if holdsLease(leadership, at: now) {
      answer(read, index: commitIndex, effects: &effects)
      return
    }
    reads.waiting.append(read)
    if reads.confirming.isEmpty { startReadRound(effects: &effects) }
  }

  private mutating func startReadRound(effects: inout [Effect]) {
    guard !reads.waiting.isEmpty, let leadership, commitIndex >= leadership.firstIndex,
      leadership.transfer?.isOffered != true
    else { return }
    startRound(effects: &effects)
  }

  /// The first entry of this term is committed.
  mutating func answerWaitingReads(effects: inout [Effect]) {
    if reads.confirming.isEmpty { startReadRound(effects: &effects) }
  }

  /// A round begins: it is proof for every read that came before it.
  mutating func assignWaitingReads() {
    guard let leadership, commitIndex >= leadership.firstIndex else { return }
    while var read = reads.waiting.popFirst() {
      read.round = leadership.rounds.current
      read.index = commitIndex
      reads.confirming.append(read)
    }
  }

  /// A quorum answered a later round.
  mutating func answerConfirmedReads(effects: inout [Effect]) {
    guard let leadership else { return }
    while let read = reads.confirming.first, read.round <= leadership.rounds.answered {
      reads.confirming.removeFirst()
      answer(read, index: read.index, effects: &effects)
    }
    if reads.confirming.isEmpty { startReadRound(effects: &effects) }
  }

  private func answer(_ read: PendingRead, index: LogIndex?, effects: inout [Effect]) {
    if read.reader == id {
      effects.append(index.map { .readReady(context: read.context, index: $0) } ?? .readRefused(context: read.context))
    } else {
      let position = index.flatMap { index in log.term(at: index).map { LogPosition(term: $0, index: index) } }
      send(.readReply(request: read.context, position: position), to: read.reader, effects: &effects)
    }
  }

  mutating func refuseReads(_ leadership: Leadership, effects: inout [Effect]) {
    while let read = reads.confirming.popFirst() ?? reads.waiting.popFirst() {
      answer(read, index: nil, effects: &effects)
    }
  }

  // MARK: The follower

  mutating func readAnswered(_ request: UInt64, position: LogPosition?, effects: inout [Effect]) {
    guard let place = reads.forwarded.firstIndex(where: { $0.request == request }) else { return }
    let context = reads.forwarded.remove(at: place).context
    guard let position else {
      effects.append(.readRefused(context: context))
      return
    }
    effects.append(.readReady(context: context, index: position.index))
    learnCommit(position, effects: &effects)
  }

  /// Requests to a leader that is not ours any more may never be answered.
  mutating func refuseForwardedReads(effects: inout [Effect]) {
    while let read = reads.forwarded.popFirst() { effects.append(.readRefused(context: read.context)) }
  }

  /// Requests without an answer for an election timeout are lost.
  mutating func expireReads(effects: inout [Effect]) {
    guard !reads.forwarded.isEmpty else { return }
    for place in reads.forwarded.indices { reads.forwarded[place].ticks += 1 }
    while let read = reads.forwarded.first, read.ticks > settings.electionTicks {
      reads.forwarded.removeFirst()
      effects.append(.readRefused(context: read.context))
    }
  }
}
