/// Intervals as text, in each IntervalStyle (PostgreSQL manual, 8.5.5).
enum IntervalText {
  static func write(_ value: Interval, style: FormatSettings.IntervalStyle, into bytes: inout [UInt8]) {
    let parts = Parts(value)
    switch style {
    case .postgres: writePostgres(parts, into: &bytes)
    case .postgresVerbose: writeVerbose(parts, into: &bytes)
    case .sqlStandard: writeSQLStandard(parts, into: &bytes)
    case .iso8601: writeISO8601(parts, into: &bytes)
    }
  }

  private struct Parts {
    var years, months, days, hours, minutes, seconds, microseconds: Int64

    init(_ value: Interval) {
      (years, months) = Int64(value.months).quotientAndRemainder(dividingBy: 12)
      days = Int64(value.days)
      hours = value.microseconds / DateTime.microsecondsPerHour
      minutes = value.microseconds / DateTime.microsecondsPerMinute % 60
      seconds = value.microseconds / DateTime.microsecondsPerSecond % 60
      microseconds = value.microseconds % DateTime.microsecondsPerSecond
    }

    var hasTime: Bool { hours != 0 || minutes != 0 || seconds != 0 || microseconds != 0 }
    var isTimeNegative: Bool { hours < 0 || minutes < 0 || seconds < 0 || microseconds < 0 }
  }

  /// `1 year 2 mons -3 days +04:05:06.7`: a sign is shown behind a negative field.
  private static func writePostgres(_ parts: Parts, into bytes: inout [UInt8]) {
    let start = bytes.count
    var wasNegative = false
    for (value, name) in [(parts.years, "year"), (parts.months, "mon"), (parts.days, "day")] where value != 0 {
      if bytes.count > start { bytes.append(UInt8(ascii: " ")) }
      if wasNegative, value > 0 { bytes.append(UInt8(ascii: "+")) }
      bytes.append(contentsOf: "\(value) \(name)\(value == 1 ? "" : "s")".utf8)
      wasNegative = value < 0
    }
    guard parts.hasTime || bytes.count == start else { return }
    if bytes.count > start { bytes.append(UInt8(ascii: " ")) }
    if parts.isTimeNegative {
      bytes.append(UInt8(ascii: "-"))
    } else if wasNegative {
      bytes.append(UInt8(ascii: "+"))
    }
    writeClock(parts, hourWidth: 2, into: &bytes)
  }

  /// `hh:mm:ss[.ffffff]` without a sign.
  private static func writeClock(_ parts: Parts, hourWidth: Int, into bytes: inout [UInt8]) {
    writePadded(parts.hours.magnitude, width: hourWidth, into: &bytes)
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(Int(parts.minutes.magnitude), width: 2)
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(Int(parts.seconds.magnitude), width: 2)
    TextFormat.writeFraction(Int(parts.microseconds.magnitude), into: &bytes)
  }

  private static func writePadded(_ value: UInt64, width: Int, into bytes: inout [UInt8]) {
    if width == 2, value < 10 { bytes.append(UInt8(ascii: "0")) }
    bytes.appendDecimal(value, fraction: 0)
  }

  /// `@ 1 year 2 mons ago`: the first field's sign turns the rest, and `ago` tells it.
  private static func writeVerbose(_ parts: Parts, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "@"))
    var isFirst = true
    var isBefore = false
    func add(_ value: Int64, _ name: String) {
      guard value != 0 else { return }
      if isFirst { isBefore = value < 0 }
      isFirst = false
      let shown = isBefore ? 0 &- value : value
      bytes.append(contentsOf: " \(shown) \(name)\(shown == 1 ? "" : "s")".utf8)
    }
    add(parts.years, "year")
    add(parts.months, "mon")
    add(parts.days, "day")
    add(parts.hours, "hour")
    add(parts.minutes, "min")
    if parts.seconds != 0 || parts.microseconds != 0 {
      let isNegative = parts.seconds < 0 || parts.microseconds < 0
      bytes.append(UInt8(ascii: " "))
      if isFirst {
        isBefore = isNegative
        isFirst = false
      } else if isNegative != isBefore {
        bytes.append(UInt8(ascii: "-"))
      }
      bytes.appendDecimal(parts.seconds.magnitude, fraction: 0)
      TextFormat.writeFraction(Int(parts.microseconds.magnitude), into: &bytes)
      let isOne = parts.seconds.magnitude == 1 && parts.microseconds == 0
      bytes.append(contentsOf: isOne ? " sec".utf8 : " secs".utf8)
    }
    if isFirst { bytes.append(contentsOf: " 0".utf8) }
    if isBefore { bytes.append(contentsOf: " ago".utf8) }
  }

  /// `1-2`, `3 4:05:06`; with all fields signed where both kinds or both signs are present.
  private static func writeSQLStandard(_ parts: Parts, into bytes: inout [UInt8]) {
    let all = [parts.years, parts.months, parts.days, parts.hours, parts.minutes, parts.seconds, parts.microseconds]
    let hasNegative = all.contains { $0 < 0 }
    let hasPositive = all.contains { $0 > 0 }
    let hasYearMonth = parts.years != 0 || parts.months != 0
    let hasDayTime = parts.days != 0 || parts.hasTime
    if !hasNegative, !hasPositive {
      bytes.append(UInt8(ascii: "0"))
      return
    }
    func sign(_ isNegative: Bool) { bytes.append(UInt8(ascii: isNegative ? "-" : "+")) }
    if hasNegative && hasPositive || hasYearMonth && hasDayTime {
      sign(parts.years < 0 || parts.months < 0)
      bytes.append(contentsOf: "\(parts.years.magnitude)-\(parts.months.magnitude) ".utf8)
      sign(parts.days < 0)
      bytes.append(contentsOf: "\(parts.days.magnitude) ".utf8)
      sign(parts.isTimeNegative)
      writeClock(parts, hourWidth: 1, into: &bytes)
      return
    }
    if hasNegative { bytes.append(UInt8(ascii: "-")) }
    if hasYearMonth {
      bytes.append(contentsOf: "\(parts.years.magnitude)-\(parts.months.magnitude)".utf8)
    } else {
      if parts.days != 0 { bytes.append(contentsOf: "\(parts.days.magnitude) ".utf8) }
      writeClock(parts, hourWidth: 1, into: &bytes)
    }
  }

  /// `P1Y2M3DT4H5M6.7S`.
  private static func writeISO8601(_ parts: Parts, into bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(UInt8(ascii: "P"))
    func add(_ value: Int64, _ letter: String) {
      if value != 0 { bytes.append(contentsOf: "\(value)\(letter)".utf8) }
    }
    add(parts.years, "Y")
    add(parts.months, "M")
    add(parts.days, "D")
    if parts.hasTime { bytes.append(UInt8(ascii: "T")) }
    add(parts.hours, "H")
    add(parts.minutes, "M")
    if parts.seconds != 0 || parts.microseconds != 0 {
      if parts.seconds < 0 || parts.microseconds < 0 { bytes.append(UInt8(ascii: "-")) }
      bytes.appendDecimal(parts.seconds.magnitude, fraction: 0)
      TextFormat.writeFraction(Int(parts.microseconds.magnitude), into: &bytes)
      bytes.append(UInt8(ascii: "S"))
    }
    if bytes.count == start + 1 { bytes.append(contentsOf: "T0S".utf8) }
  }
}
