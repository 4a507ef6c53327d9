import Coding
import DocStore
import Keys
import Operations

/// What one Raft entry of a tablet says: the writes and the steps of transactions that waited together at the leader,
/// already evaluated, so that every replica applies the same (no clock, no randomness, no expression at apply time).
///
/// Format: version byte `3` · count · for each record: client (8) · sequence · floor · hybrid time (8) · result · effect.
/// An effect is a kind byte and its fields (`LoggedEffect`).
package struct LogCommand: Sendable {
  package var writes: [LoggedWrite]

  private static let formatVersion: UInt8 = 3

  package init(writes: [LoggedWrite]) { self.writes = writes }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 64 + writes.reduce(0) { $0 + $1.approximateByteCount })
    writer.write(Self.formatVersion)
    writer.writeCount(writes.count)
    for write in writes { write.write(to: &writer) }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == Self.formatVersion else { throw .malformed(what: "log command version") }
    writes = try reader.readArray(minimumSize: 20) { reader throws(CodingError) in try LoggedWrite(from: &reader) }
    guard reader.isAtEnd else { throw .malformed(what: "log command length") }
  }
}

/// One request's effect.
package struct LoggedWrite: Sendable {
  /// Remembered together with the result, so that a retry does not apply twice; client 0 is nobody: the tablet's own
  /// steps can be repeated.
  package var id: RequestID
  /// The client never again asks for a sequence below this.
  package var floor: UInt64
  /// When it was proposed; grows with the log.
  package var time: HybridTime
  /// What the client is told, encoded; also to a retry.
  package var result: [UInt8]
  package var effect: LoggedEffect

  package init(id: RequestID, floor: UInt64, time: HybridTime, result: [UInt8], effect: LoggedEffect) {
    self.id = id
    self.floor = floor
    self.time = time
    self.result = result
    self.effect = effect
  }

  package static let nobody = RequestID(client: 0, sequence: 0)

  package var approximateByteCount: Int { 48 + result.count + effect.approximateByteCount }

  fileprivate func write(to writer: inout ByteWriter) {
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    writer.writeFixed(time.rawValue)
    writer.write(result)
    writer.write(effect)
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
    time = HybridTime(rawValue: try reader.readFixed())
    result = try reader.readBytes()
    effect = try reader.readLoggedEffect()
  }
}

/// What a record does to the tablet (see the module's page on transactions).
package enum LoggedEffect: Sendable {
  /// Commits these documents at the record's time.
  case write([DocumentWrite])
  /// Keeps documents and locks of a transaction until it is decided. The last piece prepares it, at the record's time.
  case stage(StagedPiece)
  /// Puts writes of a transaction that is still open into the store, as intents.
  case spill(TransactionID, [IntentWrite])
  /// Decides that the transaction commits, and commits its documents in this tablet, all at `commitTime`.
  case decide(Decision, [DocumentWrite])
  /// Commits the next `count` staged documents of a transaction at a time, or (without one) drops all that it staged.
  case resolve(TransactionID, commitTime: HybridTime?, count: Int)
  /// Commits a transaction's intents in a range at a time, or (without one) removes them.
  case resolveSpilled(TransactionID, commitTime: HybridTime?, SpilledPart)
  /// Every participant has resolved these: their decisions are needed no more.
  case forget([TransactionID])

  var approximateByteCount: Int {
    switch self {
    case .write(let documents): documents.reduce(8) { $0 + $1.byteCount + 6 }
    case .stage(let piece):
      piece.documents.reduce(64) { $0 + $1.byteCount + 6 } + piece.locks.reduce(0) { $0 + $1.key.count + 4 }
    case .spill(_, let intents): intents.reduce(64) { $0 + $1.document.byteCount + 10 }
    case .decide(let decision, let documents):
      documents.reduce(64) { $0 + $1.byteCount + 6 } + decision.participants.count * 8
    case .resolve: 40
    case .resolveSpilled(_, _, let part): 48 + part.range.lower.count + part.range.upper.count
    case .forget(let transactions): transactions.count * 24
    }
  }
}

/// A row that a transaction locked and did not write.
package struct StagedLock: Hashable, Sendable {
  package var key: [UInt8]
  package var strength: RowLockStrength
  package init(key: [UInt8], strength: RowLockStrength) {
    self.key = key
    self.strength = strength
  }
}

/// Some of what a transaction stages in a tablet.
package struct StagedPiece: Sendable {
  package var transaction: TransactionID
  /// Where its decision will be, or is not.
  package var anchor: TabletID
  package var documents: [DocumentWrite]
  package var locks: [StagedLock]
  /// Statements whose intents do not count, where the transaction has spilled some; with the last piece.
  package var dropped: [ClosedRange<UInt32>] = []
  package var isLast: Bool
  package init(
    transaction: TransactionID, anchor: TabletID, documents: [DocumentWrite], locks: [StagedLock],
    dropped: [ClosedRange<UInt32>] = [], isLast: Bool
  ) {
    self.dropped = dropped
    self.transaction = transaction
    self.anchor = anchor
    self.documents = documents
    self.locks = locks
    self.isLast = isLast
  }
}

/// The commit of a transaction of several tablets. It is written in its anchor, and there is none for one that aborts.
package struct Decision: Hashable, Sendable {
  package var transaction: TransactionID
  package var commitTime: HybridTime
  /// The other tablets that have staged something, sorted.
  package var participants: [TabletID]
  package init(transaction: TransactionID, commitTime: HybridTime, participants: [TabletID]) {
    self.transaction = transaction
    self.commitTime = commitTime
    self.participants = participants
  }
}
