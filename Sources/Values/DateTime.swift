/// Dates and times as counts from 2000-01-01, in the proleptic Gregorian calendar (PostgreSQL manual, 8.5 and B.6).
///
/// Years are astronomical inside: year 0 is 1 BC.
package enum DateTime {
  package static let microsecondsPerSecond: Int64 = 1_000_000
  package static let microsecondsPerMinute: Int64 = 60_000_000
  package static let microsecondsPerHour: Int64 = 3_600_000_000
  package static let microsecondsPerDay: Int64 = 86_400_000_000
  /// From 1970-01-01 to 2000-01-01.
  package static let unixEpochOffsetDays: Int64 = 10_957
  /// 2000-01-01 as a Julian day number.
  package static let julianDayOfEpoch = 2_451_545

  /// 4714-11-24 BC (Julian day 0), and behind 294276-12-31.
  package static let timestampRange: Range<Int64> = -211_813_488_000_000_000..<9_223_371_331_200_000_000
  /// 4714-11-24 BC, and behind 5874897-12-31.
  package static let dateRange: Range<Int> = -2_451_545..<2_145_031_949

  /// Days since 2000-01-01 of a civil date whose month is 1…12; a day beyond its month runs on.
  package static func days(year: Int, month: Int, day: Int) -> Int {
    // Years begin in March, so that the leap day is a year's last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let y = month <= 2 ? year - 1 : year
    let era = floorDivide(y, 400)
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 730_425
  }

  package static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
    let z = days + 730_425
    let era = floorDivide(z, 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  package static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  /// Days of a month 1…12.
  package static func daysInMonth(year: Int, month: Int) -> Int {
    month == 2 ? (isLeap(year) ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
  }

  /// 0 for Sunday … 6 for Saturday.
  package static func dayOfWeek(days: Int) -> Int { floorModulo(days + 6, 7) }

  /// The ISO 8601 week-numbering year and week of a date.
  package static func isoWeek(days: Int) -> (year: Int, week: Int) {
    // The week belongs to the year that holds its Thursday.
    let thursday = days - floorModulo(dayOfWeek(days: days) + 6, 7) + 3
    let year = civil(days: thursday).year
    return (year, (thursday - self.days(year: year, month: 1, day: 1)) / 7 + 1)
  }

  static func floorDivide<T: BinaryInteger>(_ a: T, _ b: T) -> T { a / b - (a % b < 0 ? 1 : 0) }
  static func floorModulo<T: BinaryInteger>(_ a: T, _ b: T) -> T { a % b < 0 ? a % b + b : a % b }

  static func isFinite(timestamp: Int64) -> Bool { timestamp != .min && timestamp != .max }
  static func isFinite(date: Int32) -> Bool { date != .min && date != .max }
}

/// A point in time taken apart, on some zone's clock.
package struct DateTimeFields: Hashable, Sendable {
  /// Astronomical: 0 is 1 BC.
  package var year: Int
  package var month: Int
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int
  package var microsecond: Int

  package init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
  ) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.microsecond = microsecond
  }

  /// Takes a finite timestamp apart.
  package init(timestamp: Int64) {
    let days = DateTime.floorDivide(timestamp, DateTime.microsecondsPerDay)
    let (year, month, day) = DateTime.civil(days: Int(days))
    self.init(year: year, month: month, day: day)
    setTime(timestamp - days * DateTime.microsecondsPerDay)
  }

  /// Sets hour to microsecond from microseconds since midnight.
  mutating func setTime(_ time: Int64) {
    hour = Int(time / DateTime.microsecondsPerHour)
    minute = Int(time / DateTime.microsecondsPerMinute % 60)
    second = Int(time / DateTime.microsecondsPerSecond % 60)
    microsecond = Int(time % DateTime.microsecondsPerSecond)
  }

  /// Microseconds since midnight.
  package var time: Int64 {
    ((Int64(hour) * 60 + Int64(minute)) * 60 + Int64(second)) * DateTime.microsecondsPerSecond + Int64(microsecond)
  }

  /// Microseconds since 2000-01-01, or nil beyond a timestamp's range.
  package var timestamp: Int64? {
    guard (-5000...300_000).contains(year) else { return nil }
    let days = Int64(DateTime.days(year: year, month: month, day: day))
    let (product, overflow) = days.multipliedReportingOverflow(by: DateTime.microsecondsPerDay)
    let (sum, carry) = product.addingReportingOverflow(time)
    return !overflow && !carry && DateTime.timestampRange.contains(sum) ? sum : nil
  }
}

extension SQLError {
  static let timestampOutOfRange = SQLError(.datetimeFieldOverflow, "timestamp out of range")
  static let dateOutOfRange = SQLError(.datetimeFieldOverflow, "date out of range")
  static let intervalOutOfRange = SQLError(.datetimeFieldOverflow, "interval out of range")
}
