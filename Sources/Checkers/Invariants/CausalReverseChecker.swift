/// W-CAUSAL ("comments"): rows are inserted one by one, each once and for ever. Whoever sees a row must see every row
/// whose insert was acknowledged before that one's began: the second may have been caused by the first.
package enum CausalReverseChecker {
  package static func check(_ history: [Transaction]) -> [Anomaly] {
    var inserts: [Int64: Int] = [:]
    for (index, transaction) in history.enumerated() where transaction.outcome != .aborted {
      for case .write(let key, .some) in transaction.operations where inserts[key] == nil { inserts[key] = index }
    }
    let acknowledged = inserts.filter { history[$0.value].acknowledged != nil }
      .sorted { $0.key < $1.key }
    var findings = Findings()
    for snapshot in Snapshot.all(in: history) {
      let newest = snapshot.rows.compactMap { inserts[$0.key] }.max { history[$0].start < history[$1].start }
      guard let newest else { continue }
      let missing = missing(from: snapshot, acknowledged)
      guard let oldest = missing.min(by: { history[$0.insert].end ?? 0 < history[$1.insert].end ?? 0 }),
        history[oldest.insert].endedBefore(history[newest])
      else { continue }
      findings.add(
        .causalReverse, [oldest.insert, newest, snapshot.transaction],
        "T\(snapshot.transaction) saw a row of T\(newest) but not row \(oldest.key) of T\(oldest.insert), which was "
          + "over before T\(newest) began: \(history[snapshot.transaction])")
    }
    return findings.anomalies
  }

  /// The acknowledged rows that a snapshot looked for and did not find.
  private static func missing(from snapshot: Snapshot, _ acknowledged: [(key: Int64, value: Int)])
    -> [(key: Int64, insert: Int)]
  {
    var missing: [(key: Int64, insert: Int)] = []
    for range in snapshot.scanned {
      let first = acknowledged.partitioningIndex { $0.key >= range.lowerBound }
      for (key, insert) in acknowledged[first...].prefix(while: { $0.key <= range.upperBound })
      where snapshot.reads[key] == nil { missing.append((key, insert)) }
    }
    for (key, value) in snapshot.reads where value == nil {
      let place = acknowledged.partitioningIndex { $0.key >= key }
      if place < acknowledged.count, acknowledged[place].key == key { missing.append((key, acknowledged[place].value)) }
    }
    return missing.sorted { $0.key < $1.key }
  }
}
