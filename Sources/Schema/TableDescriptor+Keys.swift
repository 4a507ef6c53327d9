import Coding
import Keys
import Values

/// One end of a range of values of a key column.
package struct KeyBound: Sendable {
  package var value: Datum
  package var isInclusive: Bool
  package init(_ value: Datum, isInclusive: Bool) {
    self.value = value
    self.isInclusive = isInclusive
  }
}

extension TableDescriptor {
  /// All document keys of the table.
  package var wholeRange: KeyRange { id.wholeRange }

  /// The document key of a whole row.
  /// - Throws: `internal_error` if the row has not the table's shape.
  package func documentKey(for row: Row) throws(SQLError) -> [UInt8] {
    guard row.count == columns.count else {
      throw SQLError(.internalError, "a row of \(row.count) values does not fit table \"\(name)\"")
    }
    return try documentKey(keyValues: primaryKey.columns.map { row[$0.column] })
  }

  /// The document key of values for all key columns, in key order.
  package func documentKey(keyValues: [Datum]) throws(SQLError) -> [UInt8] {
    guard keyValues.count == primaryKey.columns.count else {
      throw SQLError(.internalError, "\(keyValues.count) values are not a key of table \"\(name)\"")
    }
    return try keyPrefix(keyValues)
  }

  /// What just those document keys begin with whose leading columns equal `values`.
  ///
  /// - Parameter values: of any number of leading key columns; of a hash-sharded table none, or at least the hash columns.
  package func keyPrefix(_ values: [Datum]) throws(SQLError) -> [UInt8] {
    var key = id.keyPrefix
    key.reserveCapacity(primaryKey.headerSize + values.count * 12)
    if !values.isEmpty { try primaryKey.append(values, columns: columns, to: &key) }
    return key
  }

  /// The keys whose leading columns equal `prefix` and whose next column lies between the bounds.
  ///
  /// A bound leaves out NULL, and a NULL bound every row, as comparisons in `WHERE` do. Without bounds the range is that
  /// of the prefix.
  package func keyRange(prefix: [Datum], lower: KeyBound?, upper: KeyBound?) throws(SQLError) -> KeyRange {
    let start = try keyPrefix(prefix)
    guard lower != nil || upper != nil else { return Self.range(ofPrefix: start) }
    guard prefix.count < primaryKey.columns.count, prefix.count >= primaryKey.hashColumnCount else {
      throw SQLError(.internalError, "no key column of table \"\(name)\" takes these bounds")
    }
    let keyColumn = primaryKey.columns[prefix.count]
    let type = columns[keyColumn.column].type
    if let lower, case .null = lower.value { return KeyRange(lower: start, upper: start) }
    if let upper, case .null = upper.value { return KeyRange(lower: start, upper: start) }

    // In a descending column the greater values come first.
    let (first, last) = keyColumn.descending ? (upper, lower) : (lower, upper)
    let notNull = Self.range(
      ofPrefix: start + KeyEncoder.notNullPrefix(of: type, descending: keyColumn.descending))
    var range = notNull
    if let first {
      let equal = try Self.range(ofPrefix: appending(first.value, as: keyColumn, to: start))
      range.lower = first.isInclusive ? equal.lower : equal.upper
    }
    if let last {
      let equal = try Self.range(ofPrefix: appending(last.value, as: keyColumn, to: start))
      range.upper = last.isInclusive ? equal.upper : equal.lower
    }
    // Bounds that leave nothing over give an empty range, not one that ends before it begins.
    return range.isEmpty ? KeyRange(lower: range.lower, upper: range.lower) : range
  }

  /// The values of the key columns, as far as a key keeps them (see `KeyReader`).
  package func keyValues(of documentKey: [UInt8]) throws(CodingError) -> [Datum] {
    guard documentKey.starts(with: id.keyPrefix) else { throw .malformed(what: "table id of a document key") }
    var reader = KeyReader(documentKey, offset: primaryKey.headerSize)
    var values: [Datum] = []
    for column in primaryKey.columns {
      values.append(try reader.read(type: columns[column.column].type, descending: column.descending))
    }
    guard reader.isAtEnd else { throw .malformed(what: "end of a document key") }
    return values
  }

  private func appending(_ value: Datum, as column: KeyColumn, to key: [UInt8]) throws(SQLError) -> [UInt8] {
    var key = key
    try KeyEncoder.append(value, type: columns[column.column].type, descending: column.descending, into: &key)
    return key
  }

  private static func range(ofPrefix prefix: [UInt8]) -> KeyRange {
    // Never all 0xFF: neither is a table id nor, inverted or not, a column's first byte.
    guard let range = KeyRange(prefix: prefix) else { preconditionFailure("no key follows \(prefix)") }
    return range
  }
}
