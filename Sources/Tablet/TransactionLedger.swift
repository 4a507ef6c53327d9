import Coding
import DocStore
import Keys
import Operations

/// What a tablet's log says of transactions that are not over: a pure function of the log, the same on every replica.
///
/// States of a transaction in a participant: nothing → staging → prepared → (resolved) nothing. In its anchor: nothing →
/// decided → (forgotten) nothing. A decision is only ever "commit"; that there is none, and that nobody can make one any
/// more, means "abort" (see the module's page).
package struct TransactionLedger: Sendable {
  package struct Staged: Sendable {
    package var anchor: TabletID
    /// Nil until the last piece is there.
    package var prepareTime: HybridTime?
    /// What is still to be committed, in key order.
    package var documents: ArraySlice<DocumentWrite>
    package var locks: [StagedLock]
    /// The record that began it, for who waits long.
    package var since: HybridTime
  }

  package private(set) var staged: [TransactionID: Staged] = [:]
  package private(set) var decisions: [TransactionID: Decision] = [:]

  package init() {}

  package var isEmpty: Bool { staged.isEmpty && decisions.isEmpty }

  /// What applying a record comes to.
  package struct Outcome {
    /// Documents to be written, and at which time.
    package var documents: [DocumentWrite] = []
    package var time = HybridTime.zero
    /// A transaction that has nothing staged here any more.
    package var ended: TransactionID?
  }

  /// Steps the ledger by one record of the log.
  package mutating func apply(_ write: LoggedWrite) -> Outcome {
    switch write.effect {
    case .write(let documents): return Outcome(documents: documents, time: write.time)
    case .stage(let piece):
      add(piece, at: write.time)
      return Outcome()
    case .decide(let decision, let documents):
      precondition(
        decisions[decision.transaction].map { $0 == decision } ?? true, "\(decision.transaction) was decided twice")
      decisions[decision.transaction] = decision
      // At the log's time: what was prepared here comes with its resolution, and the catalog's documents, which are no
      // part of that, must be in the order of the log. Otherwise it is the commit time itself.
      return Outcome(documents: documents, time: write.time)
    case .resolve(let transaction, let commitTime, let count):
      return resolve(transaction, commitTime: commitTime, count: count)
    case .forget(let transactions):
      for transaction in transactions { decisions[transaction] = nil }
      return Outcome()
    }
  }

  private mutating func add(_ piece: StagedPiece, at time: HybridTime) {
    var staged =
      self.staged.removeValue(forKey: piece.transaction)
      ?? Staged(anchor: piece.anchor, documents: [], locks: [], since: time)
    precondition(staged.prepareTime == nil, "\(piece.transaction) stages more after it was prepared")
    staged.documents.append(contentsOf: piece.documents)
    staged.locks.append(contentsOf: piece.locks)
    if piece.isLast { staged.prepareTime = time }
    self.staged[piece.transaction] = staged
  }

  private mutating func resolve(
    _ transaction: TransactionID, commitTime: HybridTime?, count: Int
  ) -> Outcome {
    // Resolved before: somebody else was faster.
    guard var left = staged.removeValue(forKey: transaction) else { return Outcome() }
    guard let commitTime else { return Outcome(ended: transaction) }
    guard let prepareTime = left.prepareTime else {
      preconditionFailure("\(transaction) commits and was never prepared")
    }
    precondition(commitTime >= prepareTime, "\(transaction) commits at \(commitTime), before \(prepareTime)")
    let documents = left.documents.prefix(count)
    left.documents = left.documents.dropFirst(count)
    guard !left.documents.isEmpty else {
      return Outcome(documents: Array(documents), time: commitTime, ended: transaction)
    }
    staged[transaction] = left
    return Outcome(documents: Array(documents), time: commitTime)
  }

  // MARK: Looking

  /// A prepared transaction that may have committed at or before `time` and writes something of the selection; the oldest.
  package func blocker(of selection: KeySelection, at time: HybridTime, except own: TransactionID?) -> TransactionID? {
    if staged.isEmpty { return nil }
    var found: TransactionID?
    for (transaction, staged) in staged where transaction != own {
      guard let prepareTime = staged.prepareTime, prepareTime <= time, staged.writes(in: selection) else { continue }
      found = min(found ?? transaction, transaction)
    }
    return found
  }

  // MARK: Coding

  /// In ascending order, so that equal ledgers have equal bytes on every replica.
  package func write(to writer: inout ByteWriter) {
    writer.writeCount(decisions.count)
    for (_, decision) in decisions.sorted(by: { $0.key < $1.key }) { writer.write(decision) }
    writer.writeCount(staged.count)
    for (transaction, staged) in staged.sorted(by: { $0.key < $1.key }) {
      writer.write(transaction)
      writer.writeVarint(staged.anchor.rawValue)
      writer.writeOptional(staged.prepareTime) { $0.writeFixed($1.rawValue) }
      writer.write(Array(staged.documents))
      writer.write(staged.locks)
      writer.writeFixed(staged.since.rawValue)
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    for _ in 0..<(try reader.readCount(minimumSize: 26)) {
      let decision = try reader.readDecision()
      decisions[decision.transaction] = decision
    }
    for _ in 0..<(try reader.readCount(minimumSize: 26)) {
      let transaction = try reader.readTransactionID()
      staged[transaction] = Staged(
        anchor: TabletID(try reader.readVarint()), prepareTime: try reader.readOptionalTime(),
        documents: try reader.readDocumentWrites()[...], locks: try reader.readStagedLocks(),
        since: HybridTime(rawValue: try reader.readFixed()))
    }
  }
}

extension TransactionLedger.Staged {
  /// Whether a document of the selection is written.
  fileprivate func writes(in selection: KeySelection) -> Bool {
    switch selection {
    case .points(let keys):
      if documents.count < keys.count {
        return documents.contains { keys.contains(sorted: $0.documentKey) }
      }
      return keys.contains { key in
        let index = firstIndex(notBefore: key)
        return index < documents.endIndex && documents[index].documentKey == key
      }
    case .ranges(let ranges):
      return ranges.contains { range in
        let index = firstIndex(notBefore: range.lower)
        return index < documents.endIndex && KeyRange.isLess(documents[index].documentKey, range.upper)
      }
    }
  }

  private func firstIndex(notBefore key: [UInt8]) -> Int {
    var low = documents.startIndex
    var high = documents.endIndex
    while low < high {
      let middle = (low + high) / 2
      if KeyRange.isLess(documents[middle].documentKey, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension [[UInt8]] {
  /// Whether this sorted list has the key.
  fileprivate func contains(sorted key: [UInt8]) -> Bool {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if KeyRange.isLess(self[middle], key) { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == key
  }
}
