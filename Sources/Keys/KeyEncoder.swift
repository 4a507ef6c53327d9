import Values

/// Writes column values so that comparing the bytes compares the values, in SQL's order (see the module's page).
///
/// Every column is a type byte and a body that shows its own end, so columns can simply follow one another: the order
/// of the whole is the order of the first column, then of the second, and so on, and the bytes of the first columns
/// are a prefix of just those keys that share them.
package enum KeyEncoder {
  /// Whether values of the type can stand in a key, that is, have an order.
  /// - Throws: `undefined_object` (42704), as PostgreSQL does for `CREATE INDEX` on such a type.
  package static func requireOrder(of type: SQLType) throws(SQLError) {
    switch type.kind {
    case .json:
      throw SQLError(
        .undefinedObject, "data type json has no default operator class for access method \"btree\"",
        hint: "You must specify an operator class for the index or define a default operator class for the data type."
      )
    case .void, .unknown:
      throw SQLError(.invalidTableDefinition, "a key column cannot have a pseudo-type")
    case .boolean, .int2, .int4, .int8, .float4, .float8, .numeric, .text, .varchar, .char, .bytea, .uuid, .date,
      .time, .timestamp, .timestampTZ, .interval, .jsonb, .oid, .name:
      return
    }
  }

  /// Appends one column. `descending` inverts every byte of it, and so its order, NULL's place included.
  /// - Throws: what `requireOrder` throws; `internal_error` if the value is not held as its type says.
  package static func append(
    _ datum: Datum, type: SQLType, descending: Bool, into key: inout [UInt8]
  ) throws(SQLError) {
    let start = key.count
    if case .null = datum {
      key.append(KeyTag.null)
    } else {
      key.append(KeyTag.of(type.kind))
      try appendBody(of: datum, type: type, into: &key)
    }
    if descending {
      for index in start..<key.count { key[index] = ~key[index] }
    }
  }

  /// What just the columns that are not NULL begin with.
  package static func notNullPrefix(of type: SQLType, descending: Bool) -> [UInt8] {
    let tag = KeyTag.of(type.kind)
    return [descending ? ~tag : tag]
  }

  private static func appendBody(of datum: Datum, type: SQLType, into key: inout [UInt8]) throws(SQLError) {
    switch (type.kind, datum) {
    case (.boolean, .bool(let value)): key.append(value ? 1 : 0)
    case (.int2, .int2(let value)): appendBigEndian(UInt16(bitPattern: value) ^ 0x8000, into: &key)
    case (.int4, .int4(let value)), (.date, .date(let value)):
      appendBigEndian(UInt32(bitPattern: value) ^ 0x8000_0000, into: &key)
    case (.int8, .int8(let value)), (.time, .time(let value)), (.timestamp, .timestamp(let value)),
      (.timestampTZ, .timestampTZ(let value)):
      appendBigEndian(UInt64(bitPattern: value) ^ (1 << 63), into: &key)
    case (.oid, .oid(let value)): appendBigEndian(value, into: &key)
    case (.float4, .float4(let value)): appendBigEndian(OrderedFloat.bits(of: value), into: &key)
    case (.float8, .float8(let value)): appendBigEndian(OrderedFloat.bits(of: value), into: &key)
    case (.numeric, .numeric(let value)): OrderedNumeric.append(value, into: &key)
    case (.text, .text(let value)), (.varchar, .text(let value)), (.name, .text(let value)):
      appendEscaped(value.utf8, into: &key)
    case (.char, .text(let value)): appendEscaped(withoutTrailingBlanks(value), into: &key)
    case (.bytea, .bytes(let value)): appendEscaped(value, into: &key)
    case (.uuid, .uuid(let value)):
      appendBigEndian(value.high, into: &key)
      appendBigEndian(value.low, into: &key)
    case (.interval, .interval(let value)): OrderedInterval.append(value, into: &key)
    case (.jsonb, .jsonb(let value)): try OrderedJSON.append(value, into: &key)
    default:
      try requireOrder(of: type)
      throw SQLError(.internalError, "a value of a key column is not held as its type \(type.kind) says")
    }
  }

  static func appendBigEndian<T: FixedWidthInteger & UnsignedInteger>(_ value: T, into key: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { key.append(contentsOf: $0) }
  }

  /// The bytes with each 0x00 as 0x00 0xFF, then 0x00 0x00: the end sorts before any continuation.
  static func appendEscaped(_ bytes: some Collection<UInt8>, into key: inout [UInt8]) {
    key.reserveCapacity(key.count + bytes.count + 2)
    if bytes.contains(0) {
      for byte in bytes {
        key.append(byte)
        if byte == 0 { key.append(0xff) }
      }
    } else {
      key.append(contentsOf: bytes)
    }
    key.append(0)
    key.append(0)
  }

  private static func withoutTrailingBlanks(_ text: String) -> Substring.UTF8View {
    let bytes = text.utf8
    var end = bytes.endIndex
    while end > bytes.startIndex, bytes[bytes.index(before: end)] == UInt8(ascii: " ") {
      end = bytes.index(before: end)
    }
    return bytes[..<end]
  }
}

/// The first byte of a column in a key: which type follows, or NULL.
///
/// Between 0x01 and 0xFE, inverted or not, so that there is always a byte before and behind it for bounds.
enum KeyTag {
  /// Behind every value: NULL sorts last when ascending, first when descending, as in PostgreSQL.
  static let null: UInt8 = 0xf0
  static func of(_ kind: TypeKind) -> UInt8 { 0x10 + kind.rawValue }
}
