import Coding
import Keys
import Raft

/// The Raft messages of all tablets that leave for one node in one turn.
///
/// Format: version byte `1` · count · for each: tablet · from (8) · to (8) · message (length-prefixed).
enum RaftFrame {
  private static let formatVersion: UInt8 = 1

  static func encode(_ envelopes: [TurnOutput.Envelope]) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 256)
    writer.write(formatVersion)
    writer.writeCount(envelopes.count)
    for envelope in envelopes {
      writer.writeVarint(envelope.tablet.rawValue)
      writer.writeFixed(envelope.from.raw)
      writer.writeFixed(envelope.to.raw)
      envelope.message.encode(into: &writer)
    }
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8]) throws(CodingError) -> [TurnOutput.Envelope] {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == formatVersion else { throw .malformed(what: "Raft frame version") }
    return try reader.readArray(minimumSize: 18) { reader throws(CodingError) in
      let tablet = TabletID(try reader.readVarint())
      let from = ReplicaID(try reader.readFixed())
      let to = ReplicaID(try reader.readFixed())
      return TurnOutput.Envelope(tablet: tablet, from: from, to: to, message: try Message(from: &reader))
    }
  }
}
