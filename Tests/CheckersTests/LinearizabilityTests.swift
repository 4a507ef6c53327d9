import Checkers
import Testing

/// Histories of one register by hand: `w(1, 0, 10)` is a write of 1 from 0 to 10.
private func w(_ value: Int64, _ start: UInt64, _ end: UInt64?) -> RegisterOperation {
  RegisterOperation(.upsert(value), start: start, end: end)
}
private func r(_ value: Int64?, _ start: UInt64, _ end: UInt64) -> RegisterOperation {
  RegisterOperation(.read(value), start: start, end: end)
}
private func cas(_ old: Int64, _ new: Int64, _ done: Bool?, _ start: UInt64, _ end: UInt64?) -> RegisterOperation {
  RegisterOperation(.compareAndSet(expected: old, new: new, succeeded: done), start: start, end: end)
}
private func delete(_ found: Bool?, _ start: UInt64, _ end: UInt64?) -> RegisterOperation {
  RegisterOperation(.delete(found: found), start: start, end: end)
}
private func insert(_ value: Int64, _ done: Bool?, _ start: UInt64, _ end: UInt64?) -> RegisterOperation {
  RegisterOperation(.insert(value, succeeded: done), start: start, end: end)
}
private func update(_ value: Int64, _ found: Bool?, _ start: UInt64, _ end: UInt64?) -> RegisterOperation {
  RegisterOperation(.update(value, found: found), start: start, end: end)
}

@Suite("The linearizability checker")
struct LinearizabilityTests {
  struct Story: Sendable, CustomTestStringConvertible {
    var name: String
    var history: [RegisterOperation]
    var testDescription: String { name }
    init(_ name: String, _ history: [RegisterOperation]) {
      self.name = name
      self.history = history
    }
  }

  @Test(
    "accepts what one register can do",
    arguments: [
      Story("nothing", []),
      Story("a row that never was", [r(nil, 0, 1)]),
      Story("a read beside a write sees the old value", [w(1, 0, 10), w(2, 20, 40), r(1, 25, 35)]),
      Story("or the new one", [w(1, 0, 10), w(2, 20, 40), r(2, 25, 35)]),
      Story("operations that touch in time may be in either order", [w(1, 0, 10), r(nil, 10, 20)]),
      Story("an unheard write appears late", [w(1, 0, nil), r(nil, 10, 20), r(nil, 30, 40), r(1, 50, 60)]),
      Story("or never", [w(1, 0, nil), r(nil, 10, 20), r(nil, 30, 40)]),
      Story("two writes at once, seen in the other order", [w(1, 0, 10), w(2, 1, 9), r(2, 11, 12), r(2, 13, 14)]),
      Story(
        "an unheard compare-and-set between two others", [w(1, 0, 1), cas(1, 2, nil, 2, nil), cas(2, 3, true, 5, 6)]),
      Story("insert, delete, insert", [insert(1, true, 0, 1), delete(true, 2, 3), insert(2, true, 4, 5), r(2, 6, 7)]),
      Story("an update of nothing", [update(1, false, 0, 1), r(nil, 2, 3)]),
      Story(
        "an unheard delete explains an update of nothing", [w(1, 0, 1), delete(nil, 2, nil), update(3, false, 8, 9)]),
      Story("a refused insert", [w(1, 0, 1), insert(2, false, 2, 3), r(1, 4, 5)]),
    ])
  func accepts(story: Story) {
    #expect(LinearizabilityChecker.check(story.history) == .linearizable)
  }

  @Test(
    "finds what one register cannot do",
    arguments: [
      Story("stale read", [w(1, 0, 10), w(2, 20, 30), r(1, 40, 50)]),
      Story("lost write", [w(1, 0, 10), r(nil, 20, 30)]),
      Story("read of what nobody wrote", [w(1, 0, 10), r(7, 20, 30)]),
      Story("read from the future", [r(1, 0, 5), w(1, 10, 20)]),
      Story("reads go back", [w(1, 0, 10), w(2, 20, 90), r(2, 30, 40), r(1, 50, 60)]),
      Story("a write that comes twice", [w(1, 0, 10), w(2, 20, 30), r(2, 31, 32), r(1, 40, 50), w(3, 60, 70)]),
      Story("an unheard write that comes twice", [w(1, 0, nil), r(1, 5, 6), w(2, 7, 8), r(2, 9, 10), r(1, 11, 12)]),
      Story("an unheard write that comes and goes", [w(1, 0, nil), r(1, 10, 20), r(nil, 30, 40)]),
      Story("lost update", [w(1, 0, 1), cas(1, 2, true, 2, 8), cas(1, 3, true, 3, 9)]),
      Story("compare-and-set on what is not there", [w(1, 0, 1), cas(5, 6, true, 2, 3)]),
      Story("compare-and-set refused for no reason", [w(1, 0, 1), cas(1, 2, false, 2, 3)]),
      Story("a refused compare-and-set took effect", [w(1, 0, 1), cas(9, 2, false, 2, 3), r(2, 4, 5)]),
      Story("a delete that did not", [w(1, 0, 1), delete(true, 2, 3), r(1, 4, 5)]),
      Story("a delete of nothing that found something", [delete(true, 0, 1)]),
      Story("a delete that came twice", [w(1, 0, 1), delete(true, 2, 3), w(2, 4, 5), r(nil, 6, 7)]),
      Story("a deleted row comes back", [w(1, 0, 1), delete(true, 2, 3), r(nil, 4, 5), r(1, 6, 7)]),
      Story("two inserts both succeed", [insert(1, true, 0, 5), insert(2, true, 1, 6)]),
      Story("an insert refused without a row", [insert(1, false, 0, 1)]),
      Story("an update that found nothing of a row", [w(1, 0, 1), update(2, false, 2, 3)]),
      Story("an update that found a row too many", [update(2, true, 0, 1)]),
      Story("two readers see two orders", [w(1, 0, 50), w(2, 0, 50), r(1, 10, 11), r(2, 12, 13), r(1, 14, 15)]),
      Story(
        "an acknowledged write overtaken by an older one", [w(1, 0, 10), w(2, 11, 20), r(2, 21, 22), r(1, 23, 24)]),
    ])
  func finds(story: Story) {
    guard case .violation = LinearizabilityChecker.check(story.history) else {
      Issue.record("\(story.name) went unnoticed")
      return
    }
  }

  @Test("accepts a thousand histories of a register that works, and finds what is planted in them")
  func generated() {
    var planted = 0
    for seed in 1...1_000 as ClosedRange<UInt64> {
      var generator = HistoryGenerator(seed: seed)
      let history = generator.history(operations: 60, clients: 5)
      #expect(LinearizabilityChecker.check(history) == .linearizable, "seed \(seed)")
      guard let spoiled = generator.plantStaleRead(in: history) else { continue }
      planted += 1
      if case .violation = LinearizabilityChecker.check(spoiled) { continue }
      Issue.record("a stale read went unnoticed, seed \(seed)")
    }
    #expect(planted > 800)
  }

  @Test("gives up within its limit instead of searching for ever")
  func isBounded() {
    // Forty writes at once and a read of none of them: every subset would be tried.
    let history = (0..<40).map { w($0, 0, 100) } + [r(-1, 200, 201)]
    #expect(LinearizabilityChecker.check(history, statesMax: 10_000) == .undecided)
  }
}

/// Makes histories that a real register could have given: each operation takes effect at a moment between its start and
/// its end.
private struct HistoryGenerator {
  private var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func history(operations: Int, clients: Int) -> [RegisterOperation] {
    struct Planned {
      var start: UInt64
      var moment: UInt64
      var end: UInt64?
    }
    var planned: [Planned] = []
    var free = [UInt64](repeating: 0, count: clients)
    for _ in 0..<operations {
      let client = Int(random.below(UInt64(clients)))
      let start = free[client] + 1 + random.below(20)
      let moment = start + random.below(10)
      let end = moment + random.below(10)
      free[client] = end
      planned.append(Planned(start: start, moment: moment, end: random.oneIn(15) ? nil : end))
    }
    var value: Int64?
    var next: Int64 = 0
    return planned.sorted { $0.moment < $1.moment }.map { plan in
      next += 1
      // One in two operations of unknown outcome never happened.
      let isUnknown = plan.end == nil
      let happens = !isUnknown || random.oneIn(2)
      let wasThere = value != nil
      func outcome(_ outcome: Bool) -> Bool? { isUnknown ? nil : outcome }
      let kind: RegisterOperation.Kind
      switch random.below(isUnknown ? 4 : 8) {
      case 0:
        kind = .upsert(next)
        if happens { value = next }
      case 1:
        let expected = random.oneIn(3) ? -1 : value ?? -1
        kind = .compareAndSet(expected: expected, new: next, succeeded: outcome(value == expected))
        if happens, value == expected { value = next }
      case 2:
        kind = .delete(found: outcome(wasThere))
        if happens { value = nil }
      case 3:
        kind = .insert(next, succeeded: outcome(!wasThere))
        if happens, !wasThere { value = next }
      default: kind = .read(value)
      }
      return RegisterOperation(kind, start: plan.start, end: plan.end)
    }
  }

  /// A read at the end that sees a value which was certainly overwritten before.
  mutating func plantStaleRead(in history: [RegisterOperation]) -> [RegisterOperation]? {
    let end = history.map { max($0.start, $0.end ?? 0) }.max() ?? 0
    let seen = history.compactMap { operation -> Int64? in
      if case .read(let value?) = operation.kind { value } else { nil }
    }
    guard let stale = seen.first else { return nil }
    return history + [
      RegisterOperation(.upsert(-7), start: end + 1, end: end + 2),
      RegisterOperation(.read(-7), start: end + 3, end: end + 4),
      RegisterOperation(.read(stale), start: end + 5, end: end + 6),
    ]
  }
}
