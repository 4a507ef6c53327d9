import Checkers
import Testing

// Histories by hand: `t(1, 0, 10, append(x, 1))` is a transaction of session 1 from 0 to 10.
let x: Int64 = 1
let y: Int64 = 2
let z: Int64 = 3

func append(_ key: Int64, _ value: Int64) -> Checkers.Operation { .append(key: key, value) }
func list(_ key: Int64, _ list: [Int64], at time: UInt64? = nil) -> Checkers.Operation {
  .readList(key: key, list, at: time)
}
func write(_ key: Int64, _ value: Int64?) -> Checkers.Operation { .write(key: key, value) }
func add(_ key: Int64, _ amount: Int64) -> Checkers.Operation { .add(key: key, amount) }
func read(_ key: Int64, _ value: Int64?, at time: UInt64? = nil) -> Checkers.Operation {
  .read(key: key, value, at: time)
}
func scan(_ range: ClosedRange<Int64>, _ rows: [Int64: Int64], at time: UInt64? = nil) -> Checkers.Operation {
  .scan(range, rows, at: time)
}

func t(
  _ session: Int, _ start: UInt64, _ end: UInt64?, level: IsolationLevel = .serializable,
  _ operations: Checkers.Operation...
) -> Transaction {
  Transaction(session: session, level, start: start, end: end, operations)
}

func t(
  _ session: Int, _ start: UInt64, _ end: UInt64?, _ outcome: Transaction.Outcome,
  level: IsolationLevel = .serializable, _ operations: Checkers.Operation...
) -> Transaction {
  Transaction(session: session, level, outcome, start: start, end: end, operations)
}

extension [Transaction] {
  /// The same at another level.
  func at(_ level: IsolationLevel) -> [Transaction] {
    map { transaction in
      var transaction = transaction
      transaction.isolation = level
      return transaction
    }
  }
}

/// The names of what was found, each once.
func names(_ anomalies: [Anomaly]) -> Set<String> { Set(anomalies.map(\.name)) }

/// A small history, and what a checker must say of it.
struct Story: Sendable, CustomTestStringConvertible {
  var name: String
  var history: [Transaction]
  var expected: Set<String>
  var testDescription: String { name }

  init(_ name: String, _ expected: Set<String>, _ history: [Transaction]) {
    self.name = name
    self.history = history
    self.expected = expected
  }

  /// A story without anomalies.
  init(_ name: String, _ history: [Transaction]) { self.init(name, [], history) }
}
