import Coding

// The bytes of messages, entries, configurations and hard states: a tag byte for each case, variable-width integers,
// lists with their count. `Raft.docc` works an example. Decoding bytes from outside throws, and never traps.

extension Message {
  package func encode(into writer: inout ByteWriter) {
    writer.writeVarint(term.raw)
    switch body {
    case .voteRequest(let request):
      writer.write(Tag.voteRequest.rawValue)
      writer.write(request.isPreVote)
      request.last.encode(into: &writer)
      writer.writeOptional(request.releasedRound) { $0.writeVarint($1) }
    case .voteReply(let reply):
      writer.write(Tag.voteReply.rawValue)
      writer.write(reply.isPreVote)
      writer.write(reply.granted)
      writer.writeVarint(reply.horizon)
    case .append(let append):
      writer.write(Tag.append.rawValue)
      append.previous.encode(into: &writer)
      writer.writeVarint(append.commit.raw)
      writer.writeVarint(append.round)
      writer.writeVarint(append.horizon)
      writer.writeArray(append.entries) { $1.encode(into: &$0) }
    case .heartbeat(let heartbeat):
      writer.write(Tag.heartbeat.rawValue)
      heartbeat.commit.encode(into: &writer)
      writer.writeVarint(heartbeat.round)
      writer.writeVarint(heartbeat.horizon)
    case .appendReply(let reply):
      writer.write(Tag.appendReply.rawValue)
      writer.writeVarint(reply.match.raw)
      writer.writeVarint(reply.round)
      writer.writeVarint(reply.horizon)
      writer.writeOptional(reply.rejection) { writer, rejection in
        writer.writeVarint(rejection.index.raw)
        rejection.hint.encode(into: &writer)
      }
    case .timeoutNow(let round):
      writer.write(Tag.timeoutNow.rawValue)
      writer.writeVarint(round)
    case .readRequest(let request):
      writer.write(Tag.readRequest.rawValue)
      writer.writeFixed(request)
    case .readReply(let request, let position):
      writer.write(Tag.readReply.rawValue)
      writer.writeFixed(request)
      writer.writeOptional(position) { $1.encode(into: &$0) }
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    term = Term(try reader.readVarint())
    guard let tag = Tag(rawValue: try reader.readByte()) else { throw .malformed(what: "message tag") }
    switch tag {
    case .voteRequest:
      body = .voteRequest(
        VoteRequest(
          isPreVote: try reader.readBool(), last: try LogPosition(from: &reader),
          releasedRound: try reader.readOptional { reader throws(CodingError) in try reader.readVarint() }))
    case .voteReply:
      body = .voteReply(
        VoteReply(
          isPreVote: try reader.readBool(), granted: try reader.readBool(), horizon: try reader.readVarint()))
    case .append:
      let previous = try LogPosition(from: &reader)
      let commit = LogIndex(try reader.readVarint())
      let round = try reader.readVarint()
      let horizon = try reader.readVarint()
      let entries = try reader.readArray(minimumSize: Entry.minimumSize) { reader throws(CodingError) in
        try Entry(from: &reader)
      }
      body = .append(Append(previous: previous, entries: entries, commit: commit, round: round, horizon: horizon))
    case .heartbeat:
      body = .heartbeat(
        Heartbeat(
          commit: try LogPosition(from: &reader), round: try reader.readVarint(), horizon: try reader.readVarint()))
    case .appendReply:
      let match = LogIndex(try reader.readVarint())
      let round = try reader.readVarint()
      let horizon = try reader.readVarint()
      let rejection = try reader.readOptional { reader throws(CodingError) in
        AppendReply.Rejection(index: LogIndex(try reader.readVarint()), hint: try LogPosition(from: &reader))
      }
      body = .appendReply(AppendReply(match: match, rejection: rejection, round: round, horizon: horizon))
    case .timeoutNow:
      body = .timeoutNow(round: try reader.readVarint())
    case .readRequest:
      body = .readRequest(request: try reader.readFixed())
    case .readReply:
      let request: UInt64 = try reader.readFixed()
      let position = try reader.readOptional { reader throws(CodingError) in try LogPosition(from: &reader) }
      body = .readReply(request: request, position: position)
    }
  }

  /// The message as bytes of its own.
  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }

  /// - Throws: `CodingError` unless `bytes` are one whole message and nothing else.
  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    guard reader.isAtEnd else { throw .malformed(what: "message, which has bytes behind its end") }
  }

  private enum Tag: UInt8 {
    case voteRequest = 1
    case voteReply = 2
    case append = 3
    case heartbeat = 4
    case appendReply = 5
    case timeoutNow = 6
    case readRequest = 7
    case readReply = 8
  }
}

extension LogPosition {
  package func encode(into writer: inout ByteWriter) {
    writer.writeVarint(term.raw)
    writer.writeVarint(index.raw)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    self.init(term: Term(try reader.readVarint()), index: LogIndex(try reader.readVarint()))
  }
}

extension Entry {
  /// Term, index and tag take a byte each at least.
  fileprivate static let minimumSize = 3

  package func encode(into writer: inout ByteWriter) {
    position.encode(into: &writer)
    switch payload {
    case .empty:
      writer.write(Tag.empty.rawValue)
    case .command(let bytes):
      writer.write(Tag.command.rawValue)
      writer.write(bytes)
    case .configuration(let configuration):
      writer.write(Tag.configuration.rawValue)
      configuration.encode(into: &writer)
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    position = try LogPosition(from: &reader)
    guard let tag = Tag(rawValue: try reader.readByte()) else { throw .malformed(what: "entry tag") }
    payload =
      switch tag {
      case .empty: .empty
      case .command: .command(try reader.readBytes())
      case .configuration: .configuration(try Configuration(from: &reader))
      }
  }

  private enum Tag: UInt8 {
    case empty = 0
    case command = 1
    case configuration = 2
  }
}

extension Configuration {
  package func encode(into writer: inout ByteWriter) {
    for replicas in [voters, outgoing, learners] { writer.writeArray(replicas) { $0.writeVarint($1.raw) } }
  }

  /// - Throws: `malformed` where a list is not sorted or names a replica twice: no writer does that.
  package init(from reader: inout ByteReader) throws(CodingError) {
    let voters = try Configuration.replicas(from: &reader)
    let outgoing = try Configuration.replicas(from: &reader)
    let learners = try Configuration.replicas(from: &reader)
    self.init(voters: voters, outgoing: outgoing, learners: learners)
    guard self.learners == learners else { throw .malformed(what: "learners, one of whom votes") }
  }

  private static func replicas(from reader: inout ByteReader) throws(CodingError) -> [ReplicaID] {
    let replicas = try reader.readArray { reader throws(CodingError) in ReplicaID(try reader.readVarint()) }
    for (replica, next) in zip(replicas, replicas.dropFirst()) where replica >= next {
      throw .malformed(what: "replicas out of order")
    }
    return replicas
  }
}

extension HardState {
  package func encode(into writer: inout ByteWriter) {
    writer.writeVarint(term.raw)
    writer.writeOptional(vote) { $0.writeVarint($1.raw) }
    writer.writeVarint(horizon)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    let term = Term(try reader.readVarint())
    let vote = try reader.readOptional { reader throws(CodingError) in ReplicaID(try reader.readVarint()) }
    self.init(term: term, vote: vote, horizon: try reader.readVarint())
  }
}
