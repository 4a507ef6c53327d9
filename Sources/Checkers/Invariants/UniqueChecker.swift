/// W-UNIQ: no two rows hold one value at once.
package enum UniqueChecker {
  package static func check(_ history: [Transaction]) -> [Anomaly] {
    var findings = Findings()
    for snapshot in Snapshot.all(in: history) {
      var holders: [Int64: Int64] = [:]
      for (key, value) in snapshot.rows {
        guard let other = holders.updateValue(key, forKey: value) else { continue }
        findings.add(
          .duplicateValue, [snapshot.transaction],
          "T\(snapshot.transaction) saw \(value) in rows \(other) and \(key): \(history[snapshot.transaction])")
      }
    }
    addClaims(history, &findings)
    return findings.anomalies
  }

  private struct Write {
    var transaction: Int
    var value: Int64?
  }

  /// Without any read: rows that were given one value, by acknowledged writes, and that nobody may have given another
  /// one.
  private static func addClaims(_ history: [Transaction], _ findings: inout Findings) {
    var writes: [Int64: [Write]] = [:]
    for (index, transaction) in history.enumerated() where transaction.outcome != .aborted {
      for case .write(let key, let value) in transaction.operations {
        writes[key, default: []].append(Write(transaction: index, value: value))
      }
    }
    var holders: [Int64: (key: Int64, transaction: Int)] = [:]
    for (key, writes) in writes.sorted(by: { $0.key < $1.key }) {
      guard let first = writes.first, let value = first.value, writes.allSatisfy({ $0.value == value }),
        let claim = writes.first(where: { history[$0.transaction].isCommitted })
      else { continue }
      guard let other = holders.updateValue((key, claim.transaction), forKey: value) else { continue }
      findings.add(
        .duplicateValue, [other.transaction, claim.transaction],
        "T\(other.transaction) put \(value) in row \(other.key) and T\(claim.transaction) in row \(key), "
          + "and both still hold it"
      )
    }
  }
}
