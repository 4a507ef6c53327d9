// date_trunc and extract (PostgreSQL manual, 9.9.1 and 9.9.2).

/// A field that `extract` and `date_trunc` name.
package enum DateTimeUnit: String, CaseIterable, Sendable {
  case microseconds, milliseconds, second, minute, hour, day, week, month, quarter, year, decade, century, millennium
  case dow, isodow, doy, isoyear, julian, epoch, timezone
  case timezoneHour = "timezone_hour"
  case timezoneMinute = "timezone_minute"

  /// Finds a unit by any of the spellings that PostgreSQL takes, in any case.
  package init?(named text: String) {
    let lowered = text.lowercased()
    if let unit = DateTimeUnit(rawValue: lowered) {
      self = unit
      return
    }
    switch lowered {
    case "us", "usec", "usecs", "usecond", "useconds", "microsecond", "microsecon": self = .microseconds
    case "ms", "msec", "msecs", "msecond", "mseconds", "millisecond", "millisecon": self = .milliseconds
    case "s", "sec", "secs", "seconds": self = .second
    case "m", "min", "mins", "minutes": self = .minute
    case "h", "hr", "hrs", "hours": self = .hour
    case "d", "days": self = .day
    case "w", "weeks": self = .week
    case "mon", "mons", "months": self = .month
    case "qtr", "quarters": self = .quarter
    case "y", "yr", "yrs", "years": self = .year
    case "dec", "decs", "decades": self = .decade
    case "c", "cent", "centuries": self = .century
    case "mil", "mils", "millennia": self = .millennium
    case "j", "jd", "julian": self = .julian
    case "timezone_h": self = .timezoneHour
    case "timezone_m": self = .timezoneMinute
    default: return nil
    }
  }

  static func unrecognized(_ name: String, _ type: TypeKind, isTruncating: Bool = false) -> SQLError {
    let typeName = TypeCatalog.entry(type).sqlName
    let isKnown =
      switch DateTimeUnit(named: name) {
      case nil: false
      // To PostgreSQL's date_trunc these are words like any other.
      case .dow, .isodow, .doy, .isoyear, .julian, .epoch: !isTruncating
      default: true
      }
    return isKnown
      ? SQLError(.featureNotSupported, "unit \"\(name.lowercased())\" not supported for type \(typeName)")
      : SQLError(.invalidParameterValue, "unit \"\(name.lowercased())\" not recognized for type \(typeName)")
  }
}

extension DateTime {
  /// `date_trunc(unit, timestamp)`.
  /// - Throws: 22023 for an unknown unit, 0A000 for one that cannot be cut to.
  package static func truncate(
    _ timestamp: Int64, to unitName: String, type: TypeKind = .timestamp
  ) throws(SQLError) -> Int64 {
    guard let unit = DateTimeUnit(named: unitName) else {
      throw DateTimeUnit.unrecognized(unitName, type, isTruncating: true)
    }
    var fields = DateTimeFields(timestamp: isFinite(timestamp: timestamp) ? timestamp : 0)
    switch unit {
    case .week:
      guard isFinite(timestamp: timestamp) else { return timestamp }
      let days = Int(floorDivide(timestamp, microsecondsPerDay))
      let monday = Int64(days - floorModulo(dayOfWeek(days: days) + 6, 7)) * microsecondsPerDay
      guard timestampRange.contains(monday) else { throw .timestampOutOfRange }
      return monday
    case .microseconds: return timestamp
    case .milliseconds: fields.microsecond -= fields.microsecond % 1000
    case .second: fields.microsecond = 0
    case .minute: fields.setTime(fields.time / microsecondsPerMinute * microsecondsPerMinute)
    case .hour: fields.setTime(fields.time / microsecondsPerHour * microsecondsPerHour)
    case .day: fields.setTime(0)
    case .month, .quarter, .year, .decade, .century, .millennium: truncateCalendar(&fields, to: unit)
    case .dow, .isodow, .doy, .isoyear, .julian, .epoch, .timezone, .timezoneHour, .timezoneMinute:
      throw DateTimeUnit.unrecognized(unitName, type, isTruncating: true)
    }
    guard isFinite(timestamp: timestamp) else { return timestamp }
    guard let result = fields.timestamp else { throw .timestampOutOfRange }
    return result
  }

  private static func truncateCalendar(_ fields: inout DateTimeFields, to unit: DateTimeUnit) {
    fields.setTime(0)
    fields.day = 1
    switch unit {
    case .month: break
    case .quarter: fields.month -= (fields.month - 1) % 3
    default:
      fields.month = 1
      switch unit {
      case .decade: fields.year = floorDivide(fields.year, 10) * 10
      case .century: fields.year = floorDivide(fields.year - 1, 100) * 100 + 1
      case .millennium: fields.year = floorDivide(fields.year - 1, 1000) * 1000 + 1
      default: break
      }
    }
  }

  /// `date_trunc(unit, timestamptz)` on the zone's clock.
  package static func truncate(
    instant: Int64, to unitName: String, zone: TimeZoneRule
  ) throws(SQLError) -> Int64 {
    let local = try local(fromInstant: instant, zone: zone)
    let truncated = try truncate(local, to: unitName, type: .timestampTZ)
    guard isFinite(timestamp: instant), truncated != local else { return instant }
    // Below a day the offset in force stays; from a day up the new local midnight finds its own.
    switch DateTimeUnit(named: unitName) {
    case .microseconds, .milliseconds, .second, .minute, .hour: return instant - (local - truncated)
    default: return try self.instant(fromLocal: truncated, zone: zone)
    }
  }

  /// `date_trunc(unit, interval)`.
  package static func truncate(_ interval: Interval, to unitName: String) throws(SQLError) -> Interval {
    guard let unit = DateTimeUnit(named: unitName) else {
      throw DateTimeUnit.unrecognized(unitName, .interval, isTruncating: true)
    }
    var result = interval
    func cut(_ value: Int64, _ unit: Int64) -> Int64 { value / unit * unit }
    func cutMonths(_ count: Int32) {
      result = Interval(months: interval.months / count * count, days: 0, microseconds: 0)
    }
    switch unit {
    case .microseconds: break
    case .milliseconds: result.microseconds = cut(interval.microseconds, 1000)
    case .second: result.microseconds = cut(interval.microseconds, microsecondsPerSecond)
    case .minute: result.microseconds = cut(interval.microseconds, microsecondsPerMinute)
    case .hour: result.microseconds = cut(interval.microseconds, microsecondsPerHour)
    case .day: result.microseconds = 0
    case .month: cutMonths(1)
    case .quarter: cutMonths(3)
    case .year: cutMonths(12)
    case .decade: cutMonths(120)
    case .century: cutMonths(1200)
    case .millennium: cutMonths(12_000)
    case .week:
      throw SQLError(
        .featureNotSupported, "unit \"week\" not supported for type interval",
        detail: "Months usually have fractional weeks.")
    case .dow, .isodow, .doy, .isoyear, .julian, .epoch, .timezone, .timezoneHour, .timezoneMinute:
      throw DateTimeUnit.unrecognized(unitName, .interval, isTruncating: true)
    }
    return result
  }

  /// `extract(unit from timestamp)`. Nil (NULL) for a field of an infinity that has no limit.
  package static func extract(
    _ unitName: String, from timestamp: Int64, type: TypeKind = .timestamp
  ) throws(SQLError) -> Numeric? {
    guard let unit = DateTimeUnit(named: unitName) else { throw DateTimeUnit.unrecognized(unitName, type) }
    switch unit {
    case .timezone, .timezoneHour, .timezoneMinute: throw DateTimeUnit.unrecognized(unitName, type)
    default: break
    }
    guard isFinite(timestamp: timestamp) else {
      switch unit {
      case .year, .decade, .century, .millennium, .julian, .isoyear, .epoch:
        return timestamp == .min ? .negativeInfinity : .infinity
      default: return nil
      }
    }
    let days = Int(floorDivide(timestamp, microsecondsPerDay))
    let fields = DateTimeFields(timestamp: timestamp)
    switch unit {
    case .epoch:
      let offset = unixEpochOffsetDays * microsecondsPerDay
      let (sum, overflow) = timestamp.addingReportingOverflow(offset)
      if !overflow { return Numeric(coefficient: sum, scale: 6) }
      return Numeric(coefficient: timestamp, scale: 6) + Numeric(coefficient: offset, scale: 6)
    case .julian:
      let day = Numeric(Int64(days + julianDayOfEpoch))
      return try fields.time == 0
        ? day : day.adding(Numeric(fields.time).divided(by: Numeric(microsecondsPerDay)))
    case .dow: return Numeric(Int64(dayOfWeek(days: days)))
    case .isodow: return Numeric(Int64(floorModulo(dayOfWeek(days: days) + 6, 7) + 1))
    case .doy: return Numeric(Int64(days - self.days(year: fields.year, month: 1, day: 1) + 1))
    case .week: return Numeric(Int64(isoWeek(days: days).week))
    case .isoyear: return Numeric(Int64(shownYear(isoWeek(days: days).year)))
    default: return calendarField(unit, fields)
    }
  }

  /// `extract(unit from date)`: the fields of a time are not there.
  package static func extract(_ unitName: String, fromDate date: Int32) throws(SQLError) -> Numeric? {
    switch DateTimeUnit(named: unitName) {
    case .microseconds, .milliseconds, .second, .minute, .hour, .timezone, .timezoneHour, .timezoneMinute, nil:
      throw DateTimeUnit.unrecognized(unitName, .date)
    case .epoch where isFinite(date: date):
      return Numeric((Int64(date) + unixEpochOffsetDays) * 86_400)
    default:
      // Dates reach beyond timestamps: the calendar repeats every 400 years, but the year does not, so compute it here.
      guard isFinite(date: date) else {
        return try extract(unitName, from: date == .min ? .min : .max, type: .date)
      }
      guard let midnight = try? timestamp(fromDate: date) else { return try extractFar(unitName, date) }
      return try extract(unitName, from: midnight, type: .date)
    }
  }

  /// A date behind 294276-12-31: taken 400-year cycles back, and the years put on again.
  private static func extractFar(_ unitName: String, _ date: Int32) throws(SQLError) -> Numeric? {
    let cycles = (Int(date) / 146_097) - 1
    let near = try timestamp(fromDate: Int32(Int(date) - cycles * 146_097))
    guard let value = try extract(unitName, from: near, type: .date) else { return nil }
    let added: Int
    switch DateTimeUnit(named: unitName) {
    case .year, .isoyear: added = cycles * 400
    case .decade: added = cycles * 40
    case .century: added = cycles * 4
    case .julian: added = cycles * 146_097
    case .millennium: return Numeric(Int64((civil(days: Int(date)).year + 999) / 1000))
    default: added = 0
    }
    return try value.adding(Numeric(Int64(added)))
  }

  /// `extract(unit from timestamptz)` on the zone's clock.
  package static func extract(
    _ unitName: String, fromInstant instant: Int64, zone: TimeZoneRule
  ) throws(SQLError) -> Numeric? {
    let unit = DateTimeUnit(named: unitName)
    if isFinite(timestamp: instant) {
      let offset = Int64(zone.offset(atUTC: instant))
      switch unit {
      case .timezone: return Numeric(offset)
      case .timezoneHour: return Numeric(offset / 3600)
      case .timezoneMinute: return Numeric(offset / 60 % 60)
      case .epoch: return try extract(unitName, from: instant, type: .timestampTZ)
      default: break
      }
    } else if unit == .timezone || unit == .timezoneHour || unit == .timezoneMinute {
      return nil
    }
    return try extract(unitName, from: local(fromInstant: instant, zone: zone), type: .timestampTZ)
  }

  /// `extract(unit from time)`.
  package static func extract(_ unitName: String, fromTime time: Int64) throws(SQLError) -> Numeric {
    var fields = DateTimeFields(year: 2000, month: 1, day: 1)
    fields.setTime(time)
    switch DateTimeUnit(named: unitName) {
    case .epoch: return Numeric(coefficient: time, scale: 6)
    case .microseconds: return calendarField(.microseconds, fields)
    case .milliseconds: return calendarField(.milliseconds, fields)
    case .second: return calendarField(.second, fields)
    case .minute: return calendarField(.minute, fields)
    case .hour: return calendarField(.hour, fields)
    default: throw DateTimeUnit.unrecognized(unitName, .time)
    }
  }

  /// `extract(unit from interval)`.
  package static func extract(_ unitName: String, from interval: Interval) throws(SQLError) -> Numeric {
    let (months, time) = (Int64(interval.months), interval.microseconds)
    let year = months / 12
    switch DateTimeUnit(named: unitName) {
    case .microseconds: return Numeric(time % microsecondsPerMinute)
    case .milliseconds: return Numeric(coefficient: time % microsecondsPerMinute, scale: 3)
    case .second: return Numeric(coefficient: time % microsecondsPerMinute, scale: 6)
    case .minute: return Numeric(time / microsecondsPerMinute % 60)
    case .hour: return Numeric(time / microsecondsPerHour)
    case .day: return Numeric(Int64(interval.days))
    case .month: return Numeric(months % 12)
    case .quarter: return Numeric(months % 12 / 3 + 1)
    case .year: return Numeric(year)
    case .decade: return Numeric(year / 10)
    case .century: return Numeric(year / 100)
    case .millennium: return Numeric(year / 1000)
    case .epoch:
      // A year counts 365.25 days here, a month 30.
      let days = Int128(year) * 1461 * 21_600 + (Int128(months % 12) * 30 + Int128(interval.days)) * 86_400
      let total = days * 1_000_000 + Int128(time)
      if let small = Int64(exactly: total) { return Numeric(coefficient: small, scale: 6) }
      return Numeric(Int64(days)).rounded(scale: 6) + Numeric(coefficient: time, scale: 6)
    default: throw DateTimeUnit.unrecognized(unitName, .interval)
    }
  }

  /// Years as people count them: there is no year 0.
  private static func shownYear(_ year: Int) -> Int { year > 0 ? year : year - 1 }

  private static func calendarField(_ unit: DateTimeUnit, _ fields: DateTimeFields) -> Numeric {
    let micros = Int64(fields.second) * 1_000_000 + Int64(fields.microsecond)
    let year = fields.year
    return switch unit {
    case .microseconds: Numeric(micros)
    case .milliseconds: Numeric(coefficient: micros, scale: 3)
    case .second: Numeric(coefficient: micros, scale: 6)
    case .minute: Numeric(Int64(fields.minute))
    case .hour: Numeric(Int64(fields.hour))
    case .day: Numeric(Int64(fields.day))
    case .month: Numeric(Int64(fields.month))
    case .quarter: Numeric(Int64((fields.month - 1) / 3 + 1))
    case .decade: Numeric(Int64(floorDivide(year, 10)))
    case .century: Numeric(Int64(year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100)))
    case .millennium: Numeric(Int64(year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000)))
    default: Numeric(Int64(shownYear(year)))
    }
  }
}
