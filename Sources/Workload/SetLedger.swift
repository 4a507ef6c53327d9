/// What the set's clients were told, and the checker of what they read.
package struct SetLedger: Sendable {
  /// In the order of the answers.
  package var acknowledged: [Int64] = []
  package var refused: Set<Int64> = []
  package var unknown: Set<Int64> = []
  /// Inserts that were sent: those above, and those under way.
  package var tried: Set<Int64> = []
  package private(set) var reads = 0
  package private(set) var problems: [String] = []

  package init() {}

  /// Checks one read of all rows.
  /// - Parameter acknowledgedBefore: how many inserts had been acknowledged when it began.
  package mutating func check(_ ids: [Int64], acknowledgedBefore: Int) {
    reads += 1
    let found = Set(ids)
    if found.count != ids.count { problem("a read gave \(ids.count - found.count) rows twice") }
    let missing = acknowledged[..<acknowledgedBefore].filter { !found.contains($0) }
    if let first = missing.first { problem("a read misses \(missing.count) acknowledged rows, as \(first)") }
    let ghosts = found.filter { !tried.contains($0) || refused.contains($0) }
    if let first = ghosts.min() { problem("a read has \(ghosts.count) rows that nobody inserted, as \(first)") }
  }

  /// The first ones tell enough; a broken cluster would fill the memory.
  private mutating func problem(_ text: String) { if problems.count < 20 { problems.append("set: " + text) } }
}
