import Checkers
import Testing

/// A history of appends, and its anomalies if all of its transactions are of one level.
struct AppendStory: Sendable, CustomTestStringConvertible {
  var name: String
  var readCommitted: Set<String>
  var repeatableRead: Set<String>
  var serializable: Set<String>
  var history: [Transaction]
  var testDescription: String { name }

  /// - Parameter everywhere: anomalies at every level.
  init(
    _ name: String, everywhere: Set<String> = [], fromRepeatableRead: Set<String> = [], serializable: Set<String> = [],
    _ history: [Transaction]
  ) {
    self.name = name
    readCommitted = everywhere
    repeatableRead = everywhere.union(fromRepeatableRead)
    self.serializable = repeatableRead.union(serializable)
    self.history = history
  }

  func expected(at level: IsolationLevel) -> Set<String> {
    switch level {
    case .readCommitted: readCommitted
    case .repeatableRead: repeatableRead
    case .serializable: serializable
    }
  }
}

extension AppendStory {
  static let elements: [AppendStory] = [
    AppendStory(
      "a transaction does not see its own append", everywhere: ["internal"], [t(0, 0, 9, append(x, 1), list(x, []))]),
    AppendStory(
      "a transaction sees its own appends in the wrong order", everywhere: ["internal"],
      [t(0, 0, 9, append(x, 1), append(x, 2), list(x, [2, 1]))]),
    AppendStory(
      "a transaction sees what it only appends later", everywhere: ["internal"],
      [t(0, 0, 9, list(x, [1]), append(x, 1))]),
    AppendStory(
      "a row changes between two reads", fromRepeatableRead: ["internal"],
      [t(0, 0, 9, list(x, []), list(x, [1])), t(1, 0, 9, append(x, 1))]),
    AppendStory(
      "a row changes between a read and an append", fromRepeatableRead: ["internal"],
      [t(0, 0, 9, list(x, []), append(x, 2), list(x, [1, 2])), t(1, 0, 9, append(x, 1))]),
    AppendStory("an element from nowhere", everywhere: ["garbage read"], [t(0, 0, 9, list(x, [7]))]),
    AppendStory(
      "an element twice", everywhere: ["duplicate element"], [t(0, 0, 9, append(x, 1)), t(1, 10, 19, list(x, [1, 1]))]),
    AppendStory(
      "two reads in two orders", everywhere: ["incompatible order"],
      [
        t(0, 0, 9, append(x, 1)), t(1, 0, 9, append(x, 2)), t(2, 10, 19, list(x, [1, 2])),
        t(3, 10, 19, list(x, [2, 1])),
      ]),
    AppendStory(
      "an acknowledged append is gone", everywhere: ["lost append"],
      [t(0, 0, 9, append(x, 1)), t(1, 10, 19, list(x, []))]),
    AppendStory(
      "an acknowledged append is overwritten", everywhere: ["lost append"],
      [t(0, 0, 9, append(x, 1)), t(1, 10, 19, append(x, 2)), t(2, 20, 29, list(x, [2]))]),
    AppendStory(
      "one value is appended twice: nobody can judge that", everywhere: ["ambiguous append"],
      [t(0, 0, 9, append(x, 1)), t(1, 10, 19, append(x, 1))]),
    AppendStory(
      "G1a: a read of an aborted append", everywhere: ["G1a"],
      [t(0, 0, 9, .aborted, append(x, 1)), t(1, 0, 9, list(x, [1]))]),
    AppendStory(
      "G1a: even by one that aborts itself", everywhere: ["G1a"],
      [t(0, 0, 9, .aborted, append(x, 1)), t(1, 0, 9, .aborted, list(x, [1]))]),
    AppendStory(
      "a commit on top of an aborted append", everywhere: ["G1a", "dirty update"],
      [t(0, 0, 9, .aborted, append(x, 1)), t(1, 0, 9, append(x, 2)), t(2, 10, 19, list(x, [1, 2]))]),
    AppendStory(
      "G1b: a read in the middle of a transaction", everywhere: ["G1b"],
      [t(0, 0, 9, append(x, 1), append(x, 2)), t(1, 0, 9, list(x, [1])), t(2, 10, 19, list(x, [1, 2]))]),
  ]

  static let cycles: [AppendStory] = [
    AppendStory(
      "G0: two writers overwrite each other", everywhere: ["G0"],
      [
        t(0, 0, 9, append(x, 1), append(y, 1)), t(1, 0, 9, append(x, 2), append(y, 2)),
        t(2, 10, 19, list(x, [1, 2]), list(y, [2, 1])),
      ]),
    AppendStory(
      "G0: an append between two of one transaction", everywhere: ["G0"],
      [t(0, 0, 9, append(x, 1), append(x, 3)), t(1, 0, 9, append(x, 2)), t(2, 10, 19, list(x, [1, 2, 3]))]),
    AppendStory(
      "G1c: two see each other's appends", everywhere: ["G1c"],
      [t(0, 0, 9, append(x, 1), list(y, [1])), t(1, 0, 9, append(y, 1), list(x, [1]))]),
    AppendStory(
      "G1c: one sees the append of another, which stands behind its own", everywhere: ["G1c"],
      [
        t(0, 0, 9, append(x, 1), append(y, 1)), t(1, 0, 9, append(x, 2), list(y, [1])), t(2, 0, 9, list(x, [2, 1])),
      ]),
    AppendStory(
      "read skew: half of a transaction", fromRepeatableRead: ["G-single"],
      [t(0, 0, 9, append(x, 1), append(y, 1)), t(1, 0, 9, list(x, []), list(y, [1]))]),
    AppendStory(
      "read skew over a chain", fromRepeatableRead: ["G-single"],
      [
        t(0, 0, 9, append(x, 1), append(y, 1)), t(1, 0, 9, list(y, [1]), append(z, 1)),
        t(2, 0, 9, list(x, []), list(z, [1])), t(3, 20, 29, list(x, [1])),
      ]),
    AppendStory(
      "lost update: both read one version, both replace it", fromRepeatableRead: ["lost update"],
      [
        t(0, 0, 9, list(x, []), append(x, 1)), t(1, 0, 9, list(x, []), append(x, 2)), t(2, 10, 19, list(x, [1, 2])),
      ]),
    AppendStory(
      "lost update, and the first append is gone", everywhere: ["lost append"], fromRepeatableRead: ["lost update"],
      [
        t(0, 0, 9, list(x, []), append(x, 1)), t(1, 0, 9, list(x, []), append(x, 2)), t(2, 10, 19, list(x, [2])),
      ]),
    AppendStory(
      "long fork", fromRepeatableRead: ["G-nonadjacent"],
      [
        t(0, 0, 9, append(x, 1)), t(1, 0, 9, append(y, 1)), t(2, 0, 9, list(x, [1]), list(y, [])),
        t(3, 0, 9, list(x, []), list(y, [1])),
      ]),
    AppendStory(
      "write skew", serializable: ["G2-item"],
      [
        t(0, 0, 9, list(x, []), append(y, 1)), t(1, 0, 9, list(y, []), append(x, 1)),
        t(2, 10, 19, list(x, [1]), list(y, [1])),
      ]),
    AppendStory(
      "write skew of three", serializable: ["G2-item"],
      [
        t(0, 0, 9, list(x, []), append(y, 1)), t(1, 0, 9, list(y, []), append(z, 1)),
        t(2, 0, 9, list(z, []), append(x, 1)), t(3, 10, 19, list(x, [1]), list(y, [1]), list(z, [1])),
      ]),
    AppendStory(
      "a reader sees the second of two before the first (Fekete, O'Neil and O'Neil 2004)", serializable: ["G2-item"],
      [
        t(0, 0, 29, list(x, []), list(y, []), append(x, 1)), t(1, 0, 9, append(y, 1)),
        t(2, 10, 19, list(x, []), list(y, [1])), t(3, 30, 39, list(x, [1])),
      ]),
    AppendStory(
      "G0 against real time", serializable: ["G0-realtime"],
      [t(0, 0, 9, append(x, 1)), t(1, 10, 19, append(x, 2)), t(2, 20, 29, list(x, [2, 1]))]),
    AppendStory(
      "a read of what is only written later", serializable: ["G1c-realtime"],
      [t(0, 0, 9, list(x, [1])), t(1, 10, 19, append(x, 1))]),
    AppendStory(
      "a stale read", serializable: ["G-single-realtime"],
      [t(0, 0, 9, append(x, 1)), t(1, 10, 19, list(x, [])), t(2, 10, 19, list(x, [1]))]),
    AppendStory(
      "a stale read, after two that were over", serializable: ["G-single-realtime"],
      [
        t(0, 0, 9, append(x, 1)), t(1, 5, 12, append(y, 1)), t(2, 20, 29, list(x, [])), t(3, 20, 29, list(x, [1])),
      ]),
    AppendStory(
      "a session does not see what it did before", serializable: ["G-single-session"],
      [t(0, 0, 9, append(x, 1)), t(0, 10, 19, list(x, [])), t(2, 10, 19, list(x, [1]))]),
    AppendStory(
      "causal reverse", serializable: ["G-single-realtime"],
      [
        t(0, 0, 9, append(x, 1)), t(1, 10, 19, append(y, 1)), t(2, 0, 29, list(x, []), list(y, [1])),
        t(3, 30, 39, list(x, [1])),
      ]),
    AppendStory(
      "write skew against real time", serializable: ["G2-item-realtime"],
      [
        t(0, 20, 60, list(x, [])), t(1, 0, 60, list(y, []), append(x, 1)), t(2, 0, 10, append(y, 1)),
        t(3, 70, 80, list(x, [1]), list(y, [1])),
      ]),
    AppendStory(
      "an unknown outcome was seen, and then not", serializable: ["G-single-realtime"],
      [t(0, 0, nil, .unknown, append(x, 1)), t(1, 10, 19, list(x, [1])), t(2, 20, 29, list(x, []))]),
    AppendStory(
      "half of an unknown outcome was seen", fromRepeatableRead: ["G-single"],
      [t(0, 0, nil, .unknown, append(x, 1), append(y, 1)), t(1, 10, 19, list(x, [1]), list(y, []))]),
  ]

  static let clean: [AppendStory] = [
    AppendStory("nothing", []),
    AppendStory(
      "one after the other",
      [
        t(0, 0, 9, append(x, 1), list(x, [1])), t(1, 10, 19, list(x, [1]), append(x, 2), append(x, 3)),
        t(2, 20, 29, list(x, [1, 2, 3]), append(y, 1)), t(0, 30, 39, list(x, [1, 2, 3]), list(y, [1])),
      ]),
    AppendStory(
      "an append at the same time may be seen or not",
      [
        t(0, 0, 20, append(x, 1)), t(1, 5, 9, list(x, [])), t(2, 5, 9, list(x, [1])), t(3, 5, 9, list(x, [])),
      ]),
    AppendStory(
      "an aborted append is never seen", [t(0, 0, 9, .aborted, append(x, 1), list(x, [1])), t(1, 10, 19, list(x, []))]),
    AppendStory(
      "an unknown outcome that happened", [t(0, 0, nil, .unknown, append(x, 1)), t(1, 10, 19, list(x, [1]))]),
    AppendStory(
      "an unknown outcome that did not happen", [t(0, 0, nil, .unknown, append(x, 1)), t(1, 10, 19, list(x, []))]),
    AppendStory(
      "an unknown outcome that happened late",
      [
        t(0, 0, nil, .unknown, append(x, 1)), t(1, 10, 19, list(x, [])), t(2, 20, 29, list(x, [1])),
      ]),
    AppendStory(
      "an unknown outcome that happened after its client had given up",
      [
        t(0, 0, 9, .unknown, append(x, 1)), t(1, 10, 19, append(y, 1)), t(2, 20, 29, list(x, []), list(y, [1])),
        t(3, 30, 39, list(x, [1])),
      ]),
    AppendStory(
      "an unknown outcome that its own session saw first",
      [
        t(0, 0, nil, .unknown, append(x, 1), list(x, [1])), t(1, 10, 19, append(x, 2)), t(2, 20, 29, list(x, [2])),
      ]),
    AppendStory(
      "touching intervals may be in either order",
      [
        t(0, 0, 10, append(x, 1)), t(1, 10, 20, list(x, [])), t(2, 15, 20, list(x, [1])),
      ]),
    AppendStory(
      "two appends and a reader between them",
      [
        t(0, 0, 9, append(x, 1), append(x, 2)), t(1, 0, 9, list(x, [])), t(2, 0, 9, list(x, [1, 2])),
      ]),
  ]
}
