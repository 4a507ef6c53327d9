import DequeModule
import DocStore
import Keys
import Operations

/// Writes whose row locks a leader has handed on before they are applied: whoever has the locks now finds them here, over the
/// stored rows (see "Hot rows" on the module's page). They are proposed, or *promised*: their transaction has all its
/// statements behind it and is about to commit.
///
/// Of each document they are in the order of the commits.
package struct UnappliedWrites {
  private enum Stage: Hashable {
    case promised(TransactionID)
    /// Where it is in the log.
    case proposed(UInt64)
  }

  private struct Write {
    var document: DocumentWrite
    var stage: Stage
    /// Of the commit; a promised one's will be later than everything that is known.
    var time: HybridTime
  }

  private var writes: [[UInt8]: [Write]] = [:]
  /// By index, ascending.
  private var proposedKeys: Deque<(index: UInt64, keys: [[UInt8]])> = []
  private var promisedKeys: [TransactionID: [[UInt8]]] = [:]

  package init() {}

  package var isEmpty: Bool { writes.isEmpty }

  // MARK: Changing

  /// - Parameter index: of the entry that has them; never less than that of a call before.
  package mutating func propose(_ documents: [DocumentWrite], at time: HybridTime, index: UInt64) {
    if documents.isEmpty { return }
    for document in documents {
      writes[document.documentKey, default: []].append(
        Write(document: document, stage: .proposed(index), time: time))
    }
    proposedKeys.append((index, documents.map(\.documentKey)))
  }

  /// What a transaction is about to commit.
  package mutating func promise(_ documents: [DocumentWrite], by transaction: TransactionID) {
    precondition(promisedKeys[transaction] == nil, "\(transaction) promised its writes before")
    for document in documents {
      writes[document.documentKey, default: []].append(
        Write(document: document, stage: .promised(transaction), time: .max))
    }
    promisedKeys[transaction] = documents.map(\.documentKey)
  }

  package func hasPromise(of transaction: TransactionID) -> Bool { promisedKeys[transaction] != nil }

  /// What the transaction promised is proposed.
  package mutating func keepPromise(of transaction: TransactionID, at time: HybridTime, index: UInt64) {
    guard let keys = promisedKeys.removeValue(forKey: transaction) else { return }
    for key in keys {
      guard let place = writes[key]?.firstIndex(where: { $0.stage == .promised(transaction) }) else { continue }
      writes[key]![place].stage = .proposed(index)
      writes[key]![place].time = time
    }
    proposedKeys.append((index, keys))
  }

  /// The transaction does not commit. Who wrote over what it promised must not commit either.
  package mutating func breakPromise(of transaction: TransactionID) {
    for key in promisedKeys.removeValue(forKey: transaction) ?? [] {
      remove(key) { $0.stage == .promised(transaction) }
    }
  }

  /// The store has everything through `index`.
  package mutating func applied(through index: UInt64) {
    while let first = proposedKeys.first, first.index <= index {
      proposedKeys.removeFirst()
      for key in first.keys {
        remove(key) { if case .proposed(let place) = $0.stage { place <= index } else { false } }
      }
    }
  }

  private mutating func remove(_ key: [UInt8], where isGone: (Write) -> Bool) {
    guard var stack = writes.removeValue(forKey: key) else { return }
    stack.removeAll(where: isGone)
    if !stack.isEmpty { writes[key] = stack }
  }

  // MARK: Looking

  /// The last entry of the log that has a write of one of these documents; nil where there is none.
  package func lastIndex(of keys: [[UInt8]]) -> UInt64? {
    if writes.isEmpty { return nil }
    var last: UInt64?
    for key in keys {
      for case .proposed(let index) in writes[key]?.map(\.stage) ?? [] { last = max(last ?? index, index) }
    }
    return last
  }

  /// Those who have promised a write of one of these documents.
  package func promisers(of keys: [[UInt8]]) -> Set<TransactionID> {
    var promisers: Set<TransactionID> = []
    if promisedKeys.isEmpty { return promisers }
    for key in keys {
      for case .promised(let transaction) in writes[key]?.map(\.stage) ?? [] { promisers.insert(transaction) }
    }
    return promisers
  }

  /// The commit time of the last one of a document; the greatest of all for a promised one.
  package func time(of key: [UInt8]) -> HybridTime? { writes[key]?.last?.time }

  /// The last ones.
  package func documents(among keys: [[UInt8]]) -> [[UInt8]: DocumentWrite] {
    Dictionary(
      keys.compactMap { key in writes[key]?.last.map { (key, $0.document) } }, uniquingKeysWith: { first, _ in first })
  }
}
