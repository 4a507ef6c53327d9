import Values

extension FunctionCatalog.Tables {
  /// A binary operator that needs the session's zone.
  private mutating func zoned(
    _ name: String, _ left: TypeKind, _ right: TypeKind, _ result: TypeKind, oid: UInt32, function: UInt32,
    named functionName: String,
    _ body: @escaping @Sendable (Datum, Datum, TimeZoneRule) throws(SQLError) -> Datum
  ) {
    general(function, functionName, [left, right], result, .stable) { (arguments, context) throws(SQLError) in
      try body(try arguments.argument(0), try arguments.argument(1), context.settings.timeZone)
    }
    operate(name, left, right, oid: oid, function: function)
  }

  mutating func defineDateTimeOperators() {
    defineDateOperators()
    defineTimestampOperators()
    defineIntervalOperators()
  }

  private mutating func defineDateOperators() {
    binaryOperator("+", .date, .int4, .date, oid: 1100, function: 1141, named: "date_pli") {
      (a, b) throws(SQLError) -> Datum in
      .date(try DateTime.add(days: Int32(truncatingIfNeeded: try b.int4()), to: try a.date()))
    }
    binaryOperator("+", .int4, .date, .date, oid: 2555, function: 2550, named: "integer_pl_date") {
      (a, b) throws(SQLError) -> Datum in
      .date(try DateTime.add(days: Int32(truncatingIfNeeded: try a.int4()), to: try b.date()))
    }
    binaryOperator("-", .date, .int4, .date, oid: 1101, function: 1142, named: "date_mii") {
      (a, b) throws(SQLError) -> Datum in
      let days = try b.int4()
      guard let negated = Int32(exactly: -days) else { throw SQLError(.datetimeFieldOverflow, "date out of range") }
      return .date(try DateTime.add(days: negated, to: try a.date()))
    }
    binaryOperator("-", .date, .date, .int4, oid: 1099, function: 1140, named: "date_mi") {
      (a, b) throws(SQLError) -> Datum in .int4(try DateTime.days(from: try b.date(), to: try a.date()))
    }
    binaryOperator("+", .date, .time, .timestamp, oid: 1360, function: 1272, named: "datetime_pl") {
      (a, b) throws(SQLError) -> Datum in .timestamp(try at(try b.time(), on: try a.date()))
    }
    binaryOperator("+", .time, .date, .timestamp, oid: 1363, function: 1296, named: "timedate_pl") {
      (a, b) throws(SQLError) -> Datum in .timestamp(try at(try a.time(), on: try b.date()))
    }
    binaryOperator("+", .date, .interval, .timestamp, oid: 1076, function: 2071, named: "date_pl_interval") {
      (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.add(try b.interval(), to: try DateTime.timestamp(fromDate: try a.date())))
    }
    binaryOperator("+", .interval, .date, .timestamp, oid: 2551, function: 2546, named: "interval_pl_date") {
      (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.add(try a.interval(), to: try DateTime.timestamp(fromDate: try b.date())))
    }
    binaryOperator("-", .date, .interval, .timestamp, oid: 1077, function: 2072, named: "date_mi_interval") {
      (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.add(try b.interval().negated(), to: try DateTime.timestamp(fromDate: try a.date())))
    }
    binaryOperator("+", .time, .interval, .time, oid: 1800, function: 1747, named: "time_pl_interval") {
      (a, b) throws(SQLError) -> Datum in .time(DateTime.add(try b.interval(), toTime: try a.time()))
    }
    binaryOperator("+", .interval, .time, .time, oid: 1849, function: 1848, named: "interval_pl_time") {
      (a, b) throws(SQLError) -> Datum in .time(DateTime.add(try a.interval(), toTime: try b.time()))
    }
    binaryOperator("-", .time, .interval, .time, oid: 1801, function: 1748, named: "time_mi_interval") {
      (a, b) throws(SQLError) -> Datum in .time(DateTime.add(try b.interval().negated(), toTime: try a.time()))
    }
    binaryOperator("-", .time, .time, .interval, oid: 1399, function: 1690, named: "time_mi_time") {
      (a, b) throws(SQLError) -> Datum in
      .interval(Interval(months: 0, days: 0, microseconds: try a.time() &- (try b.time())))
    }
  }

  private mutating func defineTimestampOperators() {
    binaryOperator("+", .timestamp, .interval, .timestamp, oid: 2066, function: 2032, named: "timestamp_pl_interval") {
      (a, b) throws(SQLError) -> Datum in .timestamp(try DateTime.add(try b.interval(), to: try a.timestamp()))
    }
    binaryOperator("+", .interval, .timestamp, .timestamp, oid: 2553, function: 2548, named: "interval_pl_timestamp") {
      (a, b) throws(SQLError) -> Datum in .timestamp(try DateTime.add(try a.interval(), to: try b.timestamp()))
    }
    binaryOperator("-", .timestamp, .interval, .timestamp, oid: 2068, function: 2033, named: "timestamp_mi_interval") {
      (a, b) throws(SQLError) -> Datum in
      .timestamp(try DateTime.add(try b.interval().negated(), to: try a.timestamp()))
    }
    binaryOperator("-", .timestamp, .timestamp, .interval, oid: 2067, function: 2031, named: "timestamp_mi") {
      (a, b) throws(SQLError) -> Datum in .interval(try DateTime.subtract(try b.timestamp(), from: try a.timestamp()))
    }
    binaryOperator("-", .timestampTZ, .timestampTZ, .interval, oid: 1328, function: 1188, named: "timestamptz_mi") {
      (a, b) throws(SQLError) -> Datum in
      .interval(try DateTime.subtract(try b.timestampTZ(), from: try a.timestampTZ()))
    }
    zoned("+", .timestampTZ, .interval, .timestampTZ, oid: 1327, function: 1189, named: "timestamptz_pl_interval") {
      (a, b, zone) throws(SQLError) -> Datum in
      .timestampTZ(try DateTime.add(try b.interval(), toInstant: try a.timestampTZ(), zone: zone))
    }
    zoned("+", .interval, .timestampTZ, .timestampTZ, oid: 2554, function: 2549, named: "interval_pl_timestamptz") {
      (a, b, zone) throws(SQLError) -> Datum in
      .timestampTZ(try DateTime.add(try a.interval(), toInstant: try b.timestampTZ(), zone: zone))
    }
    zoned("-", .timestampTZ, .interval, .timestampTZ, oid: 1329, function: 1190, named: "timestamptz_mi_interval") {
      (a, b, zone) throws(SQLError) -> Datum in
      .timestampTZ(try DateTime.add(try b.interval().negated(), toInstant: try a.timestampTZ(), zone: zone))
    }
  }

  private mutating func defineIntervalOperators() {
    binaryOperator("+", .interval, .interval, .interval, oid: 1337, function: 1169, named: "interval_pl") {
      (a, b) throws(SQLError) -> Datum in .interval(try a.interval().adding(try b.interval()))
    }
    binaryOperator("-", .interval, .interval, .interval, oid: 1338, function: 1170, named: "interval_mi") {
      (a, b) throws(SQLError) -> Datum in .interval(try a.interval().subtracting(try b.interval()))
    }
    prefixOperator("-", .interval, .interval, oid: 1336, function: 1168, named: "interval_um") {
      (a) throws(SQLError) -> Datum in .interval(try a.interval().negated())
    }
    binaryOperator("*", .interval, .float8, .interval, oid: 1583, function: 1618, named: "interval_mul") {
      (a, b) throws(SQLError) -> Datum in .interval(try a.interval().multiplied(by: try b.double()))
    }
    binaryOperator("*", .float8, .interval, .interval, oid: 1584, function: 1624, named: "mul_d_interval") {
      (a, b) throws(SQLError) -> Datum in .interval(try b.interval().multiplied(by: try a.double()))
    }
    binaryOperator("/", .interval, .float8, .interval, oid: 1585, function: 1326, named: "interval_div") {
      (a, b) throws(SQLError) -> Datum in .interval(try a.interval().divided(by: try b.double()))
    }
  }
}

/// A time of day on a date.
private func at(_ time: Int64, on date: Int32) throws(SQLError) -> Int64 {
  try DateTime.add(
    Interval(months: 0, days: 0, microseconds: time), to: try DateTime.timestamp(fromDate: date))
}
