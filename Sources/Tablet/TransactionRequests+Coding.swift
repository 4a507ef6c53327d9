import Coding
import Keys
import Operations
import Values

extension ByteWriter {
  mutating func write(_ context: TransactionContext) {
    write(context.id)
    write(context.isolation.rawValue)
    write(context.readTime)
    write(context.uncertaintyLimit)
    writeVarint(UInt64(context.statement))
    writeVarint(UInt64(context.oldestRunning))
    writeVarint(UInt64(context.lastKept))
    writeOptional(context.epoch) { $0.writeFixed($1) }
    writeVarint(context.lockTimeoutMilliseconds)
  }

  mutating func write(_ time: HybridTime?) {
    writeOptional(time) { $0.writeFixed($1.rawValue) }
  }

  mutating func write(_ reference: TransactionReference) {
    write(reference.id)
    writeFixed(reference.epoch)
  }

  mutating func write(_ locking: RowLocking) {
    write(locking.strength.rawValue)
    write(locking.policy.rawValue)
  }

  mutating func write(_ step: TransactionStep) {
    switch step {
    case .prepare(let anchor, let lastKept, let late):
      write(UInt8(1))
      writeVarint(anchor.rawValue)
      writeVarint(UInt64(lastKept))
      writeOptional(late) { $0.write($1) }
    case .commit(let commit):
      write(UInt8(2))
      write(commit)
    case .validate(let selections, let after, let through):
      write(UInt8(3))
      writeArray(selections) { $0.write($1) }
      writeFixed(after.rawValue)
      writeFixed(through.rawValue)
    case .rollBack(let statement, let through):
      write(UInt8(4))
      writeVarint(UInt64(statement))
      writeVarint(UInt64(through))
    case .abort: write(UInt8(5))
    case .resolve(let commitTime):
      write(UInt8(6))
      writeFixed(commitTime.rawValue)
    case .forget(let transactions):
      write(UInt8(7))
      writeArray(transactions) { $0.write($1) }
    case .status: write(UInt8(8))
    case .drain: write(UInt8(10))
    case .ending(let lastKept):
      write(UInt8(11))
      writeVarint(UInt64(lastKept))
    case .withdraw(let id):
      write(UInt8(9))
      writeFixed(id.client)
      writeVarint(id.sequence)
    }
  }

  private mutating func write(_ late: LateWrites) {
    writeFixed(late.id.client)
    writeVarint(late.id.sequence)
    writeVarint(late.floor)
    writeArray(late.requests) { $0.write($1.encoded()) }
  }

  package mutating func write(_ commit: CommitStep) {
    writeFixed(commit.id.client)
    writeVarint(commit.id.sequence)
    writeVarint(commit.floor)
    writeVarint(UInt64(commit.lastKept))
    writeArray(commit.participants) { $0.writeVarint($1.rawValue) }
    writeFixed(commit.after.rawValue)
    write(commit.time)
    writeOptional(commit.readSet) { writer, readSet in
      writer.writeArray(readSet.selections) { $0.write($1) }
      writer.writeFixed(readSet.time.rawValue)
    }
  }

  package mutating func write(_ answer: TransactionAnswer) {
    switch answer {
    case .done: write(UInt8(1))
    case .time(let time):
      write(UInt8(2))
      writeFixed(time.rawValue)
    case .status(.pending): write(UInt8(3))
    case .status(.aborted): write(UInt8(4))
    case .status(.committed(let time)):
      write(UInt8(5))
      writeFixed(time.rawValue)
    case .unprepared: write(UInt8(6))
    }
  }

  package mutating func write(_ answer: MutateAnswer) {
    write(answer.result)
    writeFixed(answer.epoch)
    writeCount(answer.pendingBytes)
    write(answer.locksRows)
    writeCount(answer.contenderCount)
    writeOptional(answer.rest) { writer, rest in
      writer.writeArray(rest.ranges) { $0.write($1) }
      writer.writeFixed(rest.time.rawValue)
    }
  }
}

extension ByteReader {
  mutating func readTransactionContext() throws(CodingError) -> TransactionContext {
    let id = try readTransactionID()
    guard let isolation = IsolationLevel(rawValue: try readByte()) else { throw .malformed(what: "isolation level") }
    return TransactionContext(
      id: id, isolation: isolation, readTime: try readOptionalTime(), uncertaintyLimit: try readOptionalTime(),
      statement: try readNarrow(), oldestRunning: try readNarrow(), lastKept: try readNarrow(),
      epoch: try readOptional { reader throws(CodingError) in try reader.readFixed() },
      lockTimeoutMilliseconds: try readVarint())
  }

  mutating func readTime() throws(CodingError) -> HybridTime { HybridTime(rawValue: try readFixed()) }

  mutating func readTransactionReference() throws(CodingError) -> TransactionReference {
    TransactionReference(id: try readTransactionID(), epoch: try readFixed())
  }

  mutating func readRowLocking() throws(CodingError) -> RowLocking {
    let strength = try readLockStrength()
    guard let policy = LockWaitPolicy(rawValue: try readByte()) else { throw .malformed(what: "lock wait policy") }
    return RowLocking(strength: strength, policy: policy)
  }

  mutating func readTransactionStep() throws(CodingError) -> TransactionStep {
    switch try readByte() {
    case 1:
      return .prepare(
        anchor: TabletID(try readVarint()), lastKept: try readNarrow(),
        late: try readOptional { reader throws(CodingError) in try reader.readLateWrites() })
    case 2: return .commit(try readCommitStep())
    case 3: return .validate(try readSelections(), after: try readTime(), through: try readTime())
    case 4: return .rollBack(to: try readNarrow(), through: try readNarrow())
    case 5: return .abort
    case 6: return .resolve(commitTime: try readTime())
    case 7:
      return .forget(
        try readArray(minimumSize: 17) { reader throws(CodingError) in try reader.readTransactionID() })
    case 8: return .status
    case 9:
      let client: UInt64 = try readFixed()
      return .withdraw(RequestID(client: client, sequence: try readVarint()))
    case 10: return .drain
    case 11: return .ending(lastKept: try readNarrow())
    default: throw .malformed(what: "step of a transaction")
    }
  }

  private mutating func readLateWrites() throws(CodingError) -> LateWrites {
    let client: UInt64 = try readFixed()
    return LateWrites(
      id: RequestID(client: client, sequence: try readVarint()), floor: try readVarint(),
      requests: try readArray { reader throws(CodingError) in try MutateRequest(decoding: try reader.readBytes()) })
  }

  private mutating func readSelections() throws(CodingError) -> [KeySelection] {
    try readArray { reader throws(CodingError) in try reader.readKeySelection() }
  }

  package mutating func readCommitStep() throws(CodingError) -> CommitStep {
    let client: UInt64 = try readFixed()
    return CommitStep(
      id: RequestID(client: client, sequence: try readVarint()), floor: try readVarint(), lastKept: try readNarrow(),
      participants: try readArray { reader throws(CodingError) in TabletID(try reader.readVarint()) },
      after: try readTime(), time: try readOptionalTime(),
      readSet: try readOptional { reader throws(CodingError) in
        CommitStep.ReadSet(selections: try reader.readSelections(), time: try reader.readTime())
      })
  }

  package mutating func readTransactionAnswer() throws(CodingError) -> TransactionAnswer {
    switch try readByte() {
    case 1: .done
    case 2: .time(try readTime())
    case 3: .status(.pending)
    case 4: .status(.aborted)
    case 5: .status(.committed(try readTime()))
    case 6: .unprepared
    default: throw .malformed(what: "answer to a step of a transaction")
    }
  }

  package mutating func readMutateAnswer() throws(CodingError) -> MutateAnswer {
    MutateAnswer(
      result: try readMutationResult(), epoch: try readFixed(), pendingBytes: try readNarrow(),
      locksRows: try readBool(), contenderCount: try readNarrow(),
      rest: try readOptional { reader throws(CodingError) in
        MutateAnswer.Rest(
          ranges: try reader.readArray(minimumSize: 2) { reader throws(CodingError) in try reader.readKeyRange() },
          time: HybridTime(rawValue: try reader.readFixed()))
      })
  }
}

extension TransactionRequest {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 96)
    writer.writeVarint(tablet.rawValue)
    writer.write(transaction)
    writer.writeFixed(epoch)
    writer.write(step)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablet = TabletID(try reader.readVarint())
    transaction = try reader.readTransactionID()
    epoch = try reader.readFixed()
    step = try reader.readTransactionStep()
  }
}

extension WaitReport {
  package func write(to writer: inout ByteWriter) {
    writer.write(waiting)
    writer.writeArray(blockers) { $0.write($1) }
    writer.writeVarint(tablet.rawValue)
    writer.writeVarint(UInt64(table.rawValue))
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    waiting = try reader.readTransactionID()
    blockers = try reader.readArray(minimumSize: 17) { reader throws(CodingError) in try reader.readTransactionID() }
    tablet = TabletID(try reader.readVarint())
    table = TableID(try reader.readNarrow())
  }
}
