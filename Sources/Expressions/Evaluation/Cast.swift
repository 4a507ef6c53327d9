import Values

/// One conversion, ready to run.
struct Cast: Sendable {
  var from: SQLType
  var to: SQLType
  var isExplicit: Bool

  /// - Throws: what the conversion throws; 42846 for one that there is none of, which only hostile bytes can ask for.
  func apply(_ datum: Datum, _ context: EvaluationContext) throws(SQLError) -> Datum {
    if datum.isNull { return .null }
    let converted = from.kind == to.kind ? datum : try convert(datum, context)
    return to.modifier == .none && to.kind != .name
      ? converted : try converted.applyingModifier(of: to, explicitCast: isExplicit)
  }

  private func convert(_ datum: Datum, _ context: EvaluationContext) throws(SQLError) -> Datum {
    switch to.kind {
    case .text, .varchar, .char, .name: return try toText(datum, context)
    case .int2, .int4, .int8, .oid, .float4, .float8, .numeric:
      if case .text(let text) = datum { return try parse(text, context) }
      return try toNumber(datum)
    case .boolean:
      switch datum {
      case .text(let text): return try parse(text, context)
      case .int4(let value): return .bool(value != 0)
      case .jsonb(let text):
        let value = try JSONValue.parse(text)
        guard case .bool(let flag) = value else { throw jsonMismatch(value) }
        return .bool(flag)
      default: throw impossible
      }
    case .date, .time, .timestamp, .timestampTZ, .interval:
      if case .text(let text) = datum { return try parse(text, context) }
      return try toDateTime(datum, context)
    case .json:
      switch datum {
      case .text(let text): return try parse(text, context)
      case .jsonb(let text): return .json(text)
      default: throw impossible
      }
    case .jsonb:
      switch datum {
      case .text(let text): return try parse(text, context)
      case .json(let text): return .jsonb(try JSONB.canonical(text))
      default: throw impossible
      }
    case .bytea, .uuid:
      guard case .text(let text) = datum else { throw impossible }
      return try parse(text, context)
    case .void, .unknown: throw impossible
    }
  }

  private var impossible: SQLError {
    SQLError(.cannotCoerce, "cannot cast type \(from.kind.sqlName) to \(to.kind.sqlName)")
  }

  private func parse(_ text: String, _ context: EvaluationContext) throws(SQLError) -> Datum {
    try TextFormat.parse(text, as: SQLType(to.kind), settings: context.settings, now: context.transactionTime)
  }

  private func toText(_ datum: Datum, _ context: EvaluationContext) throws(SQLError) -> Datum {
    switch datum {
    case .text(let text): return .text(from.kind == .char ? text.withoutTrailingBlanks : text)
    // The cast says `true`, where output says `t`.
    case .bool(let value): return .text(value ? "true" : "false")
    default: return .text(TextFormat.text(datum, as: from, settings: context.settings))
    }
  }
}

// MARK: - Numbers

extension Cast {
  private func toNumber(_ datum: Datum) throws(SQLError) -> Datum {
    switch datum {
    case .int2, .int4, .int8, .oid: return try fromInteger(try datum.integer())
    case .bool(let value) where to.kind == .int4: return .int4(value ? 1 : 0)
    case .float4(let value):
      switch to.kind {
      case .float8: return .float8(Double(value))
      case .numeric: return .numeric(Numeric(value))
      default: return try fromDouble(Double(value))
      }
    case .float8(let value): return try fromDouble(value)
    case .numeric(let value): return try fromNumeric(value)
    case .jsonb(let text):
      let value = try JSONValue.parse(text)
      guard case .number(let digits) = value else { throw jsonMismatch(value) }
      return try fromNumeric(try Numeric.parse(digits))
    default: throw impossible
    }
  }

  private func fromInteger(_ value: Int64) throws(SQLError) -> Datum {
    switch to.kind {
    case .float4: return .float4(Float(value))
    case .float8: return .float8(Double(value))
    case .numeric: return .numeric(Numeric(value))
    case .oid:
      if let oid = UInt32(exactly: value) { return .oid(oid) }
      guard from.kind != .int8, let narrow = Int32(exactly: value) else {
        throw SQLError(.numericValueOutOfRange, "OID out of range")
      }
      return .oid(UInt32(bitPattern: narrow))
    default:
      guard let width = IntegerWidth(to.kind) else { throw impossible }
      if from.kind == .oid && width == .four { return .int4(Int32(truncatingIfNeeded: value)) }
      return width.datum(try width.checked(value))
    }
  }

  private func fromDouble(_ value: Double) throws(SQLError) -> Datum {
    switch to.kind {
    case .float8: return .float8(value)
    case .float4:
      let narrow = Float(value)
      if narrow.isInfinite && !value.isInfinite { throw .floatOverflow }
      if narrow == 0 && value != 0 { throw .floatUnderflow }
      return .float4(narrow)
    case .numeric: return .numeric(Numeric(value))
    default:
      guard let width = IntegerWidth(to.kind) else { throw impossible }
      guard let integer = Int64(exactly: value.rounded(.toNearestOrEven)) else { throw width.outOfRange }
      return width.datum(try width.checked(integer))
    }
  }

  private func fromNumeric(_ value: Numeric) throws(SQLError) -> Datum {
    switch to.kind {
    case .numeric: return .numeric(value)
    case .float8:
      let double = value.toDouble
      if double.isInfinite && !value.isInfinite {
        throw SQLError(
          .numericValueOutOfRange, "\"\(value.description)\" is out of range for type double precision")
      }
      return .float8(double)
    case .float4:
      let narrow = Float(value.description) ?? Float(value.toDouble)
      if narrow.isInfinite && !value.isInfinite {
        throw SQLError(.numericValueOutOfRange, "\"\(value.description)\" is out of range for type real")
      }
      return .float4(narrow)
    case .int2: return .int2(try value.toInteger(Int16.self, typeName: "smallint"))
    case .int4: return .int4(try value.toInteger(Int32.self, typeName: "integer"))
    case .int8: return .int8(try value.toInt64())
    default: throw impossible
    }
  }

  private func jsonMismatch(_ value: JSONValue) -> SQLError {
    let shown =
      switch value {
      case .array, .object: "array or object"
      case .bool: "boolean"
      case .null: "null"
      case .number: "numeric"
      case .string: "string"
      }
    return SQLError(.invalidParameterValue, "cannot cast jsonb \(shown) to type \(to.kind.sqlName)")
  }
}

// MARK: - Dates and times

extension Cast {
  private func toDateTime(_ datum: Datum, _ context: EvaluationContext) throws(SQLError) -> Datum {
    let zone = context.settings.timeZone
    switch (datum, to.kind) {
    case (.date(let days), .timestamp): return .timestamp(try DateTime.timestamp(fromDate: days))
    case (.date(let days), .timestampTZ):
      return .timestampTZ(try DateTime.instant(fromLocal: try DateTime.timestamp(fromDate: days), zone: zone))
    case (.timestamp(let value), .timestampTZ):
      return .timestampTZ(try DateTime.instant(fromLocal: value, zone: zone))
    case (.timestampTZ(let value), .timestamp):
      return .timestamp(try DateTime.local(fromInstant: value, zone: zone))
    case (.timestamp(let value), .date): return .date(DateTime.date(fromTimestamp: value))
    case (.timestampTZ(let value), .date):
      return .date(DateTime.date(fromTimestamp: try DateTime.local(fromInstant: value, zone: zone)))
    case (.timestamp(let value), .time):
      return isFinite(value) ? .time(DateTime.time(fromTimestamp: value)) : .null
    case (.timestampTZ(let value), .time):
      guard isFinite(value) else { return .null }
      return .time(DateTime.time(fromTimestamp: try DateTime.local(fromInstant: value, zone: zone)))
    case (.time(let value), .interval): return .interval(Interval(months: 0, days: 0, microseconds: value))
    case (.interval(let value), .time):
      let day = DateTime.microsecondsPerDay
      let rest = value.microseconds % day
      return .time(rest < 0 ? rest + day : rest)
    default: throw impossible
    }
  }

  private func isFinite(_ timestamp: Int64) -> Bool { timestamp != .min && timestamp != .max }
}
