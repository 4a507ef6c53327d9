import Coding
import DocStore
import Keys
import Operations
import Runtime
import Tablet
import Testing
import Values

@Suite("Requests and log records as bytes")
struct RequestCodingTests {
  private static let id = TransactionID(start: HybridTime(rawValue: 1 << 40), client: .max, gateway: NodeID(3))
  private static let time = HybridTime(rawValue: 77)
  private static let ranges = KeySelection.ranges([KeyRange(lower: [1], upper: [2, 3])])

  private static let steps: [TransactionStep] = [
    .prepare(anchor: TabletID(300), lastKept: 7, late: nil),
    .prepare(
      anchor: TabletID(300), lastKept: 7,
      late: LateWrites(
        id: RequestID(client: 4, sequence: 9), floor: 8,
        requests: [
          MutateRequest(
            tablet: TabletID(9), id: RequestID(client: 4, sequence: 8), floor: 8,
            payload: .documents([DocumentWrite(documentKey: [1], packedRow: [2])]))
        ])),
    .commit(CommitStep(id: RequestID(client: 1, sequence: 2), floor: 1, lastKept: 3, participants: [], after: .zero)),
    .commit(
      CommitStep(
        id: RequestID(client: 1, sequence: 2), floor: 1, lastKept: 4, participants: [TabletID(1), TabletID(2)],
        after: time,
        time: time, readSet: CommitStep.ReadSet(selections: [ranges, .points([[1], [2]])], time: time))),
    .validate([ranges], after: .zero, through: .max), .rollBack(to: 3, through: .max), .abort,
    .resolve(commitTime: time), .forget([id, id]), .status, .drain, .withdraw(RequestID(client: 5, sequence: 6)),
  ]

  private static let effects: [LoggedEffect] = [
    .write([DocumentWrite(documentKey: [1], packedRow: [2]), DocumentWrite(documentKey: [2], packedRow: nil)]),
    .stage(
      StagedPiece(
        transaction: id, anchor: TabletID(4), documents: [DocumentWrite(documentKey: [1], packedRow: [])],
        locks: [StagedLock(key: [9], strength: .keyShare), StagedLock(key: [10], strength: .update)],
        dropped: [3...3, 7...UInt32.max], isLast: true)),
    .decide(Decision(transaction: id, commitTime: time, participants: [TabletID(1)]), []),
    .resolve(id, commitTime: nil, count: 3), .resolve(id, commitTime: time, count: 0), .forget([id]),
    .spill(
      id,
      [
        IntentWrite(statement: 5, strength: .update, document: DocumentWrite(documentKey: [1], packedRow: nil)),
        IntentWrite(statement: 6, strength: .noKeyUpdate, document: DocumentWrite(documentKey: [2], packedRow: [3])),
      ]),
    .resolveSpilled(id, commitTime: time, SpilledPart(range: KeyRange(lower: [1], upper: [2]), isLast: false)),
    .resolveSpilled(id, commitTime: nil, SpilledPart(range: KeyRange(lower: [1], upper: [2]), isLast: true)),
  ]

  @Test("are the same after it: steps", arguments: steps.indices)
  func step(index: Int) throws {
    let request = TransactionRequest(tablet: TabletID(9), transaction: Self.id, epoch: 5, step: Self.steps[index])
    let bytes = request.encoded()
    #expect(try TransactionRequest(decoding: bytes).encoded() == bytes)
    Self.mangle(bytes) { _ = try TransactionRequest(decoding: $0) }
  }

  @Test("are the same after it: records", arguments: effects.indices)
  func record(index: Int) throws {
    let write = LoggedWrite(
      id: RequestID(client: 3, sequence: 9), floor: 8, time: Self.time, result: [1, 2], effect: Self.effects[index])
    let bytes = LogCommand(writes: [write, write]).encoded()
    #expect(try LogCommand(decoding: bytes).encoded() == bytes)
    Self.mangle(bytes) { _ = try LogCommand(decoding: $0) }
    #expect(throws: CodingError.self) { _ = try LogCommand(decoding: bytes + [0]) }
  }

  @Test("are the same after it: answers")
  func answers() throws {
    let answers: [TransactionAnswer] = [
      .done, .time(Self.time), .status(.pending), .status(.aborted), .status(.committed(Self.time)), .unprepared,
    ]
    for answer in answers {
      var writer = ByteWriter()
      writer.write(answer)
      var reader = ByteReader(writer.bytes)
      #expect(try reader.readTransactionAnswer() == answer)
    }
    for rest in [nil, MutateAnswer.Rest(ranges: [KeyRange(lower: [1], upper: [2, 3])], time: Self.time)] {
      var writer = ByteWriter()
      writer.write(
        MutateAnswer(result: .none, epoch: 3, pendingBytes: 4, locksRows: true, contenderCount: 5, rest: rest))
      var reader = ByteReader(writer.bytes)
      let answer = try reader.readMutateAnswer()
      #expect(reader.isAtEnd && answer.rest == rest && answer.epoch == 3)
    }
    let report = WaitReport(waiting: Self.id, blockers: [Self.id], tablet: TabletID(2), table: TableID(3))
    var writer = ByteWriter()
    report.write(to: &writer)
    var reader = ByteReader(writer.bytes)
    #expect(try WaitReport(from: &reader) == report)
  }

  /// Cut off anywhere it is refused, and whatever else it is it does not trap.
  private static func mangle(_ bytes: [UInt8], _ decode: ([UInt8]) throws -> Void) {
    for length in bytes.indices {
      #expect(throws: CodingError.self, "\(length) of \(bytes)") { try decode(Array(bytes[..<length])) }
    }
    var random = SeededRandom(seed: UInt64(bytes.count))
    for _ in 0..<500 {
      var changed = bytes
      for _ in 0...random.below(3) {
        changed[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      try? decode(changed)
    }
  }
}
