/// W-G2: transactions look whether a range is empty and, if it is, each insert a row of their own into it. Under
/// SERIALIZABLE at most one of a range commits. Ranges do not overlap, and nobody deletes.
package enum PredicateInsertChecker {
  package static func check(_ history: [Transaction]) -> [Anomaly] {
    let inserts = history.indices.compactMap { insert(history[$0], $0) }
    // An insert of unknown outcome happened if its row was seen.
    var seen: Set<Row> = []
    for transaction in history {
      for case .scan(_, let rows, _) in transaction.operations {
        for (key, value) in rows where transaction.outcome != .unknown || !writes(transaction, key) {
          seen.insert(Row(key: key, value: value))
        }
      }
    }
    var findings = Findings()
    var winners: [ClosedRange<Int64>: Insert] = [:]
    for insert in inserts where history[insert.transaction].isCommitted || seen.contains(insert.row) {
      guard let winner = winners[insert.range] else {
        winners[insert.range] = insert
        continue
      }
      findings.add(
        .predicateWriteSkew, [winner.transaction, insert.transaction],
        "T\(winner.transaction) and T\(insert.transaction) both found \(insert.range) empty, and both inserted there: "
          + "\(history[winner.transaction]) and \(history[insert.transaction])")
    }
    return findings.anomalies
  }

  private struct Row: Hashable {
    var key: Int64
    var value: Int64
  }

  private struct Insert {
    var transaction: Int
    var range: ClosedRange<Int64>
    var row: Row
  }

  /// The transaction's insert into a range that it found empty, if that is what it did and it may have taken effect.
  private static func insert(_ transaction: Transaction, _ index: Int) -> Insert? {
    guard transaction.isolation == .serializable, transaction.outcome != .aborted else { return nil }
    let empty = transaction.operations.compactMap { operation -> ClosedRange<Int64>? in
      if case .scan(let range, let rows, _) = operation, rows.isEmpty { range } else { nil }
    }
    for case .write(let key, let value?) in transaction.operations {
      guard let range = empty.first(where: { $0.contains(key) }) else { continue }
      return Insert(transaction: index, range: range, row: Row(key: key, value: value))
    }
    return nil
  }

  private static func writes(_ transaction: Transaction, _ key: Int64) -> Bool {
    transaction.operations.contains { $0.writtenKey == key }
  }
}
