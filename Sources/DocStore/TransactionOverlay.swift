import Keys

/// What one transaction has written to one tablet and not committed: each document once, in its last state, with the way
/// back to every statement before.
///
/// It lives in the memory of the tablet's leader. Reads of the transaction see it over the stored rows (`OverlayView`).
package struct TransactionOverlay: Sendable {
  private struct Undo: Sendable {
    /// The statement that wrote.
    var sequence: UInt32
    var documentKey: [UInt8]
    /// The transaction's write before; nil where there was none.
    var previous: DocumentWrite?
  }

  private var documents: [[UInt8]: DocumentWrite] = [:]
  private var undo: [Undo] = []
  /// In key order; nil when something was written since it was made.
  private var sorted: [DocumentWrite]?
  /// Bytes of keys and rows.
  package private(set) var byteCount = 0

  package init() {}

  package var isEmpty: Bool { documents.isEmpty }
  package var count: Int { documents.count }

  /// Those of the keys that it writes.
  package func keys(among keys: Set<[UInt8]>) -> Set<[UInt8]> { keys.filter { documents[$0] != nil } }

  /// Adds what a call wrote. Calls of one SQL statement may overtake each other: they are undone together.
  package mutating func put(_ writes: [DocumentWrite], statement sequence: UInt32) {
    let sequence = max(sequence, undo.last?.sequence ?? 0)
    if writes.isEmpty { return }
    sorted = nil
    for write in writes {
      let previous = documents.updateValue(write, forKey: write.documentKey)
      byteCount += write.byteCount - (previous?.byteCount ?? 0)
      undo.append(Undo(sequence: sequence, documentKey: write.documentKey, previous: previous))
    }
  }

  /// Takes back what statements after `sequence` wrote.
  package mutating func rollBack(to sequence: UInt32) {
    while let last = undo.last, last.sequence > sequence {
      undo.removeLast()
      sorted = nil
      byteCount += (last.previous?.byteCount ?? 0) - (documents[last.documentKey]?.byteCount ?? 0)
      documents[last.documentKey] = last.previous
    }
  }

  /// All writes in key order: what a commit applies.
  package mutating func writes() -> [DocumentWrite] {
    if let sorted { return sorted }
    let made = documents.values.sorted { KeyRange.isLess($0.documentKey, $1.documentKey) }
    sorted = made
    return made
  }

  /// Takes over the order that a copy has, if nothing was written since it was made.
  package mutating func adoptOrder(of copy: TransactionOverlay) {
    if sorted == nil, copy.undo.count == undo.count, copy.documents.count == documents.count { sorted = copy.sorted }
  }

  /// What reads of the transaction see now.
  /// - Parameter forRanges: whether more than single keys will be looked up.
  package mutating func view(forRanges: Bool) -> OverlayView {
    OverlayView(documents: documents, sorted: forRanges ? writes() : [])
  }
}

/// A transaction's own writes at one moment, for one read.
package struct OverlayView: Sendable {
  fileprivate var documents: [[UInt8]: DocumentWrite] = [:]
  fileprivate var sorted: [DocumentWrite] = []
  /// What others have written and is not stored yet. Seen by key only.
  private var beneath: [[UInt8]: DocumentWrite] = [:]

  /// Nothing of its own.
  package init() {}

  fileprivate init(documents: [[UInt8]: DocumentWrite], sorted: [DocumentWrite]) {
    self.documents = documents
    self.sorted = sorted
  }

  /// The same over writes of others that are not stored yet: evaluations under a lock see them by key.
  package func over(_ others: [[UInt8]: DocumentWrite]) -> OverlayView {
    var view = self
    view.beneath = others
    return view
  }

  subscript(documentKey: [UInt8]) -> DocumentWrite? { documents[documentKey] ?? beneath[documentKey] }

  /// Those in a range, in key order; of a view made for ranges.
  func writes(in range: KeyRange) -> ArraySlice<DocumentWrite> {
    let start = firstIndex(notBefore: range.lower)
    return sorted[start..<max(start, firstIndex(notBefore: range.upper))]
  }

  private func firstIndex(notBefore key: [UInt8]) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if KeyRange.isLess(sorted[middle].documentKey, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
