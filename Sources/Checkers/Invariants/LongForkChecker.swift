/// W-FORK: rows are inserted one by one, each once and for ever, and readers look at whole groups of them. What two
/// readers see of a group must be one in the other: else each has a row that the other lacks, and there is no one order
/// of the inserts (long fork; Sovran et al., "Transactional storage for geo-replicated systems", 2011).
package struct LongForkChecker: Sendable {
  private let groups: [[Int64]]
  private let groupOf: [Int64: Int]

  /// - Parameter groups: up to 64 keys each; no key is in two.
  package init(groups: [[Int64]]) {
    for group in groups { precondition(group.count <= 64, "a group of \(group.count) keys is too large") }
    self.groups = groups
    var groupOf: [Int64: Int] = [:]
    for (number, keys) in groups.enumerated() { for key in keys { groupOf[key] = number } }
    self.groupOf = groupOf
  }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    /// For each group the different views of it, a bit for each row seen, with the first transaction that had it.
    var views = [[UInt64: Int]](repeating: [:], count: groups.count)
    for snapshot in Snapshot.all(in: history) {
      // A view without any row is in every other.
      for group in Set(snapshot.rows.compactMap { groupOf[$0.key] }) {
        let values = groups[group].map { snapshot.value(of: $0) }
        guard values.allSatisfy({ $0 != nil }) else { continue }
        let view = values.enumerated().reduce(0 as UInt64) {
          $1.element.flatMap { $0 } == nil ? $0 : $0 | 1 << $1.offset
        }
        views[group][view] = views[group][view] ?? snapshot.transaction
      }
    }
    var findings = Findings()
    for (group, views) in views.enumerated() {
      let sorted = views.sorted { ($0.key.nonzeroBitCount, $0.key) < ($1.key.nonzeroBitCount, $1.key) }
      for (small, large) in zip(sorted, sorted.dropFirst()) where small.key & ~large.key != 0 {
        findings.add(
          .longFork, [small.value, large.value],
          "T\(small.value) and T\(large.value) each saw a row of \(groups[group]) that the other did not: "
            + "\(history[small.value]) and \(history[large.value])")
      }
    }
    return findings.anomalies
  }
}
