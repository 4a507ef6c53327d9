import Values

/// What `to_char` shows of a time: a point in time on some clock, or an interval.
struct ShownTime {
  var fields: DateTimeFields
  /// An interval has no weekday, and its fields are not of a calendar.
  var isInterval = false
  /// Seconds east of UTC, and the zone's name, for times that have a zone.
  var offset: Int?
  var zoneName = ""

  init(timestamp: Int64) { fields = DateTimeFields(timestamp: timestamp) }

  init(_ interval: Interval) {
    let time = interval.microseconds
    fields = DateTimeFields(
      year: Int(interval.months / 12), month: Int(interval.months % 12), day: Int(interval.days),
      hour: Int(time / DateTime.microsecondsPerHour), minute: Int(time / DateTime.microsecondsPerMinute % 60),
      second: Int(time / DateTime.microsecondsPerSecond % 60),
      microsecond: Int(time % DateTime.microsecondsPerSecond))
    isInterval = true
  }

  var days: Int { DateTime.days(year: fields.year, month: fields.month, day: fields.day) }
  var dayOfYear: Int { days - DateTime.days(year: fields.year, month: 1, day: 1) + 1 }
  /// 1 BC is shown as year 1.
  var shownYear: Int { !isInterval && fields.year <= 0 ? 1 - fields.year : fields.year }
}

extension DateTimeTemplate {
  func format(_ time: ShownTime) throws(SQLError) -> String {
    var out = ""
    for element in elements {
      switch element {
      case .literal(let scalar): out.unicodeScalars.append(scalar)
      case .field(let field, let letterCase, let isTight, let suffix):
        let text = try format(field, letterCase, isTight: isTight, time)
        out += text
        if !suffix.isEmpty, text.last?.isNumber == true {
          let ordinal = ordinalSuffix(text.scalars)
          out += suffix == "TH" ? ordinal.uppercased() : ordinal
        }
      }
    }
    return out
  }

  private func format(
    _ field: Field, _ letterCase: Case, isTight: Bool, _ time: ShownTime
  ) throws(SQLError) -> String {
    let fields = time.fields
    func number(_ value: Int, _ width: Int) -> String {
      let digits = String(abs(value))
      let padding = isTight ? "" : String(repeating: "0", count: max(0, width - digits.utf8.count))
      return (value < 0 ? "-" : "") + padding + digits
    }
    func name(_ names: [String], _ index: Int, width: Int, short: Bool = false) throws(SQLError) -> String {
      guard !time.isInterval, names.indices.contains(index) else { throw invalidForInterval }
      var text = short ? String(names[index].prefix(3)) : names[index]
      switch letterCase {
      case .upper: text = text.uppercased()
      case .lower: text = text.lowercased()
      case .capital: break
      }
      return isTight || short ? text : text.padded(to: width)
    }
    func cased(_ text: String) -> String { letterCase == .lower ? text.lowercased() : text }
    func calendar(_ value: Int, _ width: Int) throws(SQLError) -> String {
      if time.isInterval { throw invalidForInterval }
      return number(value, width)
    }
    let iso = DateTime.isoWeek(days: time.isInterval ? 0 : time.days)

    switch field {
    case .hour24: return number(fields.hour, 2)
    case .hour12, .hour: return number(fields.hour % 12 == 0 ? 12 : fields.hour % 12, 2)
    case .minute: return number(fields.minute, 2)
    case .second: return number(fields.second, 2)
    case .secondsOfDay, .secondsOfDayShort:
      return number(fields.hour * 3600 + fields.minute * 60 + fields.second, 0)
    case .millisecond: return number(fields.microsecond / 1000, 3)
    case .microsecond: return number(fields.microsecond, 6)
    case .fraction1: return number(fields.microsecond / 100_000, 1)
    case .fraction2: return number(fields.microsecond / 10_000, 2)
    case .fraction3: return number(fields.microsecond / 1000, 3)
    case .fraction4: return number(fields.microsecond / 100, 4)
    case .fraction5: return number(fields.microsecond / 10, 5)
    case .fraction6: return number(fields.microsecond, 6)
    case .meridiem, .meridiemPM: return cased(fields.hour % 24 >= 12 ? "PM" : "AM")
    case .meridiemDotted, .meridiemDottedPM: return cased(fields.hour % 24 >= 12 ? "P.M." : "A.M.")
    case .era, .eraAD:
      if time.isInterval { throw invalidForInterval }
      return cased(fields.year <= 0 ? "BC" : "AD")
    case .eraDotted, .eraDottedAD:
      if time.isInterval { throw invalidForInterval }
      return cased(fields.year <= 0 ? "B.C." : "A.D.")
    case .yearWithComma:
      let digits = String(time.shownYear % 1000)
      return "\(time.shownYear / 1000)," + String(repeating: "0", count: max(0, 3 - digits.utf8.count)) + digits
    case .year4: return number(time.shownYear, 4)
    case .year3: return number(time.shownYear % 1000, 3)
    case .year2: return number(time.shownYear % 100, 2)
    case .year1: return number(time.shownYear % 10, 1)
    case .isoYear4: return try calendar(iso.year, 4)
    case .isoYear3: return try calendar(iso.year % 1000, 3)
    case .isoYear2: return try calendar(iso.year % 100, 2)
    case .isoYear1: return try calendar(iso.year % 10, 1)
    case .isoWeek: return try calendar(iso.week, 2)
    case .isoDay: return try calendar((DateTime.dayOfWeek(days: time.days) + 6) % 7 + 1, 0)
    case .isoDayOfYear:
      return try calendar((iso.week - 1) * 7 + (DateTime.dayOfWeek(days: time.days) + 6) % 7 + 1, 3)
    case .monthName: return try name(DateTimeTemplate.monthNames, fields.month - 1, width: 9)
    case .monthShort: return try name(DateTimeTemplate.monthNames, fields.month - 1, width: 3, short: true)
    case .month: return number(fields.month, 2)
    case .dayName: return try name(DateTimeTemplate.dayNames, weekday(time), width: 9)
    case .dayShort: return try name(DateTimeTemplate.dayNames, weekday(time), width: 3, short: true)
    case .dayOfYear:
      return time.isInterval ? number(fields.year * 360 + fields.month * 30 + fields.day, 3) : number(time.dayOfYear, 3)
    case .day: return number(fields.day, 2)
    case .dayOfWeek: return try calendar(weekday(time) + 1, 0)
    case .weekOfYear: return number((time.isInterval ? 0 : time.dayOfYear - 1) / 7 + 1, 2)
    case .weekOfMonth: return number((fields.day - 1) / 7 + 1, 0)
    case .century:
      let year = fields.year
      return number(time.isInterval ? year / 100 : year > 0 ? (year + 99) / 100 : (year - 100) / 100, 2)
    case .julian: return number(time.isInterval ? 0 : time.days + DateTime.julianDayOfEpoch, 0)
    case .quarter: return fields.month == 0 ? "" : number((fields.month - 1) / 3 + 1, 0)
    case .romanMonth:
      guard (1...12).contains(fields.month) else { return "" }
      let text = DateTimeTemplate.romanMonths[fields.month - 1]
      return cased(isTight ? text : text.padded(to: 4))
    case .zoneName: return cased(time.zoneName)
    case .zoneHours:
      let offset = time.offset ?? 0
      return (offset < 0 ? "-" : "+") + number(abs(offset) / 3600, 2)
    case .zoneMinutes: return number(abs(time.offset ?? 0) / 60 % 60, 2)
    case .offset:
      let offset = time.offset ?? 0
      let minutes = abs(offset) / 60 % 60
      return (offset < 0 ? "-" : "+") + number(abs(offset) / 3600, 2) + (minutes == 0 ? "" : ":" + number(minutes, 2))
    }
  }

  private func weekday(_ time: ShownTime) -> Int { time.isInterval ? -1 : DateTime.dayOfWeek(days: time.days) }

  private var invalidForInterval: SQLError {
    SQLError(
      .invalidDatetimeFormat, "invalid format specification for an interval value",
      hint: "Intervals are not tied to specific calendar dates.")
  }
}

extension String {
  /// Blanks behind, up to a width.
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - utf8.count)) }
}
