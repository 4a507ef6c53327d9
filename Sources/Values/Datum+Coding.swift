package import Coding

// Values as stored in logs, rows and messages between nodes: a tag byte, then the body. Example: `.int4(-2)` is
// `04 03` (tag 4, zigzag varint 3); `.text("é")` is `09 02 c3 a9`.

extension ByteWriter {
  package mutating func write(_ datum: Datum) {
    switch datum {
    case .null: write(UInt8(0))
    case .bool(let value): write(UInt8(value ? 2 : 1))
    case .int2(let value): tagged(3) { $0.writeSigned(Int64(value)) }
    case .int4(let value): tagged(4) { $0.writeSigned(Int64(value)) }
    case .int8(let value): tagged(5) { $0.writeSigned(value) }
    case .float4(let value): tagged(6) { $0.write(value) }
    case .float8(let value): tagged(7) { $0.write(value) }
    case .numeric(let value): tagged(8) { $0.write(value) }
    case .text(let value): tagged(9) { $0.write(value) }
    case .bytes(let value): tagged(10) { $0.write(value) }
    case .uuid(let value):
      write(UInt8(11))
      writeFixed(value.high)
      writeFixed(value.low)
    case .date(let value): tagged(12) { $0.writeSigned(Int64(value)) }
    case .time(let value): tagged(13) { $0.writeSigned(value) }
    case .timestamp(let value): tagged(14) { $0.writeSigned(value) }
    case .timestampTZ(let value): tagged(15) { $0.writeSigned(value) }
    case .interval(let value):
      write(UInt8(16))
      writeSigned(Int64(value.months))
      writeSigned(Int64(value.days))
      writeSigned(value.microseconds)
    case .json(let value): tagged(17) { $0.write(value) }
    case .jsonb(let value): tagged(18) { $0.write(value) }
    case .oid(let value): tagged(19) { $0.writeVarint(UInt64(value)) }
    }
  }

  private mutating func tagged(_ tag: UInt8, _ body: (inout ByteWriter) -> Void) {
    write(tag)
    body(&self)
  }

  /// A form byte, then: scale and zigzag coefficient (0), or sign, weight, scale and base-10,000 digits (1); 2…4 are
  /// −∞, ∞ and NaN.
  package mutating func write(_ numeric: Numeric) {
    switch numeric.form {
    case .small(let coefficient, let scale):
      write(UInt8(0))
      write(scale)
      writeSigned(coefficient)
    case .large(let value):
      write(UInt8(1))
      write(value.isNegative)
      writeSigned(Int64(value.weight))
      writeCount(value.scale)
      writeArray(value.digits) { $0.writeFixed($1) }
    case .negativeInfinity: write(UInt8(2))
    case .positiveInfinity: write(UInt8(3))
    case .notANumber: write(UInt8(4))
    }
  }

  package mutating func write(_ type: SQLType) {
    write(type.kind.rawValue)
    switch type.modifier {
    case .none: write(UInt8(0))
    case .length(let length):
      write(UInt8(1))
      writeSigned(Int64(length))
    case .precisionScale(let precision, let scale):
      write(UInt8(2))
      writeSigned(Int64(precision))
      writeSigned(Int64(scale))
    case .fraction(let digits):
      write(UInt8(3))
      writeSigned(Int64(digits))
    }
  }

  package mutating func write(_ error: SQLError) {
    write(error.state.code)
    write(error.message)
    writeOptional(error.position) { $0.writeSigned(Int64($1)) }
    for field in error.optionalTexts { writeOptional(field) { $0.write($1) } }
  }
}

extension SQLError {
  fileprivate var optionalTexts: [String?] { [detail, hint, schema, table, column, dataType, constraint, context] }
}

extension ByteReader {
  /// - Throws: `malformed` for what `write` never produces: unknown tags, texts that are not UTF-8 or hold NUL, numbers
  ///   beyond their type.
  package mutating func readDatum() throws(CodingError) -> Datum {
    switch try readByte() {
    case 0: .null
    case 1: .bool(false)
    case 2: .bool(true)
    case 3: .int2(try readInteger())
    case 4: .int4(try readInteger())
    case 5: .int8(try readSigned())
    case 6: .float4(try readFloat())
    case 7: .float8(try readDouble())
    case 8: .numeric(try readNumeric())
    case 9: .text(try readText())
    case 10: .bytes(try readBytes())
    case 11: .uuid(UUIDValue(high: try readFixed(), low: try readFixed()))
    case 12: .date(try readInteger())
    case 13: .time(try readTime())
    case 14: .timestamp(try readSigned())
    case 15: .timestampTZ(try readSigned())
    case 16:
      .interval(Interval(months: try readInteger(), days: try readInteger(), microseconds: try readSigned()))
    case 17: .json(try readText())
    case 18: .jsonb(try readText())
    case 19: .oid(try readOID())
    default: throw .malformed(what: "datum tag")
    }
  }

  private mutating func readInteger<T: FixedWidthInteger>() throws(CodingError) -> T {
    guard let value = T(exactly: try readSigned()) else { throw .malformed(what: "integer") }
    return value
  }

  private mutating func readInteger(in range: ClosedRange<Int32>) throws(CodingError) -> Int32 {
    let value: Int32 = try readInteger()
    guard range.contains(value) else { throw .malformed(what: "type modifier") }
    return value
  }

  private mutating func readText() throws(CodingError) -> String {
    let text = try readString()
    if text.utf8.contains(0) { throw .malformed(what: "text with NUL") }
    return text
  }

  private mutating func readTime() throws(CodingError) -> Int64 {
    let value = try readSigned()
    guard (0...DateTime.microsecondsPerDay).contains(value) else { throw .malformed(what: "time of day") }
    return value
  }

  private mutating func readOID() throws(CodingError) -> UInt32 {
    guard let value = UInt32(exactly: try readVarint()) else { throw .malformed(what: "object id") }
    return value
  }

  package mutating func readNumeric() throws(CodingError) -> Numeric {
    switch try readByte() {
    case 0:
      let scale = try readByte()
      let coefficient = try readSigned()
      guard scale <= Numeric.smallScaleMax, coefficient != .min else { throw .malformed(what: "numeric") }
      return Numeric(form: .small(coefficient, scale: scale))
    case 1:
      let isNegative = try readBool()
      let weight = try readSigned()
      let scale = try readVarint()
      let digits = try readArray(minimumSize: 2) { reader throws(CodingError) in try reader.readFixed(UInt16.self) }
      guard let weight = Int(exactly: weight), let scale = Int(exactly: scale),
        let value = Numeric(isNegative: isNegative, weight: weight, digits: digits, scale: scale)
      else { throw .malformed(what: "numeric") }
      return value
    case 2: return .negativeInfinity
    case 3: return .infinity
    case 4: return .nan
    default: throw .malformed(what: "numeric form")
    }
  }

  package mutating func readSQLType() throws(CodingError) -> SQLType {
    guard let kind = TypeKind(rawValue: try readByte()) else { throw .malformed(what: "type") }
    switch try readByte() {
    case 0: return SQLType(kind)
    case 1: return SQLType(kind, .length(try readInteger(in: 1...10_485_760)))
    case 2:
      return SQLType(kind, .precisionScale(try readInteger(in: 1...1000), try readInteger(in: -1000...1000)))
    case 3: return SQLType(kind, .fraction(try readInteger(in: 0...6)))
    default: throw .malformed(what: "type modifier")
    }
  }

  package mutating func readSQLError() throws(CodingError) -> SQLError {
    let code = try readString()
    guard code.utf8.count == 5 else { throw .malformed(what: "SQLSTATE") }
    var error = SQLError(SQLState(code: code), try readString())
    error.position = try readOptional { reader throws(CodingError) in Int(try reader.readSigned()) }
    func text() throws(CodingError) -> String? {
      try readOptional { reader throws(CodingError) in try reader.readString() }
    }
    error.detail = try text()
    error.hint = try text()
    error.schema = try text()
    error.table = try text()
    error.column = try text()
    error.dataType = try text()
    error.constraint = try text()
    error.context = try text()
    return error
  }
}
