// Arithmetic on dates and timestamps. Infinities absorb finite operands. A timestamp with time zone takes the session's
// zone, since days and months are counted on its clock.

extension DateTime {
  /// `timestamp + interval`: months first (the day clipped to the month), then days, then time.
  package static func add(_ interval: Interval, to timestamp: Int64) throws(SQLError) -> Int64 {
    guard isFinite(timestamp: timestamp) else { return timestamp }
    var fields = DateTimeFields(timestamp: timestamp)
    try addMonths(interval.months, to: &fields)
    guard let moved = fields.timestamp else { throw .timestampOutOfRange }
    let (dayPart, overflow) = Int64(interval.days).multipliedReportingOverflow(by: microsecondsPerDay)
    let (withDays, carry) = moved.addingReportingOverflow(dayPart)
    let (result, carry2) = withDays.addingReportingOverflow(interval.microseconds)
    guard !overflow, !carry, !carry2, timestampRange.contains(result) else { throw .timestampOutOfRange }
    return result
  }

  /// `timestamptz + interval`: months and days on the zone's clock, time in UTC.
  package static func add(
    _ interval: Interval, toInstant instant: Int64, zone: TimeZoneRule
  ) throws(SQLError) -> Int64 {
    guard isFinite(timestamp: instant) else { return instant }
    var result = instant
    if interval.months != 0 || interval.days != 0 {
      guard let local = zone.local(fromUTC: instant) else { throw .timestampOutOfRange }
      let moved = try add(Interval(months: interval.months, days: interval.days, microseconds: 0), to: local)
      guard let utc = zone.utc(fromLocal: moved) else { throw .timestampOutOfRange }
      result = utc
    }
    let (sum, overflow) = result.addingReportingOverflow(interval.microseconds)
    guard !overflow, timestampRange.contains(sum) else { throw .timestampOutOfRange }
    return sum
  }

  private static func addMonths(_ months: Int32, to fields: inout DateTimeFields) throws(SQLError) {
    guard months != 0 else { return }
    let total = fields.year * 12 + fields.month - 1 + Int(months)
    fields.year = floorDivide(total, 12)
    fields.month = floorModulo(total, 12) + 1
    fields.day = min(fields.day, daysInMonth(year: fields.year, month: fields.month))
  }

  /// `timestamp − timestamp`: days and time, no months.
  package static func subtract(_ other: Int64, from timestamp: Int64) throws(SQLError) -> Interval {
    guard isFinite(timestamp: timestamp), isFinite(timestamp: other) else {
      throw SQLError(.datetimeFieldOverflow, "cannot subtract infinite timestamps")
    }
    let (difference, overflow) = timestamp.subtractingReportingOverflow(other)
    if overflow { throw .intervalOutOfRange }
    return try Interval(months: 0, days: 0, microseconds: difference).justifyingHours()
  }

  /// `date + days`.
  package static func add(days: Int32, to date: Int32) throws(SQLError) -> Int32 {
    guard isFinite(date: date) else { return date }
    let sum = Int(date) + Int(days)
    guard dateRange.contains(sum) else { throw .dateOutOfRange }
    return Int32(sum)
  }

  /// `date − date` in days.
  package static func days(from earlier: Int32, to later: Int32) throws(SQLError) -> Int32 {
    guard isFinite(date: earlier), isFinite(date: later) else {
      throw SQLError(.datetimeFieldOverflow, "cannot subtract infinite dates")
    }
    guard let days = Int32(exactly: Int(later) - Int(earlier)) else { throw .dateOutOfRange }
    return days
  }

  /// Midnight of a date.
  package static func timestamp(fromDate date: Int32) throws(SQLError) -> Int64 {
    guard isFinite(date: date) else { return date == .min ? .min : .max }
    let (product, overflow) = Int64(date).multipliedReportingOverflow(by: microsecondsPerDay)
    guard !overflow, timestampRange.contains(product) else {
      throw SQLError(.datetimeFieldOverflow, "date out of range for timestamp")
    }
    return product
  }

  /// The date that a timestamp falls on.
  package static func date(fromTimestamp timestamp: Int64) -> Int32 {
    guard isFinite(timestamp: timestamp) else { return timestamp == .min ? .min : .max }
    return Int32(truncatingIfNeeded: floorDivide(timestamp, microsecondsPerDay))
  }

  /// The time of day of a finite timestamp.
  package static func time(fromTimestamp timestamp: Int64) -> Int64 { floorModulo(timestamp, microsecondsPerDay) }

  /// `time + interval`: wraps around midnight; months and days do not count.
  package static func add(_ interval: Interval, toTime time: Int64) -> Int64 {
    floorModulo(time + interval.microseconds % microsecondsPerDay, microsecondsPerDay)
  }

  /// A timestamp on the zone's clock as an instant.
  package static func instant(fromLocal timestamp: Int64, zone: TimeZoneRule) throws(SQLError) -> Int64 {
    guard let utc = zone.utc(fromLocal: timestamp) else { throw .timestampOutOfRange }
    return utc
  }

  /// What the zone's clock shows at an instant.
  package static func local(fromInstant instant: Int64, zone: TimeZoneRule) throws(SQLError) -> Int64 {
    guard let local = zone.local(fromUTC: instant) else { throw .timestampOutOfRange }
    return local
  }

  /// `age(a, b)`: years, months, days and time between, counted on the calendar.
  package static func age(_ a: Int64, _ b: Int64) throws(SQLError) -> Interval {
    guard isFinite(timestamp: a), isFinite(timestamp: b) else { throw .timestampOutOfRange }
    let (later, earlier) = a >= b ? (a, b) : (b, a)
    let (x, y) = (DateTimeFields(timestamp: later), DateTimeFields(timestamp: earlier))
    var time = x.time - y.time
    var days = x.day - y.day
    var months = (x.year - y.year) * 12 + x.month - y.month
    if time < 0 {
      time += microsecondsPerDay
      days -= 1
    }
    if days < 0 {
      // A month is borrowed with the length of the earlier time's.
      days += daysInMonth(year: y.year, month: y.month)
      months -= 1
    }
    guard let m = Int32(exactly: months), let d = Int32(exactly: days) else { throw .intervalOutOfRange }
    let interval = Interval(months: m, days: d, microseconds: time)
    return a >= b ? interval : try interval.negated()
  }
}

// MARK: - make_*

extension DateTime {
  /// `make_date`; a negative year is BC.
  package static func makeDate(year: Int, month: Int, day: Int) throws(SQLError) -> Int32 {
    func failure() -> SQLError {
      SQLError(.datetimeFieldOverflow, "date field value out of range: \(year)-\(padded(month))-\(padded(day))")
    }
    guard year != 0, (1...12).contains(month), day >= 1, (-6000...6_000_000).contains(year) else { throw failure() }
    let astronomical = year < 0 ? year + 1 : year
    guard day <= daysInMonth(year: astronomical, month: month) else { throw failure() }
    let days = self.days(year: astronomical, month: month, day: day)
    guard dateRange.contains(days) else {
      throw SQLError(.datetimeFieldOverflow, "date out of range: \(year)-\(padded(month))-\(padded(day))")
    }
    return Int32(days)
  }

  /// `make_time`.
  package static func makeTime(hour: Int, minute: Int, seconds: Double) throws(SQLError) -> Int64 {
    let micros = (seconds * 1_000_000).rounded(.toNearestOrEven)
    guard (0...24).contains(hour), (0...59).contains(minute), seconds >= 0, seconds <= 60,
      let fraction = Int64(exactly: micros),
      case let time = Int64(hour) * microsecondsPerHour + Int64(minute) * microsecondsPerMinute + fraction,
      time <= microsecondsPerDay
    else {
      throw SQLError(
        .datetimeFieldOverflow, "time field value out of range: \(hour):\(padded(minute)):\(seconds)")
    }
    return time
  }

  /// `make_timestamp`; a negative year is BC.
  package static func makeTimestamp(
    year: Int, month: Int, day: Int, hour: Int, minute: Int, seconds: Double
  ) throws(SQLError) -> Int64 {
    let midnight = try timestamp(fromDate: makeDate(year: year, month: month, day: day))
    let time = try makeTime(hour: hour, minute: minute, seconds: seconds)
    let (sum, overflow) = midnight.addingReportingOverflow(time)
    guard !overflow, timestampRange.contains(sum) else { throw .timestampOutOfRange }
    return sum
  }

  /// `make_interval`.
  package static func makeInterval(
    years: Int32 = 0, months: Int32 = 0, weeks: Int32 = 0, days: Int32 = 0, hours: Int32 = 0, minutes: Int32 = 0,
    seconds: Double = 0
  ) throws(SQLError) -> Interval {
    let time = Int64(hours) * microsecondsPerHour + Int64(minutes) * microsecondsPerMinute
    guard let m = Int32(exactly: Int(years) * 12 + Int(months)), let d = Int32(exactly: Int(weeks) * 7 + Int(days)),
      let fraction = Int64(exactly: (seconds * 1_000_000).rounded(.toNearestOrEven))
    else { throw .intervalOutOfRange }
    let (sum, overflow) = time.addingReportingOverflow(fraction)
    if overflow { throw .intervalOutOfRange }
    return Interval(months: m, days: d, microseconds: sum)
  }

  private static func padded(_ value: Int) -> String { (0...9).contains(value) ? "0\(value)" : "\(value)" }
}
