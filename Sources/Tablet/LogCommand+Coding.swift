import Coding
import DocStore
import Keys
import Operations

extension ByteWriter {
  mutating func write(_ effect: LoggedEffect) {
    switch effect {
    case .write(let documents):
      write(UInt8(1))
      write(documents)
    case .stage(let piece):
      write(UInt8(2))
      write(piece.transaction)
      writeVarint(piece.anchor.rawValue)
      write(piece.documents)
      write(piece.locks)
      write(piece.dropped)
      write(piece.isLast)
    case .decide(let decision, let documents):
      write(UInt8(3))
      write(decision)
      write(documents)
    case .resolve(let transaction, let commitTime, let count):
      write(UInt8(4))
      write(transaction)
      writeOptional(commitTime) { $0.writeFixed($1.rawValue) }
      writeCount(count)
    case .forget(let transactions):
      write(UInt8(5))
      writeArray(transactions) { $0.write($1) }
    case .spill(let transaction, let intents):
      write(UInt8(6))
      write(transaction)
      write(intents)
    case .resolveSpilled(let transaction, let commitTime, let part):
      write(UInt8(7))
      write(transaction)
      writeOptional(commitTime) { $0.writeFixed($1.rawValue) }
      write(part.range)
      write(part.isLast)
    }
  }

  mutating func write(_ locks: [StagedLock]) {
    writeArray(locks) { writer, lock in
      writer.write(lock.key)
      writer.write(lock.strength.rawValue)
    }
  }

  mutating func write(_ decision: Decision) {
    write(decision.transaction)
    writeFixed(decision.commitTime.rawValue)
    writeArray(decision.participants) { $0.writeVarint($1.rawValue) }
  }
}

extension ByteReader {
  mutating func readLoggedEffect() throws(CodingError) -> LoggedEffect {
    switch try readByte() {
    case 1: return .write(try readDocumentWrites())
    case 2:
      return .stage(
        StagedPiece(
          transaction: try readTransactionID(), anchor: TabletID(try readVarint()),
          documents: try readDocumentWrites(), locks: try readStagedLocks(), dropped: try readStatementRanges(),
          isLast: try readBool()))
    case 3: return .decide(try readDecision(), try readDocumentWrites())
    case 4:
      return .resolve(
        try readTransactionID(), commitTime: try readOptionalTime(), count: try readNarrow())
    case 5:
      return .forget(
        try readArray(minimumSize: 17) { reader throws(CodingError) in try reader.readTransactionID() })
    case 6: return .spill(try readTransactionID(), try readIntentWrites())
    case 7:
      return .resolveSpilled(
        try readTransactionID(), commitTime: try readOptionalTime(),
        SpilledPart(range: try readKeyRange(), isLast: try readBool()))
    default: throw .malformed(what: "kind of a logged effect")
    }
  }

  mutating func readOptionalTime() throws(CodingError) -> HybridTime? {
    try readOptional { reader throws(CodingError) in HybridTime(rawValue: try reader.readFixed()) }
  }

  mutating func readStagedLocks() throws(CodingError) -> [StagedLock] {
    try readArray(minimumSize: 2) { reader throws(CodingError) in
      StagedLock(key: try reader.readBytes(), strength: try reader.readLockStrength())
    }
  }

  mutating func readLockStrength() throws(CodingError) -> RowLockStrength {
    guard let strength = RowLockStrength(rawValue: try readByte()) else { throw .malformed(what: "lock strength") }
    return strength
  }

  mutating func readDecision() throws(CodingError) -> Decision {
    Decision(
      transaction: try readTransactionID(), commitTime: HybridTime(rawValue: try readFixed()),
      participants: try readArray { reader throws(CodingError) in TabletID(try reader.readVarint()) })
  }
}
