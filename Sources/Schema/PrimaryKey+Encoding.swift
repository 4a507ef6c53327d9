import Keys
import Values

extension PrimaryKey {
  /// Bytes of a table id at the front of every document key.
  package static let tableIDSize = 4
  /// Bytes of the hash behind it, in a hash-sharded table.
  package static let hashSize = 2

  /// Bytes of a document key before its first column.
  package var headerSize: Int { hashColumnCount > 0 ? Self.tableIDSize + Self.hashSize : Self.tableIDSize }

  /// Appends the leading key columns' values, with the hash before them if the table is hash-sharded: a document key
  /// without its table id, or the beginning of one. Split points of `NewTable` are made with this, too.
  ///
  /// - Parameter values: of the first `values.count` key columns; in a hash-sharded table of all hash columns at least.
  /// - Throws: what `KeyEncoder.append` throws; `internal_error` for too few or too many values.
  package func append(_ values: [Datum], columns: [ColumnDescriptor], to key: inout [UInt8]) throws(SQLError) {
    guard values.count >= hashColumnCount, values.count <= self.columns.count else {
      throw SQLError(.internalError, "\(values.count) values do not make a prefix of this key")
    }
    let hashOffset = key.count
    if hashColumnCount > 0 { key.append(contentsOf: [0, 0]) }
    for (index, value) in values.enumerated() {
      let keyColumn = self.columns[index]
      try KeyEncoder.append(
        value, type: columns[keyColumn.column].type, descending: keyColumn.descending, into: &key)
      if index + 1 == hashColumnCount {
        let hash = KeyHash.hash16(of: key[(hashOffset + Self.hashSize)...])
        key[hashOffset] = UInt8(hash >> 8)
        key[hashOffset + 1] = UInt8(hash & 0xff)
      }
    }
  }
}

extension TableID {
  /// The four bytes, big-endian, that begin the table's document keys.
  package var keyPrefix: [UInt8] { Self.bigEndian(rawValue) }

  /// All keys of the table. The id `UInt32.max`, which would have no end, is never given to a table.
  package var wholeRange: KeyRange { KeyRange(lower: keyPrefix, upper: Self.bigEndian(rawValue &+ 1)) }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

/// Where a new table's tablets begin and end: ranges that tile all keys of the table, in key order.
package enum TabletBounds {
  /// `tabletCount` tablets with an even share of the hashes each.
  package static func hash(table: TableID, tabletCount: Int) -> [KeyRange] {
    tiles(
      of: table, splits: KeyHash.evenBounds(count: tabletCount).dropFirst().map { [UInt8($0 >> 8), UInt8($0 & 0xff)] })
  }

  /// One tablet more than there are splits.
  /// - Parameter splits: encoded keys without the table id, as `PrimaryKey.append` makes them.
  /// - Throws: `invalid_table_definition` (42P16) if they are not sorted, or one is empty or there twice.
  package static func range(table: TableID, splits: [[UInt8]]) throws(SQLError) -> [KeyRange] {
    for (index, split) in splits.enumerated() {
      guard !split.isEmpty, index == 0 || KeyRange.isLess(splits[index - 1], split) else {
        throw SQLError(.invalidTableDefinition, "split points must be in key order and all different")
      }
    }
    return tiles(of: table, splits: splits)
  }

  private static func tiles(of table: TableID, splits: [[UInt8]]) -> [KeyRange] {
    let whole = table.wholeRange
    let inner = splits.map { table.keyPrefix + $0 }
    return zip([whole.lower] + inner, inner + [whole.upper]).map { KeyRange(lower: $0, upper: $1) }
  }
}
