import Values

/// Reading arguments. An expression may come over the network with arguments of a wrong kind: then these throw.
extension Datum {
  /// A value of a kind that the function does not take.
  static func mismatch(_ expected: String) -> SQLError {
    SQLError(.internalError, "expression argument is not of type \(expected)")
  }

  func boolean() throws(SQLError) -> Bool {
    guard case .bool(let value) = self else { throw Datum.mismatch("boolean") }
    return value
  }

  /// Any of the integer types, or an oid.
  func integer() throws(SQLError) -> Int64 {
    switch self {
    case .int4(let value): return Int64(value)
    case .int8(let value): return value
    case .int2(let value): return Int64(value)
    case .oid(let value): return Int64(value)
    default: throw Datum.mismatch("integer")
    }
  }

  func int4() throws(SQLError) -> Int {
    guard case .int4(let value) = self else { throw Datum.mismatch("integer") }
    return Int(value)
  }

  /// Either of the floating-point types.
  func double() throws(SQLError) -> Double {
    switch self {
    case .float8(let value): return value
    case .float4(let value): return Double(value)
    default: throw Datum.mismatch("double precision")
    }
  }

  func numeric() throws(SQLError) -> Numeric {
    guard case .numeric(let value) = self else { throw Datum.mismatch("numeric") }
    return value
  }

  func string() throws(SQLError) -> String {
    guard case .text(let value) = self else { throw Datum.mismatch("text") }
    return value
  }

  func byteArray() throws(SQLError) -> [UInt8] {
    guard case .bytes(let value) = self else { throw Datum.mismatch("bytea") }
    return value
  }

  func interval() throws(SQLError) -> Interval {
    guard case .interval(let value) = self else { throw Datum.mismatch("interval") }
    return value
  }

  func date() throws(SQLError) -> Int32 {
    guard case .date(let value) = self else { throw Datum.mismatch("date") }
    return value
  }

  func time() throws(SQLError) -> Int64 {
    guard case .time(let value) = self else { throw Datum.mismatch("time") }
    return value
  }

  func timestamp() throws(SQLError) -> Int64 {
    guard case .timestamp(let value) = self else { throw Datum.mismatch("timestamp") }
    return value
  }

  func timestampTZ() throws(SQLError) -> Int64 {
    guard case .timestampTZ(let value) = self else { throw Datum.mismatch("timestamp with time zone") }
    return value
  }

  /// The text of a json or jsonb value.
  func jsonText() throws(SQLError) -> String {
    switch self {
    case .json(let text), .jsonb(let text): return text
    default: throw Datum.mismatch("json")
    }
  }

  /// The type that the value shows by itself; text for all text types, unknown for NULL.
  var naturalType: SQLType {
    switch self {
    case .null: .unknown
    case .bool: .boolean
    case .int2: .int2
    case .int4: .int4
    case .int8: .int8
    case .float4: .float4
    case .float8: .float8
    case .numeric: .numeric
    case .text: .text
    case .bytes: .bytea
    case .uuid: .uuid
    case .date: .date
    case .time: .time
    case .timestamp: .timestamp
    case .timestampTZ: .timestampTZ
    case .interval: .interval
    case .json: .json
    case .jsonb: .jsonb
    case .oid: .oid
    }
  }
}

/// Runs a body on the argument at a place; a call with too few arguments throws instead of trapping.
extension [Datum] {
  func argument(_ index: Int) throws(SQLError) -> Datum {
    guard index < count else { throw SQLError(.internalError, "expression call has too few arguments") }
    return self[index]
  }
}
