/// Rows that one transaction saw and that its level says are of one moment: a statement's at READ COMMITTED, all of the
/// transaction's from REPEATABLE READ on. What it saw of its own writes is left out.
struct Snapshot {
  var transaction: Int
  var reads: [Int64: Int64?] = [:]
  var scanned: [ClosedRange<Int64>] = []

  /// The row's number; `.some(nil)` for a row that was seen not to be there, nil for one that was not looked at.
  func value(of key: Int64) -> Int64?? {
    if let value = reads[key] { return .some(value) }
    return scanned.contains { $0.contains(key) } ? .some(nil) : nil
  }

  /// The rows that were there, by key.
  var rows: [(key: Int64, value: Int64)] {
    reads.compactMap { key, value in value.map { (key, $0) } }.sorted { $0.0 < $1.0 }
  }

  /// Snapshots with something in them, of all transactions: those that aborted were promised as much.
  static func all(in history: [Transaction]) -> [Snapshot] {
    history.indices.flatMap { snapshots(of: history[$0], index: $0) }
  }

  private static func snapshots(of transaction: Transaction, index: Int) -> [Snapshot] {
    var snapshots: [Snapshot] = []
    var own: Set<Int64> = []
    for operation in transaction.operations {
      if let key = operation.writtenKey { own.insert(key) }
      var statement = Snapshot(transaction: index)
      switch operation {
      case .read(let key, let value, _) where !own.contains(key): statement.reads[key] = .some(value)
      case .scan(let range, let rows, _) where !own.contains(where: { range.contains($0) }):
        statement.scanned = [range]
        for (key, value) in rows { statement.reads[key] = .some(value) }
      case .read, .scan, .readList, .append, .write, .add: continue
      }
      if transaction.isolation >= .repeatableRead, let first = snapshots.first {
        // The first look at a row counts; that a second one agrees is another check's business.
        snapshots[0].scanned += statement.scanned
        snapshots[0].reads = first.reads.merging(statement.reads) { old, _ in old }
      } else {
        snapshots.append(statement)
      }
    }
    return snapshots
  }
}
