import Coding
import DocStore
import Keys

/// What one Raft entry of a tablet says: the writes that waited together at the leader, already evaluated, so that
/// every replica applies the same bytes (no clock, no randomness, no expression at apply time).
///
/// Format: version byte `1` · count · for each write: client (8) · sequence · floor · hybrid time (8) · result · document
/// writes as `DocStore` encodes them.
package struct LogCommand: Sendable {
  package var writes: [LoggedWrite]

  private static let formatVersion: UInt8 = 1

  package init(writes: [LoggedWrite]) { self.writes = writes }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 64 + writes.reduce(0) { $0 + $1.approximateByteCount })
    writer.write(Self.formatVersion)
    writer.writeCount(writes.count)
    for write in writes { write.write(to: &writer) }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == Self.formatVersion else { throw .malformed(what: "log command version") }
    writes = try reader.readArray(minimumSize: 20) { reader throws(CodingError) in try LoggedWrite(from: &reader) }
    guard reader.isAtEnd else { throw .malformed(what: "log command length") }
  }
}

/// One client request's effect.
package struct LoggedWrite: Sendable {
  package var id: RequestID
  /// The client never again asks for a sequence below this.
  package var floor: UInt64
  package var time: HybridTime
  /// What the client is told, encoded; also to a retry.
  package var result: [UInt8]
  package var documents: [DocumentWrite]

  package init(id: RequestID, floor: UInt64, time: HybridTime, result: [UInt8], documents: [DocumentWrite]) {
    self.id = id
    self.floor = floor
    self.time = time
    self.result = result
    self.documents = documents
  }

  package var approximateByteCount: Int {
    48 + result.count + documents.reduce(0) { $0 + $1.byteCount + 6 }
  }

  fileprivate func write(to writer: inout ByteWriter) {
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    writer.writeFixed(time.rawValue)
    writer.write(result)
    writer.write(documents)
  }

  fileprivate init(from reader: inout ByteReader) throws(CodingError) {
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
    time = HybridTime(rawValue: try reader.readFixed())
    result = try reader.readBytes()
    documents = try reader.readDocumentWrites()
  }
}
