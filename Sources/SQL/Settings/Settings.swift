import Values

/// A session's settings: what `SET`, `SHOW`, `RESET` and `set_config` see, and what execution needs of it ready to use.
struct Settings: Sendable {
  private var initial: [String: String] = [:]
  private var values: [String: String] = [:]
  /// What each setting goes back to when the transaction ends (`SET LOCAL`).
  private var beforeLocal: [String: String] = [:]
  /// Those of the current transaction; nil between transactions, when they are what the next one begins with.
  private(set) var characteristics: TransactionCharacteristics?
  private(set) var defaultCharacteristics = TransactionCharacteristics()
  private(set) var format = FormatSettings.standard
  private(set) var searchPath = ["public"]
  private(set) var statementTimeoutMilliseconds = 0
  private(set) var applicationName = ""
  private(set) var workMemoryBytes = 65_536 << 10
  private(set) var clientMinMessages = NoticeSeverity.notice
  private(set) var lockTimeoutMilliseconds = 0
  private(set) var idleInTransactionTimeoutMilliseconds = 0
  private(set) var transactionTimeoutMilliseconds = 0
  private(set) var copyRowsPerTransaction = 0
  /// The time as of which the session reads, as it was written; nil for now.
  private(set) var readTime: String?
  /// Counts changes of what binding depends on: plans of another generation are stale.
  private(set) var generation = 0
  /// Counts all changes.
  private(set) var changeCount = 0
  private let user: String

  init(user: String) {
    self.user = user
    for definition in SettingCatalog.definitions { initial[definition.name.lowercased()] = definition.initial }
    initial["session_authorization"] = user
    values = initial
    settle()
  }

  // MARK: - Reading

  /// - Throws: 42704 for a name that there is not.
  func value(_ name: String) throws(SQLError) -> String {
    guard let value = shown(name.lowercased()) else { throw Self.unknown(name) }
    return value
  }

  private func shown(_ key: String) -> String? {
    if let name = TransactionCharacteristics.Name(rawValue: key) { return currentCharacteristics.shown(name) }
    return values[key]
  }

  var currentCharacteristics: TransactionCharacteristics { characteristics ?? defaultCharacteristics }
  var isReadOnly: Bool { currentCharacteristics.isReadOnly }

  var reported: [(name: String, value: String)] {
    SettingCatalog.definitions.filter(\.isReported).map { ($0.name, values[$0.name.lowercased()] ?? "") }
  }

  /// Every setting, in order of name.
  var all: [(definition: SettingDefinition, value: String, resetValue: String)] {
    SettingCatalog.definitions.map {
      let key = $0.name.lowercased()
      return ($0, shown(key) ?? "", initial[key] ?? "")
    }
  }

  static func columns(ofShow name: String) -> [ResultColumn] {
    if name == "all" {
      return ["name", "setting", "description"].map { ResultColumn(name: $0, type: .text) }
    }
    let shown = SettingCatalog.byName[name.lowercased()]?.name ?? name.lowercased()
    return [ResultColumn(name: shown, type: .text)]
  }

  // MARK: - Changing

  /// Sets a startup parameter: it is also what RESET goes back to.
  mutating func start(_ name: String, _ value: String) throws(SQLError) {
    let key = name.lowercased()
    let stored = try accepted(name, value)
    values[key] = stored
    initial[key] = stored
    settle()
  }

  /// Nil sets the default. `isLocal` lasts until `endTransaction`.
  /// - Returns: the value as it is kept.
  @discardableResult
  mutating func set(_ name: String, to value: String?, isLocal: Bool = false) throws(SQLError) -> String {
    let key = name.lowercased()
    let stored: String
    if let value {
      stored = try accepted(name, value)
    } else {
      guard let definition = SettingCatalog.byName[key] else {
        guard let custom = initial[key] ?? values[key] else { throw Self.unknown(name) }
        values[key] = initial[key]
        return custom
      }
      if definition.isReadOnly { throw Self.readOnly(definition.name) }
      stored = initial[key] ?? definition.initial
    }
    if isLocal, beforeLocal[key] == nil, let before = values[key] { beforeLocal[key] = before }
    if !isLocal { beforeLocal[key] = nil }
    values[key] = stored
    settle()
    return stored
  }

  mutating func resetAll() {
    for definition in SettingCatalog.definitions where !definition.isReadOnly {
      let key = definition.name.lowercased()
      values[key] = initial[key]
    }
    for key in values.keys where SettingCatalog.byName[key] == nil { values[key] = initial[key] }
    beforeLocal = [:]
    settle()
  }

  // MARK: - Transactions

  mutating func beginTransaction() { characteristics = defaultCharacteristics }

  mutating func setCharacteristics(_ new: TransactionCharacteristics) { characteristics = new }

  /// The value for one of the transaction's own settings, in the form in which it is kept.
  func accepted(_ name: TransactionCharacteristics.Name, _ value: String) throws(SQLError) -> String {
    try accepted(name.rawValue, value)
  }

  /// The transaction committed: what was set locally goes back.
  mutating func endTransaction() {
    characteristics = nil
    if beforeLocal.isEmpty { return }
    for (key, value) in beforeLocal { values[key] = value }
    beforeLocal = [:]
    settle()
  }

  /// What was set since then is undone.
  mutating func restore(_ earlier: Settings) {
    characteristics = earlier.characteristics
    if values == earlier.values, beforeLocal == earlier.beforeLocal { return }
    values = earlier.values
    beforeLocal = earlier.beforeLocal
    settle()
  }

  // MARK: - Rules

  private static func unknown(_ name: String) -> SQLError {
    SQLError(.undefinedObject, "unrecognized configuration parameter \"\(name)\"")
  }

  private static func readOnly(_ name: String) -> SQLError {
    SQLError(SQLState(code: "55P02"), "parameter \"\(name)\" cannot be changed")
  }

  private static func invalid(_ name: String, _ value: String, hint: String? = nil) -> SQLError {
    SQLError(.invalidParameterValue, "invalid value for parameter \"\(name)\": \"\(value)\"", hint: hint)
  }

  /// The value in the form in which it is kept and shown.
  private func accepted(_ name: String, _ value: String) throws(SQLError) -> String {
    let key = name.lowercased()
    guard let definition = SettingCatalog.byName[key] else {
      // Names with a dot are the client's own.
      guard key.contains("."), !key.hasPrefix("."), !key.hasSuffix(".") else { throw Self.unknown(name) }
      return value
    }
    if definition.isReadOnly { throw Self.readOnly(definition.name) }
    let trimmed = value.trimmingBlanks
    switch key {
    case "client_encoding":
      let plain = trimmed.filter { $0.isLetter || $0.isNumber }.lowercased()
      guard plain == "utf8" || plain == "unicode" else {
        throw .unsupported("the client encoding \"\(value)\"", hint: "Use UTF8.")
      }
      return "UTF8"
    case "datestyle":
      var format = self.format
      guard format.setDateStyle(trimmed) else { throw Self.invalid("DateStyle", value) }
      return format.dateStyleName
    case "intervalstyle":
      var format = self.format
      guard format.setIntervalStyle(trimmed) else {
        throw Self.invalid(
          "IntervalStyle", value, hint: "Available values: postgres, postgres_verbose, sql_standard, iso_8601.")
      }
      return format.intervalStyleName
    case "timezone":
      guard let zone = Self.timeZone(trimmed) else { throw Self.invalid("TimeZone", value) }
      return zone.name
    case "standard_conforming_strings":
      let isOn = try Self.boolean(definition.name, trimmed)
      guard isOn == "on" else {
        throw .unsupported(
          "standard_conforming_strings = off", hint: "Write E'…' for strings with backslash escapes.")
      }
      return isOn
    case "jit":
      // There is nothing to compile; clients switch it off around introspection and back.
      return try Self.boolean(definition.name, trimmed)
    default: break
    }
    switch definition.kind {
    case .boolean: return try Self.boolean(definition.name, trimmed)
    case .integer(let bounds, let unit): return try Self.integer(definition.name, trimmed, bounds, unit)
    case .real(let bounds):
      guard let number = Double(trimmed), bounds.contains(number) else { throw Self.invalid(definition.name, value) }
      return trimmed
    case .choice(let choices):
      guard let choice = choices.first(where: { $0 == trimmed.lowercased() }) else {
        throw Self.invalid(
          definition.name, value, hint: "Available values: \(choices.joined(separator: ", ")).")
      }
      return choice
    case .string: return value
    }
  }

  private static func boolean(_ name: String, _ text: String) throws(SQLError) -> String {
    let word = text.lowercased()
    if word == "on" || word == "1" || (!word.isEmpty && ("true".hasPrefix(word) || "yes".hasPrefix(word))) {
      return "on"
    }
    if word == "0" || word == "off" || word == "of"
      || (!word.isEmpty && ("false".hasPrefix(word) || "no".hasPrefix(word)))
    {
      return "off"
    }
    throw SQLError(.invalidParameterValue, "parameter \"\(name)\" requires a Boolean value")
  }

  private static func integer(
    _ name: String, _ text: String, _ bounds: ClosedRange<Int>, _ unit: SettingDefinition.Unit?
  ) throws(SQLError) -> String {
    let digits = text.prefix { $0.isNumber || $0 == "-" || $0 == "+" || $0 == "." }
    let suffix = text.dropFirst(digits.count).description.trimmingBlanks
    let factors: [String: Double] =
      switch unit {
      case .milliseconds: ["": 1, "us": 0.001, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000]
      case .kilobytes: ["": 1, "B": 1 / 1024, "kB": 1, "MB": 1024, "GB": 1_048_576, "TB": 1_073_741_824]
      case nil: ["": 1]
      }
    guard let number = Double(digits), let factor = factors[suffix] else {
      throw invalid(
        name, text,
        hint: unit == nil
          ? nil
          : unit == .milliseconds
            ? "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"."
            : "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".")
    }
    let scaled = (number * factor).rounded()
    guard scaled.magnitude < 1e15, bounds.contains(Int(scaled)) else {
      let shown = unit.map { " \($0.rawValue)" } ?? ""
      throw SQLError(
        .invalidParameterValue,
        "\(text) is outside the valid range for parameter \"\(name)\" (\(bounds.lowerBound)\(shown) .. "
          + "\(bounds.upperBound)\(shown))")
    }
    return shown(Int(scaled), unit)
  }

  /// As SHOW writes a number with a unit: in the greatest that divides it.
  private static func shown(_ value: Int, _ unit: SettingDefinition.Unit?) -> String {
    guard let unit, value != 0 else { return String(value) }
    let steps: [(Int, String)] =
      switch unit {
      case .milliseconds: [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")]
      case .kilobytes: [(1 << 30, "TB"), (1 << 20, "GB"), (1 << 10, "MB"), (1, "kB")]
      }
    for (step, name) in steps where value % step == 0 { return "\(value / step)\(name)" }
    return String(value)
  }

  /// The number behind a value that `shown` wrote.
  static func base(_ text: String, _ unit: SettingDefinition.Unit) -> Int {
    let units: [(String, Int)] =
      switch unit {
      case .milliseconds: [("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000)]
      case .kilobytes: [("kB", 1), ("MB", 1 << 10), ("GB", 1 << 20), ("TB", 1 << 30)]
      }
    for (suffix, factor) in units where text.hasSuffix(suffix) {
      if let number = Int(text.dropLast(suffix.count)) { return number * factor }
    }
    return Int(text) ?? 0
  }

  private static func timeZone(_ text: String) -> TimeZoneRule? {
    if text.lowercased() == "default" || text.lowercased() == "local" { return .utc }
    if text.hasPrefix("INTERVAL "), let quoted = text.split(separator: "'").dropFirst().first,
      let hours = Double(quoted)
    {
      return TimeZoneRule(secondsEast: Int(hours * 3600))
    }
    return TimeZoneRule(named: text)
  }

  /// Brings what execution reads up to date.
  private mutating func settle() {
    changeCount += 1
    let (oldFormat, oldPath) = (format, searchPath)
    func current(_ key: String) -> String { values[key] ?? "" }
    _ = format.setDateStyle(current("datestyle"))
    _ = format.setIntervalStyle(current("intervalstyle"))
    if let zone = Self.timeZone(current("timezone")) { format.timeZone = zone }
    format.extraFloatDigits = Int(current("extra_float_digits")) ?? 1
    format.byteaOutput = current("bytea_output") == "escape" ? .escape : .hex
    searchPath = Self.schemas(current("search_path"), user: user)
    applicationName = current("application_name")
    statementTimeoutMilliseconds = Self.base(current("statement_timeout"), .milliseconds)
    workMemoryBytes = 1024 * Self.base(current("work_mem"), .kilobytes)
    clientMinMessages =
      switch current("client_min_messages") {
      case "notice": .notice
      case "log": .log
      case "warning", "error": .warning
      default: .debug
      }
    lockTimeoutMilliseconds = Self.base(current("lock_timeout"), .milliseconds)
    idleInTransactionTimeoutMilliseconds = Self.base(current("idle_in_transaction_session_timeout"), .milliseconds)
    transactionTimeoutMilliseconds = Self.base(current("transaction_timeout"), .milliseconds)
    copyRowsPerTransaction = Int(current("apus.copy_rows_per_transaction")) ?? 0
    readTime = current("apus.read_time").isEmpty ? nil : current("apus.read_time")
    defaultCharacteristics.set(.level, to: current("default_transaction_isolation"))
    defaultCharacteristics.set(.readOnly, to: current("default_transaction_read_only"))
    defaultCharacteristics.set(.deferrable, to: current("default_transaction_deferrable"))
    if format != oldFormat || searchPath != oldPath { generation += 1 }
  }

  /// The schemas of a search path; `"$user"` stands for the user's own.
  private static func schemas(_ text: String, user: String) -> [String] {
    text.split(separator: ",").map { item in
      var name = String(item).trimmingBlanks
      if name.hasPrefix("\""), name.hasSuffix("\""), name.count >= 2 {
        name = String(name.dropFirst().dropLast())
      } else {
        name = name.lowercased()
      }
      return name == "$user" ? user : name
    }.filter { !$0.isEmpty }
  }
}

extension String {
  /// Without blanks and single quotes around it (some clients quote startup values).
  var trimmingBlanks: String {
    var text = Substring(self)
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    if text.count >= 2, text.first == "'", text.last == "'" { text = text.dropFirst().dropLast() }
    return String(text)
  }
}
