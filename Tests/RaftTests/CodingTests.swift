import Raft
import Testing

@Suite("Bytes of messages")
struct MessageCodingTests {
  static let samples: [Message.Body] = [
    .voteRequest(VoteRequest(isPreVote: true, last: LogPosition(term: Term(3), index: LogIndex(300)))),
    .voteRequest(VoteRequest(isPreVote: false, last: .zero, releasedRound: .max)),
    .voteReply(VoteReply(isPreVote: false, granted: true, horizon: 1 << 60)),
    .append(
      Append(
        previous: LogPosition(term: Term(1), index: LogIndex(4)),
        entries: [
          Entry(position: LogPosition(term: Term(1), index: LogIndex(5)), payload: .empty),
          Entry(position: LogPosition(term: Term(2), index: LogIndex(6)), payload: .command(Array(0...200))),
          Entry(
            position: LogPosition(term: Term(2), index: LogIndex(7)),
            payload: .configuration(
              Configuration(
                voters: [ReplicaID(1), ReplicaID(.max)], outgoing: [ReplicaID(2)],
                learners: [ReplicaID(2), ReplicaID(9)]))),
        ], commit: LogIndex(5), round: 77, horizon: 12)),
    .heartbeat(Heartbeat(commit: LogPosition(term: Term(9), index: LogIndex(1)), round: 0, horizon: .max)),
    .appendReply(AppendReply(match: LogIndex(8), round: 3, horizon: 4)),
    .appendReply(
      AppendReply(
        match: .zero, rejection: AppendReply.Rejection(index: LogIndex(9), hint: .zero), round: 3, horizon: 4)),
    .timeoutNow(round: 12),
    .readRequest(request: .max),
    .readReply(request: 1, position: nil),
    .readReply(request: 1, position: LogPosition(term: Term(1), index: LogIndex(2))),
  ]

  @Test("Each message comes back as it was", arguments: samples)
  func roundTrip(body: Message.Body) throws {
    let message = Message(term: Term(.max), body: body)
    #expect(try Message(decoding: message.encoded()) == message)
  }

  @Test("A cut message is refused, wherever it is cut", arguments: samples)
  func truncated(body: Message.Body) {
    let bytes = Message(term: Term(5), body: body).encoded()
    for count in 0..<bytes.count {
      #expect(throws: (any Error).self) { try Message(decoding: Array(bytes.prefix(count))) }
    }
    #expect(throws: (any Error).self) { try Message(decoding: bytes + [0]) }
  }

  @Test("The worked example of the documentation")
  func example() {
    let entry = Entry(position: LogPosition(term: Term(2), index: LogIndex(300)), payload: .command([0x68, 0x69]))
    let append = Append(
      previous: LogPosition(term: Term(1), index: LogIndex(299)), entries: [entry], commit: LogIndex(298), round: 7,
      horizon: 0)
    let bytes = Message(term: Term(2), body: .append(append)).encoded()
    #expect(
      bytes == [
        0x02, 0x03, 0x01, 0xab, 0x02, 0xaa, 0x02, 0x07, 0x00, 0x01, 0x02, 0xac, 0x02, 0x01, 0x02, 0x68, 0x69,
      ])
  }

  @Test("No bytes make the decoder trap, and what it takes it can write again", arguments: Seeds.sample(20))
  func fuzz(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<5_000 {
      var bytes: [UInt8]
      if random.chance(0.3) {
        bytes = (0..<random.int(0...60)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        bytes = Message(term: Term(random.next() >> 40), body: random.pick(MessageCodingTests.samples)).encoded()
        for _ in 0..<random.int(1...4) {
          let place = random.int(0...bytes.count - 1)
          switch random.int(0...3) {
          case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
          case 1: bytes[place] ^= 1 << UInt8(random.int(0...7))
          case 2: bytes.insert(0xff, at: place)
          default: if bytes.count > 1 { bytes.remove(at: place) }
          }
        }
      }
      guard let message = try? Message(decoding: bytes) else { continue }
      #expect(try Message(decoding: message.encoded()) == message, "replay with SEED=\(seed)")
    }
  }
}
