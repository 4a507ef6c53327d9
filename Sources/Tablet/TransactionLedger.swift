import Coding
import DocStore
import Keys
import Operations

/// What a tablet's log says of transactions that are not over: a pure function of the log, the same on every replica.
///
/// States of a transaction in a participant: nothing → (spilling →) staging → prepared → (resolved) nothing. In its
/// anchor: nothing → decided → (forgotten) nothing. A decision is only ever "commit"; that there is none, and that nobody can make one any
/// more, means "abort" (see the module's page).
package struct TransactionLedger: Sendable {
  package struct Staged: Sendable {
    /// Nil where it has only spilled.
    package var anchor: TabletID?
    /// Nil until the last piece is there.
    package var prepareTime: HybridTime?
    /// What is still to be committed, in key order.
    package var documents: ArraySlice<DocumentWrite>
    package var locks: [StagedLock]
    /// The record that began it, for who waits long.
    package var since: HybridTime
    /// What it has in the store's intents, as far as it is not resolved: then all that it writes is there. Nil where all
    /// that it has staged is here.
    package var spill: SpilledWrites?
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
    /// Intents to be put into the store, and their transaction's mark.
    package var spilled: (intents: [IntentWrite], mark: HybridTime)?
    /// Intents to be taken out of it.
    package var resolution: Resolution?
    /// A transaction that has nothing staged here any more.
    package var ended: TransactionID?
  }

  package struct Resolution: Hashable, Sendable {
    package var writes: SpilledWrites
    package var range: KeyRange
    /// Nil where they are dropped.
    package var commitTime: HybridTime?
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
    case .spill(let transaction, let intents): return spill(transaction, intents, at: write.time)
    case .resolveSpilled(let transaction, let commitTime, let part):
      return resolve(transaction, commitTime: commitTime, part)
    case .forget(let transactions):
      for transaction in transactions { decisions[transaction] = nil }
      return Outcome()
    }
  }

  private mutating func add(_ piece: StagedPiece, at time: HybridTime) {
    var staged =
      self.staged.removeValue(forKey: piece.transaction)
      ?? Staged(documents: [], locks: [], since: time)
    precondition(staged.prepareTime == nil, "\(piece.transaction) stages more after it was prepared")
    precondition(staged.spill == nil || piece.documents.isEmpty, "\(piece.transaction) spills and stages documents")
    staged.anchor = piece.anchor
    staged.spill?.dropped = piece.dropped
    staged.documents.append(contentsOf: piece.documents)
    staged.locks.append(contentsOf: piece.locks)
    if piece.isLast { staged.prepareTime = time }
    self.staged[piece.transaction] = staged
  }

  private mutating func spill(_ transaction: TransactionID, _ intents: [IntentWrite], at time: HybridTime) -> Outcome {
    guard let first = intents.first?.document.documentKey else { return Outcome() }
    var staged = self.staged.removeValue(forKey: transaction) ?? Staged(documents: [], locks: [], since: time)
    precondition(staged.prepareTime == nil, "\(transaction) spills more after it was prepared")
    precondition(staged.documents.isEmpty, "\(transaction) has staged documents and spills")
    var spill =
      staged.spill
      ?? SpilledWrites(mark: staged.since, range: KeyRange(lower: first, upper: Self.end(of: first)))
    var last = first
    for intent in intents {
      let key = intent.document.documentKey
      if KeyRange.isLess(key, spill.range.lower) { spill.range.lower = key }
      if KeyRange.isLess(last, key) { last = key }
    }
    if KeyRange.isLess(spill.range.upper, Self.end(of: last)) { spill.range.upper = Self.end(of: last) }
    staged.spill = spill
    self.staged[transaction] = staged
    return Outcome(spilled: (intents, staged.since))
  }

  /// Behind all intents of a document.
  private static func end(of documentKey: [UInt8]) -> [UInt8] {
    KeyRange.successor(ofPrefix: documentKey) ?? [UInt8](repeating: 0xff, count: documentKey.count + 1)
  }

  private mutating func resolve(
    _ transaction: TransactionID, commitTime: HybridTime?, _ part: SpilledPart
  ) -> Outcome {
    // Resolved before: somebody else was faster.
    guard var left = staged.removeValue(forKey: transaction), var spill = left.spill else { return Outcome() }
    if let commitTime { left.requirePrepared(transaction, by: commitTime) }
    let resolution = Resolution(writes: spill, range: part.range, commitTime: commitTime)
    guard !part.isLast else { return Outcome(resolution: resolution, ended: transaction) }
    // A part from the middle leaves what is before it.
    if !KeyRange.isLess(spill.range.lower, part.range.lower) { spill.range.lower = part.range.upper }
    left.spill = spill
    staged[transaction] = left
    return Outcome(resolution: resolution)
  }

  private mutating func resolve(
    _ transaction: TransactionID, commitTime: HybridTime?, count: Int
  ) -> Outcome {
    // Resolved before: somebody else was faster.
    guard var left = staged.removeValue(forKey: transaction) else { return Outcome() }
    precondition(left.spill == nil, "\(transaction) has spilled, and its intents would be left behind")
    guard let commitTime else { return Outcome(ended: transaction) }
    left.requirePrepared(transaction, by: commitTime)
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
  /// - Parameters:
  ///   - passes: whether a transaction that has spilled need not be waited for.
  ///   - hasIntents: whether a transaction has intents of documents of the selection, which lies between its first one and
  ///     its last.
  package func blocker(
    of selection: KeySelection, at time: HybridTime, except own: TransactionID?,
    passes: (TransactionID) -> Bool = { _ in false }, hasIntents: (SpilledWrites) -> Bool = { _ in true }
  ) -> TransactionID? {
    if staged.isEmpty { return nil }
    var found: TransactionID?
    for (transaction, staged) in staged where transaction != own {
      guard let prepareTime = staged.prepareTime, prepareTime <= time else { continue }
      if staged.spill != nil, passes(transaction) { continue }
      guard staged.writes(in: selection, hasIntents) else { continue }
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
      writer.writeOptional(staged.anchor) { $0.writeVarint($1.rawValue) }
      writer.writeOptional(staged.prepareTime) { $0.writeFixed($1.rawValue) }
      writer.write(Array(staged.documents))
      writer.write(staged.locks)
      writer.writeFixed(staged.since.rawValue)
      writer.writeOptional(staged.spill) { writer, spill in
        writer.write(spill.dropped)
        writer.write(spill.range)
      }
    }
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    for _ in 0..<(try reader.readCount(minimumSize: 26)) {
      let decision = try reader.readDecision()
      decisions[decision.transaction] = decision
    }
    for _ in 0..<(try reader.readCount(minimumSize: 26)) {
      let transaction = try reader.readTransactionID()
      var one = Staged(
        anchor: try reader.readOptional { reader throws(CodingError) in TabletID(try reader.readVarint()) },
        prepareTime: try reader.readOptionalTime(), documents: try reader.readDocumentWrites()[...],
        locks: try reader.readStagedLocks(), since: HybridTime(rawValue: try reader.readFixed()))
      let mark = one.since
      one.spill = try reader.readOptional { reader throws(CodingError) in
        let dropped = try reader.readStatementRanges()
        return SpilledWrites(mark: mark, range: try reader.readKeyRange(), dropped: dropped)
      }
      staged[transaction] = one
    }
  }
}

extension TransactionLedger.Staged {
  fileprivate func requirePrepared(_ transaction: TransactionID, by commitTime: HybridTime) {
    guard let prepareTime else { preconditionFailure("\(transaction) commits and was never prepared") }
    precondition(commitTime >= prepareTime, "\(transaction) commits at \(commitTime), before \(prepareTime)")
  }

  /// Whether a document of the selection is written.
  fileprivate func writes(in selection: KeySelection, _ hasIntents: (SpilledWrites) -> Bool) -> Bool {
    if let spill { return spill.range.meets(selection) && hasIntents(spill) }
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

extension KeyRange {
  func meets(_ selection: KeySelection) -> Bool {
    switch selection {
    case .points(let keys): keys.contains { contains($0) }
    case .ranges(let ranges): ranges.contains { !$0.intersection(self).isEmpty }
    }
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
