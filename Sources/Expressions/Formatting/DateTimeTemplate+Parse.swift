import Values

extension DateTimeTemplate {
  /// What a text says by the template, before it is checked.
  private struct Parsed {
    var year: Int?
    var month: Int?
    var day: Int?
    var dayOfYear: Int?
    var julian: Int?
    var hour = 0
    var minute = 0
    var second = 0
    var microsecond = 0
    var isAfternoon: Bool?
    var isTwelveHour = false
    var isBC = false
    var secondsOfDay: Int?
    /// Seconds east of UTC.
    var offset: Int?
  }

  /// Reads a text as the template says: the point in time on the clock, and the zone's offset if it was given.
  /// - Throws: 22007 for text that does not fit, 22008 for fields out of range, 0A000 for fields that cannot be read.
  func parse(_ text: String) throws(SQLError) -> (fields: DateTimeFields, offset: Int?) {
    var rest = text.scalars[...]
    var parsed = Parsed()
    for (index, element) in elements.enumerated() {
      switch element {
      case .literal(let scalar):
        if isSeparator(scalar) {
          if let next = rest.first, isSeparator(next) { rest.removeFirst() }
        } else if !rest.isEmpty {
          rest.removeFirst()
        }
      case .field(let field, _, let isTight, let suffix):
        while rest.first == " " { rest.removeFirst() }
        if rest.isEmpty { break }
        // Digits that run into the next field are cut by the field's width.
        let isFree = isTight || !nextIsField(behind: index)
        try read(field, &rest, isFree: isFree, text, into: &parsed)
        if !suffix.isEmpty { rest = rest.dropFirst(2) }
      }
    }
    return (try assemble(parsed, text), parsed.offset)
  }

  private func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
    !ScalarSet.holds(.alnum, scalar)
  }

  private func nextIsField(behind index: Int) -> Bool {
    guard index + 1 < elements.count, case .field = elements[index + 1] else { return false }
    return true
  }

  private func read(
    _ field: Field, _ rest: inout ArraySlice<Unicode.Scalar>, isFree: Bool, _ text: String, into parsed: inout Parsed
  ) throws(SQLError) {
    func number(_ width: Int) throws(SQLError) -> Int {
      let limit = isFree ? 9 : width
      let digits = rest.prefix(limit).prefix { ("0"..."9").contains($0) }
      guard let value = Int(String(scalars: digits)) else {
        throw SQLError(
          .invalidDatetimeFormat,
          "invalid value \"\(String(scalars: rest.prefix(width)))\" for \"\(field.rawValue)\"",
          detail: "Value must be an integer.")
      }
      rest = rest.dropFirst(digits.count)
      return value
    }
    func name(_ names: [String], short: Bool) throws(SQLError) -> Int {
      for (index, name) in names.enumerated() {
        let wanted = (short ? String(name.prefix(3)) : name).uppercased().scalars
        if rest.prefix(wanted.count).map(foldUp) == wanted {
          rest = rest.dropFirst(wanted.count)
          return index
        }
      }
      throw SQLError(
        .invalidDatetimeFormat, "invalid value \"\(String(scalars: rest.prefix(9)))\" for \"\(field.rawValue)\"",
        detail: "The given value did not match any of the allowed values for this field.")
    }
    /// Digits behind a decimal point: `5` is a half.
    func fraction(_ digits: Int) throws(SQLError) -> Int {
      let before = rest.count
      var value = try number(digits)
      for _ in min(before - rest.count, 6)..<6 { value *= 10 }
      return min(value, 999_999)
    }
    switch field {
    case .hour24: parsed.hour = try number(2)
    case .hour12, .hour:
      parsed.hour = try number(2)
      parsed.isTwelveHour = true
    case .minute: parsed.minute = try number(2)
    case .second: parsed.second = try number(2)
    case .secondsOfDay, .secondsOfDayShort: parsed.secondsOfDay = try number(5)
    case .millisecond: parsed.microsecond += try fraction(3)
    case .microsecond: parsed.microsecond += try fraction(6)
    case .fraction1, .fraction2, .fraction3, .fraction4, .fraction5, .fraction6:
      parsed.microsecond += try fraction(Int(field.rawValue.suffix(1)) ?? 6)
    case .meridiem, .meridiemPM:
      parsed.isAfternoon = try name(["AM", "PM"], short: false) == 1
      parsed.isTwelveHour = true
    case .meridiemDotted, .meridiemDottedPM:
      parsed.isAfternoon = try name(["A.M.", "P.M."], short: false) == 1
      parsed.isTwelveHour = true
    case .era, .eraAD: parsed.isBC = try name(["AD", "BC"], short: false) == 1
    case .eraDotted, .eraDottedAD: parsed.isBC = try name(["A.D.", "B.C."], short: false) == 1
    case .yearWithComma:
      let thousands = try number(3)
      if rest.first == "," { rest.removeFirst() }
      parsed.year = thousands * 1000 + (try number(3))
    case .year4: parsed.year = try number(4)
    case .year3, .year2, .year1:
      let width = field == .year3 ? 3 : field == .year2 ? 2 : 1
      let before = rest.count
      let value = try number(width)
      // Fewer than four digits mean the year nearest to 2020.
      let digits = before - rest.count
      parsed.year =
        digits >= 4
        ? value : value < 70 ? value + 2000 : value < 100 ? value + 1900 : value < 520 ? value + 2000 : value + 1000
    case .monthName: parsed.month = try name(DateTimeTemplate.monthNames, short: false) + 1
    case .monthShort: parsed.month = try name(DateTimeTemplate.monthNames, short: true) + 1
    case .month: parsed.month = try number(2)
    case .dayName: _ = try name(DateTimeTemplate.dayNames, short: false)
    case .dayShort: _ = try name(DateTimeTemplate.dayNames, short: true)
    case .dayOfYear: parsed.dayOfYear = try number(3)
    case .day: parsed.day = try number(2)
    case .julian: parsed.julian = try number(9)
    case .dayOfWeek, .quarter: _ = try number(1)
    case .romanMonth:
      // Longest first, so that III is not taken for I.
      let order = DateTimeTemplate.romanMonths.indices.sorted {
        DateTimeTemplate.romanMonths[$0].utf8.count > DateTimeTemplate.romanMonths[$1].utf8.count
      }
      parsed.month = order[try name(order.map { DateTimeTemplate.romanMonths[$0] }, short: false)] + 1
    case .zoneHours:
      let isWest = rest.first == "-"
      if isWest || rest.first == "+" { rest.removeFirst() }
      let hours = try number(2)
      parsed.offset = (isWest ? -hours : hours) * 3600
    case .zoneMinutes:
      let minutes = try number(2) * 60
      parsed.offset = (parsed.offset ?? 0) + ((parsed.offset ?? 0) < 0 ? -minutes : minutes)
    case .zoneName, .offset, .century, .weekOfYear, .weekOfMonth, .isoYear4, .isoYear3, .isoYear2, .isoYear1, .isoWeek,
      .isoDay, .isoDayOfYear:
      throw SQLError(
        .featureNotSupported, "formatting field \"\(field.rawValue)\" is only supported in to_char")
    }
  }

  private func assemble(_ parsed: Parsed, _ text: String) throws(SQLError) -> DateTimeFields {
    let outOfRange = SQLError(.datetimeFieldOverflow, "date/time field value out of range: \"\(text)\"")
    var (hour, minute, second) = (parsed.hour, parsed.minute, parsed.second)
    if let total = parsed.secondsOfDay { (hour, minute, second) = (total / 3600, total / 60 % 60, total % 60) }
    if parsed.isTwelveHour {
      guard (1...12).contains(hour) || hour == 0 && parsed.isAfternoon == nil else {
        throw SQLError(
          .invalidDatetimeFormat, "hour \"\(hour)\" is invalid for the 12-hour clock",
          hint: "Use the 24-hour clock, or give an hour between 1 and 12.")
      }
      if let isAfternoon = parsed.isAfternoon { hour = hour % 12 + (isAfternoon ? 12 : 0) } else { hour %= 12 }
    }
    guard hour < 24 || hour == 24 && minute == 0 && second == 0, minute < 60, second < 61 else { throw outOfRange }

    guard abs(parsed.offset ?? 0) <= 16 * 3600 else { throw outOfRange }

    var year = parsed.year ?? 0
    if parsed.isBC { year = 1 - year }
    var (month, day) = (parsed.month ?? 1, parsed.day ?? 1)
    guard (1...12).contains(month), (-5000...300_000).contains(year) else { throw outOfRange }
    if let julian = parsed.julian {
      guard julian < 200_000_000 else { throw outOfRange }
      (year, month, day) = DateTime.civil(days: julian - DateTime.julianDayOfEpoch)
    } else if let dayOfYear = parsed.dayOfYear, parsed.month == nil {
      guard (1...366).contains(dayOfYear) else { throw outOfRange }
      (year, month, day) = DateTime.civil(days: DateTime.days(year: year, month: 1, day: 1) + dayOfYear - 1)
    }
    guard (1...DateTime.daysInMonth(year: year, month: month)).contains(day) else { throw outOfRange }
    return DateTimeFields(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second,
      microsecond: min(parsed.microsecond, 999_999))
  }
}
