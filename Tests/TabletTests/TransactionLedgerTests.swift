import Coding
import DocStore
import Keys
import Operations
import Runtime
import Tablet
import Testing

@Suite("The ledger of transactions")
struct TransactionLedgerTests {
  private static func id(_ number: UInt64) -> TransactionID {
    TransactionID(start: HybridTime(rawValue: number), client: 7, gateway: NodeID(1))
  }
  private static func document(_ key: UInt8) -> DocumentWrite {
    DocumentWrite(documentKey: [key], packedRow: key % 5 == 0 ? nil : [key, key])
  }
  private static func record(_ time: UInt64, _ effect: LoggedEffect) -> LoggedWrite {
    LoggedWrite(
      id: LoggedWrite.nobody, floor: 0, time: HybridTime(rawValue: time), result: [], effect: effect)
  }
  private static func piece(_ number: UInt64, _ keys: [UInt8], locks: [UInt8] = [], isLast: Bool) -> LoggedEffect {
    .stage(
      StagedPiece(
        transaction: id(number), anchor: TabletID(9), documents: keys.map(document),
        locks: locks.map { StagedLock(key: [$0], strength: .share) }, isLast: isLast))
  }
  private static func bytes(_ ledger: TransactionLedger) -> [UInt8] {
    var writer = ByteWriter()
    ledger.write(to: &writer)
    return writer.bytes
  }

  @Test("keeps pieces until the last one prepares, and commits them a few at a time")
  func stages() {
    var ledger = TransactionLedger()
    #expect(ledger.apply(Self.record(10, Self.piece(1, [1, 2], locks: [8], isLast: false))).documents.isEmpty)
    #expect(ledger.staged[Self.id(1)]?.prepareTime == nil)
    _ = ledger.apply(Self.record(11, Self.piece(1, [3], isLast: true)))
    #expect(ledger.staged[Self.id(1)]?.prepareTime == HybridTime(rawValue: 11))
    #expect(ledger.staged[Self.id(1)]?.locks.map(\.key) == [[8]])

    let resolve = LoggedEffect.resolve(Self.id(1), commitTime: HybridTime(rawValue: 20), count: 2)
    let first = ledger.apply(Self.record(30, resolve))
    #expect(first.documents.map(\.documentKey) == [[1], [2]])
    #expect(first.time == HybridTime(rawValue: 20))
    #expect(first.ended == nil)
    let second = ledger.apply(Self.record(31, resolve))
    #expect(second.documents.map(\.documentKey) == [[3]])
    #expect(second.ended == Self.id(1))
    #expect(ledger.isEmpty)
    // Somebody else asks for it again.
    let third = ledger.apply(Self.record(32, resolve))
    #expect(third.documents.isEmpty && third.ended == nil)
  }

  @Test("drops what is not committed, whole or not")
  func drops() {
    var ledger = TransactionLedger()
    _ = ledger.apply(Self.record(10, Self.piece(1, [1], isLast: false)))
    let outcome = ledger.apply(Self.record(11, .resolve(Self.id(1), commitTime: nil, count: 1)))
    #expect(outcome.documents.isEmpty && outcome.ended == Self.id(1))
    #expect(ledger.isEmpty)
  }

  private static func spill(_ number: UInt64, _ keys: [UInt8], statement: UInt32) -> LoggedEffect {
    .spill(id(number), keys.map { IntentWrite(statement: statement, strength: .update, document: document($0)) })
  }

  @Test("knows of what was spilled where it lies, and which statements of it count")
  func spills() throws {
    var ledger = TransactionLedger()
    let first = ledger.apply(Self.record(10, Self.spill(1, [5, 6], statement: 2)))
    #expect(first.spilled?.mark == HybridTime(rawValue: 10) && first.spilled?.intents.count == 2)
    let second = ledger.apply(Self.record(11, Self.spill(1, [9, 3], statement: 3)))
    #expect(second.spilled?.mark == HybridTime(rawValue: 10), "the mark stays")
    #expect(ledger.staged[Self.id(1)]?.spill?.range == KeyRange(lower: [3], upper: [10]))
    #expect(ledger.blocker(of: .points([[5]]), at: .max, except: nil) == nil, "not prepared")
    _ = ledger.apply(
      Self.record(
        12,
        .stage(
          StagedPiece(
            transaction: Self.id(1), anchor: TabletID(9), documents: [], locks: [], dropped: [3...4], isLast: true))))
    func blocker(_ keys: [UInt8], hasIntents: Bool = true) -> TransactionID? {
      ledger.blocker(of: .points(keys.map { [$0] }), at: .max, except: nil, hasIntents: { _ in hasIntents })
    }
    #expect(blocker([4]) == Self.id(1) && blocker([4], hasIntents: false) == nil && blocker([2, 10]) == nil)

    var writer = ByteWriter()
    ledger.write(to: &writer)
    var reader = ByteReader(writer.bytes)
    var copy = try TransactionLedger(from: &reader)
    #expect(copy.staged[Self.id(1)]?.spill == ledger.staged[Self.id(1)]?.spill)

    let time = HybridTime(rawValue: 20)
    let middle = SpilledPart(range: KeyRange(lower: [5], upper: [6]), isLast: false)
    #expect(copy.apply(Self.record(29, .resolveSpilled(Self.id(1), commitTime: time, middle))).resolution != nil)
    #expect(copy.staged[Self.id(1)]?.spill?.range == KeyRange(lower: [3], upper: [10]), "what is before it is left")
    let part = KeyRange(lower: [3], upper: [6])
    let resolved = copy.apply(
      Self.record(30, .resolveSpilled(Self.id(1), commitTime: time, SpilledPart(range: part, isLast: false))))
    #expect(resolved.resolution?.range == part && resolved.resolution?.commitTime == time && resolved.ended == nil)
    let writes = SpilledWrites(
      mark: HybridTime(rawValue: 10), range: KeyRange(lower: [3], upper: [10]), dropped: [3...4])
    #expect(resolved.resolution?.writes == writes)
    #expect(copy.staged[Self.id(1)]?.spill?.range == KeyRange(lower: [6], upper: [10]), "what is left")
    let rest = SpilledPart(range: KeyRange(lower: [6], upper: [10]), isLast: true)
    #expect(copy.apply(Self.record(31, .resolveSpilled(Self.id(1), commitTime: time, rest))).ended == Self.id(1))
    #expect(copy.isEmpty)
    #expect(copy.apply(Self.record(32, .resolveSpilled(Self.id(1), commitTime: time, rest))).resolution == nil)
  }

  @Test("remembers decisions until they are forgotten")
  func decisions() {
    var ledger = TransactionLedger()
    let decision = Decision(
      transaction: Self.id(1), commitTime: HybridTime(rawValue: 15), participants: [TabletID(2)])
    let outcome = ledger.apply(Self.record(16, .decide(decision, [Self.document(1)])))
    #expect(outcome.documents.count == 1 && outcome.time == HybridTime(rawValue: 16), "in the order of the log")
    #expect(ledger.decisions[Self.id(1)] == decision)
    _ = ledger.apply(Self.record(17, .forget([Self.id(1), Self.id(2)])))
    #expect(ledger.isEmpty)
  }

  @Test("makes reads wait for who may have committed before them, and for nobody else")
  func blockers() {
    var ledger = TransactionLedger()
    _ = ledger.apply(Self.record(10, Self.piece(2, [3, 5], isLast: true)))
    _ = ledger.apply(Self.record(11, Self.piece(1, [5], isLast: true)))
    _ = ledger.apply(Self.record(12, Self.piece(3, [7], locks: [8], isLast: false)))
    func blocker(_ selection: KeySelection, _ time: UInt64, except: UInt64? = nil) -> TransactionID? {
      ledger.blocker(of: selection, at: HybridTime(rawValue: time), except: except.map(Self.id))
    }
    #expect(blocker(.points([[5]]), 9) == nil)
    #expect(blocker(.points([[5]]), 10) == Self.id(2))
    #expect(blocker(.points([[5]]), 11) == Self.id(1))
    #expect(blocker(.points([[5]]), 11, except: 1) == Self.id(2))
    #expect(blocker(.points([[4], [6]]), 20) == nil)
    #expect(blocker(.points([[1], [2], [3]]), 20) == Self.id(2))
    #expect(blocker(.ranges([KeyRange(lower: [4], upper: [5])]), 20) == nil)
    #expect(blocker(.ranges([KeyRange(lower: [4], upper: [6])]), 10) == Self.id(2))
    // Not prepared, and a lock is no write.
    #expect(blocker(.points([[7], [8]]), 20) == nil)
  }

  @Test("is the same after its bytes, and its bytes do not tell in which order it grew", arguments: Seed.sample(50))
  func coding(seed: Seed) throws {
    var random = SeededRandom(seed: seed.value)
    let effects = (1...UInt64(1 + random.below(6))).map { number -> LoggedEffect in
      if random.oneIn(3) {
        return .decide(
          Decision(
            transaction: Self.id(number), commitTime: HybridTime(rawValue: number * 3),
            participants: [TabletID(number), TabletID(number + 1)]), [])
      }
      let keys = (0..<UInt8(random.below(5))).map { $0 * 3 }
      return Self.piece(number, keys, locks: random.oneIn(2) ? [1, 2] : [], isLast: random.oneIn(2))
    }
    var ledger = TransactionLedger()
    var reversed = TransactionLedger()
    for effect in effects { _ = ledger.apply(Self.record(5, effect)) }
    for effect in effects.reversed() { _ = reversed.apply(Self.record(5, effect)) }
    let bytes = Self.bytes(ledger)
    #expect(Self.bytes(reversed) == bytes)
    var reader = ByteReader(bytes)
    let read = try TransactionLedger(from: &reader)
    #expect(reader.isAtEnd)
    #expect(Self.bytes(read) == bytes, "\(seed)")
    #expect(read.decisions == ledger.decisions)
    for length in bytes.indices {
      #expect(throws: CodingError.self, "\(seed), \(length) bytes") {
        var reader = ByteReader(Array(bytes[..<length]))
        _ = try TransactionLedger(from: &reader)
      }
    }
  }
}
