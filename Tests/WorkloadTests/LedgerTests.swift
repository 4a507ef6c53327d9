import Testing
import Workload

/// A checker that never complains is worth nothing: each kind of broken promise, planted.
@Suite("What the sets' and the counters' ledgers find")
struct LedgerTests {
  private func ledger() -> SetLedger {
    var ledger = SetLedger()
    ledger.tried = [1, 2, 3, 4, 5]
    ledger.acknowledged = [1, 2, 3]
    ledger.refused = [4]
    ledger.unknown = [5]
    return ledger
  }

  @Test(
    "Reads of a set that are as promised",
    arguments: [([1, 2, 3], 3), ([1, 2, 3, 5], 3), ([1, 2], 2), ([1, 2, 3], 0), ([], 0)] as [([Int64], Int)])
  func goodRead(ids: [Int64], acknowledgedBefore: Int) {
    var ledger = ledger()
    ledger.check(ids, acknowledgedBefore: acknowledgedBefore)
    #expect(ledger.problems.isEmpty)
    #expect(ledger.reads == 1)
  }

  @Test(
    "Reads of a set that break a promise",
    arguments: [
      ([1, 2], "misses 1 acknowledged"), ([], "misses 3 acknowledged"), ([1, 2, 3, 4], "1 rows that nobody inserted"),
      ([1, 2, 3, 9], "1 rows that nobody inserted"), ([1, 2, 3, 3], "gave 1 rows twice"),
    ] as [([Int64], String)])
  func brokenRead(ids: [Int64], problem: String) {
    var ledger = ledger()
    ledger.check(ids, acknowledgedBefore: 3)
    #expect(ledger.problems.count == 1)
    #expect(ledger.problems.first?.contains(problem) == true, "\(ledger.problems)")
  }

  @Test("A counter is between what was acknowledged and what was tried")
  func counter() {
    var ledger = CounterLedger(rows: 1)
    ledger.possible = [7]
    for value in 5...7 { ledger.check(row: 0, value: value, acknowledgedBefore: 5) }
    #expect(ledger.problems.isEmpty)
    ledger.check(row: 0, value: 4, acknowledgedBefore: 5)
    ledger.check(row: 0, value: 8, acknowledgedBefore: 5)
    #expect(
      ledger.problems == ["counter: row 0 is 4 after 5 increments", "counter: row 0 is 8 after at most 7 increments"])
  }
}
