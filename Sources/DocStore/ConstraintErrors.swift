import Schema
import Values

/// PostgreSQL's messages for rows that break a rule of their table.
extension TableDescriptor {
  /// NOT NULL, for the column at a position.
  func notNullViolation(at position: Int, in row: Row) -> SQLError {
    let column = columns[position]
    var error = violation(
      .notNullViolation,
      "null value in column \"\(column.name)\" of relation \"\(name)\" violates not-null constraint")
    error.detail = failingRow(row)
    error.column = column.name
    return error
  }

  func checkViolation(of check: CheckConstraint, in row: Row) -> SQLError {
    var error = violation(
      .checkViolation, "new row for relation \"\(name)\" violates check constraint \"\(check.name)\"")
    error.detail = failingRow(row)
    error.constraint = check.name
    return error
  }

  /// A second row with the key of this one.
  func uniqueViolation(by row: Row) -> SQLError {
    var error = violation(
      .uniqueViolation, "duplicate key value violates unique constraint \"\(primaryKey.constraintName)\"")
    // An index names its columns as they are to be shown, and keeps what only tells entries apart hidden.
    let shown = keyPositions.filter { !isIndex || !columns[$0].isHidden }
    let names = shown.map { isIndex ? columns[$0].name : Self.quoted(columns[$0].name) }
    let values = shown.map { text(of: row, at: $0) }
    error.detail = "Key (\(names.joined(separator: ", ")))=(\(values.joined(separator: ", "))) already exists."
    error.constraint = primaryKey.constraintName
    return error
  }

  private func violation(_ state: SQLState, _ message: String) -> SQLError {
    var error = SQLError(state, message)
    error.schema = schema
    error.table = name
    return error
  }

  /// The values in order, long ones cut at 64 bytes.
  private func failingRow(_ row: Row) -> String {
    let values = columns.indices.filter { !columns[$0].isHidden }.map { position in
      let text = text(of: row, at: position)
      return text.utf8.count <= 64 ? text : Self.prefix(of: text, byteCountMax: 64) + "..."
    }
    return "Failing row contains (\(values.joined(separator: ", ")))."
  }

  private func text(of row: Row, at position: Int) -> String {
    row[position].isNull ? "null" : TextFormat.text(row[position], as: columns[position].type)
  }

  /// The longest prefix of whole characters (code points).
  private static func prefix(of text: String, byteCountMax: Int) -> String {
    var prefix = String.UnicodeScalarView()
    var byteCount = 0
    for scalar in text.unicodeScalars {
      byteCount += UTF8.width(scalar)
      if byteCount > byteCountMax { break }
      prefix.append(scalar)
    }
    return String(prefix)
  }

  /// In double quotes, unless it reads the same without.
  private static func quoted(_ name: String) -> String {
    let isPlain =
      name.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
      && name.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || byte == UInt8(ascii: "_")
      }
    return isPlain
      ? name : "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
  }
}
