/// Reads dates, times and timestamps as PostgreSQL does (manual, appendix B.1): words, numbers and punctuation in
/// nearly any order.
struct DateTimeParser {
  let text: String
  let typeName: String
  let settings: FormatSettings
  let now: Int64

  // What has been found so far.
  var year: Int?
  var month: Int?
  var day: Int?
  /// Microseconds since midnight.
  var time: Int64?
  var isBC = false
  var isTwoDigitYear = false
  var zone: Zone?
  var special: Special?
  var meridiem: Meridiem?
  var julianDay: Int?
  var dayOfYear: Int?

  enum Zone { case offset(secondsEast: Int), rule(TimeZoneRule) }
  enum Special { case now, today, tomorrow, yesterday, epoch, infinity, negativeInfinity }
  enum Meridiem { case am, pm }

  init(_ text: String, typeName: String, settings: FormatSettings, now: Int64) {
    self.text = text
    self.typeName = typeName
    self.settings = settings
    self.now = now
  }

  // MARK: Errors

  func invalid() -> SQLError {
    SQLError(.invalidDatetimeFormat, "invalid input syntax for type \(typeName): \"\(text)\"")
  }

  func fieldOutOfRange(hint: String? = nil) -> SQLError {
    SQLError(.datetimeFieldOverflow, "date/time field value out of range: \"\(text)\"", hint: hint)
  }

  private func outOfRange(_ what: String) -> SQLError {
    SQLError(.datetimeFieldOverflow, "\(what) out of range: \"\(text)\"")
  }

  // MARK: Results

  mutating func parseDate() throws(SQLError) -> Int32 {
    try scan()
    switch special {
    case .infinity: return .max
    case .negativeInfinity: return .min
    case .epoch: return Int32(-DateTime.unixEpochOffsetDays)
    case .now, .today, .tomorrow, .yesterday: return try specialDate()
    case nil: break
    }
    let days = try calendarDays()
    guard DateTime.dateRange.contains(days) else { throw outOfRange("date") }
    return Int32(days)
  }

  mutating func parseTime() throws(SQLError) -> Int64 {
    try scan()
    switch special {
    case .now: return DateTime.time(fromTimestamp: try localNow())
    case nil: break
    default: throw invalid()
    }
    guard let time else { throw invalid() }
    return time
  }

  mutating func parseTimestamp() throws(SQLError) -> Int64 {
    try scan()
    if let value = try specialTimestamp() { return value }
    return try localTimestamp()
  }

  mutating func parseInstant() throws(SQLError) -> Int64 {
    try scan()
    if special == .epoch {
      return -DateTime.unixEpochOffsetDays * DateTime.microsecondsPerDay
    }
    if special == .now { return now }
    var reading = try specialTimestamp()
    if reading == nil { reading = try localTimestampUnlimited() }
    guard let local = reading else { throw outOfRange("timestamp") }
    guard DateTime.isFinite(timestamp: local) else { return local }
    let offset =
      switch zone {
      case .offset(let seconds): seconds
      case .rule(let rule): rule.offset(atLocal: local)
      case nil: settings.timeZone.offset(atLocal: local)
      }
    let (instant, overflow) = local.subtractingReportingOverflow(Int64(offset) * DateTime.microsecondsPerSecond)
    guard !overflow, DateTime.timestampRange.contains(instant) else { throw outOfRange("timestamp") }
    return instant
  }

  private func localNow() throws(SQLError) -> Int64 {
    guard let local = settings.timeZone.local(fromUTC: now) else { throw .timestampOutOfRange }
    return local
  }

  private func specialDate() throws(SQLError) -> Int32 {
    let today = DateTime.date(fromTimestamp: try localNow())
    return switch special {
    case .tomorrow: try DateTime.add(days: 1, to: today)
    case .yesterday: try DateTime.add(days: -1, to: today)
    default: today
    }
  }

  private func specialTimestamp() throws(SQLError) -> Int64? {
    switch special {
    case nil: return nil
    case .infinity: return .max
    case .negativeInfinity: return .min
    case .epoch: return -DateTime.unixEpochOffsetDays * DateTime.microsecondsPerDay
    case .now: return try localNow()
    case .today, .tomorrow, .yesterday:
      return try DateTime.timestamp(fromDate: specialDate()) + (time ?? 0)
    }
  }

  private func localTimestamp() throws(SQLError) -> Int64 {
    guard let value = try localTimestampUnlimited(), DateTime.timestampRange.contains(value) else {
      throw outOfRange("timestamp")
    }
    return value
  }

  /// Nil where it does not even fit the integer.
  private func localTimestampUnlimited() throws(SQLError) -> Int64? {
    let days = try calendarDays()
    let (product, overflow) = Int64(days).multipliedReportingOverflow(by: DateTime.microsecondsPerDay)
    let (sum, carry) = product.addingReportingOverflow(time ?? 0)
    return overflow || carry ? nil : sum
  }

  /// Checks the fields against each other, as PostgreSQL's `ValidateDate`.
  private func calendarDays() throws(SQLError) -> Int {
    if let julianDay { return julianDay - DateTime.julianDayOfEpoch }
    guard var year else { throw invalid() }
    if isBC {
      guard year > 0 else { throw fieldOutOfRange() }
      year = 1 - year
    } else if isTwoDigitYear {
      year += year < 70 ? 2000 : year < 100 ? 1900 : 0
    } else if year <= 0 {
      throw fieldOutOfRange()
    }
    guard year < 10_000_000 else { throw fieldOutOfRange() }
    if let dayOfYear {
      guard (1...(DateTime.isLeap(year) ? 366 : 365)).contains(dayOfYear) else { throw fieldOutOfRange() }
      return DateTime.days(year: year, month: 1, day: 1) + dayOfYear - 1
    }
    guard let month, let day else { throw invalid() }
    guard (1...12).contains(month) else {
      throw fieldOutOfRange(hint: "Perhaps you need a different \"datestyle\" setting.")
    }
    guard (1...31).contains(day) else {
      throw fieldOutOfRange(hint: "Perhaps you need a different \"datestyle\" setting.")
    }
    guard day <= DateTime.daysInMonth(year: year, month: month) else { throw fieldOutOfRange() }
    return DateTime.days(year: year, month: month, day: day)
  }
}
