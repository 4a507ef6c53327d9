import Coding
import Keys

/// Which of a store's intents are those of one transaction, and which of them count.
///
/// An intent's key is that of a version: document · the transaction's mark in the place of the time · statement in the
/// place of the write id, so that a transaction's intents of a document stand together, newest first. Its value is the
/// strength of the lock (1 byte), then what a version's value would be.
package struct SpilledWrites: Hashable, Sendable {
  /// The time of the record that spilled first: no other transaction of the tablet has the same.
  package let mark: HybridTime
  /// Holds all documents that they are of. Others may have had intents beside them, and what was deleted takes time to be
  /// stepped over, so nobody looks outside.
  package var range: KeyRange
  /// Statements that were taken back, ascending and apart from each other. Their intents stay until the end, and do not
  /// count.
  package var dropped: [ClosedRange<UInt32>]

  package init(mark: HybridTime, range: KeyRange, dropped: [ClosedRange<UInt32>] = []) {
    self.mark = mark
    self.range = range
    self.dropped = dropped
  }

  /// Statements after `statement` and up to `last` are taken back.
  package mutating func drop(after statement: UInt32, through last: UInt32) {
    dropped.drop(after: statement, through: last)
  }

  package func counts(_ statement: UInt32) -> Bool { !dropped.contains { $0.contains(statement) } }
}

extension [ClosedRange<UInt32>] {
  /// Adds the numbers after `number` and up to `last` to ascending ranges.
  package mutating func drop(after number: UInt32, through last: UInt32) {
    guard number < last else { return }
    var added = number + 1...last
    removeAll { range in
      // Ranges that touch become one.
      guard range.lowerBound <= added.upperBound, added.lowerBound - 1 <= range.upperBound else { return false }
      added = Swift.min(range.lowerBound, added.lowerBound)...Swift.max(range.upperBound, added.upperBound)
      return true
    }
    insert(added, at: firstIndex { $0.lowerBound > added.upperBound } ?? count)
  }
}

extension ByteWriter {
  package mutating func write(_ statements: [ClosedRange<UInt32>]) {
    writeArray(statements) { writer, range in
      writer.writeFixed(range.lowerBound)
      writer.writeFixed(range.upperBound)
    }
  }
}

extension ByteReader {
  package mutating func readStatementRanges() throws(CodingError) -> [ClosedRange<UInt32>] {
    try readArray(minimumSize: 8) { reader throws(CodingError) in
      let lower: UInt32 = try reader.readFixed()
      let upper: UInt32 = try reader.readFixed()
      guard lower <= upper else { throw .malformed(what: "range of statements") }
      return lower...upper
    }
  }
}
