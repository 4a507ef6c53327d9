/// W-RING: each row points to the next, all in one ring, and transactions only ever change the order of the ring (the
/// Cycle workload of FoundationDB). A snapshot of all rows is one ring; a fault in isolation cuts it, or makes two of
/// it.
package struct RingChecker: Sendable {
  package var members: ClosedRange<Int64>

  package init(members: ClosedRange<Int64>) { self.members = members }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    var findings = Findings()
    for snapshot in Snapshot.all(in: history) where members.allSatisfy({ snapshot.value(of: $0) != nil }) {
      guard let fault = fault(snapshot) else { continue }
      findings.add(
        .brokenRing, [snapshot.transaction], "T\(snapshot.transaction) \(fault): \(history[snapshot.transaction])")
    }
    return findings.anomalies
  }

  private func fault(_ snapshot: Snapshot) -> String? {
    var place = members.lowerBound
    for step in 1...members.count {
      guard let next = snapshot.value(of: place) ?? nil else { return "found no row \(place) in the ring" }
      guard members.contains(next) else { return "saw \(place) point to \(next), outside of the ring" }
      place = next
      if place == members.lowerBound, step < members.count {
        return "came back to \(place) after \(step) of \(members.count) steps"
      }
    }
    return place == members.lowerBound ? nil : "did not come back to \(members.lowerBound)"
  }
}
