// Interval arithmetic with PostgreSQL's rules: months, days and microseconds are added field by field; multiplying
// cascades fractions down (a month as 30 days, a day as 24 hours); comparing uses the same 30 days and 24 hours.

extension Interval {
  package static let zero = Interval(months: 0, days: 0, microseconds: 0)

  /// The whole length in microseconds, a month as 30 days and a day as 24 hours.
  package var comparisonValue: Int128 {
    (Int128(months) * 30 + Int128(days)) * Int128(DateTime.microsecondsPerDay) + Int128(microseconds)
  }

  package static func compare(_ a: Interval, _ b: Interval) -> Int {
    let (x, y) = (a.comparisonValue, b.comparisonValue)
    return x < y ? -1 : x == y ? 0 : 1
  }

  package func negated() throws(SQLError) -> Interval {
    guard months != .min, days != .min, microseconds != .min else { throw .intervalOutOfRange }
    return Interval(months: -months, days: -days, microseconds: -microseconds)
  }

  package func adding(_ other: Interval) throws(SQLError) -> Interval {
    let (m, mOverflow) = months.addingReportingOverflow(other.months)
    let (d, dOverflow) = days.addingReportingOverflow(other.days)
    let (u, uOverflow) = microseconds.addingReportingOverflow(other.microseconds)
    if mOverflow || dOverflow || uOverflow { throw .intervalOutOfRange }
    return Interval(months: m, days: d, microseconds: u)
  }

  package func subtracting(_ other: Interval) throws(SQLError) -> Interval {
    let (m, mOverflow) = months.subtractingReportingOverflow(other.months)
    let (d, dOverflow) = days.subtractingReportingOverflow(other.days)
    let (u, uOverflow) = microseconds.subtractingReportingOverflow(other.microseconds)
    if mOverflow || dOverflow || uOverflow { throw .intervalOutOfRange }
    return Interval(months: m, days: d, microseconds: u)
  }

  package func multiplied(by factor: Double) throws(SQLError) -> Interval {
    try scaled { $0 * factor }
  }

  package func divided(by divisor: Double) throws(SQLError) -> Interval {
    if divisor == 0 { throw .divisionByZero }
    return try scaled { $0 / divisor }
  }

  private func scaled(_ scale: (Double) -> Double) throws(SQLError) -> Interval {
    let (monthsScaled, daysScaled) = (scale(Double(months)), scale(Double(days)))
    guard let wholeMonths = Int32(exactly: monthsScaled.rounded(.towardZero)),
      let wholeDays = Int32(exactly: daysScaled.rounded(.towardZero))
    else { throw .intervalOutOfRange }
    var monthRest = ((monthsScaled - Double(wholeMonths)) * 30).roundedToMicros
    var secondRest = (daysScaled - Double(wholeDays) + monthRest - monthRest.rounded(.towardZero)) * 86_400
    secondRest = secondRest.roundedToMicros
    var carriedDays = 0
    // A rest of a whole day or more goes to the days, so that 1.5 days never show as 36 hours.
    if abs(secondRest) >= 86_400 {
      carriedDays = Int((secondRest / 86_400).rounded(.towardZero))
      secondRest -= Double(carriedDays) * 86_400
    }
    monthRest.round(.towardZero)
    guard let totalDays = Int32(exactly: Int(wholeDays) + Int(monthRest) + carriedDays),
      let total = Int64(exactly: (scale(Double(microseconds)) + secondRest * 1_000_000).rounded(.toNearestOrEven))
    else { throw .intervalOutOfRange }
    return Interval(months: wholeMonths, days: totalDays, microseconds: total)
  }

  /// `justify_hours`: whole 24 hours become days.
  package func justifyingHours() throws(SQLError) -> Interval {
    var result = self
    let whole = microseconds / DateTime.microsecondsPerDay
    result.microseconds -= whole * DateTime.microsecondsPerDay
    guard let days = Int32(exactly: Int64(days) + whole) else { throw .intervalOutOfRange }
    result.days = days
    if result.days > 0, result.microseconds < 0 {
      result.microseconds += DateTime.microsecondsPerDay
      result.days -= 1
    } else if result.days < 0, result.microseconds > 0 {
      result.microseconds -= DateTime.microsecondsPerDay
      result.days += 1
    }
    return result
  }

  /// `justify_days`: whole 30 days become months.
  package func justifyingDays() throws(SQLError) -> Interval {
    var result = self
    let whole = days / 30
    result.days -= whole * 30
    guard let months = Int32(exactly: Int(months) + Int(whole)) else { throw .intervalOutOfRange }
    result.months = months
    if result.months > 0, result.days < 0 {
      result.days += 30
      result.months -= 1
    } else if result.months < 0, result.days > 0 {
      result.days -= 30
      result.months += 1
    }
    return result
  }

  /// `justify_interval`: both, and all fields of one sign.
  package func justifyingInterval() throws(SQLError) -> Interval {
    var days = Int64(days)
    var months = Int64(months)
    var time = microseconds
    let wholeDays = time / DateTime.microsecondsPerDay
    time -= wholeDays * DateTime.microsecondsPerDay
    days += wholeDays
    months += days / 30
    days %= 30
    if months > 0, days < 0 || (days == 0 && time < 0) {
      days += 30
      months -= 1
    } else if months < 0, days > 0 || (days == 0 && time > 0) {
      days -= 30
      months += 1
    }
    if days > 0, time < 0 {
      time += DateTime.microsecondsPerDay
      days -= 1
    } else if days < 0, time > 0 {
      time -= DateTime.microsecondsPerDay
      days += 1
    }
    guard let m = Int32(exactly: months), let d = Int32(exactly: days) else { throw .intervalOutOfRange }
    return Interval(months: m, days: d, microseconds: time)
  }
}

extension Double {
  /// To a multiple of a millionth, half to even, as PostgreSQL's `TSROUND`.
  var roundedToMicros: Double { (self * 1_000_000).rounded(.toNearestOrEven) / 1_000_000 }
}
