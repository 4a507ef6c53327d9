import Coding
import Keys
import Storage

/// A new version of one document, without its time: what a Raft entry carries of a mutation.
package struct DocumentWrite: Hashable, Sendable {
  package var documentKey: [UInt8]
  /// The packed row, or nil where the document is deleted.
  package var packedRow: [UInt8]?

  package init(documentKey: [UInt8], packedRow: [UInt8]?) {
    self.documentKey = documentKey
    self.packedRow = packedRow
  }

  /// What is stored: a tag, then the row.
  package var storedValue: [UInt8] {
    guard let packedRow else { return [VersionTag.tombstone] }
    return [VersionTag.row] + packedRow
  }

  package var byteCount: Int { documentKey.count + (packedRow?.count ?? 0) }
}

extension WriteBatch {
  /// Puts committed versions at one time. Their write ids count up from `firstWriteID`; the next free one comes back.
  ///
  /// The same entry gives the same keys on every replica and at every replay.
  @discardableResult
  package mutating func put(
    _ writes: [DocumentWrite], at time: HybridTime, firstWriteID: UInt32 = 0
  ) -> UInt32 {
    var writeID = firstWriteID
    reserve(
      count: writes.count, byteCount: writes.reduce(0) { $0 + $1.byteCount + VersionedKey.suffixByteCount + 2 })
    for write in writes {
      putVersion(.regular, of: write.documentKey, time: time, writeID: writeID, row: write.packedRow)
      writeID += 1
    }
    return writeID
  }
}

extension ByteWriter {
  package mutating func write(_ writes: [DocumentWrite]) {
    writeArray(writes) { writer, write in
      writer.write(write.documentKey)
      writer.writeOptional(write.packedRow) { $0.write($1) }
    }
  }
}

extension ByteReader {
  package mutating func readDocumentWrites() throws(CodingError) -> [DocumentWrite] {
    try readArray(minimumSize: 2) { reader throws(CodingError) in
      DocumentWrite(
        documentKey: try reader.readBytes(),
        packedRow: try reader.readOptional { reader throws(CodingError) in try reader.readBytes() })
    }
  }
}
