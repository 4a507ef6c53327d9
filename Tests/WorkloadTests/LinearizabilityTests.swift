import Checkers
import Testing
import Workload

/// Histories with conditional updates, as the register workload records them.
@Suite("Conditional updates in a register's history")
struct LinearizabilityTests {
  typealias Operation = RegisterOperation

  @Test("One of two that ask for the same old value may be applied")
  func oneWins() {
    let write = Operation(.upsert(1), start: 0, end: 1)
    let first = Operation(.compareAndSet(expected: 1, new: 2, succeeded: true), start: 2, end: 5)
    let second = Operation(.compareAndSet(expected: 1, new: 3, succeeded: false), start: 3, end: 6)
    let both = Operation(.compareAndSet(expected: 1, new: 3, succeeded: true), start: 3, end: 6)
    #expect(LinearizabilityChecker.check([write, first, second]) == .linearizable)
    #expect(LinearizabilityChecker.check([write, first, both]) != .linearizable)
  }

  @Test("An unknown one may have happened, late or never, but only over its old value")
  func unknown() {
    let write = Operation(.upsert(1), start: 0, end: 1)
    let unknown = Operation(.compareAndSet(expected: 1, new: 2, succeeded: nil), start: 2, end: nil)
    for value in [1, 2] as [Int64] {
      let read = Operation(.read(value), start: 100, end: 101)
      #expect(LinearizabilityChecker.check([write, unknown, read]) == .linearizable)
    }
    let other = Operation(.compareAndSet(expected: 9, new: 2, succeeded: nil), start: 2, end: nil)
    let read = Operation(.read(2), start: 100, end: 101)
    #expect(LinearizabilityChecker.check([write, other, read]) != .linearizable)
  }

  @Test("A refusal that saw the old value is a lie")
  func falseRefusal() {
    let write = Operation(.upsert(1), start: 0, end: 1)
    let refused = Operation(.compareAndSet(expected: 1, new: 2, succeeded: false), start: 2, end: 3)
    #expect(LinearizabilityChecker.check([write, refused]) != .linearizable)
  }

  @Test("The same seed gives the same choices")
  func generator() {
    var (one, other) = (SeededGenerator(seed: 7), SeededGenerator(seed: 7))
    #expect((0..<100).map { _ in one.next() } == (0..<100).map { _ in other.next() })
    #expect(SeededGenerator(seed: 0).first() == 0xE220_A839_7B1D_CDAF)
  }
}

extension SeededGenerator {
  fileprivate func first() -> UInt64 {
    var copy = self
    return copy.next()
  }
}
