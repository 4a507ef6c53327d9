// From text to fields. Tokens are runs of digits, runs of letters, and the punctuation between them says what a number
// is: `:` a time, a sign behind a time a zone, `-`, `/` or `.` a date.

extension DateTimeParser {
  /// Takes the text apart and fills the fields.
  mutating func scan() throws(SQLError) {
    let bytes = Array(text.utf8.trimmingSpaces())
    guard !bytes.isEmpty, bytes.count <= 150, bytes.allSatisfy({ $0 < 0x80 }) else { throw invalid() }
    var loose: [ArraySlice<UInt8>] = []
    var cursor = bytes[...]
    while let byte = cursor.first {
      if byte.isASCIIDigit {
        try scanNumber(&cursor, loose: &loose)
      } else if byte.isASCIILetter {
        try scanWord(&cursor, loose: &loose)
      } else if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
        try scanSigned(&cursor, loose: &loose)
      } else if byte.isASCIISpace || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "/") {
        cursor.removeFirst()
      } else {
        throw invalid()
      }
    }
    try assignLoose(loose)
    try applyMeridiem()
    if special == nil, typeName == "time" ? time == nil : (year ?? julianDay) == nil { throw invalid() }
  }

  // MARK: Numbers

  private mutating func scanNumber(
    _ cursor: inout ArraySlice<UInt8>, loose: inout [ArraySlice<UInt8>]
  ) throws(SQLError) {
    let digits = cursor.prefix(while: \.isASCIIDigit)
    let next = cursor.dropFirst(digits.count).first
    switch next {
    case UInt8(ascii: ":"):
      try scanClock(&cursor)
    case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "."):
      let run = cursor.prefix { $0.isASCIIDigit || $0.isASCIILetter || $0 == next }
      let parts = run.split(separator: next ?? 0, omittingEmptySubsequences: false)
      let isDayOfYear = !hasDate && parts.count == 2 && parts[0].count == 4 && parts[1].count == 3
      if next == UInt8(ascii: "."), !isDayOfYear, parts.count == 2, parts[0].count >= 3 || hasDate {
        // `040506.789`: a clock reading run together, or a Julian day with a fraction.
        try scanRunTogether(&cursor)
      } else {
        try scanSeparatedDate(&cursor, run: run, parts: parts)
      }
    default:
      try scanBareNumber(&cursor, digits: digits, loose: &loose)
    }
  }

  private var hasDate: Bool { (year != nil && month != nil && day != nil) || julianDay != nil || dayOfYear != nil }

  /// `1999-01-08`, `08-Jan-1999`, `1/8/1999`, `8.1.1999`, `1999.008`.
  private mutating func scanSeparatedDate(
    _ cursor: inout ArraySlice<UInt8>, run: ArraySlice<UInt8>, parts: [ArraySlice<UInt8>]
  ) throws(SQLError) {
    guard !hasDate, parts.count <= 3, var last = parts.last else { throw invalid() }
    var parts = parts
    var taken = run.count
    // `2024-01-08T04:05` : the letter ends the date.
    if let letter = last.firstIndex(where: \.isASCIILetter), letter > last.startIndex {
      taken -= last.endIndex - letter
      last = last[..<letter]
      parts[parts.count - 1] = last
    }
    cursor = cursor.dropFirst(taken)
    if parts.count == 2 {
      // Year and day of the year.
      guard parts[0].count >= 4, parts[1].count == 3, let y = number(parts[0]), let d = number(parts[1]) else {
        throw invalid()
      }
      (year, dayOfYear) = (y, d)
      return
    }
    guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { throw invalid() }
    var numbers: [ArraySlice<UInt8>] = []
    for part in parts {
      if let name = monthNumber(part) {
        guard month == nil else { throw invalid() }
        month = name
      } else {
        guard part.allSatisfy(\.isASCIIDigit) else { throw invalid() }
        numbers.append(part)
      }
    }
    try assignLoose(numbers)
  }

  /// A number between spaces or letters: part of a date, `YYYYMMDD`, or a clock reading run together.
  private mutating func scanBareNumber(
    _ cursor: inout ArraySlice<UInt8>, digits: ArraySlice<UInt8>, loose: inout [ArraySlice<UInt8>]
  ) throws(SQLError) {
    if hasDate || (typeName == "time" && loose.isEmpty && month == nil)
      || digits.count >= 5 && loose.isEmpty && month == nil
    {
      try scanRunTogether(&cursor)
      return
    }
    cursor = cursor.dropFirst(digits.count)
    loose.append(digits)
    if loose.count + (month == nil ? 0 : 1) == 3, loose.count <= 3 {
      try assignLoose(loose)
      loose = []
    }
  }

  /// `20240108`, `240108`, `040506`, `0405`, with a fraction behind a clock reading.
  private mutating func scanRunTogether(_ cursor: inout ArraySlice<UInt8>) throws(SQLError) {
    let digits = cursor.prefix(while: \.isASCIIDigit)
    cursor = cursor.dropFirst(digits.count)
    guard digits.count <= 15 else { throw invalid() }
    let start = digits.startIndex
    func part(_ from: Int, _ to: Int) -> Int { number(digits[(start + from)..<(start + to)]) ?? 0 }
    if typeName != "time", !hasDate {
      let count = digits.count
      guard count == 6 || count == 8 || count > 8 else { throw invalid() }
      isTwoDigitYear = count == 6
      (year, month, day) = (part(0, count - 4), part(count - 4, count - 2), part(count - 2, count))
      return
    }
    guard time == nil, digits.count == 4 || digits.count == 6 else { throw invalid() }
    let fraction = try scanFraction(&cursor)
    time = try clock(
      hour: part(0, 2), minute: part(2, 4), second: digits.count == 6 ? part(4, 6) : 0, fraction: fraction)
  }

  // MARK: Clock readings

  /// `hh:mm[:ss[.ffffff]]`.
  private mutating func scanClock(_ cursor: inout ArraySlice<UInt8>) throws(SQLError) {
    guard time == nil else { throw invalid() }
    let hour = try takeNumber(&cursor, digitsMax: 7)
    guard cursor.popFirst() == UInt8(ascii: ":") else { throw invalid() }
    let minute = try takeNumber(&cursor, digitsMax: 2)
    var (second, fraction) = (0, Int64(0))
    if cursor.first == UInt8(ascii: ":") {
      cursor.removeFirst()
      second = try takeNumber(&cursor, digitsMax: 2)
      fraction = try scanFraction(&cursor)
    }
    time = try clock(hour: hour, minute: minute, second: second, fraction: fraction)
  }

  private func clock(hour: Int, minute: Int, second: Int, fraction: Int64) throws(SQLError) -> Int64 {
    guard hour <= 24, minute <= 59, second <= 60 else { throw fieldOutOfRange() }
    let seconds = Int64((hour * 60 + minute) * 60 + second)
    let time = seconds * DateTime.microsecondsPerSecond + fraction
    guard time <= DateTime.microsecondsPerDay, second < 60 || fraction == 0 else { throw fieldOutOfRange() }
    return time
  }

  /// `.ffffff`, rounded half to even to microseconds as PostgreSQL's `rint` does.
  private func scanFraction(_ cursor: inout ArraySlice<UInt8>) throws(SQLError) -> Int64 {
    guard cursor.first == UInt8(ascii: ".") else { return 0 }
    cursor.removeFirst()
    let digits = cursor.prefix(while: \.isASCIIDigit)
    cursor = cursor.dropFirst(digits.count)
    guard let value = Double("0." + String(decoding: digits, as: UTF8.self) + "0") else { throw invalid() }
    return Int64((value * 1_000_000).rounded(.toNearestOrEven))
  }

  private func takeNumber(_ cursor: inout ArraySlice<UInt8>, digitsMax: Int) throws(SQLError) -> Int {
    let digits = cursor.prefix(while: \.isASCIIDigit)
    guard digits.count <= digitsMax, let value = number(digits) else { throw invalid() }
    cursor = cursor.dropFirst(digits.count)
    return value
  }

  func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy(\.isASCIIDigit) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private mutating func applyMeridiem() throws(SQLError) {
    guard let meridiem, let clock = time else { return }
    let hour = clock / DateTime.microsecondsPerHour
    guard hour <= 12 else { throw fieldOutOfRange() }
    if meridiem == .pm, hour != 12 { time = clock + 12 * DateTime.microsecondsPerHour }
    if meridiem == .am, hour == 12 { time = clock - 12 * DateTime.microsecondsPerHour }
  }

  // MARK: Dates from loose numbers

  /// Gives numbers without marks to the fields that are missing, by their size and the session's field order.
  mutating func assignLoose(_ numbers: [ArraySlice<UInt8>]) throws(SQLError) {
    guard !numbers.isEmpty else { return }
    guard numbers.count + (month == nil ? 0 : 1) == 3, !hasDate else { throw invalid() }
    var values: [Int] = []
    for digits in numbers {
      guard let value = number(digits) else { throw invalid() }
      values.append(value)
    }
    func setYear(_ index: Int) {
      year = values[index]
      isTwoDigitYear = numbers[index].count <= 2
    }
    if month != nil {
      // `Jan 8, 1999`, `8 Jan 1999`, `1999 Jan 8`.
      if numbers[0].count >= 3 || settings.fieldOrder == .yearMonthDay && numbers[1].count <= 2 {
        setYear(0)
        day = values[1]
      } else {
        day = values[0]
        setYear(1)
      }
    } else if numbers[0].count >= 3 || settings.fieldOrder == .yearMonthDay {
      setYear(0)
      (month, day) = (values[1], values[2])
    } else {
      setYear(2)
      (month, day) =
        settings.fieldOrder == .dayMonthYear ? (values[1], values[0]) : (values[0], values[1])
    }
  }

  // MARK: Zones

  /// A sign: an offset behind a time, `-infinity`, or a hyphen between the parts of a date.
  private mutating func scanSigned(
    _ cursor: inout ArraySlice<UInt8>, loose: inout [ArraySlice<UInt8>]
  ) throws(SQLError) {
    let isNegative = cursor.first == UInt8(ascii: "-")
    let rest = cursor.dropFirst()
    if rest.first?.isASCIILetter == true {
      let word = String(decoding: rest.prefix(while: \.isASCIILetter), as: UTF8.self).lowercased()
      if word == "infinity" || word == "inf", special == nil {
        special = isNegative ? .negativeInfinity : .infinity
        cursor = rest.dropFirst(word.utf8.count)
        return
      }
      guard isNegative, time == nil, !hasDate else { throw invalid() }
      cursor = rest
      return
    }
    guard rest.first?.isASCIIDigit == true else { throw invalid() }
    if isNegative, time == nil, month != nil, !hasDate {
      cursor = rest
      return
    }
    guard time != nil || hasDate, zone == nil else { throw invalid() }
    cursor = rest
    zone = .offset(secondsEast: try scanOffset(&cursor, isNegative: isNegative))
  }

  /// `hh`, `hhmm`, `hh:mm`, `hh:mm:ss` behind the sign.
  private func scanOffset(_ cursor: inout ArraySlice<UInt8>, isNegative: Bool) throws(SQLError) -> Int {
    let digits = cursor.prefix(while: \.isASCIIDigit)
    cursor = cursor.dropFirst(digits.count)
    guard let first = number(digits), digits.count <= 6 else { throw invalid() }
    var (hours, minutes, seconds) = (first, 0, 0)
    if cursor.first == UInt8(ascii: ":") {
      cursor.removeFirst()
      minutes = try takeNumber(&cursor, digitsMax: 2)
      if cursor.first == UInt8(ascii: ":") {
        cursor.removeFirst()
        seconds = try takeNumber(&cursor, digitsMax: 2)
      }
    } else if digits.count > 2 {
      if digits.count > 4 { (hours, minutes, seconds) = (first / 10_000, first / 100 % 100, first % 100) }
      if digits.count <= 4 { (hours, minutes) = (first / 100, first % 100) }
    }
    guard hours <= 15, minutes <= 59, seconds <= 59 else {
      throw SQLError(.invalidTimeZoneDisplacement, "time zone displacement out of range: \"\(text)\"")
    }
    let total = (hours * 60 + minutes) * 60 + seconds
    return isNegative ? -total : total
  }

  // MARK: Words

  private mutating func scanWord(
    _ cursor: inout ArraySlice<UInt8>, loose: inout [ArraySlice<UInt8>]
  ) throws(SQLError) {
    let run = cursor.prefix(while: \.isASCIILetter)
    let word = String(decoding: run, as: UTF8.self).lowercased()
    // Zone names hold other marks too (`America/New_York`, `Etc/GMT+3`).
    let long = cursor.prefix {
      $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "_")
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: ":")
    }
    if try setKeyword(word, cursor: &cursor, count: run.count) { return }
    if let number = monthNumber(run) {
      guard month == nil else { throw invalid() }
      month = number
      cursor = cursor.dropFirst(run.count)
      if let mark = cursor.first, mark == UInt8(ascii: ".") || mark == UInt8(ascii: "/") { cursor.removeFirst() }
      // `Jan-08-1999`: hyphens all through.
      if cursor.first == UInt8(ascii: "-"), loose.isEmpty {
        let run = cursor.prefix { $0.isASCIIDigit || $0 == UInt8(ascii: "-") }
        let parts = run.split(separator: UInt8(ascii: "-"))
        if parts.count == 2, !hasDate {
          cursor = cursor.dropFirst(run.count)
          try assignLoose(parts)
          return
        }
      }
      if loose.count == 2 {
        try assignLoose(loose)
        loose = []
      }
      return
    }
    let name = String(decoding: long, as: UTF8.self)
    guard zone == nil, let rule = TimeZoneRule(named: name) ?? TimeZoneRule(named: word) else {
      if long.contains(UInt8(ascii: "/")) {
        throw SQLError(.invalidParameterValue, "time zone \"\(name.lowercased())\" not recognized")
      }
      throw invalid()
    }
    zone = .rule(rule)
    cursor = cursor.dropFirst(TimeZoneRule(named: name) == nil ? run.count : long.count)
  }

  /// False where the word is none of the fixed ones.
  private mutating func setKeyword(
    _ word: String, cursor: inout ArraySlice<UInt8>, count: Int
  ) throws(SQLError) -> Bool {
    func setSpecial(_ value: Special) throws(SQLError) {
      guard special == nil, !hasDate else { throw invalid() }
      special = value
    }
    switch word {
    case "now": try setSpecial(.now)
    case "today": try setSpecial(.today)
    case "tomorrow": try setSpecial(.tomorrow)
    case "yesterday": try setSpecial(.yesterday)
    case "epoch": try setSpecial(.epoch)
    case "infinity", "inf": try setSpecial(.infinity)
    case "allballs":
      time = 0
      zone = .offset(secondsEast: 0)
    case "am": meridiem = .am
    case "pm": meridiem = .pm
    case "ad": isBC = false
    case "bc": isBC = true
    case "at", "on": break
    case "t":
      guard hasDate || typeName == "time" else { throw invalid() }
    case "z", "zulu", "utc", "gmt", "ut", "uct":
      guard zone == nil, !isPOSIXOffset(cursor.dropFirst(count)) || word == "z" else { return false }
      zone = .offset(secondsEast: 0)
    case "j", "jd", "julian":
      var rest = cursor.dropFirst(count)
      let day = try takeNumber(&rest, digitsMax: 10)
      guard day <= Int(Int32.max) else { throw fieldOutOfRange() }
      julianDay = day
      cursor = rest
      return true
    case "sun", "sunday", "mon", "monday", "tue", "tues", "tuesday", "wed", "weds", "wednesday", "thu", "thur",
      "thurs", "thursday", "fri", "friday", "sat", "saturday", "dst":
      break
    default: return false
    }
    cursor = cursor.dropFirst(count)
    return true
  }

  /// Whether `±h` follows, as in `UTC+3`.
  private func isPOSIXOffset(_ rest: ArraySlice<UInt8>) -> Bool {
    (rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-")) && rest.dropFirst().first?.isASCIIDigit == true
  }

  func monthNumber(_ word: ArraySlice<UInt8>) -> Int? {
    let names = [
      "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
      "december",
    ]
    let lowered = String(decoding: word, as: UTF8.self).lowercased()
    if lowered == "sept" { return 9 }
    guard lowered.count >= 3 else { return nil }
    return names.firstIndex { $0 == lowered || $0.prefix(3) == lowered }.map { $0 + 1 }
  }
}

extension SQLState {
  package static let invalidTimeZoneDisplacement: SQLState = "22009"
}
