import Coding

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
