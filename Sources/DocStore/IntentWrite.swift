import Coding
import Keys
import Operations
import Storage

/// A write that a large transaction has brought to the store before it is decided: an *intent*.
package struct IntentWrite: Hashable, Sendable {
  /// The statement that wrote.
  package var statement: UInt32
  /// How strongly the transaction has locked the row: the intent stands for the lock.
  package var strength: RowLockStrength
  package var document: DocumentWrite

  package init(statement: UInt32, strength: RowLockStrength, document: DocumentWrite) {
    self.statement = statement
    self.strength = strength
    self.document = document
  }
}

extension WriteBatch {
  /// Puts intents of the transaction with this mark.
  package mutating func put(_ intents: [IntentWrite], mark: HybridTime) {
    reserve(
      count: intents.count,
      byteCount: intents.reduce(0) { $0 + $1.document.byteCount + VersionedKey.suffixByteCount + 3 })
    for intent in intents {
      let key = VersionedKey.encode(
        document: intent.document.documentKey, time: mark, writeID: intent.statement)
      put(.intents, key: key, value: [intent.strength.rawValue] + intent.document.storedValue)
    }
  }
}

enum IntentValue {
  static func strength(of value: Span<UInt8>) throws(StorageError) -> RowLockStrength {
    guard value.count >= 2, let strength = RowLockStrength(rawValue: value[0]) else {
      throw .corrupt("an intent without a lock")
    }
    return strength
  }

  /// The packed row; nil for a deletion.
  static func row(of value: Span<UInt8>) throws(StorageError) -> [UInt8]? {
    guard value.count >= 2 else { throw .corrupt("an intent without a tag") }
    switch value[1] {
    case VersionTag.tombstone: return nil
    case VersionTag.row:
      var row: [UInt8] = []
      value.extracting(2...).withUnsafeBufferPointer { row.append(contentsOf: $0) }
      return row
    default: throw .corrupt("an intent with tag \(value[1])")
    }
  }
}

extension ByteWriter {
  package mutating func write(_ intents: [IntentWrite]) {
    writeArray(intents) { writer, intent in
      writer.writeVarint(UInt64(intent.statement))
      writer.write(intent.strength.rawValue)
      writer.write(intent.document.documentKey)
      writer.writeOptional(intent.document.packedRow) { $0.write($1) }
    }
  }
}

extension ByteReader {
  package mutating func readIntentWrites() throws(CodingError) -> [IntentWrite] {
    try readArray(minimumSize: 4) { reader throws(CodingError) in
      let statement: UInt32 = try reader.readNarrow()
      guard let strength = RowLockStrength(rawValue: try reader.readByte()) else {
        throw .malformed(what: "lock strength of an intent")
      }
      return IntentWrite(
        statement: statement, strength: strength,
        document: DocumentWrite(
          documentKey: try reader.readBytes(),
          packedRow: try reader.readOptional { reader throws(CodingError) in try reader.readBytes() }))
    }
  }
}
