import DocStore
import Keys
import Tablet
import Testing

@Suite("Writes that are proposed and not applied")
struct UnappliedWritesTests {
  private func write(_ key: UInt8, _ value: UInt8?) -> DocumentWrite {
    DocumentWrite(documentKey: [key], packedRow: value.map { [$0] })
  }

  private func time(_ microseconds: UInt64) -> HybridTime { HybridTime(rawValue: microseconds << 12) }

  @Test("The last one of a document counts, until it is applied")
  func lastCounts() {
    var writes = UnappliedWrites()
    #expect(writes.isEmpty && writes.lastIndex(of: [[1]]) == nil)
    writes.propose([write(1, 10), write(2, 20)], at: time(5), index: 7)
    writes.propose([write(1, nil)], at: time(6), index: 9)
    #expect(writes.lastIndex(of: [[1], [2], [3]]) == 9 && writes.lastIndex(of: [[2]]) == 7)
    #expect(writes.time(of: [1]) == time(6) && writes.time(of: [2]) == time(5) && writes.time(of: [3]) == nil)
    #expect(writes.documents(among: [[1], [2], [3]]) == [[1]: write(1, nil), [2]: write(2, 20)])

    // Applied up to the first entry: the second one's delete is what counts still.
    writes.applied(through: 8)
    #expect(writes.documents(among: [[1], [2]]) == [[1]: write(1, nil)])
    #expect(writes.lastIndex(of: [[2]]) == nil && !writes.isEmpty)
    writes.applied(through: 9)
    #expect(writes.isEmpty)
  }

  @Test("Of two writes of a document in one entry, the later one counts")
  func sameEntry() {
    var writes = UnappliedWrites()
    writes.propose([write(1, 10)], at: time(5), index: 7)
    writes.propose([write(1, 11)], at: time(6), index: 7)
    #expect(writes.documents(among: [[1]]) == [[1]: write(1, 11)])
    writes.applied(through: 7)
    #expect(writes.isEmpty)
  }

  private let first = TransactionID(start: HybridTime(rawValue: 1), client: 1, gateway: NodeID(1))
  private let second = TransactionID(start: HybridTime(rawValue: 2), client: 1, gateway: NodeID(1))

  @Test("A promise counts like a write, until it is kept")
  func promiseKept() {
    var writes = UnappliedWrites()
    writes.promise([write(1, 10)], by: first)
    writes.promise([write(1, 11), write(2, 21)], by: second)
    #expect(writes.promisers(of: [[1]]) == [first, second] && writes.promisers(of: [[2]]) == [second])
    #expect(writes.documents(among: [[1], [2]]) == [[1]: write(1, 11), [2]: write(2, 21)])
    #expect(writes.time(of: [1]) == .max && writes.lastIndex(of: [[1]]) == nil)

    writes.keepPromise(of: first, at: time(5), index: 7)
    #expect(writes.promisers(of: [[1]]) == [second] && writes.lastIndex(of: [[1]]) == 7)
    #expect(writes.documents(among: [[1]]) == [[1]: write(1, 11)])
    writes.keepPromise(of: second, at: time(6), index: 8)
    #expect(writes.promisers(of: [[1], [2]]) == [] && writes.time(of: [1]) == time(6))
    writes.applied(through: 7)
    #expect(writes.documents(among: [[1]]) == [[1]: write(1, 11)])
    writes.applied(through: 8)
    #expect(writes.isEmpty)
  }

  @Test("Where a promise is broken, what was there before counts again")
  func promiseBroken() {
    var writes = UnappliedWrites()
    writes.propose([write(1, 9)], at: time(4), index: 6)
    writes.promise([write(1, 10)], by: first)
    writes.promise([write(1, 11)], by: second)
    writes.breakPromise(of: second)
    #expect(!writes.hasPromise(of: second) && writes.hasPromise(of: first))
    #expect(writes.documents(among: [[1]]) == [[1]: write(1, 10)])
    writes.breakPromise(of: first)
    #expect(writes.documents(among: [[1]]) == [[1]: write(1, 9)])
    writes.breakPromise(of: first)
    writes.applied(through: 6)
    #expect(writes.isEmpty)
  }
}
