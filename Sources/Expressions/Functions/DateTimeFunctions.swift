import Values

extension FunctionCatalog.Tables {
  mutating func defineDateTimeFunctions() {
    defineClocks()
    defineFields()
    defineMakers()
    defineZones()
  }

  private mutating func defineClocks() {
    for (id, name) in [(1299, "now"), (2647, "transaction_timestamp")] {
      general(UInt32(id), name, [], .timestampTZ, .stable) { _, context in .timestampTZ(context.transactionTime) }
    }
    general(2648, "statement_timestamp", [], .timestampTZ, .stable) { _, context in
      .timestampTZ(context.statementTime)
    }
    general(2649, "clock_timestamp", [], .timestampTZ, .volatile) { _, context in .timestampTZ(context.clock()) }
    // SQL's words without parentheses, which PostgreSQL's grammar knows: the ids are ours.
    general(9001, "current_timestamp", [], .timestampTZ, .stable) { _, context in
      .timestampTZ(context.transactionTime)
    }
    general(9002, "localtimestamp", [], .timestamp, .stable) { (_, context) throws(SQLError) in
      .timestamp(try context.localTransactionTime)
    }
    general(9003, "current_date", [], .date, .stable) { (_, context) throws(SQLError) in
      .date(DateTime.date(fromTimestamp: try context.localTransactionTime))
    }
    general(9004, "localtime", [], .time, .stable) { (_, context) throws(SQLError) in
      .time(DateTime.time(fromTimestamp: try context.localTransactionTime))
    }
  }

  private mutating func defineFields() {
    binary(2020, "date_trunc", .text, .timestamp, .timestamp) { (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.truncate(try b.timestamp(), to: try a.string()))
    }
    general(1217, "date_trunc", [.text, .timestampTZ], .timestampTZ, .stable) {
      (arguments, context) throws(SQLError) -> Datum in
      .timestampTZ(
        try DateTime.truncate(
          instant: try arguments.argument(1).timestampTZ(), to: try arguments.argument(0).string(),
          zone: context.settings.timeZone))
    }
    general(1284, "date_trunc", [.text, .timestampTZ, .text], .timestampTZ, .stable) {
      (arguments, _) throws(SQLError) -> Datum in
      .timestampTZ(
        try DateTime.truncate(
          instant: try arguments.argument(1).timestampTZ(), to: try arguments.argument(0).string(),
          zone: try zone(named: try arguments.argument(2).string())))
    }
    binary(1218, "date_trunc", .text, .interval, .interval) { (a, b) throws(SQLError) -> Datum in
      .interval(try DateTime.truncate(try b.interval(), to: try a.string()))
    }

    let sources: [(TypeKind, extract: UInt32, part: UInt32)] = [
      (.date, 6199, 1384), (.time, 6200, 1385), (.timestamp, 6202, 2021), (.timestampTZ, 6203, 1171),
      (.interval, 6204, 1172),
    ]
    for (type, extract, part) in sources {
      let volatility: Volatility = type == .timestampTZ ? .stable : .immutable
      general(extract, "extract", [.text, type], .numeric, volatility) { (arguments, context) throws(SQLError) in
        try extractField(try arguments.argument(0).string(), from: try arguments.argument(1), context)
          .map { .numeric($0) } ?? .null
      }
      general(part, "date_part", [.text, type], .float8, volatility) { (arguments, context) throws(SQLError) in
        // A date's parts are those of its midnight, times of day included.
        var value = try arguments.argument(1)
        if case .date(let days) = value { value = .timestamp(try DateTime.timestamp(fromDate: days)) }
        return try extractField(try arguments.argument(0).string(), from: value, context)
          .map { .float8($0.toDouble) } ?? .null
      }
    }

    binary(2058, "age", .timestamp, .timestamp, .interval) { (a, b) throws(SQLError) -> Datum in
      .interval(try DateTime.age(try a.timestamp(), try b.timestamp()))
    }
    general(2059, "age", [.timestamp], .interval, .stable) { (arguments, context) throws(SQLError) -> Datum in
      .interval(try DateTime.age(try context.today, try arguments.argument(0).timestamp()))
    }
    general(1199, "age", [.timestampTZ, .timestampTZ], .interval, .stable) {
      (arguments, context) throws(SQLError) -> Datum in
      let zone = context.settings.timeZone
      return .interval(
        try DateTime.age(
          try DateTime.local(fromInstant: try arguments.argument(0).timestampTZ(), zone: zone),
          try DateTime.local(fromInstant: try arguments.argument(1).timestampTZ(), zone: zone)))
    }
    general(1386, "age", [.timestampTZ], .interval, .stable) { (arguments, context) throws(SQLError) -> Datum in
      let local = try DateTime.local(
        fromInstant: try arguments.argument(0).timestampTZ(), zone: context.settings.timeZone)
      return .interval(try DateTime.age(try context.today, local))
    }

    unary(1175, "justify_hours", .interval, .interval) { (a) throws(SQLError) -> Datum in
      .interval(try a.interval().justifyingHours())
    }
    unary(1295, "justify_days", .interval, .interval) { (a) throws(SQLError) -> Datum in
      .interval(try a.interval().justifyingDays())
    }
    unary(2711, "justify_interval", .interval, .interval) { (a) throws(SQLError) -> Datum in
      .interval(try a.interval().justifyingInterval())
    }
    unary(1373, "isfinite", .date, .boolean) { (a) throws(SQLError) -> Datum in
      let days = try a.date()
      return .bool(days != .min && days != .max)
    }
    for (id, type) in [(2048, TypeKind.timestamp), (1389, .timestampTZ)] {
      unary(UInt32(id), "isfinite", type, .boolean) { (a) throws(SQLError) -> Datum in
        let value = try a.instant()
        return .bool(value != .min && value != .max)
      }
    }
    unary(1390, "isfinite", .interval, .boolean) { (a) throws(SQLError) -> Datum in
      _ = try a.interval()
      return .bool(true)
    }
    for (id, type) in [(6177, TypeKind.timestamp), (6178, .timestampTZ)] {
      general(UInt32(id), "date_bin", [.interval, type, type], type) { (arguments, _) throws(SQLError) -> Datum in
        let source = try arguments.argument(1)
        let start = try binStart(
          of: try source.instant(), origin: try arguments.argument(2).instant(),
          stride: try arguments.argument(0).interval())
        return type == .timestamp ? .timestamp(start) : .timestampTZ(start)
      }
    }
  }

  private mutating func defineMakers() {
    general(3846, "make_date", [.int4, .int4, .int4], .date) { (arguments, _) throws(SQLError) -> Datum in
      .date(
        try DateTime.makeDate(
          year: try arguments.argument(0).int4(), month: try arguments.argument(1).int4(),
          day: try arguments.argument(2).int4()))
    }
    general(3847, "make_time", [.int4, .int4, .float8], .time) { (arguments, _) throws(SQLError) -> Datum in
      .time(
        try DateTime.makeTime(
          hour: try arguments.argument(0).int4(), minute: try arguments.argument(1).int4(),
          seconds: try arguments.argument(2).double()))
    }
    let fields: [TypeKind] = [.int4, .int4, .int4, .int4, .int4, .float8]
    general(3461, "make_timestamp", fields, .timestamp) { (arguments, _) throws(SQLError) -> Datum in
      .timestamp(try makeTimestamp(arguments))
    }
    general(3462, "make_timestamptz", fields, .timestampTZ, .stable) { (arguments, context) throws(SQLError) -> Datum in
      .timestampTZ(
        try DateTime.instant(fromLocal: try makeTimestamp(arguments), zone: context.settings.timeZone))
    }
    general(3463, "make_timestamptz", fields + [.text], .timestampTZ, .stable) { (arguments, _) throws(SQLError) in
      .timestampTZ(
        try DateTime.instant(
          fromLocal: try makeTimestamp(arguments), zone: try zone(named: try arguments.argument(6).string())))
    }
    // PostgreSQL's parameters have defaults; here each number of arguments is a function, with ids of our own.
    let parts: [TypeKind] = [.int4, .int4, .int4, .int4, .int4, .int4, .float8]
    for count in 0...7 {
      general(count == 7 ? 3464 : 9010 + UInt32(count), "make_interval", Array(parts.prefix(count)), .interval) {
        (arguments, _) throws(SQLError) -> Datum in
        func part(_ index: Int) throws(SQLError) -> Int32 {
          index < arguments.count ? Int32(truncatingIfNeeded: try arguments[index].int4()) : 0
        }
        return .interval(
          try DateTime.makeInterval(
            years: try part(0), months: try part(1), weeks: try part(2), days: try part(3), hours: try part(4),
            minutes: try part(5), seconds: arguments.count > 6 ? try arguments[6].double() : 0))
      }
    }
    unary(1158, "to_timestamp", .float8, .timestampTZ) { (a) throws(SQLError) -> Datum in
      let seconds = try a.double()
      if seconds.isNaN { throw SQLError(.datetimeFieldOverflow, "timestamp cannot be NaN") }
      if seconds.isInfinite { return .timestampTZ(seconds < 0 ? .min : .max) }
      let shifted = (seconds - Double(DateTime.unixEpochOffsetDays * 86_400)) * 1e6
      guard let value = Int64(exactly: shifted.rounded(.toNearestOrEven)), DateTime.timestampRange.contains(value)
      else {
        throw SQLError(.datetimeFieldOverflow, "timestamp out of range: \"\(TextFormat.text(a, as: .float8))\"")
      }
      return .timestampTZ(value)
    }
  }

  /// `AT TIME ZONE`.
  private mutating func defineZones() {
    binary(1159, "timezone", .text, .timestampTZ, .timestamp) { (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.local(fromInstant: try b.timestampTZ(), zone: try zone(named: try a.string())))
    }
    binary(2069, "timezone", .text, .timestamp, .timestampTZ) { (a, b) throws(SQLError) -> Datum in
      .timestampTZ(try DateTime.instant(fromLocal: try b.timestamp(), zone: try zone(named: try a.string())))
    }
    binary(1026, "timezone", .interval, .timestampTZ, .timestamp) { (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.local(fromInstant: try b.timestampTZ(), zone: try zone(offset: try a.interval())))
    }
    binary(2070, "timezone", .interval, .timestamp, .timestampTZ) { (a, b) throws(SQLError) -> Datum in
      .timestampTZ(try DateTime.instant(fromLocal: try b.timestamp(), zone: try zone(offset: try a.interval())))
    }
  }
}

extension EvaluationContext {
  /// The transaction's time on the session's clock.
  var localTransactionTime: Int64 {
    get throws(SQLError) { try DateTime.local(fromInstant: transactionTime, zone: settings.timeZone) }
  }

  /// Midnight of the current day, on the session's clock.
  var today: Int64 {
    get throws(SQLError) {
      try DateTime.timestamp(fromDate: DateTime.date(fromTimestamp: try localTransactionTime))
    }
  }
}

private func extractField(
  _ field: String, from value: Datum, _ context: EvaluationContext
) throws(SQLError) -> Numeric? {
  switch value {
  case .date(let days): return try DateTime.extract(field, fromDate: days)
  case .time(let time): return try DateTime.extract(field, fromTime: time)
  case .timestamp(let timestamp): return try DateTime.extract(field, from: timestamp)
  case .timestampTZ(let instant):
    return try DateTime.extract(field, fromInstant: instant, zone: context.settings.timeZone)
  case .interval(let interval): return try DateTime.extract(field, from: interval)
  default: throw Datum.mismatch("timestamp")
  }
}

private func makeTimestamp(_ arguments: [Datum]) throws(SQLError) -> Int64 {
  try DateTime.makeTimestamp(
    year: try arguments.argument(0).int4(), month: try arguments.argument(1).int4(),
    day: try arguments.argument(2).int4(), hour: try arguments.argument(3).int4(),
    minute: try arguments.argument(4).int4(), seconds: try arguments.argument(5).double())
}

private func zone(named name: String) throws(SQLError) -> TimeZoneRule {
  guard let zone = TimeZoneRule(named: name) else {
    throw SQLError(.invalidParameterValue, "time zone \"\(name)\" not recognized")
  }
  return zone
}

private func zone(offset: Interval) throws(SQLError) -> TimeZoneRule {
  let seconds = offset.microseconds / DateTime.microsecondsPerSecond
  guard offset.months == 0, offset.days == 0, abs(seconds) < 86_400 * 7 else {
    throw SQLError(
      .invalidParameterValue,
      "interval time zone \"\(TextFormat.text(.interval(offset), as: .interval))\" must not include months or days")
  }
  return TimeZoneRule(secondsEast: Int(seconds))
}

/// The beginning of the bin that a timestamp falls into.
private func binStart(of source: Int64, origin: Int64, stride: Interval) throws(SQLError) -> Int64 {
  if source == .min || source == .max { return source }
  if origin == .min || origin == .max { throw SQLError(.datetimeFieldOverflow, "origin out of range") }
  guard stride.months == 0 else {
    throw SQLError(.featureNotSupported, "timestamps cannot be binned into intervals containing months or years")
  }
  let width = Int128(stride.days) * Int128(DateTime.microsecondsPerDay) + Int128(stride.microseconds)
  guard width > 0 else { throw SQLError(.datetimeFieldOverflow, "stride must be greater than zero") }
  let difference = Int128(source) - Int128(origin)
  let rest = difference % width
  let start = Int128(source) - (rest < 0 ? rest + width : rest)
  guard let result = Int64(exactly: start), DateTime.timestampRange.contains(result) else {
    throw SQLError(.datetimeFieldOverflow, "timestamp out of range")
  }
  return result
}
