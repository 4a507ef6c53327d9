import Coding
import Keys
import Schema

/// The documents of the catalog tablet: keys, values, and what they mean.
///
/// Key: table id 1 (4 bytes, big-endian) · kind · id (8 bytes, big-endian). Value, in the place of a packed row: the
/// descriptor's own encoding.
package enum CatalogRecord: Sendable {
  case version(UInt64)
  /// The greatest ids given out so far; ids are never used again.
  case counters(CatalogCounters)
  case node(NodeDescriptor)
  case table(TableDescriptor)
  case tablet(TabletDescriptor)
  /// The next value that nobody has taken.
  case sequence(SequenceKey, next: Int64)
  case pending(TableID, PendingTable)

  package enum Key: Hashable, Sendable {
    case version
    case counters
    case node(NodeID)
    case table(TableID)
    case tablet(TabletID)
    case sequence(SequenceKey)
    case pending(TableID)
  }

  private static let prefix: [UInt8] = [0, 0, 0, 1]

  package var key: Key {
    switch self {
    case .version: .version
    case .counters: .counters
    case .node(let node): .node(node.id)
    case .table(let table): .table(table.id)
    case .tablet(let tablet): .tablet(tablet.id)
    case .sequence(let key, _): .sequence(key)
    case .pending(let id, _): .pending(id)
    }
  }

  package var value: [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .version(let version): writer.writeVarint(version)
    case .counters(let counters):
      writer.writeFixed(counters.table)
      writer.writeVarint(counters.tablet)
      writer.writeVarint(counters.replica)
    case .node(let node): writer.write(node)
    case .table(let table): writer.write(table)
    case .tablet(let tablet): writer.write(tablet)
    case .sequence(_, let next): writer.writeSigned(next)
    case .pending(_, let pending): writer.write(pending)
    }
    return writer.bytes
  }

  package static func decode(key: Key, value: some Collection<UInt8>) throws(CodingError) -> CatalogRecord {
    var reader = ByteReader(Array(value))
    switch key {
    case .version: return .version(try reader.readVarint())
    case .counters:
      return .counters(
        CatalogCounters(
          table: try reader.readFixed(), tablet: try reader.readVarint(), replica: try reader.readVarint()))
    case .node: return .node(try reader.readNodeDescriptor())
    case .table: return .table(try reader.readTableDescriptor())
    case .tablet: return .tablet(try reader.readTabletDescriptor())
    case .sequence(let key): return .sequence(key, next: try reader.readSigned())
    case .pending(let id): return .pending(id, try reader.readPendingTable())
    }
  }
}

extension CatalogRecord.Key {
  package var encoded: [UInt8] {
    let (kind, id): (UInt8, UInt64) =
      switch self {
      case .version: (1, 0)
      case .counters: (2, 0)
      case .node(let id): (3, UInt64(id.rawValue))
      case .table(let id): (4, UInt64(id.rawValue))
      case .tablet(let id): (5, id.rawValue)
      case .sequence(let key): (6, UInt64(key.table.rawValue) << 16 | UInt64(key.column))
      case .pending(let id): (7, UInt64(id.rawValue))
      }
    return CatalogRecord.keyBytes(kind: kind, id: id)
  }

  package init?(decoding bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    guard bytes.count == 13, Array(bytes[0..<4]) == [0, 0, 0, 1] else { return nil }
    let id = bytes[5...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch bytes[4] {
    case 1: self = .version
    case 2: self = .counters
    case 3: self = .node(NodeID(UInt32(truncatingIfNeeded: id)))
    case 4: self = .table(TableID(UInt32(truncatingIfNeeded: id)))
    case 5: self = .tablet(TabletID(id))
    case 6:
      self = .sequence(
        SequenceKey(table: TableID(UInt32(truncatingIfNeeded: id >> 16)), column: UInt16(truncatingIfNeeded: id)))
    case 7: self = .pending(TableID(UInt32(truncatingIfNeeded: id)))
    default: return nil
    }
  }
}

extension CatalogRecord {
  fileprivate static func keyBytes(kind: UInt8, id: UInt64) -> [UInt8] {
    var bytes = prefix
    bytes.append(kind)
    for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: id >> shift)) }
    return bytes
  }

  /// The key range of all catalog documents.
  package static let lower: [UInt8] = prefix
  package static let upper: [UInt8] = [0, 0, 0, 2]
}

package struct SequenceKey: Hashable, Sendable {
  package var table: TableID
  package var column: UInt16
  package init(table: TableID, column: UInt16) {
    self.table = table
    self.column = column
  }
}

package struct CatalogCounters: Hashable, Sendable {
  package var table: UInt32
  package var tablet: UInt64
  package var replica: UInt64
  package init(table: UInt32, tablet: UInt64, replica: UInt64) {
    self.table = table
    self.tablet = tablet
    self.replica = replica
  }

  /// Users' tables start at 16384 as in PostgreSQL; tablets and replicas below 1000 are the system's own.
  package static let initial = CatalogCounters(table: 16383, tablet: 999, replica: 999)
}
