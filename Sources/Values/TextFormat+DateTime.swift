// Dates and times as text, in each DateStyle (PostgreSQL manual, 8.5.2).

extension TextFormat {
  static func writeDate(_ value: Int32, settings: FormatSettings, into bytes: inout [UInt8]) {
    guard DateTime.isFinite(date: value) else {
      bytes.append(contentsOf: value == .min ? "-infinity".utf8 : "infinity".utf8)
      return
    }
    let (year, month, day) = DateTime.civil(days: Int(value))
    let shown = year > 0 ? year : 1 - year
    let (first, second) = settings.fieldOrder == .dayMonthYear ? (day, month) : (month, day)
    switch settings.dateStyle {
    case .iso:
      writeYear(shown, into: &bytes)
      bytes.append(UInt8(ascii: "-"))
      bytes.appendPadded(month, width: 2)
      bytes.append(UInt8(ascii: "-"))
      bytes.appendPadded(day, width: 2)
    case .sql, .postgres:
      let separator = settings.dateStyle == .sql ? UInt8(ascii: "/") : UInt8(ascii: "-")
      bytes.appendPadded(first, width: 2)
      bytes.append(separator)
      bytes.appendPadded(second, width: 2)
      bytes.append(separator)
      writeYear(shown, into: &bytes)
    case .german:
      bytes.appendPadded(day, width: 2)
      bytes.append(UInt8(ascii: "."))
      bytes.appendPadded(month, width: 2)
      bytes.append(UInt8(ascii: "."))
      writeYear(shown, into: &bytes)
    }
    if year <= 0 { bytes.append(contentsOf: " BC".utf8) }
  }

  private static func writeYear(_ year: Int, into bytes: inout [UInt8]) {
    if year < 10_000 { bytes.appendPadded(year, width: 4) } else { writeInteger(Int64(year), into: &bytes) }
  }

  /// `hh:mm:ss[.ffffff]`, trailing zeros of the fraction left out.
  static func writeTime(_ time: Int64, into bytes: inout [UInt8]) {
    var fields = DateTimeFields(year: 2000, month: 1, day: 1)
    fields.setTime(time)
    writeTime(fields, into: &bytes)
  }

  private static func writeTime(_ fields: DateTimeFields, into bytes: inout [UInt8]) {
    bytes.appendPadded(fields.hour, width: 2)
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(fields.minute, width: 2)
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(fields.second, width: 2)
    writeFraction(fields.microsecond, into: &bytes)
  }

  /// `.ffffff` without trailing zeros; nothing for 0.
  static func writeFraction(_ microseconds: Int, into bytes: inout [UInt8]) {
    guard microseconds > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    bytes.appendPadded(microseconds, width: 6)
    while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
  }

  static func writeTimestamp(_ value: Int64, settings: FormatSettings, into bytes: inout [UInt8]) {
    guard DateTime.isFinite(timestamp: value) else {
      bytes.append(contentsOf: value == .min ? "-infinity".utf8 : "infinity".utf8)
      return
    }
    writeTimestamp(value, zone: nil, settings: settings, into: &bytes)
  }

  static func writeInstant(_ value: Int64, settings: FormatSettings, into bytes: inout [UInt8]) {
    guard DateTime.isFinite(timestamp: value) else {
      bytes.append(contentsOf: value == .min ? "-infinity".utf8 : "infinity".utf8)
      return
    }
    let offset = settings.timeZone.offset(atUTC: value)
    let abbreviation = settings.dateStyle == .iso ? nil : settings.timeZone.abbreviation(atUTC: value)
    let (local, overflow) = value.addingReportingOverflow(Int64(offset) * DateTime.microsecondsPerSecond)
    writeTimestamp(
      overflow ? value : local, zone: (overflow ? 0 : offset, abbreviation), settings: settings, into: &bytes)
  }

  private static let dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let monthNames = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func writeTimestamp(
    _ value: Int64, zone: (offset: Int, abbreviation: String?)?, settings: FormatSettings, into bytes: inout [UInt8]
  ) {
    let fields = DateTimeFields(timestamp: value)
    let days = Int32(truncatingIfNeeded: DateTime.floorDivide(value, DateTime.microsecondsPerDay))
    let isBC = fields.year <= 0
    switch settings.dateStyle {
    case .iso, .sql, .german:
      writeDate(days, settings: settings, into: &bytes)
      if isBC { bytes.removeLast(3) }
      bytes.append(UInt8(ascii: " "))
      writeTime(fields, into: &bytes)
    case .postgres:
      bytes.append(contentsOf: dayNames[DateTime.dayOfWeek(days: Int(days))].utf8)
      bytes.append(UInt8(ascii: " "))
      let month = monthNames[fields.month - 1]
      if settings.fieldOrder == .dayMonthYear {
        bytes.appendPadded(fields.day, width: 2)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: month.utf8)
      } else {
        bytes.append(contentsOf: month.utf8)
        bytes.append(UInt8(ascii: " "))
        bytes.appendPadded(fields.day, width: 2)
      }
      bytes.append(UInt8(ascii: " "))
      writeTime(fields, into: &bytes)
      bytes.append(UInt8(ascii: " "))
      writeYear(isBC ? 1 - fields.year : fields.year, into: &bytes)
    }
    if let zone {
      if let abbreviation = zone.abbreviation {
        bytes.append(contentsOf: " \(abbreviation)".utf8)
      } else {
        // A blank keeps a bare offset apart from the year in front of it.
        if settings.dateStyle == .postgres { bytes.append(UInt8(ascii: " ")) }
        writeZoneOffset(zone.offset, into: &bytes)
      }
    }
    if isBC { bytes.append(contentsOf: " BC".utf8) }
  }

  /// `+hh[:mm[:ss]]`, east positive.
  static func writeZoneOffset(_ seconds: Int, into bytes: inout [UInt8]) {
    bytes.append(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    let magnitude = abs(seconds)
    bytes.appendPadded(magnitude / 3600, width: magnitude >= 360_000 ? 3 : 2)
    guard magnitude % 3600 != 0 else { return }
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(magnitude / 60 % 60, width: 2)
    guard magnitude % 60 != 0 else { return }
    bytes.append(UInt8(ascii: ":"))
    bytes.appendPadded(magnitude % 60, width: 2)
  }
}
