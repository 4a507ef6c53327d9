import Checkers
import Testing

@Suite("The list-append checker")
struct AppendCheckerTests {
  @Test(
    "names what is wrong with single elements, at each level", arguments: AppendStory.elements, IsolationLevel.allCases)
  func elements(story: AppendStory, level: IsolationLevel) { judge(story, level) }

  @Test("names cycles, at the levels that forbid them", arguments: AppendStory.cycles, IsolationLevel.allCases)
  func cycles(story: AppendStory, level: IsolationLevel) { judge(story, level) }

  @Test("accepts what may happen", arguments: AppendStory.clean, IsolationLevel.allCases)
  func clean(story: AppendStory, level: IsolationLevel) { judge(story, level) }

  private func judge(_ story: AppendStory, _ level: IsolationLevel) {
    let found = AppendChecker().check(story.history.at(level))
    #expect(names(found) == story.expected(at: level), "\(found.map(\.description).joined(separator: "\n"))")
  }

  @Test("finds each anomaly inside a long history that is otherwise right", arguments: Seed.sample(50))
  func embedded(seed: Seed) {
    var random = SeededRandom(seed: seed.value)
    for story in AppendStory.elements + AppendStory.cycles {
      let level = IsolationLevel.allCases[random.below(3)]
      var model = ModelDatabase(seed: random.next(), levels: [level])
      let hay = model.run(transactions: 40)
      let offset = hay[random.below(hay.count)].start
      var all = hay + story.history.at(level).map { moved($0, by: offset) }
      all.shuffle(using: &random)
      let found = AppendChecker().check(all)
      #expect(names(found) == story.expected(at: level), "\(story.name) at \(level.sql), \(seed)\n\(found)")
    }
  }

  /// The same transaction on other keys, in another session, at another time.
  private func moved(_ transaction: Transaction, by offset: UInt64) -> Transaction {
    var transaction = transaction
    transaction.session += 1_000
    transaction.start += offset
    transaction.end = transaction.end.map { $0 + offset }
    transaction.operations = transaction.operations.map { operation in
      switch operation {
      case .append(let key, let value): .append(key: key + 1_000, value)
      case .readList(let key, let list, let time): .readList(key: key + 1_000, list, at: time)
      case .write, .add, .read, .scan: operation
      }
    }
    return transaction
  }

  @Test("real time can be asked of every level")
  func realTimeEverywhere() {
    let history = [t(0, 0, 9, append(x, 1)), t(1, 10, 19, list(x, [])), t(2, 10, 19, list(x, [1]))]
    #expect(names(AppendChecker(realTimeFrom: .repeatableRead).check(history.at(.readCommitted))) == [])
    #expect(
      names(AppendChecker(realTimeFrom: .repeatableRead).check(history.at(.repeatableRead))) == ["G-single-realtime"])
  }

  @Test("the reader's level decides about read skew, the weakest one about write skew")
  func mixedLevels() {
    func skew(writer: IsolationLevel, reader: IsolationLevel) -> [Transaction] {
      [
        t(0, 0, 9, level: writer, append(x, 1), append(y, 1)), t(1, 0, 9, level: reader, list(x, []), list(y, [1])),
      ]
    }
    #expect(names(AppendChecker().check(skew(writer: .readCommitted, reader: .repeatableRead))) == ["G-single"])
    #expect(names(AppendChecker().check(skew(writer: .serializable, reader: .readCommitted))) == [])
    let writeSkew = [
      t(0, 0, 9, level: .serializable, list(x, []), append(y, 1)),
      t(1, 0, 9, level: .repeatableRead, list(y, []), append(x, 1)),
      t(2, 10, 19, list(x, [1]), list(y, [1])),
    ]
    #expect(names(AppendChecker().check(writeSkew)) == [])
    func throughWriter(_ level: IsolationLevel) -> [Transaction] {
      [
        t(0, 0, 9, list(x, []), append(y, 1)), t(1, 0, 9, level: level, append(x, 1)),
        t(2, 0, 9, list(x, [1]), list(y, [])), t(3, 10, 19, list(y, [1])),
      ]
    }
    #expect(names(AppendChecker().check(throughWriter(.serializable))) == ["G2-item"])
    #expect(names(AppendChecker().check(throughWriter(.readCommitted))) == [])
  }

  @Test("of several cycles the shortest one is shown")
  func shortest() {
    let history = [
      t(0, 0, 9, append(1, 0), append(3, 0)), t(1, 0, 9, append(1, 1), append(2, 1), append(4, 1)),
      t(2, 0, 9, append(2, 2), append(3, 2), append(4, 2)),
      t(3, 10, 19, list(1, [0, 1]), list(2, [1, 2]), list(3, [2, 0]), list(4, [2, 1])),
    ]
    #expect(AppendChecker().check(history).map(\.transactions) == [[1, 2]])
  }

  @Test("tells the shortest cycle in words")
  func explanation() throws {
    let history = [
      t(0, 0, 9, append(x, 1), append(y, 1)), t(1, 0, 9, list(x, []), list(y, [1])),
      t(2, 0, 9, list(y, [1]), append(z, 1)), t(1, 10, 19, list(z, [1])),
    ]
    let found = try #require(AppendChecker().check(history).first)
    #expect(
      found.description == """
        G-single: each of 2 transactions comes before the next, and the last before the first:
          T1: session 1, SERIALIZABLE, 0…9 ns, committed: read 1: []; read 2: [1]
          T0: session 0, SERIALIZABLE, 0…9 ns, committed: append 1 to 1; append 1 to 2
          - T1 comes before T0: it did not see 1, which T0 put in key 1 (rw)
          - T0 comes before T1: T1 saw its 1 in key 2 (wr)
        """)
  }

  @Test("the order of a history's lines does not matter", arguments: Seed.sample(20))
  func shuffled(seed: Seed) {
    var random = SeededRandom(seed: seed.value)
    for story in AppendStory.cycles {
      let found = AppendChecker().check(story.history.shuffled(using: &random))
      #expect(names(found) == story.serializable, "\(story.name), \(seed)")
    }
  }
}
