import Coding
import Keys
import Operations
import Values

/// A catalog change as it travels to the catalog's leader.
package struct CatalogChangeRequest: Sendable {
  package var id: RequestID
  package var floor: UInt64
  package var change: CatalogChange
  package init(id: RequestID, floor: UInt64, change: CatalogChange) {
    self.id = id
    self.floor = floor
    self.change = change
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    writer.write(change)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
    change = try reader.readCatalogChange()
  }
}

/// What a change did, and the catalog version that has it.
package struct CatalogChangeOutcome: Sendable {
  package var result: CatalogChangeResult
  package var version: UInt64
}

/// A range of sequence values that nobody else gets.
package struct SequenceRange: Sendable, Hashable {
  package var first: Int64
  package var increment: Int64
  package var count: Int64
}

/// Asks for the next values of a sequence.
package struct SequenceRequest: Sendable {
  package var key: SequenceKey
  /// How many at least.
  package var count: Int64
  package var id: RequestID
  package var floor: UInt64

  package init(key: SequenceKey, count: Int64, id: RequestID, floor: UInt64) {
    self.key = key
    self.count = count
    self.id = id
    self.floor = floor
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeFixed(key.table.rawValue)
    writer.writeFixed(key.column)
    writer.writeSigned(count)
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    key = SequenceKey(table: TableID(try reader.readFixed()), column: try reader.readFixed())
    count = try reader.readSigned()
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
  }
}

extension SequenceRange {
  package func write(to writer: inout ByteWriter) {
    writer.writeSigned(first)
    writer.writeSigned(increment)
    writer.writeSigned(count)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    first = try reader.readSigned()
    increment = try reader.readSigned()
    count = try reader.readSigned()
  }
}

extension CatalogChangeOutcome {
  package func write(to writer: inout ByteWriter) {
    writer.write(result)
    writer.writeVarint(version)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    result = try reader.readCatalogChangeResult()
    version = try reader.readVarint()
  }
}
