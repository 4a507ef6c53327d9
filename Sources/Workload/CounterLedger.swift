/// What the counters' clients were told, and the checker of what they read.
package struct CounterLedger: Sendable {
  package var acknowledged: [Int]
  /// Sent, and not refused: acknowledged, unknown or under way.
  package var possible: [Int]
  package private(set) var reads = 0
  package private(set) var problems: [String] = []

  package init(rows: Int) {
    acknowledged = [Int](repeating: 0, count: rows)
    possible = acknowledged
  }

  /// Checks one read of one row.
  /// - Parameter acknowledgedBefore: its increments that had been acknowledged when the read began.
  package mutating func check(row: Int, value: Int, acknowledgedBefore: Int) {
    reads += 1
    if value < acknowledgedBefore { problem("row \(row) is \(value) after \(acknowledgedBefore) increments") }
    if value > possible[row] { problem("row \(row) is \(value) after at most \(possible[row]) increments") }
  }

  mutating func problem(_ text: String) { if problems.count < 20 { problems.append("counter: " + text) } }
}
