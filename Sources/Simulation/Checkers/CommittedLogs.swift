import Coding
import DocStore
import Keys
import Raft
import Storage
import Tablet

/// The committed log of every tablet, put together from what any replica has applied, and what follows from it: the
/// definition that stores are held against.
///
/// Checks as it grows: two replicas never apply different entries at one index (state-machine safety, Raft §5.4.3), no
/// request stands in a log twice (I-ONCE), and all logs agree about each transaction (I-TXN).
package struct CommittedLogs {
  package struct Log {
    /// Entries from index 1 on, without a gap.
    package fileprivate(set) var entries: [Entry] = []
    /// Entries that came before those below them were seen.
    fileprivate var ahead: [UInt64: Entry] = [:]
    fileprivate var requests: Set<RequestID> = []
    /// Each version's key and value, as the log says.
    fileprivate var versions: [[UInt8]: [UInt8]] = [:]
    fileprivate var lastTime = HybridTime.zero
    fileprivate var retries = RetryTable()
    fileprivate var firstTime: HybridTime?
    /// What transactions have staged and not resolved.
    fileprivate var staged: [TransactionID: [DocumentWrite]] = [:]
    /// What they have spilled and not resolved, in the order of the log.
    fileprivate var spilled: [TransactionID: [IntentWrite]] = [:]
    /// Statements of them that were taken back.
    fileprivate var dropped: [TransactionID: [ClosedRange<UInt32>]] = [:]
    /// Transactions of whose intents some were dropped, and others are still there.
    fileprivate var halfDropped: Set<TransactionID> = []
    /// When transactions were prepared here, also those that are over.
    fileprivate var prepared: [TransactionID: HybridTime] = [:]
    fileprivate var decisions: [TransactionID: Decision] = [:]
    /// Where the writes are: the first write's time of each entry that has any, by index.
    fileprivate var writeTimes: [(index: UInt64, time: HybridTime)] = []
    /// Reads that were served before any later write was seen.
    fileprivate var served: Set<Served> = []

    package var lastIndex: UInt64 { UInt64(entries.count) }
  }

  /// How a transaction ended, as the first log that speaks of it says.
  private enum Verdict: Equatable {
    case committed(HybridTime)
    case aborted
  }

  package private(set) var logs: [TabletID: Log] = [:]
  private var verdicts: [TransactionID: Verdict] = [:]
  package private(set) var entryCount = 0

  package init() {}

  /// Takes in what a replica has applied.
  /// - Returns: what is wrong with it, if anything is.
  package mutating func add(_ entries: [Entry], of tablet: TabletID, from node: Int) -> String? {
    guard !entries.isEmpty else { return nil }
    var log = logs.removeValue(forKey: tablet) ?? Log()
    defer { logs[tablet] = log }
    for entry in entries {
      let index = entry.index.raw
      if index <= log.lastIndex || log.ahead[index] != nil {
        let known = log.ahead[index] ?? log.entries[Int(index) - 1]
        guard known == entry else {
          return
            "node \(node) applied another entry than its peers at index \(index) of \(tablet): terms \(entry.term) "
            + "and \(known.term)"
        }
      } else {
        log.ahead[index] = entry
      }
    }
    while let entry = log.ahead.removeValue(forKey: log.lastIndex + 1) {
      log.entries.append(entry)
      entryCount += 1
      if let problem = append(entry, to: &log, tablet: tablet) { return problem }
    }
    return nil
  }

  private mutating func append(_ entry: Entry, to log: inout Log, tablet: TabletID) -> String? {
    guard case .command(let bytes) = entry.payload else { return nil }
    let command: LogCommand
    do { command = try LogCommand(decoding: bytes) } catch {
      return "the entry at index \(entry.index) of \(tablet) cannot be read: \(error)"
    }
    if let first = command.writes.first {
      log.writeTimes.append((entry.index.raw, first.time))
      for read in log.served where read.applied < entry.index {
        if first.time <= read.time { return Self.unsafe(read, first.time, entry.index.raw, tablet) }
        log.served.remove(read)
      }
    }
    for write in command.writes {
      guard write.id == LoggedWrite.nobody || log.requests.insert(write.id).inserted else {
        return "the request \(write.id) stands twice in the log of \(tablet), the second time at index \(entry.index)"
      }
      guard write.time > log.lastTime else {
        return "hybrid time goes back from \(log.lastTime) to \(write.time) at index \(entry.index) of \(tablet)"
      }
      log.lastTime = write.time
      log.firstTime = log.firstTime ?? write.time
      log.retries.record(write.id, floor: write.floor, result: write.result, time: write.time)
      if let problem = apply(write, to: &log) { return "\(problem) at index \(entry.index) of \(tablet)" }
    }
    return nil
  }

  private mutating func apply(_ write: LoggedWrite, to log: inout Log) -> String? {
    switch write.effect {
    case .write(let documents): log.commit(documents[...], at: write.time)
    case .stage(let piece):
      log.staged[piece.transaction, default: []] += piece.documents
      log.dropped[piece.transaction] = piece.dropped
      guard !log.halfDropped.contains(piece.transaction) else {
        return "transaction \(piece.transaction) is prepared after some of its intents were dropped"
      }
      if piece.isLast { log.prepared[piece.transaction] = write.time }
    case .decide(let decision, let documents):
      log.commit(documents[...], at: decision.commitTime)
      log.decisions[decision.transaction] = decision
      return judge(decision.transaction, .committed(decision.commitTime))
    case .resolve(let transaction, let commitTime, let count):
      guard let documents = log.staged.removeValue(forKey: transaction) else { return nil }
      guard let commitTime else { return judge(transaction, .aborted) }
      log.commit(documents.prefix(count), at: commitTime)
      if documents.count > count { log.staged[transaction] = Array(documents.dropFirst(count)) }
      return judge(transaction, .committed(commitTime))
    case .spill(let transaction, let intents): log.spilled[transaction, default: []] += intents
    case .resolveSpilled(let transaction, let commitTime, let part):
      guard let all = log.spilled[transaction] else { return nil }
      let dropped = log.dropped[transaction] ?? []
      let left = all.filter { !part.range.contains($0.document.documentKey) }
      if part.isLast, !left.isEmpty { return "transaction \(transaction) leaves intents behind" }
      log.spilled[transaction] = part.isLast ? nil : left
      if part.isLast { log.staged[transaction] = nil }
      let isPrepared = log.prepared[transaction] != nil
      guard let commitTime else {
        if part.isLast { log.halfDropped.remove(transaction) } else { log.halfDropped.insert(transaction) }
        // What is not prepared says nothing of the transaction: its only statement here may have been taken back. Where the
        // transaction meant it to be a part, it is named by the decision, and `unfinished` misses its prepare.
        return isPrepared ? judge(transaction, .aborted) : nil
      }
      guard isPrepared else { return "transaction \(transaction) commits and was not prepared" }
      for intent in all where part.range.contains(intent.document.documentKey) {
        // A later one of the same document takes its place.
        if !dropped.contains(where: { $0.contains(intent.statement) }) { log.commit([intent.document], at: commitTime) }
      }
      return judge(transaction, .committed(commitTime))
    case .forget: break
    }
    return nil
  }

  private mutating func judge(_ transaction: TransactionID, _ verdict: Verdict) -> String? {
    let known = verdicts[transaction] ?? verdict
    verdicts[transaction] = known
    return known == verdict ? nil : "transaction \(transaction) is \(verdict), and \(known) elsewhere"
  }

  /// What is wrong with the transactions of a log that was seen whole, when all is quiet: something is still staged, or
  /// was decided without every participant's being prepared by then.
  package func unfinished(in tablet: TabletID) -> String? {
    guard let log = logs[tablet] else { return nil }
    if let left = log.spilled.keys.min() { return "intents of transaction \(left) are still in \(tablet)" }
    if let left = log.staged.keys.min() { return "transaction \(left) is still staged in \(tablet)" }
    for (id, decision) in log.decisions.sorted(by: { $0.key < $1.key }) {
      for participant in decision.participants {
        guard let other = logs[participant], other.ahead.isEmpty else { continue }
        guard let time = other.prepared[id], time <= decision.commitTime else {
          return "transaction \(id) committed at \(decision.commitTime) and was not prepared in \(participant) by then"
        }
      }
    }
    return nil
  }

  /// A leader let a read through.
  /// - Returns: what is wrong, if a write came in behind it that it should have seen (I-SAFE).
  package mutating func served(_ read: Served, of tablet: TabletID) -> String? {
    guard read.time > .zero else { return nil }
    let next = logs[tablet]?.writeTimes.first { $0.index > read.applied.raw }
    guard let next else {
      logs[tablet, default: Log()].served.insert(read)
      return nil
    }
    return next.time <= read.time ? Self.unsafe(read, next.time, next.index, tablet) : nil
  }

  private static func unsafe(_ read: Served, _ time: HybridTime, _ index: UInt64, _ tablet: TabletID) -> String {
    "a read of \(tablet) was served at \(read.time) with \(read.applied) applied, and the write at index \(index) came in "
      + "at \(time) (I-SAFE)"
  }

  /// Whether entries up to `index` were never seen.
  package func lacksEntries(of tablet: TabletID, upTo index: UInt64) -> Bool { (logs[tablet]?.lastIndex ?? 0) < index }

  /// Compares everything that a store holds with the log up to the end (I-REPLAY). What nobody can read at or after the
  /// cutoff may be gone (I-HIST).
  /// - Returns: how they differ, if they do.
  package func difference(
    of versions: [(key: [UInt8], value: [UInt8])], from tablet: TabletID, appliedIndex: UInt64, cutoff: HybridTime
  ) -> String? {
    let log = logs[tablet] ?? Log()
    guard appliedIndex == log.lastIndex else {
      return "the store stands at index \(appliedIndex), the log was seen up to \(log.lastIndex)"
    }
    for (key, value) in versions where log.versions[key] != value {
      return log.versions[key] == nil
        ? "the store has a version that is not in the log: \(Self.name(key))"
        : "the store has another value than the log for \(Self.name(key))"
    }
    guard versions.count == log.versions.count else {
      let stored = Set(versions.map(\.key))
      let history = CollectableHistory(of: log.versions.map { ($0.key, $0.value) }, cutoff: cutoff)
      let lost = log.versions.keys.filter { !stored.contains($0) && !history.contains($0) }.map { Self.name($0) }
        .sorted()
      guard let first = lost.first else { return nil }
      return "the store has lost \(lost.count) of \(log.versions.count) versions, such as \(first)"
    }
    return nil
  }

  /// Compares the requests that a replica remembers with those that the log says: a retry must be known for what it is
  /// wherever it arrives. Nothing is said of runs that are so long that clients are forgotten.
  package func remembers(_ requests: [UInt8], of tablet: TabletID) -> Bool {
    guard let log = logs[tablet], let first = log.firstTime,
      log.lastTime.microseconds - first.microseconds < RetryTable.clientLifetimeMicroseconds
    else { return true }
    var writer = ByteWriter()
    log.retries.write(to: &writer)
    return writer.bytes == requests
  }

  private static func name(_ key: [UInt8]) -> String {
    guard let (document, time, writeID) = VersionedKey.split(key) else { return "\(key)" }
    return "document \(document) at \(time), write \(writeID)"
  }
}

extension CommittedLogs.Log {
  fileprivate mutating func commit(_ documents: ArraySlice<DocumentWrite>, at time: HybridTime) {
    for (number, document) in documents.enumerated() {
      let key = VersionedKey.encode(document: document.documentKey, time: time, writeID: UInt32(number))
      // What a tablet keeps for itself is not among the versions of rows.
      if VersionedKey.isReserved(key.span) { continue }
      versions[key] = document.storedValue
    }
  }
}
