extension IntervalText {
  /// Reads PostgreSQL's verbose syntax, the SQL standard's and ISO 8601's.
  /// - Throws: 22007 for bad syntax, 22015 for what does not fit.
  static func parse(_ text: String, style: FormatSettings.IntervalStyle) throws(SQLError) -> Interval {
    let bytes = text.utf8.trimmingSpaces()
    guard !bytes.isEmpty, bytes.count <= 300 else { throw IntervalSum.invalid(text) }
    if bytes.first == UInt8(ascii: "P") {
      var reader = ISOIntervalReader(bytes: bytes, text: text)
      return try reader.read()
    }
    var reader = IntervalReader(bytes: bytes, text: text, isSQLStandard: style == .sqlStandard)
    return try reader.read()
  }
}

/// The fields of an interval as they add up, in wide integers.
private struct IntervalSum {
  var months: Int64 = 0
  var days: Int64 = 0
  var microseconds: Int64 = 0
  let text: String

  init(text: String) { self.text = text }

  static func invalid(_ text: String) -> SQLError {
    SQLError(.invalidDatetimeFormat, "invalid input syntax for type interval: \"\(text)\"")
  }

  var overflow: SQLError { SQLError(.intervalFieldOverflow, "interval field value out of range: \"\(text)\"") }

  func interval() throws(SQLError) -> Interval {
    guard let m = Int32(exactly: months), let d = Int32(exactly: days) else { throw .intervalOutOfRange }
    return Interval(months: m, days: d, microseconds: microseconds)
  }

  private func checked(_ sum: Int64, _ value: Int64, times factor: Int64) throws(SQLError) -> Int64 {
    let (product, overflowed) = value.multipliedReportingOverflow(by: factor)
    let (result, carry) = sum.addingReportingOverflow(product)
    if overflowed || carry { throw overflow }
    return result
  }

  private func whole(_ value: Double) throws(SQLError) -> Int64 {
    guard let result = Int64(exactly: value.rounded(.toNearestOrEven)) else { throw overflow }
    return result
  }

  mutating func addMicroseconds(_ value: Int64, _ fraction: Double, unit: Int64) throws(SQLError) {
    microseconds = try checked(microseconds, value, times: unit)
    microseconds = try checked(microseconds, whole(fraction * Double(unit)), times: 1)
  }

  /// A fraction of days goes to the time.
  mutating func addDays(_ value: Int64, _ fraction: Double, unit: Int64) throws(SQLError) {
    days = try checked(days, value, times: unit)
    guard Int32(exactly: days) != nil else { throw overflow }
    let scaled = fraction * Double(unit)
    let full = scaled.rounded(.towardZero)
    days = try checked(days, whole(full), times: 1)
    let rest = scaled - full
    microseconds = try checked(microseconds, whole(rest * Double(DateTime.microsecondsPerDay)), times: 1)
  }

  /// A fraction of months goes to days (a month as 30), and on to the time.
  mutating func addMonths(_ value: Int64, _ fraction: Double) throws(SQLError) {
    months = try checked(months, value, times: 1)
    try addDays(0, fraction, unit: 30)
  }

  /// A fraction of years goes to months, rounded.
  mutating func addYears(_ value: Int64, _ fraction: Double, unit: Int64) throws(SQLError) {
    months = try checked(months, value, times: unit * 12)
    months = try checked(months, whole(fraction * Double(unit) * 12), times: 1)
  }

  mutating func add(_ value: Int64, _ fraction: Double, _ unit: IntervalUnit) throws(SQLError) {
    switch unit {
    case .microsecond: try addMicroseconds(value, fraction, unit: 1)
    case .millisecond: try addMicroseconds(value, fraction, unit: 1000)
    case .second: try addMicroseconds(value, fraction, unit: DateTime.microsecondsPerSecond)
    case .minute: try addMicroseconds(value, fraction, unit: DateTime.microsecondsPerMinute)
    case .hour: try addMicroseconds(value, fraction, unit: DateTime.microsecondsPerHour)
    case .day: try addDays(value, fraction, unit: 1)
    case .week: try addDays(value, fraction, unit: 7)
    case .month: try addMonths(value, fraction)
    case .year: try addYears(value, fraction, unit: 1)
    case .decade: try addYears(value, fraction, unit: 10)
    case .century: try addYears(value, fraction, unit: 100)
    case .millennium: try addYears(value, fraction, unit: 1000)
    }
  }

  mutating func negate() throws(SQLError) {
    guard months != .min, days != .min, microseconds != .min else { throw overflow }
    (months, days, microseconds) = (-months, -days, -microseconds)
  }
}

private enum IntervalUnit: Hashable {
  case microsecond, millisecond, second, minute, hour, day, week, month, year, decade, century, millennium

  init?(_ word: String) {
    switch word {
    case "us", "usec", "usecs", "usecond", "useconds", "microsecond", "microseconds", "microsecon":
      self = .microsecond
    case "ms", "msec", "msecs", "msecond", "mseconds", "millisecond", "milliseconds", "millisecon":
      self = .millisecond
    case "s", "sec", "secs", "second", "seconds": self = .second
    case "m", "min", "mins", "minute", "minutes": self = .minute
    case "h", "hr", "hrs", "hour", "hours": self = .hour
    case "d", "day", "days": self = .day
    case "w", "week", "weeks": self = .week
    case "mon", "mons", "month", "months": self = .month
    case "y", "yr", "yrs", "year", "years": self = .year
    case "dec", "decs", "decade", "decades": self = .decade
    case "c", "cent", "century", "centuries": self = .century
    case "mil", "mils", "millennia", "millennium": self = .millennium
    default: return nil
    }
  }
}

/// A number as `sign whole.fraction`; the fraction has the sign too.
private struct SignedNumber {
  var whole: Int64
  var fraction: Double
  var isNegative: Bool
  var hasSign: Bool
  var hasPoint: Bool
}

extension ArraySlice<UInt8> {
  /// Takes `[+-]digits[.digits]`, or nil (and takes nothing it can do without) where no number stands.
  fileprivate mutating func popNumber() -> SignedNumber? {
    var rest = self
    let isNegative = rest.first == UInt8(ascii: "-")
    let hasSign = isNegative || rest.first == UInt8(ascii: "+")
    if hasSign { rest.removeFirst() }
    let digits = rest.prefix(while: \.isASCIIDigit)
    rest = rest.dropFirst(digits.count)
    var (fraction, hasPoint, decimals) = (0.0, false, 0)
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      let tail = rest.prefix(while: \.isASCIIDigit)
      rest = rest.dropFirst(tail.count)
      (hasPoint, decimals) = (true, tail.count)
      fraction = Double("0." + String(decoding: tail, as: UTF8.self) + "0") ?? 0
    }
    guard !digits.isEmpty || decimals > 0 else { return nil }
    guard let magnitude = digits.isEmpty ? 0 : Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
    self = rest
    return SignedNumber(
      whole: isNegative ? -magnitude : magnitude, fraction: isNegative ? -fraction : fraction,
      isNegative: isNegative, hasSign: hasSign, hasPoint: hasPoint)
  }

  fileprivate mutating func skipSpaces() {
    while let byte = first, byte.isASCIISpace { removeFirst() }
  }

  fileprivate mutating func popWord() -> String {
    let word = prefix(while: \.isASCIILetter)
    self = dropFirst(word.count)
    return String(decoding: word, as: UTF8.self).lowercased()
  }
}

/// `1 year 2 mons -3 days 04:05:06`, `@ 1 day ago`, `1-2 3 4:05:06`.
private struct IntervalReader {
  private var cursor: ArraySlice<UInt8>
  private var sum: IntervalSum
  private let text: String
  private let isSQLStandard: Bool
  /// The units given so far: none may come twice.
  private var units: Set<IntervalUnit> = []
  private var fieldCount = 0

  init(bytes: [UInt8], text: String, isSQLStandard: Bool) {
    cursor = bytes[...]
    sum = IntervalSum(text: text)
    self.text = text
    self.isSQLStandard = isSQLStandard
  }

  private var invalid: SQLError { IntervalSum.invalid(text) }

  mutating func read() throws(SQLError) -> Interval {
    // The standard's notation has one sign in front for all fields.
    let leadingSign =
      isSQLStandard && cursor.first == UInt8(ascii: "-")
      && !hasFurtherSigns
    while !cursor.isEmpty {
      if let byte = cursor.first, byte == UInt8(ascii: "@") || byte == UInt8(ascii: ",") || byte.isASCIISpace {
        cursor.removeFirst()
      } else if cursor.first?.isASCIILetter == true {
        guard try readTrailingWord() else { throw invalid }
      } else {
        try readField(isNegated: leadingSign && fieldCount > 0)
      }
    }
    guard fieldCount > 0 else { throw invalid }
    return try sum.interval()
  }

  /// Whether a field behind the first has a sign of its own.
  private var hasFurtherSigns: Bool {
    let bytes = Array(cursor)
    return bytes.indices.dropFirst().contains { index in
      (bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+")) && bytes[index - 1].isASCIISpace
    }
  }

  /// `ago` behind everything turns all signs.
  private mutating func readTrailingWord() throws(SQLError) -> Bool {
    let word = cursor.popWord()
    if word == "ago", fieldCount > 0 {
      try sum.negate()
      cursor.skipSpaces()
      return cursor.isEmpty
    }
    return false
  }

  private mutating func readField(isNegated: Bool) throws(SQLError) {
    let before = cursor
    guard var number = cursor.popNumber() else {
      // Digits that do not fit an integer are out of range, not bad syntax.
      throw before.prefix(2).contains(where: \.isASCIIDigit) ? sum.overflow : invalid
    }
    if isNegated, !number.hasSign {
      (number.whole, number.fraction, number.isNegative) = (-number.whole, -number.fraction, true)
    }
    fieldCount += 1
    if cursor.first == UInt8(ascii: ":"), !number.hasPoint {
      try readClock(number)
      return
    }
    if cursor.first == UInt8(ascii: "-"), !number.hasPoint, cursor.dropFirst().first?.isASCIIDigit == true {
      try readYearMonth(number)
      return
    }
    cursor.skipSpaces()
    if cursor.first?.isASCIILetter == true {
      let word = cursor.popWord()
      guard let unit = IntervalUnit(word) else { throw invalid }
      try claim(unit)
      try sum.add(number.whole, number.fraction, unit)
    } else {
      // `3 4:05:06`: days before a clock reading. Elsewhere a bare number can only come last, and means seconds.
      let unit: IntervalUnit = clockFollows ? .day : .second
      guard unit == .day || cursor.isEmpty else { throw invalid }
      try claim(unit)
      try sum.add(number.whole, number.fraction, unit)
    }
  }

  private mutating func claim(_ given: IntervalUnit...) throws(SQLError) {
    for unit in given where !units.insert(unit).inserted { throw invalid }
  }

  private var clockFollows: Bool {
    var rest = cursor
    guard let number = rest.popNumber(), !number.hasPoint else { return false }
    return rest.first == UInt8(ascii: ":")
  }

  /// `hh:mm[:ss[.ffffff]]`, or `mm:ss.ffffff` where a point follows the second number.
  private mutating func readClock(_ first: SignedNumber) throws(SQLError) {
    try claim(.hour, .minute, .second)
    let sign: Int64 = first.isNegative ? -1 : 1
    cursor.removeFirst()
    guard let second = cursor.popNumber(), !second.hasSign else { throw invalid }
    if second.hasPoint {
      guard second.whole < 60 else { throw sum.overflow }
      try sum.add(first.whole, 0, .minute)
      try sum.add(sign * second.whole, Double(sign) * second.fraction, .second)
      return
    }
    guard second.whole < 60 else { throw sum.overflow }
    try sum.add(first.whole, 0, .hour)
    try sum.add(sign * second.whole, 0, .minute)
    guard cursor.first == UInt8(ascii: ":") else { return }
    cursor.removeFirst()
    guard let third = cursor.popNumber(), !third.hasSign else { throw invalid }
    guard third.whole <= 60 else { throw sum.overflow }
    try sum.add(sign * third.whole, Double(sign) * third.fraction, .second)
  }

  /// `years-months`.
  private mutating func readYearMonth(_ years: SignedNumber) throws(SQLError) {
    cursor.removeFirst()
    try claim(.year, .month)
    guard let months = cursor.popNumber(), !months.hasPoint, cursor.first?.isASCIISpace ?? true else { throw invalid }
    guard months.whole < 12 else { throw sum.overflow }
    try sum.add(years.whole, 0, .year)
    try sum.add(years.isNegative ? -months.whole : months.whole, 0, .month)
  }
}

/// `P1Y2M3DT4H5M6.7S`, `P1W`, and the alternative `P0001-02-03T04:05:06`.
private struct ISOIntervalReader {
  private var cursor: ArraySlice<UInt8>
  private var sum: IntervalSum
  private let text: String

  init(bytes: [UInt8], text: String) {
    cursor = bytes.dropFirst()
    sum = IntervalSum(text: text)
    self.text = text
  }

  private var invalid: SQLError { IntervalSum.invalid(text) }

  mutating func read() throws(SQLError) -> Interval {
    guard !cursor.isEmpty else { throw invalid }
    var isTime = false
    while !cursor.isEmpty {
      if cursor.first == UInt8(ascii: "T") {
        guard !isTime else { throw invalid }
        isTime = true
        cursor.removeFirst()
        continue
      }
      guard let number = cursor.popNumber() else { throw invalid }
      switch cursor.first {
      case UInt8(ascii: "-") where !isTime:
        try readAlternativeDate(number)
        continue
      case UInt8(ascii: ":") where isTime:
        try readAlternativeTime(number)
        continue
      default: break
      }
      guard let unit = unit(cursor.popFirst(), isTime: isTime) else { throw invalid }
      try sum.add(number.whole, number.fraction, unit)
    }
    return try sum.interval()
  }

  private func unit(_ letter: UInt8?, isTime: Bool) -> IntervalUnit? {
    switch (letter, isTime) {
    case (UInt8(ascii: "Y"), false): .year
    case (UInt8(ascii: "M"), false): .month
    case (UInt8(ascii: "W"), false): .week
    case (UInt8(ascii: "D"), false): .day
    case (UInt8(ascii: "H"), true): .hour
    case (UInt8(ascii: "M"), true): .minute
    case (UInt8(ascii: "S"), true): .second
    default: nil
    }
  }

  private mutating func readAlternativeDate(_ years: SignedNumber) throws(SQLError) {
    try sum.add(years.whole, years.fraction, .year)
    for unit in [IntervalUnit.month, .day] where cursor.first == UInt8(ascii: "-") {
      cursor.removeFirst()
      guard let number = cursor.popNumber() else { throw invalid }
      try sum.add(number.whole, number.fraction, unit)
    }
    guard cursor.isEmpty || cursor.first == UInt8(ascii: "T") else { throw invalid }
  }

  private mutating func readAlternativeTime(_ hours: SignedNumber) throws(SQLError) {
    try sum.add(hours.whole, hours.fraction, .hour)
    for unit in [IntervalUnit.minute, .second] where cursor.first == UInt8(ascii: ":") {
      cursor.removeFirst()
      guard let number = cursor.popNumber() else { throw invalid }
      try sum.add(number.whole, number.fraction, unit)
    }
    guard cursor.isEmpty else { throw invalid }
  }
}
