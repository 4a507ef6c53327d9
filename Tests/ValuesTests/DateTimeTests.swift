import Testing
import Values

/// Date and time arithmetic: each expectation is what PostgreSQL 15 answers.
@Suite("Dates, times and intervals")
struct DateTimeTests {
  @Test(
    "Arithmetic, extract and date_trunc",
    arguments: [
      ("ts+", "2020-01-31 10:00:00", "1 mon", "2020-02-29 10:00:00"),
      ("ts+", "2020-02-29", "-1 year", "2019-02-28 00:00:00"),
      ("ts+", "294276-12-31", "1 day", "ERR 22008 timestamp out of range"), ("ts+", "infinity", "1 day", "infinity"),
      ("age", "2020-03-01", "2020-01-31", "1 mon 1 day"), ("age", "2020-01-31", "2020-03-01", "-1 mons -1 days"),
      ("age", "2001-04-10", "1957-06-13", "43 years 9 mons 27 days"),
      ("ts-", "2020-03-01 10:00:00", "2020-01-01 12:00:00", "59 days 22:00:00"),
      ("ts-", "infinity", "2020-01-01", "ERR 22008 cannot subtract infinite timestamps"),
      ("iv*", "1 mon 1 day", "1.5", "1 mon 16 days 12:00:00"), ("iv/", "1 mon", "0", "ERR 22012 division by zero"),
      ("iv/", "1 year", "7", "1 mon 21 days 10:17:08.5344"),
      ("iv+", "178956970 years", "178956970 years", "ERR 22008 interval out of range"),
      ("jh", "50:00:00", "", "2 days 02:00:00"), ("jd", "-65 days", "", "-2 mons -5 days"),
      ("ji", "1 mon -1 hour", "", "29 days 23:00:00"), ("ivcmp", "1 mon", "30 days", "0"),
      ("ivcmp", "1 day", "23:59:59", "1"), ("trunc_ts", "week", "2020-01-01 10:00:00", "2019-12-30 00:00:00"),
      ("trunc_ts", "quarter", "2020-05-05 10:00:00", "2020-04-01 00:00:00"),
      ("trunc_ts", "century", "2000-05-05", "1901-01-01 00:00:00"),
      ("trunc_ts", "foo", "2000-05-05", "ERR 22023 unit \"foo\" not recognized for type timestamp without time zone"),
      ("trunc_iv", "year", "14 mons", "1 year"),
      ("trunc_iv", "week", "14 mons", "ERR 0A000 unit \"week\" not supported for type interval"),
      ("ext_ts", "epoch", "2020-01-01 00:00:00.5", "1577836800.500000"),
      ("ext_ts", "julian", "2020-01-01 12:00:00", "2458850.50000000000000000000"),
      ("ext_ts", "isoyear", "2021-01-01", "2020"), ("ext_ts", "week", "2021-01-01", "53"),
      ("ext_ts", "century", "0001-01-01 BC", "-1"), ("ext_ts", "milliseconds", "2020-01-01 00:00:59.5", "59500.000"),
      ("ext_ts", "day", "infinity", "NULL"), ("ext_ts", "year", "-infinity", "-Infinity"),
      (
        "ext_ts", "timezone", "2020-01-01",
        "ERR 0A000 unit \"timezone\" not supported for type timestamp without time zone"
      ),
      ("ext_iv", "epoch", "1 year 1 mon 1 day 1 sec", "34236001.000000"),
      ("ext_iv", "dow", "1 day", "ERR 0A000 unit \"dow\" not supported for type interval"),
    ])
  func arithmetic(operation: String, a: String, b: String, expected: String) {
    #expect(outcome { () throws(SQLError) in try evaluate(operation, a, b, .standard) } == expected, "\(operation)")
  }

  @Test(
    "Where New York's clock skips and repeats an hour",
    arguments: [
      ("ts2tz", "2021-03-14 02:30", "", "2021-03-14 03:30:00-04"),
      ("ts2tz", "2021-03-14 03:00", "", "2021-03-14 03:00:00-04"),
      ("ts2tz", "2021-11-07 01:30", "", "2021-11-07 01:30:00-05"),
      ("ts2tz", "2021-11-07 00:59:59", "", "2021-11-07 00:59:59-04"),
      ("ts2tz", "1800-01-01", "", "1800-01-01 00:00:00-04:56:02"),
      ("tstz+", "2021-03-13 02:30", "1 day", "2021-03-14 03:30:00-04"),
      ("tstz+", "2021-03-13 12:00", "24 hours", "2021-03-14 13:00:00-04"),
      ("trunc_tstz", "day", "2021-03-14 12:00-04", "2021-03-14 00:00:00-05"),
      ("ext_tstz", "timezone_hour", "2021-07-01", "-4"),
    ])
  func daylightSaving(operation: String, a: String, b: String, expected: String) throws {
    let settings = FormatSettings(timeZone: try #require(TimeZoneRule(named: "america/new_york")))
    #expect(outcome { () throws(SQLError) in try evaluate(operation, a, b, settings) } == expected, "\(operation)")
  }

  private func evaluate(
    _ operation: String, _ a: String, _ b: String, _ settings: FormatSettings
  ) throws(SQLError) -> String {
    func timestamp(_ text: String) throws(SQLError) -> Int64 {
      guard case .timestamp(let value) = try TextFormat.parse(text, as: .timestamp, settings: settings, now: 0) else {
        return 0
      }
      return value
    }
    func instant(_ text: String) throws(SQLError) -> Int64 {
      guard case .timestampTZ(let value) = try TextFormat.parse(text, as: .timestampTZ, settings: settings, now: 0)
      else { return 0 }
      return value
    }
    func interval(_ text: String) throws(SQLError) -> Interval {
      guard case .interval(let value) = try TextFormat.parse(text, as: .interval, settings: settings, now: 0) else {
        return .zero
      }
      return value
    }
    func show(_ value: Interval) -> String { TextFormat.text(.interval(value), as: .interval, settings: settings) }
    func show(_ value: Int64) -> String { TextFormat.text(.timestamp(value), as: .timestamp, settings: settings) }
    func showInstant(_ value: Int64) -> String {
      TextFormat.text(.timestampTZ(value), as: .timestampTZ, settings: settings)
    }
    let zone = settings.timeZone
    switch operation {
    case "ts+": return show(try DateTime.add(interval(b), to: timestamp(a)))
    case "tstz+": return showInstant(try DateTime.add(interval(b), toInstant: instant(a), zone: zone))
    case "ts2tz": return showInstant(try DateTime.instant(fromLocal: timestamp(a), zone: zone))
    case "age": return show(try DateTime.age(timestamp(a), timestamp(b)))
    case "ts-": return show(try DateTime.subtract(timestamp(b), from: timestamp(a)))
    case "iv*": return show(try interval(a).multiplied(by: Double(b) ?? 0))
    case "iv/": return show(try interval(a).divided(by: Double(b) ?? 0))
    case "iv+": return show(try interval(a).adding(interval(b)))
    case "jh": return show(try interval(a).justifyingHours())
    case "jd": return show(try interval(a).justifyingDays())
    case "ji": return show(try interval(a).justifyingInterval())
    case "ivcmp": return "\(Interval.compare(try interval(a), try interval(b)))"
    case "trunc_ts": return show(try DateTime.truncate(timestamp(b), to: a))
    case "trunc_tstz": return showInstant(try DateTime.truncate(instant: instant(b), to: a, zone: zone))
    case "trunc_iv": return show(try DateTime.truncate(interval(b), to: a))
    case "ext_ts": return try DateTime.extract(a, from: timestamp(b))?.description ?? "NULL"
    case "ext_tstz": return try DateTime.extract(a, fromInstant: instant(b), zone: zone)?.description ?? "NULL"
    default: return try DateTime.extract(a, from: interval(b)).description
    }
  }

  @Test("Every day number and its civil date are each other's inverse")
  func calendar() {
    var expected = (year: -4713, month: 11, day: 24)
    for days in -2_451_545..<1_000_000 {
      let civil = DateTime.civil(days: days)
      guard civil == expected, DateTime.days(year: civil.year, month: civil.month, day: civil.day) == days else {
        Issue.record("day \(days): \(civil), expected \(expected)")
        return
      }
      expected.day += 1
      if expected.day > DateTime.daysInMonth(year: expected.year, month: expected.month) {
        expected = expected.month == 12 ? (expected.year + 1, 1, 1) : (expected.year, expected.month + 1, 1)
      }
    }
  }

  @Test("Arithmetic at the edges is an error, never a trap", arguments: [1, 2] as [UInt64])
  func edges(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func wild() -> Int64 {
      [Int64.min, .max, 0, -1, Int64(bitPattern: generator.next())][Int.random(in: 0..<5, using: &generator)]
    }
    func interval() -> Interval {
      Interval(
        months: Int32(truncatingIfNeeded: wild()), days: Int32(truncatingIfNeeded: wild()), microseconds: wild())
    }
    // Swift Testing takes a backtrace of every error thrown, so a round is slow.
    for _ in 0..<150 {
      let (a, b, stamp) = (interval(), interval(), wild())
      _ = try? a.adding(b)
      _ = try? a.subtracting(b)
      _ = try? a.negated()
      _ = try? a.multiplied(by: Double(bitPattern: generator.next()))
      _ = try? a.divided(by: Double(bitPattern: generator.next()))
      _ = try? a.justifyingHours()
      _ = try? a.justifyingDays()
      _ = try? a.justifyingInterval()
      _ = try? DateTime.add(a, to: stamp)
      _ = try? DateTime.add(a, toInstant: stamp, zone: .utc)
      _ = DateTime.add(a, toTime: 86_400_000_000)
      _ = try? DateTime.age(stamp, wild())
      _ = try? DateTime.subtract(stamp, from: wild())
      _ = try? DateTime.timestamp(fromDate: Int32(truncatingIfNeeded: wild()))
      for unit in DateTimeUnit.allCases {
        _ = try? DateTime.extract(unit.rawValue, from: a)
        _ = try? DateTime.extract(unit.rawValue, from: stamp)
        _ = try? DateTime.extract(unit.rawValue, fromDate: Int32(truncatingIfNeeded: wild()))
        _ = try? DateTime.truncate(stamp, to: unit.rawValue)
        _ = try? DateTime.truncate(a, to: unit.rawValue)
      }
      _ = try? DateTime.makeDate(year: Int(wild()), month: Int(wild()), day: Int(wild()))
      _ = try? DateTime.makeTime(hour: Int(wild()), minute: Int(wild()), seconds: Double(bitPattern: generator.next()))
      for style in [FormatSettings.IntervalStyle.postgres, .postgresVerbose, .sqlStandard, .iso8601] {
        _ = TextFormat.text(.interval(a), as: .interval, settings: FormatSettings(intervalStyle: style))
      }
    }
  }
}
