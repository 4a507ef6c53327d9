/// The session settings that decide how values are written and read (PostgreSQL manual, 20.11.2).
package struct FormatSettings: Hashable, Sendable {
  package enum DateStyle: Hashable, Sendable { case iso, sql, postgres, german }
  package enum FieldOrder: Hashable, Sendable { case monthDayYear, dayMonthYear, yearMonthDay }
  package enum IntervalStyle: Hashable, Sendable { case postgres, postgresVerbose, sqlStandard, iso8601 }
  package enum ByteaOutput: Hashable, Sendable { case hex, escape }

  package var dateStyle: DateStyle
  package var fieldOrder: FieldOrder
  package var intervalStyle: IntervalStyle
  package var timeZone: TimeZoneRule
  /// −15…3; above 0 means the shortest exact digits.
  package var extraFloatDigits: Int
  package var byteaOutput: ByteaOutput

  package init(
    dateStyle: DateStyle = .iso, fieldOrder: FieldOrder = .monthDayYear, intervalStyle: IntervalStyle = .postgres,
    timeZone: TimeZoneRule = .utc, extraFloatDigits: Int = 1, byteaOutput: ByteaOutput = .hex
  ) {
    self.dateStyle = dateStyle
    self.fieldOrder = fieldOrder
    self.intervalStyle = intervalStyle
    self.timeZone = timeZone
    self.extraFloatDigits = extraFloatDigits
    self.byteaOutput = byteaOutput
  }

  /// PostgreSQL's settings out of the box, in UTC. Values are stored in this form where they are stored as text.
  package static let standard = FormatSettings()
}

// MARK: - As SET and SHOW write them

extension FormatSettings {
  /// `SHOW datestyle`: `ISO, MDY`.
  package var dateStyleName: String {
    let style =
      switch dateStyle {
      case .iso: "ISO"
      case .sql: "SQL"
      case .postgres: "Postgres"
      case .german: "German"
      }
    let order =
      switch fieldOrder {
      case .monthDayYear: "MDY"
      case .dayMonthYear: "DMY"
      case .yearMonthDay: "YMD"
      }
    return "\(style), \(order)"
  }

  /// Reads what `SET datestyle` takes: a style, an order or both. False, and nothing changed, for anything else.
  package mutating func setDateStyle(_ text: String) -> Bool {
    var changed = self
    for word in text.split(separator: ",") {
      switch String(decoding: word.utf8.trimmingSpaces(), as: UTF8.self).lowercased() {
      case "iso": changed.dateStyle = .iso
      case "sql": changed.dateStyle = .sql
      case "postgres": changed.dateStyle = .postgres
      case "german": (changed.dateStyle, changed.fieldOrder) = (.german, .dayMonthYear)
      case "mdy", "us", "noneuro", "noneuropean": changed.fieldOrder = .monthDayYear
      case "dmy", "euro", "european": changed.fieldOrder = .dayMonthYear
      case "ymd": changed.fieldOrder = .yearMonthDay
      case "default": (changed.dateStyle, changed.fieldOrder) = (.iso, .monthDayYear)
      default: return false
      }
    }
    self = changed
    return true
  }

  package var intervalStyleName: String {
    switch intervalStyle {
    case .postgres: "postgres"
    case .postgresVerbose: "postgres_verbose"
    case .sqlStandard: "sql_standard"
    case .iso8601: "iso_8601"
    }
  }

  /// Reads what `SET intervalstyle` takes. False, and nothing changed, for anything else.
  package mutating func setIntervalStyle(_ text: String) -> Bool {
    switch text.lowercased() {
    case "postgres": intervalStyle = .postgres
    case "postgres_verbose": intervalStyle = .postgresVerbose
    case "sql_standard": intervalStyle = .sqlStandard
    case "iso_8601": intervalStyle = .iso8601
    default: return false
    }
    return true
  }
}
