import DequeModule

/// How a leader feeds one member.
struct Replication: Hashable, Sendable {
  let id: ReplicaID
  /// The member's log agrees with ours, durably, up to here.
  private(set) var match: LogIndex
  /// The next index to send.
  private(set) var next: LogIndex
  private(set) var phase: Phase = .probing(nil)
  /// The greatest round that the member answered, and the greatest horizon that it confirmed.
  var round: UInt64 = 0
  var horizon: UInt64 = 0
  /// Whether it answered since the last check of the quorum, and in the period before that.
  var isActive = true

  enum Phase: Hashable, Sendable {
    /// Looking for the place where the two logs meet, with one message at a time.
    case probing(Probe?)
    /// They met: messages run ahead of acknowledgements. Holds the last index of each message under way.
    case streaming(inFlight: Deque<LogIndex>, since: UInt64)
    /// The shell streams a checkpoint, or has sent all of it in round `sent`.
    case snapshot(sent: UInt64?)
  }

  /// The message under way: its last index, and the round in which it was sent. An answer to a later round shows that
  /// it was lost.
  struct Probe: Hashable, Sendable {
    var last: LogIndex
    var round: UInt64
  }

  init(id: ReplicaID, next: LogIndex) {
    self.id = id
    self.next = next
    match = .zero
  }

  /// Whether entries may be sent now.
  func isReady(maxInflight: Int) -> Bool {
    switch phase {
    case .probing(let probe): probe == nil
    case .streaming(let inFlight, _): inFlight.count < maxInflight
    case .snapshot: false
    }
  }

  var isStreaming: Bool {
    if case .streaming = phase { true } else { false }
  }

  /// An append with entries up to `last` was sent in `round`; `last` is `next.previous` if it was empty.
  mutating func sent(through last: LogIndex, in round: UInt64) {
    switch phase {
    case .probing:
      phase = .probing(Probe(last: last, round: round))
    case .streaming(var inFlight, let since):
      phase = .probing(nil)  // lets go of the queue, so that it is changed in place
      let started = inFlight.isEmpty ? round : since
      if last >= next { inFlight.append(last) }
      phase = .streaming(inFlight: inFlight, since: started)
      next = max(next, last.next)
    case .snapshot:
      break
    }
  }

  mutating func sendingSnapshot() { phase = .snapshot(sent: nil) }

  /// The checkpoint's stream ended. If it was sent, the member needs a moment to install it.
  mutating func snapshotEnded(sent: Bool, in round: UInt64) {
    guard case .snapshot = phase else { return }
    if sent {
      phase = .snapshot(sent: round)
    } else {
      next = match.next
      phase = .probing(nil)
    }
  }

  /// Rounds that a member may take to install a checkpoint that was sent, before it is asked how far it is.
  private static let installRounds: UInt64 = 10

  /// The member is durable up to `index`.
  /// - Returns: whether this is news.
  mutating func acknowledged(through index: LogIndex, logFirst: LogIndex, in round: UInt64) -> Bool {
    let isNews = index > match
    let before = next.previous
    if isNews {
      match = index
      next = max(next, index.next)
    }
    switch phase {
    case .probing(let probe):
      // An acknowledgement behind all that was sent shows that the logs meet there.
      if index >= probe?.last ?? before { phase = .streaming(inFlight: [], since: round) }
    case .streaming(var inFlight, var since):
      guard let oldest = inFlight.first, oldest <= index else { break }
      phase = .probing(nil)  // lets go of the queue, so that it is changed in place
      while let oldest = inFlight.first, oldest <= index { inFlight.removeFirst() }
      since = round
      phase = .streaming(inFlight: inFlight, since: since)
    case .snapshot:
      // Caught up far enough that the log serves again.
      if match.next >= logFirst {
        next = match.next
        phase = .streaming(inFlight: [], since: round)
      }
    }
    return isNews
  }

  /// The member refused an append after `index`; the logs may meet at `meeting` at best.
  /// - Returns: whether it was about the message under way.
  mutating func rejected(at index: LogIndex, meeting: LogIndex) -> Bool {
    switch phase {
    case .probing:
      guard index == next.previous else { return false }
    case .streaming:
      guard index > match else { return false }
    case .snapshot:
      return false
    }
    next = max(match, min(index.previous, meeting)).next
    phase = .probing(nil)
    return true
  }

  /// The member answered `round`: a probe sent before it, or entries that made no progress since then, were lost.
  /// - Returns: whether to send an append (if need be an empty one) to find out.
  mutating func answered(round: UInt64) -> Bool {
    switch phase {
    case .probing(let probe):
      guard let probe, round > probe.round else { return false }
      phase = .probing(nil)
      return true
    case .streaming(let inFlight, let since):
      guard !inFlight.isEmpty, round > since + 1 else { return false }
      phase = .streaming(inFlight: inFlight, since: round)
      return true
    case .snapshot(let sent):
      guard let sent, round > sent + Replication.installRounds else { return false }
      next = match.next
      phase = .probing(nil)
      return true
    }
  }
}
