/// Every version that each row ever had, by commit time: what the committed transactions of a history leave behind.
struct VersionedRows {
  struct Version {
    var time: UInt64
    var transaction: Int
    /// Of a row with a number; nil where it was deleted.
    var number: Int64?
    /// Of a row with a list: how many elements of the row's list it has.
    var listCount = 0
    /// Whether this is only the time of the first read that showed the version: it was committed then or before.
    var isFirstSight = false
  }

  struct Row {
    /// In order of time.
    var versions: [Version] = []
    var list: [Int64] = []
    /// Before the first version that ends in each place, or any later one, was acknowledged; `.max` for never.
    fileprivate(set) var acknowledgedFrom: [UInt64] = []
    /// What transactions of unknown outcome may have put here, and nobody has seen: several may have put the same.
    var maybe: [Int64: [Int]] = [:]
    /// Whether the row's number depends on additions of unknown outcome: then it is not known.
    var isUncertain = false
  }

  private(set) var rows: [Int64: Row] = [:]
  /// All keys in order, for scans.
  let keys: [Int64]
  private let history: [Transaction]

  init(_ history: [Transaction]) {
    self.history = history
    let committed = history.indices.compactMap { index in history[index].commitTime.map { (time: $0, index: index) } }
    for (time, index) in committed.sorted(by: { ($0.time, $0.index) < ($1.time, $1.index) }) {
      for operation in history[index].operations {
        guard let key = operation.writtenKey else { continue }
        rows[key, default: Row()].put(operation, time: time, transaction: index)
      }
    }
    for (index, transaction) in history.enumerated()
    where transaction.outcome != .aborted && transaction.commitTime == nil {
      for operation in transaction.operations {
        switch operation {
        case .append(let key, let value): rows[key, default: Row()].maybe[value, default: []].append(index)
        case .write(let key, let value?): rows[key, default: Row()].maybe[value, default: []].append(index)
        case .write(let key, nil), .add(let key, _): rows[key, default: Row()].isUncertain = true
        case .readList, .read, .scan: break
        }
      }
    }
    // An addition on top of a value that may not be there is not known either.
    for transaction in history {
      for case .add(let key, _) in transaction.operations where !(rows[key]?.maybe.isEmpty ?? true) {
        rows[key]?.isUncertain = true
      }
    }
    keys = rows.keys.sorted()
    for key in keys { rows[key]?.noteAcknowledgements(history) }
  }

  // MARK: Looking

  /// Where the version stands that a read at `time` finds, or nil for none. `excluded` has not happened.
  func place(of key: Int64, at time: UInt64, without excluded: Int? = nil) -> Int? {
    guard let versions = rows[key]?.versions else { return nil }
    var place = versions.partitioningIndex { $0.time > time } - 1
    while place >= 0, versions[place].transaction == excluded { place -= 1 }
    return place >= 0 ? place : nil
  }

  func number(of key: Int64, at time: UInt64, without excluded: Int? = nil) -> Int64? {
    place(of: key, at: time, without: excluded).flatMap { rows[key]?.versions[$0].number }
  }

  func list(of key: Int64, at time: UInt64, without excluded: Int? = nil) -> ArraySlice<Int64> {
    guard let row = rows[key] else { return [] }
    let count = place(of: key, at: time, without: excluded).map { row.versions[$0].listCount } ?? 0
    return row.list.prefix(count)
  }

  /// A version of another transaction that is known to be from after `start` and not after `end`.
  func version(of key: Int64, after start: UInt64, through end: UInt64, without excluded: Int) -> Version? {
    guard let versions = rows[key]?.versions else { return nil }
    let first = versions.partitioningIndex { $0.time > start }
    return versions[first...].prefix { $0.time <= end }.first { $0.transaction != excluded && !$0.isFirstSight }
  }

  /// Whether a version newer than `time` was acknowledged before a transaction that begins at `start`.
  func hasAcknowledged(_ key: Int64, newerThan time: UInt64, before start: UInt64) -> Bool {
    guard let row = rows[key] else { return false }
    let place = row.versions.partitioningIndex { $0.time > time }
    return place < row.acknowledgedFrom.count && row.acknowledgedFrom[place] < start
  }

  // MARK: Learning

  /// Takes a number that a read saw as written by the transaction of unknown outcome that may have done so.
  /// - Returns: whether there is one.
  mutating func adopt(number: Int64, of key: Int64, at time: UInt64) -> Bool {
    guard let writer = rows[key]?.maybe[number]?.first else { return false }
    rows[key]?.maybe[number]?.removeFirst()
    let place = rows[key]?.versions.partitioningIndex { $0.time > time } ?? 0
    rows[key]?.versions.insert(Version(time: time, transaction: writer, number: number, isFirstSight: true), at: place)
    rows[key]?.noteAcknowledgements(history)
    return true
  }

  /// Takes elements that a read saw beyond what is known as appended by transactions of unknown outcome.
  /// - Parameter confirmed: what an earlier read saw: new elements stand behind it.
  /// - Returns: whether the list can be explained so.
  mutating func adopt(list seen: [Int64], of key: Int64, at time: UInt64, confirmed: [Int64]) -> Bool {
    let known = list(of: key, at: time)
    guard seen.count > known.count, seen.starts(with: confirmed) else { return false }
    var rest = known[...]
    var new: [Int64] = []
    for value in seen {
      if rest.first == value {
        rest.removeFirst()
      } else if rows[key]?.maybe[value]?.isEmpty == false, !new.contains(value) {
        new.append(value)
      } else {
        return false
      }
    }
    guard rest.isEmpty, let writer = new.last.flatMap({ rows[key]?.maybe[$0]?.first }), var row = rows[key] else {
      return false
    }
    let added = seen.count - known.count
    row.list.replaceSubrange(..<known.count, with: seen)
    let place = row.versions.partitioningIndex { $0.time > time }
    for later in place..<row.versions.count { row.versions[later].listCount += added }
    row.versions.insert(Version(time: time, transaction: writer, listCount: seen.count, isFirstSight: true), at: place)
    for value in new { row.maybe[value] = nil }
    row.noteAcknowledgements(history)
    rows[key] = row
    return true
  }
}

extension VersionedRows.Row {
  fileprivate mutating func put(_ operation: Operation, time: UInt64, transaction: Int) {
    var version = versions.last ?? VersionedRows.Version(time: time, transaction: transaction)
    switch operation {
    case .append(_, let value):
      list.append(value)
      version.listCount = list.count
    case .write(_, let value): version.number = value
    case .add(_, let amount): version.number = (version.number ?? 0) &+ amount
    case .readList, .read, .scan: return
    }
    // Of one transaction only the last version of a row is ever seen.
    let isSame = versions.last?.transaction == transaction
    version.time = time
    version.transaction = transaction
    if isSame { versions[versions.count - 1] = version } else { versions.append(version) }
  }

  fileprivate mutating func noteAcknowledgements(_ history: [Transaction]) {
    var earliest = UInt64.max
    acknowledgedFrom = versions.reversed().map { version in
      earliest = min(earliest, history[version.transaction].acknowledged ?? .max)
      return earliest
    }.reversed()
  }
}
