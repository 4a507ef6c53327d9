import Coding
import Schema
import Values

/// Packs and unpacks the rows of one table at one version of its schema. Made once, used for many rows, and handed on by
/// reference: a copy of all that describes a table would cost more than to read a row.
package final class RowCodec: Sendable {
  package let table: TableDescriptor
  /// The columns in the order of their ids, as positions in the table's list.
  private let storedOrder: [Int]
  private let types: [SQLType]
  private let ids: [UInt16]
  /// Whether the ids are 1, 2, … in the order of declaration, as they are until a column is dropped.
  private let isDense: Bool
  /// Made here, since this is what is kept for as long as the table stays as it is.
  let rules: RowRules

  package init(table: TableDescriptor) {
    self.table = table
    rules = RowRules(table)
    types = table.types
    ids = table.columns.map(\.id)
    storedOrder = table.columns.indices.sorted { table.columns[$0].id < table.columns[$1].id }
    isDense = table.columns.indices.allSatisfy { Int(table.columns[$0].id) == $0 + 1 }
  }

  package var columnCount: Int { types.count }

  // MARK: - Packing

  /// Appends the packed row.
  /// - Throws: `internal_error` if the row has not the table's shape; 54000 beyond 1 GiB.
  package func encode(_ row: Row, into bytes: inout [UInt8]) throws(SQLError) {
    guard row.count == types.count else {
      throw SQLError(.internalError, "a row of \(row.count) values does not fit table \"\(table.name)\"")
    }
    var values = ByteWriter(reservingCapacity: 16 + row.count * 8)
    var ends: [Int] = []
    ends.reserveCapacity(row.count)
    for position in storedOrder {
      try ValueCodec.append(row[position], type: types[position], to: &values)
      ends.append(values.count)
    }
    guard values.count <= 1 << 30 else { throw SQLError(.programLimitExceeded, "row is too big") }

    let widthCode: UInt8 = values.count <= 0xff ? 0 : values.count <= 0xffff ? 1 : 2
    let endWidth = 1 << Int(widthCode)
    bytes.reserveCapacity(bytes.count + 12 + row.count * (endWidth + 1) + values.count)
    bytes.append(PackedRow.version | (isDense ? 0 : PackedRow.idsListed) | widthCode << PackedRow.endWidthShift)
    Self.appendVarint(UInt64(table.version), to: &bytes)
    Self.appendVarint(UInt64(row.count), to: &bytes)
    if !isDense {
      var previous: UInt16 = 0
      for position in storedOrder {
        Self.appendVarint(UInt64(ids[position] - previous), to: &bytes)
        previous = ids[position]
      }
    }
    appendNullBitmap(of: row, to: &bytes)
    for end in ends {
      for shift in 0..<endWidth { bytes.append(UInt8(truncatingIfNeeded: end >> (8 * shift))) }
    }
    bytes.append(contentsOf: values.bytes)
  }

  private func appendNullBitmap(of row: Row, to bytes: inout [UInt8]) {
    var byte: UInt8 = 0
    for (index, position) in storedOrder.enumerated() {
      if row[position].isNull { byte |= 1 << UInt8(index % 8) }
      if index % 8 == 7 {
        bytes.append(byte)
        byte = 0
      }
    }
    if storedOrder.count % 8 != 0 { bytes.append(byte) }
  }

  private static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  // MARK: - Unpacking

  /// The whole row.
  package func decode(_ bytes: Span<UInt8>) throws(CodingError) -> Row {
    var row = Row(repeating: .null, count: types.count)
    try decode(bytes, columns: nil, into: &row)
    return row
  }

  /// Sets the values of some columns (all, if `columns` is nil) and leaves the rest of `row` alone. A column that the row
  /// does not have is NULL.
  /// - Parameter columns: positions in the table's list.
  /// - Parameter row: as long as the table's list.
  /// - Throws: on bytes that no `encode` wrote.
  package func decode(_ bytes: Span<UInt8>, columns: [Int]?, into row: inout Row) throws(CodingError) {
    precondition(row.count == types.count, "a row buffer of \(row.count) values for \(types.count) columns")
    let layout = try PackedRowLayout(bytes)
    if let columns {
      for position in columns {
        row[position] = try decode(position, of: bytes, layout: layout)
      }
    } else {
      for position in types.indices {
        row[position] = try decode(position, of: bytes, layout: layout)
      }
    }
  }

  private func decode(
    _ position: Int, of bytes: Span<UInt8>, layout: borrowing PackedRowLayout
  ) throws(CodingError) -> Datum {
    guard let index = layout.index(ofColumn: ids[position]), !layout.isNull(index, in: bytes) else { return .null }
    return try ValueCodec.read(bytes, in: layout.range(of: index, in: bytes), type: types[position])
  }
}
