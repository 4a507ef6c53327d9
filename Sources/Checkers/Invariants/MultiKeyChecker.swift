/// W-MKEY: each transaction writes one value to all keys of a group, so a snapshot never shows two values in a group.
package struct MultiKeyChecker: Sendable {
  private let groups: [[Int64]]
  private let groupOf: [Int64: Int]

  /// - Parameter groups: keys that are always written together; no key is in two.
  package init(groups: [[Int64]]) {
    self.groups = groups
    var groupOf: [Int64: Int] = [:]
    for (number, keys) in groups.enumerated() { for key in keys { groupOf[key] = number } }
    self.groupOf = groupOf
  }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    var findings = Findings()
    for snapshot in Snapshot.all(in: history) {
      for group in Set(snapshot.reads.keys.compactMap { groupOf[$0] }).sorted() {
        let values = groups[group].compactMap { snapshot.value(of: $0) }
        guard Set(values).count > 1 else { continue }
        let text = values.map { $0.map { "\($0)" } ?? "no row" }.joined(separator: ", ")
        findings.add(
          .fracturedRead, [snapshot.transaction],
          "T\(snapshot.transaction) saw \(text) in keys that are always written together: "
            + "\(history[snapshot.transaction])"
        )
      }
    }
    return findings.anomalies
  }
}
