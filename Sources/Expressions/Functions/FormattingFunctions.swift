import Values

// `to_char` and its opposites (PostgreSQL manual, 9.8).

extension FunctionCatalog.Tables {
  mutating func defineFormatting() {
    let numbers: [(UInt32, TypeKind)] = [
      (1773, .int4), (1774, .int8), (1772, .numeric), (1775, .float4), (1776, .float8),
    ]
    for (id, type) in numbers {
      binary(id, "to_char", type, .text, .text, .stable) { (a, b) throws(SQLError) -> Datum in
        .text(try NumberTemplate(try b.string()).format(try exactNumber(a)))
      }
    }
    binary(1777, "to_number", .text, .text, .numeric, .stable) { (a, b) throws(SQLError) -> Datum in
      .numeric(try NumberTemplate(try b.string()).parse(try a.string()))
    }

    binary(2049, "to_char", .timestamp, .text, .text, .stable) { (a, b) throws(SQLError) -> Datum in
      let timestamp = try a.timestamp()
      if timestamp == .min || timestamp == .max { return .null }
      return .text(try DateTimeTemplate(try b.string()).format(ShownTime(timestamp: timestamp)))
    }
    general(1770, "to_char", [.timestampTZ, .text], .text, .stable) { (arguments, context) throws(SQLError) in
      let instant = try arguments.argument(0).timestampTZ()
      if instant == .min || instant == .max { return .null }
      let zone = context.settings.timeZone
      var time = ShownTime(timestamp: try DateTime.local(fromInstant: instant, zone: zone))
      time.offset = zone.offset(atUTC: instant)
      time.zoneName = zone.name
      return .text(try DateTimeTemplate(try arguments.argument(1).string()).format(time))
    }
    binary(1768, "to_char", .interval, .text, .text, .stable) { (a, b) throws(SQLError) -> Datum in
      .text(try DateTimeTemplate(try b.string()).format(ShownTime(try a.interval())))
    }
    binary(1780, "to_date", .text, .text, .date, .stable) { (a, b) throws(SQLError) -> Datum in
      let fields = try DateTimeTemplate(try b.string()).parse(try a.string()).fields
      let days = DateTime.days(year: fields.year, month: fields.month, day: fields.day)
      guard DateTime.dateRange.contains(days), let date = Int32(exactly: days) else {
        throw SQLError(.datetimeFieldOverflow, "date out of range: \"\(try a.string())\"")
      }
      return .date(date)
    }
    general(1778, "to_timestamp", [.text, .text], .timestampTZ, .stable) { (arguments, context) throws(SQLError) in
      let text = try arguments.argument(0).string()
      let (fields, offset) = try DateTimeTemplate(try arguments.argument(1).string()).parse(text)
      guard let local = fields.timestamp else {
        throw SQLError(.datetimeFieldOverflow, "timestamp out of range: \"\(text)\"")
      }
      let zone = offset.map { TimeZoneRule(secondsEast: $0) } ?? context.settings.timeZone
      return .timestampTZ(try DateTime.instant(fromLocal: local, zone: zone))
    }
  }
}

/// Any number as a numeric, the way its cast makes it.
private func exactNumber(_ datum: Datum) throws(SQLError) -> Numeric {
  switch datum {
  case .numeric(let value): return value
  case .float4(let value): return Numeric(value)
  case .float8(let value): return Numeric(value)
  default: return Numeric(try datum.integer())
  }
}
