import Checkers
import Testing

@Suite("The workloads' own rules")
struct InvariantCheckerTests {
  @Test(
    "bank: every snapshot has the same total",
    arguments: [
      Story("all there", [t(0, 0, 9, scan(1...3, [1: 5, 2: 5]))]),
      Story("money is lost", ["wrong total"], [t(0, 0, 9, scan(1...3, [1: 5, 2: 4]))]),
      Story("money is made", ["wrong total"], [t(0, 0, 9, scan(1...9, [1: 5, 2: 5, 3: 1]))]),
      Story("even for one that aborts", ["wrong total"], [t(0, 0, 9, .aborted, scan(1...3, [1: 5]))]),
      Story("below zero", ["negative balance"], [t(0, 0, 9, scan(1...3, [1: 11, 2: -1]))]),
      Story("nobody's account", ["unknown row"], [t(0, 0, 9, scan(1...9, [1: 5, 2: 5, 7: 0]))]),
      Story("row by row, in one snapshot", ["wrong total"], [t(0, 0, 9, read(1, 5), read(2, 4), read(3, nil))]),
      Story(
        "row by row, below REPEATABLE READ",
        [
          t(0, 0, 9, level: .readCommitted, read(1, 5), read(2, 4), read(3, nil))
        ]),
      Story(
        "one statement, below REPEATABLE READ", ["wrong total"],
        [
          t(0, 0, 9, level: .readCommitted, scan(1...3, [1: 5, 2: 4]))
        ]),
      Story("only some of the accounts", [t(0, 0, 9, read(1, 5), scan(2...2, [2: 3]))]),
      Story("in the middle of the reader's own transfer", [t(0, 0, 9, add(1, -1), scan(1...3, [1: 4, 2: 5]))]),
      Story("the same, row by row", [t(0, 0, 9, add(1, -1), read(1, 4), read(2, 5), read(3, nil))]),
    ])
  func bank(story: Story) { judge(story, BankChecker(total: 10, accounts: 1...3).check) }

  @Test("bank: a balance below zero, where that is allowed")
  func overdraft() {
    let history = [t(0, 0, 9, scan(1...3, [1: 11, 2: -1]))]
    #expect(BankChecker(total: 10, accounts: 1...3, allowsNegative: true).check(history).isEmpty)
  }

  @Test(
    "keys that are written together are seen together",
    arguments: [
      Story("before", [t(0, 0, 9, scan(1...3, [:]))]),
      Story("after", [t(0, 0, 9, scan(1...3, [1: 7, 2: 7, 3: 7]))]),
      Story("some of them", ["fractured read"], [t(0, 0, 9, scan(1...3, [1: 7, 2: 7]))]),
      Story("two writes", ["fractured read"], [t(0, 0, 9, read(1, 7), read(2, 8))]),
      Story("two statements below REPEATABLE READ", [t(0, 0, 9, level: .readCommitted, read(1, 7), read(2, 8))]),
      Story("two groups", [t(0, 0, 9, scan(1...6, [1: 7, 2: 7, 3: 7, 4: 8, 5: 8, 6: 8]))]),
      Story("a row that was not looked at", [t(0, 0, 9, read(1, 7), read(2, 7))]),
    ])
  func multiKey(story: Story) { judge(story, MultiKeyChecker(groups: [[1, 2, 3], [4, 5, 6]]).check) }

  @Test(
    "of two that find a range empty, one may insert",
    arguments: [
      Story("one", [t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 0, 9, .aborted, scan(1...9, [:]), write(2, 2))]),
      Story("both", ["G2"], [t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 0, 9, scan(1...9, [:]), write(2, 2))]),
      Story(
        "in two ranges", [t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 0, 9, scan(10...19, [:]), write(12, 2))]),
      Story(
        "outside of what was looked at",
        [
          t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 0, 9, scan(1...9, [:]), write(12, 2)),
        ]),
      Story(
        "one below SERIALIZABLE",
        [
          t(0, 0, 9, scan(1...9, [:]), write(1, 1)),
          t(1, 0, 9, level: .repeatableRead, scan(1...9, [:]), write(2, 2)),
        ]),
      Story(
        "one of unknown outcome",
        [
          t(0, 0, 9, scan(1...9, [:]), write(1, 1)),
          t(1, 0, nil, .unknown, scan(1...9, [:]), write(2, 2), scan(1...9, [2: 2])),
        ]),
      Story(
        "one of unknown outcome, which was seen", ["G2"],
        [
          t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 0, nil, .unknown, scan(1...9, [:]), write(2, 2)),
          t(2, 10, 19, scan(1...9, [1: 1, 2: 2])),
        ]),
      Story(
        "one that found a row",
        [
          t(0, 0, 9, scan(1...9, [:]), write(1, 1)), t(1, 10, 19, scan(1...9, [1: 1]), write(2, 2)),
        ]),
    ])
  func predicates(story: Story) { judge(story, PredicateInsertChecker.check) }

  @Test(
    "readers see inserts in one order",
    arguments: [
      Story("one after the other", [t(0, 0, 9, scan(1...3, [1: 1])), t(1, 0, 9, scan(1...3, [1: 1, 3: 1]))]),
      Story("a fork", ["long fork"], [t(0, 0, 9, scan(1...3, [1: 1])), t(1, 0, 9, scan(1...3, [2: 1]))]),
      Story(
        "a fork further on", ["long fork"],
        [
          t(0, 0, 9, read(1, 1), read(2, 1), read(3, nil)), t(1, 0, 9, scan(1...3, [1: 1])),
          t(2, 0, 9, scan(1...3, [1: 1, 3: 1])),
        ]),
      Story(
        "a reader that saw only some rows of the group", [t(0, 0, 9, read(1, 1)), t(1, 0, 9, scan(1...3, [2: 1]))]),
      Story(
        "statements below REPEATABLE READ",
        [
          t(0, 0, 9, level: .readCommitted, read(1, 1), read(2, nil), read(3, nil)), t(1, 0, 9, scan(1...3, [2: 1])),
        ]),
    ])
  func longFork(story: Story) { judge(story, LongForkChecker(groups: [[1, 2, 3]]).check) }

  private static let two = [t(0, 0, 9, write(1, 1)), t(1, 10, 19, write(2, 1))]

  @Test(
    "who sees the second of two sees the first",
    arguments: [
      Story("both", two + [t(2, 5, 30, scan(1...3, [1: 1, 2: 1]))]),
      Story("the first", two + [t(2, 5, 30, scan(1...3, [1: 1]))]),
      Story("the second", ["causal reverse"], two + [t(2, 5, 30, scan(1...3, [2: 1]))]),
      Story("the second, row by row", ["causal reverse"], two + [t(2, 5, 30, read(1, nil), read(2, 1))]),
      Story("the second, with two snapshots", two + [t(2, 5, 30, level: .readCommitted, read(1, nil), read(2, 1))]),
      Story("the second, and did not look for the first", two + [t(2, 5, 30, read(2, 1))]),
      Story("two at once", [t(0, 0, 15, write(1, 1)), t(1, 10, 19, write(2, 1)), t(2, 5, 30, scan(1...3, [2: 1]))]),
      Story(
        "the first was given up",
        [
          t(0, 0, 9, .unknown, write(1, 1)), t(1, 10, 19, write(2, 1)), t(2, 5, 30, scan(1...3, [2: 1])),
        ]),
      Story(
        "the first was never acknowledged",
        [
          t(0, 0, nil, .unknown, write(1, 1)), t(1, 10, 19, write(2, 1)), t(2, 5, 30, scan(1...3, [2: 1])),
        ]),
    ])
  func causalReverse(story: Story) { judge(story, CausalReverseChecker.check) }

  @Test(
    "each addition counts once",
    arguments: [
      Story("all of them", [t(0, 0, 9, add(x, 1)), t(1, 0, 9, add(x, 1)), t(2, 10, 19, read(x, 2))]),
      Story("one less", ["lost increment"], [t(0, 0, 9, add(x, 1)), t(1, 0, 9, add(x, 1)), t(2, 10, 19, read(x, 1))]),
      Story("one more", ["extra increment"], [t(0, 0, 9, add(x, 1)), t(2, 10, 19, read(x, 2))]),
      Story("an aborted one", ["extra increment"], [t(0, 0, 9, .aborted, add(x, 1)), t(2, 10, 19, read(x, 1))]),
      Story("an unknown one, with", [t(0, 0, nil, .unknown, add(x, 1)), t(2, 10, 19, read(x, 1))]),
      Story("an unknown one, without", [t(0, 0, nil, .unknown, add(x, 1)), t(2, 10, 19, read(x, nil))]),
      Story("one that was given up, without", [t(0, 0, 9, .unknown, add(x, 1)), t(2, 10, 19, read(x, nil))]),
      Story(
        "an unknown one, twice", ["extra increment"], [t(0, 0, nil, .unknown, add(x, 1)), t(2, 10, 19, read(x, 2))]),
      Story("one at the same time, with", [t(0, 0, 15, add(x, 1)), t(2, 10, 19, read(x, 1))]),
      Story("one at the same time, without", [t(0, 0, 15, add(x, 1)), t(2, 10, 19, read(x, 0))]),
      Story("one that is still to come", ["extra increment"], [t(0, 20, 29, add(x, 1)), t(2, 10, 19, read(x, 1))]),
      Story("takes away, perhaps", [t(0, 0, nil, .unknown, add(x, -1)), t(2, 10, 19, read(x, -1))]),
      Story("takes away and must", ["extra increment"], [t(0, 0, 9, add(x, -1)), t(2, 10, 19, read(x, 0))]),
    ])
  func counter(story: Story) { judge(story, CounterChecker(key: x).check) }

  @Test(
    "a unique value has one holder",
    arguments: [
      Story(
        "two values", [t(0, 0, 9, write(1, 7)), t(1, 0, 9, write(2, 8)), t(2, 10, 19, scan(1...2, [1: 7, 2: 8]))]),
      Story("seen twice", ["duplicate value"], [t(0, 0, 9, scan(1...2, [1: 7, 2: 7]))]),
      Story("two winners", ["duplicate value"], [t(0, 0, 9, write(1, 7)), t(1, 0, 9, write(2, 7))]),
      Story("one was refused", [t(0, 0, 9, write(1, 7)), t(1, 0, 9, .aborted, write(2, 7))]),
      Story("one is unknown", [t(0, 0, 9, write(1, 7)), t(1, 0, nil, .unknown, write(2, 7))]),
      Story("given up and taken", [t(0, 0, 9, write(1, 7)), t(0, 10, 19, write(1, nil)), t(1, 20, 29, write(2, 7))]),
      Story(
        "perhaps given up",
        [
          t(0, 0, 9, write(1, 7)), t(0, 10, nil, .unknown, write(1, nil)), t(1, 20, 29, write(2, 7)),
        ]),
    ])
  func unique(story: Story) { judge(story, UniqueChecker.check) }

  @Test(
    "the ring stays one ring",
    arguments: [
      Story("one ring", [t(0, 0, 9, scan(1...4, [1: 3, 3: 2, 2: 4, 4: 1]))]),
      Story("two rings", ["broken ring"], [t(0, 0, 9, scan(1...4, [1: 3, 3: 1, 2: 4, 4: 2]))]),
      Story("a row is gone", ["broken ring"], [t(0, 0, 9, scan(1...4, [1: 3, 3: 2, 2: 4]))]),
      Story("a tail", ["broken ring"], [t(0, 0, 9, scan(1...4, [1: 3, 3: 2, 2: 4, 4: 3]))]),
      Story("a pointer to nowhere", ["broken ring"], [t(0, 0, 9, scan(1...4, [1: 3, 3: 2, 2: 4, 4: 9]))]),
      Story(
        "row by row, of one snapshot", ["broken ring"], [t(0, 0, 9, read(1, 2), read(2, 1), read(3, 4), read(4, 3))]),
      Story(
        "row by row, below REPEATABLE READ",
        [
          t(0, 0, 9, level: .readCommitted, read(1, 2), read(2, 1), read(3, 4), read(4, 3))
        ]),
    ])
  func ring(story: Story) { judge(story, RingChecker(members: 1...4).check) }

  private func judge(_ story: Story, _ check: ([Transaction]) -> [Anomaly]) {
    let found = check(story.history)
    #expect(names(found) == story.expected, "\(found)")
  }
}
