import Coding
import Schema
import Values

/// The bytes of a row: which columns it has, and each one's value where it can be reached at once.
///
/// ```
/// format · schema version · column count · [column ids] · null bitmap · ends · values
/// ```
///
/// The layout explains itself: it names the columns by id and gives the end of each value, so a row that was written
/// before a column was added or dropped is read without its descriptor. The module's page has an example in bytes.
enum PackedRow {
  /// The low half of the first byte.
  static let version: UInt8 = 1
  static let versionMask: UInt8 = 0x0f
  /// Set if the ids are listed; otherwise they are 1, 2, … in order.
  static let idsListed: UInt8 = 0x10
  /// Where the width of the ends stands: 0, 1, 2 for 1, 2, 4 bytes.
  static let endWidthShift: UInt8 = 5
  static let endWidthMask: UInt8 = 0x60
}

/// Packs and unpacks the rows of one table at one version of its schema. Made once, used for many rows.
package struct RowCodec: Sendable {
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

/// Where the parts of a packed row lie; checked to be inside of it.
struct PackedRowLayout {
  let schemaVersion: UInt64
  let columnCount: Int
  /// The ids where they are listed, ascending.
  private var listedIDs: [UInt16] = []
  private let isDense: Bool
  private let bitmapStart: Int
  private let endsStart: Int
  private let endWidth: Int
  private let valuesStart: Int
  private let byteCount: Int

  init(_ bytes: Span<UInt8>) throws(CodingError) {
    byteCount = bytes.count
    guard byteCount > 0 else { throw .truncated }
    let format = bytes[0]
    let widthCode = (format & PackedRow.endWidthMask) >> PackedRow.endWidthShift
    guard format & PackedRow.versionMask == PackedRow.version, format < 0x80, widthCode < 3 else {
      throw .malformed(what: "format of a row")
    }
    endWidth = 1 << Int(widthCode)
    isDense = format & PackedRow.idsListed == 0
    var position = 1
    schemaVersion = try Self.readVarint(bytes, at: &position)
    let count = try Self.readVarint(bytes, at: &position)
    guard count <= UInt64(UInt16.max) else { throw .malformed(what: "column count of a row") }
    columnCount = Int(count)
    if !isDense {
      var id: UInt64 = 0
      for _ in 0..<columnCount {
        let step = try Self.readVarint(bytes, at: &position)
        guard step > 0, step <= UInt64(UInt16.max) - id else { throw .malformed(what: "column id of a row") }
        id += step
        listedIDs.append(UInt16(id))
      }
    }
    bitmapStart = position
    endsStart = bitmapStart + (columnCount + 7) / 8
    valuesStart = endsStart + columnCount * endWidth
    guard valuesStart <= byteCount else { throw .truncated }
  }

  /// Where the column stands among the row's columns; nil if the row does not have it.
  func index(ofColumn id: UInt16) -> Int? {
    if isDense { return id > 0 && Int(id) <= columnCount ? Int(id) - 1 : nil }
    var (low, high) = (0, listedIDs.count)
    while low < high {
      let middle = (low + high) / 2
      if listedIDs[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < listedIDs.count && listedIDs[low] == id ? low : nil
  }

  func isNull(_ index: Int, in bytes: Span<UInt8>) -> Bool {
    bytes[bitmapStart + index / 8] & (1 << UInt8(index % 8)) != 0
  }

  /// Where the value of the column at `index` lies.
  func range(of index: Int, in bytes: Span<UInt8>) throws(CodingError) -> Range<Int> {
    let start = index == 0 ? 0 : end(index - 1, in: bytes)
    let end = end(index, in: bytes)
    guard start <= end, end <= byteCount - valuesStart else { throw .malformed(what: "end of a value") }
    return valuesStart + start..<valuesStart + end
  }

  private func end(_ index: Int, in bytes: Span<UInt8>) -> Int {
    let start = endsStart + index * endWidth
    var value = 0
    for offset in 0..<endWidth { value |= Int(bytes[start + offset]) << (8 * offset) }
    return value
  }

  private static func readVarint(_ bytes: Span<UInt8>, at position: inout Int) throws(CodingError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 28, by: 7) {
      guard position < bytes.count else { throw .truncated }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed(what: "varint of a row")
  }
}
