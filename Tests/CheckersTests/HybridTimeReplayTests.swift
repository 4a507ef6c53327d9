import Checkers
import Testing

@Suite("Replay by hybrid time")
struct HybridTimeReplayTests {
  @Test(
    "reads at their time, commits at theirs",
    arguments: [
      Story(
        "a read at a time sees what was committed by then",
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1), append(y, 1)), t(1, 0, 9, read(x, nil, at: 4), list(y, [], at: 4)),
          t(2, 0, 9, read(x, 1, at: 5), list(y, [1], at: 5), scan(0...9, [x: 1], at: 5)),
        ]),
      Story("too early", ["wrong read"], [t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 0, 9, read(x, 1, at: 4))]),
      Story("too late", ["wrong read"], [t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 0, 9, read(x, nil, at: 5))]),
      Story(
        "a scan without a row", ["wrong read"],
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1), write(y, 2)), t(1, 0, 9, scan(0...9, [x: 1], at: 6)),
        ]),
      Story(
        "a scan with a deleted row", ["wrong read"],
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 0, 9, .committed(at: 6), write(x, nil)),
          t(2, 0, 9, scan(0...9, [x: 1], at: 7)),
        ]),
      Story(
        "a list without its newest element", ["wrong read"],
        [
          t(0, 0, 9, .committed(at: 5), append(x, 1)), t(1, 0, 9, .committed(at: 6), append(x, 2)),
          t(2, 0, 9, list(x, [1], at: 6)),
        ]),
      Story("an aborted write", ["wrong read"], [t(0, 0, 9, .aborted, write(x, 1)), t(1, 0, 9, read(x, 1, at: 5))]),
      Story(
        "own writes over the snapshot",
        [
          t(
            0, 0, 9, .committed(at: 5), write(x, 1), add(y, 2), append(z, 1), read(x, 1, at: 2), read(y, 2, at: 2),
            list(z, [1], at: 2), scan(1...2, [x: 1, y: 2], at: 2))
        ]),
      Story("a scan with a row of nobody", ["wrong read"], [t(0, 0, 9, scan(0...9, [x: 1], at: 5))]),
      Story(
        "own appends not seen", ["wrong read"], [t(0, 0, 9, .committed(at: 5), append(x, 1), list(x, [], at: 2))]),
      Story("a read at the time of the own commit", [t(0, 0, 9, .committed(at: 5), read(x, nil, at: 5), write(x, 1))]),
      Story("own writes not seen", ["wrong read"], [t(0, 0, 9, .committed(at: 5), write(x, 1), read(x, nil, at: 2))]),
      Story("two snapshots in one transaction", ["wrong read"], [t(0, 0, 9, read(x, nil, at: 2), read(y, nil, at: 3))]),
      Story(
        "two statements at READ COMMITTED",
        [
          t(0, 0, 9, level: .readCommitted, read(x, nil, at: 2), read(y, nil, at: 3))
        ]),
      Story(
        "additions in order of commit",
        [
          t(0, 0, 9, .committed(at: 5), add(x, 1)), t(1, 0, 9, .committed(at: 6), add(x, 2)),
          t(2, 0, 9, read(x, 3, at: 6)),
        ]),
      Story(
        "a lost update", ["write conflict"],
        [
          t(0, 0, 9, .committed(at: 5), level: .repeatableRead, read(x, nil, at: 2), write(x, 1)),
          t(1, 0, 9, .committed(at: 6), level: .repeatableRead, read(x, nil, at: 2), write(x, 2)),
        ]),
      Story(
        "the same at READ COMMITTED",
        [
          t(0, 0, 9, .committed(at: 5), level: .readCommitted, read(x, nil, at: 2), write(x, 1)),
          t(1, 0, 9, .committed(at: 6), level: .readCommitted, read(x, nil, at: 2), write(x, 2)),
        ]),
      Story(
        "two versions at one time", ["write conflict"],
        [
          t(0, 0, 9, .committed(at: 5), level: .readCommitted, write(x, 1)),
          t(1, 0, 9, .committed(at: 5), level: .readCommitted, write(x, 2)),
        ]),
      Story(
        "write skew", ["wrong read at commit"],
        [
          t(0, 0, 9, .committed(at: 5), read(x, nil, at: 2), write(y, 1)),
          t(1, 0, 9, .committed(at: 6), read(y, nil, at: 2), write(x, 1)),
        ]),
      Story(
        "write skew by a scan", ["wrong read at commit"],
        [
          t(0, 0, 9, .committed(at: 5), scan(0...9, [:], at: 2), write(1, 1)),
          t(1, 0, 9, .committed(at: 6), scan(0...9, [:], at: 2), write(2, 2)),
        ]),
      Story(
        "write skew, as REPEATABLE READ allows",
        [
          t(0, 0, 9, .committed(at: 5), level: .repeatableRead, read(x, nil, at: 2), write(y, 1)),
          t(1, 0, 9, .committed(at: 6), level: .repeatableRead, read(y, nil, at: 2), write(x, 1)),
        ]),
      Story(
        "changed and changed back before the commit",
        [
          t(0, 0, 9, .committed(at: 3), write(x, 1)), t(1, 0, 9, .committed(at: 4), write(x, nil)),
          t(2, 0, 9, .committed(at: 5), read(x, nil, at: 2), write(y, 1)),
        ]),
      Story(
        "commit times against real time", ["time reversal"],
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 10, 19, .committed(at: 4), write(y, 1)),
        ]),
      Story(
        "a read in the past of what was acknowledged", ["time reversal"],
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 10, 19, read(x, nil, at: 4)),
        ]),
      Story(
        "a read in the past of other rows",
        [
          t(0, 0, 9, .committed(at: 5), write(x, 1)), t(1, 10, 19, read(y, nil, at: 4)),
        ]),
      Story(
        "an unknown outcome, seen from some time on",
        [
          t(0, 0, nil, .unknown, write(x, 1), append(y, 1)), t(1, 0, 9, read(x, nil, at: 4), list(y, [], at: 4)),
          t(2, 0, 9, read(x, 1, at: 6), list(y, [1], at: 6)), t(3, 0, 9, read(x, 1, at: 7)),
        ]),
      Story(
        "an unknown outcome, seen and then not", ["wrong read"],
        [
          t(0, 0, nil, .unknown, write(x, 1)), t(1, 0, 9, read(x, 1, at: 4)), t(2, 0, 9, read(x, nil, at: 6)),
        ]),
      Story(
        "two unknown outcomes of the same value, each seen",
        [
          t(0, 0, nil, .unknown, write(x, 1)), t(1, 0, nil, .unknown, write(x, 1)), t(2, 0, 9, read(x, 1, at: 4)),
          t(3, 0, 9, .committed(at: 5), write(x, 2)), t(4, 0, 9, read(x, 2, at: 6)), t(5, 0, 9, read(x, 1, at: 8)),
        ]),
      Story(
        "one unknown outcome, seen twice", ["wrong read"],
        [
          t(0, 0, nil, .unknown, write(x, 1)), t(1, 0, 9, read(x, 1, at: 4)),
          t(2, 0, 9, .committed(at: 5), write(x, 2)), t(3, 0, 9, read(x, 2, at: 6)), t(4, 0, 9, read(x, 1, at: 8)),
        ]),
      Story(
        "an unknown append, seen and then not", ["wrong read"],
        [
          t(0, 0, nil, .unknown, append(x, 1)), t(1, 0, 9, list(x, [1], at: 4)), t(2, 0, 9, list(x, [], at: 6)),
        ]),
      Story(
        "an unknown append between two that are known",
        [
          t(0, 0, nil, .unknown, append(x, 9)), t(1, 0, 9, .committed(at: 3), append(x, 1)),
          t(2, 0, 9, .committed(at: 5), append(x, 2)), t(3, 0, 9, list(x, [1, 9, 2], at: 6)),
          t(4, 0, 9, .committed(at: 7), append(x, 3)), t(5, 0, 9, list(x, [1, 9, 2, 3], at: 8)),
        ]),
      Story(
        "an unknown append in a place where an earlier read had nothing", ["wrong read"],
        [
          t(0, 0, nil, .unknown, append(x, 9)), t(1, 0, 9, .committed(at: 3), append(x, 1)),
          t(2, 0, 9, .committed(at: 5), append(x, 2)), t(3, 0, 9, list(x, [1, 2], at: 5)),
          t(4, 0, 9, list(x, [1, 9, 2], at: 6)),
        ]),
      Story(
        "an unknown outcome may be older than its first read: no conflict",
        [
          t(0, 0, nil, .unknown, write(x, 1)), t(1, 0, 9, .committed(at: 8), read(y, nil, at: 4), write(x, 2)),
          t(2, 0, 9, read(x, 1, at: 5)),
        ]),
      Story(
        "an unknown addition: nobody can say",
        [
          t(0, 0, nil, .unknown, add(x, 1)), t(1, 0, 9, .committed(at: 3), add(x, 1)), t(2, 0, 9, read(x, 2, at: 4)),
        ]),
    ])
  func stories(story: Story) {
    let found = HybridTimeReplay().check(story.history)
    #expect(names(found) == story.expected, "\(found)")
  }

  @Test("commit times may stand in the wrong order as far as clocks may")
  func timeBound() {
    let history = [t(0, 0, 9, .committed(at: 50), write(x, 1)), t(1, 10, 19, .committed(at: 41), write(y, 1))]
    #expect(names(HybridTimeReplay(timeBound: 9).check(history)) == ["time reversal"])
    #expect(HybridTimeReplay(timeBound: 10).check(history).isEmpty)
  }
}
