import Values

/// A template of `to_char`, `to_date` and `to_timestamp` over dates and times (PostgreSQL manual, 9.8, table 9.26).
struct DateTimeTemplate {
  enum Field: String, CaseIterable {
    // A field whose name begins another one's stands behind it.
    case hour24 = "HH24"
    case hour12 = "HH12"
    case hour = "HH"
    case minute = "MI"
    case secondsOfDay = "SSSSS"
    case secondsOfDayShort = "SSSS"
    case second = "SS"
    case millisecond = "MS"
    case microsecond = "US"
    case fraction1 = "FF1"
    case fraction2 = "FF2"
    case fraction3 = "FF3"
    case fraction4 = "FF4"
    case fraction5 = "FF5"
    case fraction6 = "FF6"
    case meridiemDotted = "A.M."
    case meridiemDottedPM = "P.M."
    case eraDotted = "B.C."
    case eraDottedAD = "A.D."
    case yearWithComma = "Y,YYY"
    case year4 = "YYYY"
    case year3 = "YYY"
    case year2 = "YY"
    case year1 = "Y"
    case isoYear4 = "IYYY"
    case isoYear3 = "IYY"
    case isoYear2 = "IY"
    case isoDayOfYear = "IDDD"
    case isoWeek = "IW"
    case isoDay = "ID"
    case isoYear1 = "I"
    case monthName = "MONTH"
    case monthShort = "MON"
    case month = "MM"
    case meridiem = "AM"
    case meridiemPM = "PM"
    case era = "BC"
    case eraAD = "AD"
    case dayName = "DAY"
    case dayOfYear = "DDD"
    case dayShort = "DY"
    case day = "DD"
    case dayOfWeek = "D"
    case weekOfYear = "WW"
    case weekOfMonth = "W"
    case century = "CC"
    case julian = "J"
    case quarter = "Q"
    case romanMonth = "RM"
    case zoneHours = "TZH"
    case zoneMinutes = "TZM"
    case zoneName = "TZ"
    case offset = "OF"
  }

  enum Case: Sendable { case upper, capital, lower }

  enum Element {
    case field(Field, Case, isTight: Bool, suffix: String)
    case literal(Unicode.Scalar)
  }

  private(set) var elements: [Element] = []

  init(_ text: String) throws(SQLError) {
    var rest = text.scalars[...]
    guard rest.count <= 1000 else { throw SQLError(.programLimitExceeded, "format is too long") }
    var isTight = false
    while let first = rest.first {
      if first == "\"" {
        rest.removeFirst()
        while let scalar = rest.popFirst(), scalar != "\"" {
          elements.append(.literal(scalar == "\\" ? rest.popFirst() ?? scalar : scalar))
        }
      } else if first == "\\", rest.dropFirst().first == "\"" {
        elements.append(.literal("\""))
        rest = rest.dropFirst(2)
      } else if String(scalars: rest.prefix(2)).uppercased() == "FM" {
        isTight = true
        rest = rest.dropFirst(2)
      } else if String(scalars: rest.prefix(2)).uppercased() == "FX" {
        rest = rest.dropFirst(2)
      } else if let (field, name) = DateTimeTemplate.field(at: rest) {
        rest = rest.dropFirst(name.count)
        let suffix = String(scalars: rest.prefix(2))
        let hasSuffix = suffix == "TH" || suffix == "th"
        if hasSuffix { rest = rest.dropFirst(2) }
        elements.append(
          .field(field, DateTimeTemplate.letterCase(name), isTight: isTight, suffix: hasSuffix ? suffix : ""))
        isTight = false
      } else {
        elements.append(.literal(first))
        rest.removeFirst()
      }
    }
  }

  private static let names: [(field: Field, name: Scalars)] = Field.allCases.map { ($0, $0.rawValue.scalars) }

  private static func field(at rest: ArraySlice<Unicode.Scalar>) -> (Field, Scalars)? {
    for (field, name) in names {
      let prefix = rest.prefix(name.count)
      if zip(prefix, name).allSatisfy({ foldUp($0) == $1 }) && prefix.count == name.count {
        return (field, Array(prefix))
      }
    }
    return nil
  }

  private static func letterCase(_ name: Scalars) -> Case {
    guard let first = name.first, first.properties.isUppercase else { return .lower }
    return name.count > 1 && name[1].properties.isLowercase ? .capital : .upper
  }

  static let monthNames = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  static let dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  static let romanMonths = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
}
