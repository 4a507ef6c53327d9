/// I-REPLAY for transactions: replays what committed in the order of commit times and holds every read that says its
/// read time against the rows as they were at that time.
///
/// It needs a database that says its times (test mode), and gives the exact read in return; it covers scans, which no
/// order of versions can be inferred for. Per level (DESIGN §10):
///
/// - every read equals the rows at its read time, with the transaction's own writes over them;
/// - from REPEATABLE READ on, all reads have one time, and no row that is written changed between it and the commit;
/// - SERIALIZABLE transactions that write would read the same at their commit time;
/// - a read does not miss a version that was acknowledged before its transaction began; and if one transaction was over
///   before another began, its commit time is the lower one, give or take `timeBound`.
///
/// Commits whose outcome, or time, is not known count from the first read that shows them. Time grows with n log n and
/// with the number of rows and elements that are read.
package struct HybridTimeReplay: Sendable {
  /// How far commit times may stand in the wrong order of real time: the bound on clocks, in units of commit times.
  package var timeBound: UInt64

  package init(timeBound: UInt64 = 0) { self.timeBound = timeBound }

  package func check(_ history: [Transaction]) -> [Anomaly] {
    var run = Run(history: history, rows: VersionedRows(history))
    run.checkReads()
    for (index, transaction) in history.enumerated() {
      run.checkWrites(index, transaction)
      if transaction.isolation == .serializable { run.checkReadsAtCommit(index, transaction) }
    }
    run.checkOrder(timeBound: timeBound)
    return run.findings.anomalies
  }
}

/// A transaction's own writes, as it sees them over what is there.
private struct OwnWrites {
  private var numbers: [Int64: (base: Int64??, added: Int64)] = [:]
  private var lists: [Int64: [Int64]] = [:]

  mutating func note(_ operation: Operation) {
    switch operation {
    case .append(let key, let value): lists[key, default: []].append(value)
    case .write(let key, let value): numbers[key] = (.some(value), 0)
    case .add(let key, let amount):
      let own = numbers[key] ?? (nil, 0)
      numbers[key] = (own.base, own.added &+ amount)
    case .readList, .read, .scan: break
    }
  }

  func list(_ key: Int64) -> [Int64] { lists[key] ?? [] }
  func changes(_ key: Int64) -> Bool { numbers[key] != nil }
  func keys(in range: ClosedRange<Int64>) -> [Int64] { numbers.keys.filter { range.contains($0) } }

  func number(_ key: Int64, over stored: Int64?) -> Int64? {
    guard let own = numbers[key] else { return stored }
    let base = own.base ?? stored
    return own.added == 0 ? base : (base ?? 0) &+ own.added
  }
}

private struct Run {
  let history: [Transaction]
  var rows: VersionedRows
  var findings = Findings()
  /// The longest list that reads so far have shown of each key, at times in order.
  private var confirmed: [Int64: [Int64]] = [:]

  init(history: [Transaction], rows: VersionedRows) {
    self.history = history
    self.rows = rows
  }

  // MARK: Reads at their time

  /// A read, and the writes that its transaction had made by then.
  private struct Read {
    var time: UInt64
    var transaction: Int
    var operation: Operation
    var own: OwnWrites
  }

  mutating func checkReads() {
    var reads: [Read] = []
    for (index, transaction) in history.enumerated() {
      var own = OwnWrites()
      var time: UInt64?
      for operation in transaction.operations {
        own.note(operation)
        guard let at = operation.readTime else { continue }
        reads.append(Read(time: at, transaction: index, operation: operation, own: own))
        if transaction.isolation >= .repeatableRead, let time, time != at {
          findings.add(
            .wrongRead, [index], "T\(index) reads at \(time) and at \(at), but has one snapshot: \(transaction)")
        }
        time = time ?? at
      }
    }
    // In order of time, so that what an earlier read shows of an unknown outcome holds for the later ones.
    for read in reads.sorted(by: { ($0.time, $0.transaction) < ($1.time, $1.transaction) }) { check(read) }
  }

  private mutating func check(_ read: Read) {
    switch read.operation {
    case .readList(let key, let list, _):
      checkList(read, key, list)
      checkFreshness(read, key)
    case .read(let key, let value, _):
      checkNumber(read, key, value)
      checkFreshness(read, key)
    case .scan(let range, let seen, _):
      let first = rows.keys.partitioningIndex { $0 >= range.lowerBound }
      let stored = rows.keys[first...].prefix { $0 <= range.upperBound }
      for key in Set(stored).union(seen.keys).union(read.own.keys(in: range)).sorted() {
        checkNumber(read, key, seen[key])
        checkFreshness(read, key)
      }
    case .append, .write, .add: break
    }
  }

  private mutating func checkNumber(_ read: Read, _ key: Int64, _ seen: Int64?) {
    if rows.rows[key]?.isUncertain == true { return }
    let stored = rows.number(of: key, at: read.time, without: read.transaction)
    let expected = read.own.number(key, over: stored)
    if seen == expected { return }
    if let seen, !read.own.changes(key), rows.adopt(number: seen, of: key, at: read.time) { return }
    blame(read, key, "\(seen.map { "\($0)" } ?? "no row")", "\(expected.map { "\($0)" } ?? "no row")")
  }

  private mutating func checkList(_ read: Read, _ key: Int64, _ seen: [Int64]) {
    let own = read.own.list(key)
    let stored = rows.list(of: key, at: read.time, without: read.transaction)
    let external = seen.dropLast(min(own.count, seen.count))
    if seen.suffix(own.count) == own[...] {
      if external == stored {
        confirmed[key] = Array(external)
        return
      }
      if rows.adopt(list: Array(external), of: key, at: read.time, confirmed: confirmed[key] ?? []) {
        confirmed[key] = Array(external)
        return
      }
    }
    blame(read, key, "\(seen)", "\(Array(stored) + own)")
  }

  private mutating func blame(_ read: Read, _ key: Int64, _ seen: String, _ expected: String) {
    let writer = rows.place(of: key, at: read.time).flatMap { rows.rows[key]?.versions[$0] }
    let source = writer.map { " (T\($0.transaction), committed at \($0.time))" } ?? ""
    findings.add(
      .wrongRead, [read.transaction] + (writer.map { [$0.transaction] } ?? []),
      "T\(read.transaction) read \(seen) of key \(key) at \(read.time), where it was \(expected)\(source)")
  }

  private mutating func checkFreshness(_ read: Read, _ key: Int64) {
    let start = history[read.transaction].start
    guard rows.hasAcknowledged(key, newerThan: read.time, before: start) else { return }
    findings.add(
      .timeReversal, [read.transaction],
      "T\(read.transaction) read key \(key) at \(read.time), but a newer version was acknowledged before it began "
        + "at \(start) ns"
    )
  }

  // MARK: Commits

  mutating func checkWrites(_ index: Int, _ transaction: Transaction) {
    guard let commit = transaction.commitTime else { return }
    let snapshot = transaction.operations.lazy.compactMap(\.readTime).first
    for key in Set(transaction.operations.compactMap(\.writtenKey)).sorted() {
      let start = transaction.isolation >= .repeatableRead ? snapshot ?? commit : commit
      // Also at READ COMMITTED, two versions of a row never have one time.
      let from = min(start, commit > 0 ? commit - 1 : 0)
      guard let other = rows.version(of: key, after: from, through: commit, without: index) else { continue }
      findings.add(
        .writeConflict, [index, other.transaction],
        "T\(index) wrote key \(key) at \(commit), on a snapshot of \(start), but T\(other.transaction) wrote it "
          + "at \(other.time)"
      )
    }
  }

  /// What a serializable transaction read must still have been so when it committed.
  mutating func checkReadsAtCommit(_ index: Int, _ transaction: Transaction) {
    guard let commit = transaction.commitTime, transaction.operations.contains(where: { $0.writtenKey != nil }) else {
      return
    }
    for operation in transaction.operations {
      guard let time = operation.readTime else { continue }
      let changed =
        switch operation {
        case .readList(let key, _, _): change(of: key, time, commit, index)
        case .read(let key, _, _): change(of: key, time, commit, index)
        case .scan(let range, _, _): change(in: range, time, commit, index)
        case .append, .write, .add: nil as (key: Int64, version: VersionedRows.Version)?
        }
      guard let changed else { continue }
      findings.add(
        .wrongReadAtCommit, [index, changed.version.transaction],
        "T\(index) read key \(changed.key) at \(time) and committed at \(commit), but T\(changed.version.transaction) "
          + "changed it at \(changed.version.time)")
    }
  }

  private func change(of key: Int64, _ time: UInt64, _ commit: UInt64, _ index: Int)
    -> (key: Int64, version: VersionedRows.Version)?
  {
    guard let version = rows.version(of: key, after: time, through: commit, without: index) else { return nil }
    let isSame =
      rows.number(of: key, at: time) == rows.number(of: key, at: commit, without: index)
      && rows.list(of: key, at: time) == rows.list(of: key, at: commit, without: index)
    return isSame ? nil : (key, version)
  }

  private func change(in range: ClosedRange<Int64>, _ time: UInt64, _ commit: UInt64, _ index: Int)
    -> (key: Int64, version: VersionedRows.Version)?
  {
    let first = rows.keys.partitioningIndex { $0 >= range.lowerBound }
    for key in rows.keys[first...].prefix(while: { $0 <= range.upperBound }) {
      if let change = change(of: key, time, commit, index) { return change }
    }
    return nil
  }

  // MARK: Real time

  mutating func checkOrder(timeBound: UInt64) {
    let committed = history.indices.filter { history[$0].commitTime != nil }
    let ends = committed.filter { history[$0].end != nil }.sorted {
      (history[$0].end ?? 0, $0) < (history[$1].end ?? 0, $1)
    }
    var ended = ends[...]
    var newest: (transaction: Int, time: UInt64)?
    for index in committed.sorted(by: { (history[$0].start, $0) < (history[$1].start, $1) }) {
      while let next = ended.first, history[next].endedBefore(history[index]) {
        ended.removeFirst()
        let time = history[next].commitTime ?? 0
        if newest.map({ $0.time < time }) ?? true { newest = (next, time) }
      }
      guard let newest, let time = history[index].commitTime, newest.time >= time, newest.time - time >= timeBound
      else { continue }
      findings.add(
        .timeReversal, [newest.transaction, index],
        "T\(newest.transaction) committed at \(newest.time) and was over before T\(index) began, which committed "
          + "at \(time)"
      )
    }
  }
}

extension Operation {
  fileprivate var readTime: UInt64? {
    switch self {
    case .readList(_, _, let time), .read(_, _, let time), .scan(_, _, let time): time
    case .append, .write, .add: nil
    }
  }
}
