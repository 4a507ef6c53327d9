import Values

/// One setting as PostgreSQL knows it: what values it takes, and where it may be set.
struct SettingDefinition: Sendable {
  enum Kind: Sendable {
    case boolean
    /// Bounds, and the unit in which a bare number counts.
    case integer(ClosedRange<Int>, unit: Unit?)
    case real(ClosedRange<Double>)
    case choice([String])
    case string
  }
  enum Unit: String, Sendable { case milliseconds = "ms", kilobytes = "kB" }

  var name: String
  var kind: Kind
  var initial: String
  var isReadOnly = false
  /// Told to the client at start and on change.
  var isReported = false
  var category: String
  var summary: String
}

enum SettingCatalog {
  static let definitions: [SettingDefinition] = make()
  static let byName: [String: SettingDefinition] = Dictionary(
    uniqueKeysWithValues: definitions.map { ($0.name.lowercased(), $0) })

  private static let isolationLevels = ["serializable", "repeatable read", "read committed", "read uncommitted"]
  private static let messageLevels = [
    "debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error",
  ]

  private static func make() -> [SettingDefinition] {
    func setting(
      _ name: String, _ kind: SettingDefinition.Kind, _ initial: String, readOnly: Bool = false, reported: Bool = false,
      _ category: String, _ summary: String
    ) -> SettingDefinition {
      SettingDefinition(
        name: name, kind: kind, initial: initial, isReadOnly: readOnly, isReported: reported, category: category,
        summary: summary)
    }
    let client = "Client Connection Defaults / Statement Behavior"
    let locale = "Client Connection Defaults / Locale and Formatting"
    let preset = "Preset Options"
    let milliseconds = SettingDefinition.Kind.integer(0...Int(Int32.max), unit: .milliseconds)
    return [
      setting(
        "application_name", .string, "", reported: true, "Reporting and Logging / What to Log",
        "Sets the application name to be reported in statistics and logs."),
      setting(
        "apus.copy_rows_per_transaction", .integer(0...Int(Int32.max), unit: nil), "0", client,
        "Sets after how many rows COPY FROM commits, outside of transaction blocks; 0 commits at its end."),
      setting(
        "apus.read_time", .string, "", client, "Sets the time as of which the session reads; it cannot write then."),
      setting(
        "bytea_output", .choice(["escape", "hex"]), "hex", client, "Sets the output format for bytea."),
      setting(
        "client_encoding", .string, "UTF8", reported: true, locale, "Sets the client's character set encoding."),
      setting(
        "client_min_messages", .choice(messageLevels), "notice", client,
        "Sets the message levels that are sent to the client."),
      setting(
        "data_directory", .string, "", readOnly: true, "File Locations", "Sets the server's data directory."),
      setting(
        "DateStyle", .string, "ISO, MDY", reported: true, locale,
        "Sets the display format for date and time values."),
      setting(
        "default_table_access_method", .choice(["heap"]), "heap", client,
        "Sets the default table access method for new tables."),
      setting(
        "default_transaction_deferrable", .boolean, "off", client,
        "Sets the default deferrable status of new transactions."),
      setting(
        "default_transaction_isolation", .choice(isolationLevels), "read committed", client,
        "Sets the transaction isolation level of each new transaction."),
      setting(
        "default_transaction_read_only", .boolean, "off", reported: true, client,
        "Sets the default read-only status of new transactions."),
      setting(
        "extra_float_digits", .integer(-15...3, unit: nil), "1", locale,
        "Sets the number of digits displayed for floating-point values."),
      setting(
        "idle_in_transaction_session_timeout", milliseconds, "0", client,
        "Sets the maximum allowed idle time between queries, when in a transaction."),
      setting(
        "in_hot_standby", .boolean, "off", readOnly: true, reported: true, preset,
        "Shows whether hot standby is currently active."),
      setting(
        "integer_datetimes", .boolean, "on", readOnly: true, reported: true, preset,
        "Shows whether datetimes are integer based."),
      setting(
        "IntervalStyle", .string, "postgres", reported: true, locale, "Sets the display format for interval values."),
      setting(
        "is_superuser", .boolean, "on", readOnly: true, reported: true, preset,
        "Shows whether the current user is a superuser."),
      setting("jit", .boolean, "off", "Query Tuning / Other Planner Options", "Allow JIT compilation."),
      setting(
        "lc_collate", .string, "C", readOnly: true, preset, "Shows the collation order locale."),
      setting(
        "lc_ctype", .string, "C.UTF-8", readOnly: true, preset,
        "Shows the character classification and case conversion locale."),
      setting(
        "lock_timeout", milliseconds, "0", client, "Sets the maximum allowed duration of any wait for a lock."),
      setting(
        "max_identifier_length", .integer(63...63, unit: nil), "63", readOnly: true, preset,
        "Shows the maximum identifier length."),
      setting(
        "max_index_keys", .integer(32...32, unit: nil), "32", readOnly: true, preset,
        "Shows the maximum number of index keys."),
      setting(
        "password_encryption", .choice(["scram-sha-256"]), "scram-sha-256",
        "Connections and Authentication / Authentication", "Chooses the algorithm for encrypting passwords."),
      setting(
        "plan_cache_mode", .choice(["auto", "force_generic_plan", "force_custom_plan"]), "auto",
        "Query Tuning / Other Planner Options", "Controls the planner's selection of custom or generic plan."),
      setting("row_security", .boolean, "on", client, "Enable row security."),
      setting(
        "search_path", .string, "\"$user\", public", client,
        "Sets the schema search order for names that are not schema-qualified."),
      setting(
        "server_encoding", .string, "UTF8", readOnly: true, reported: true, preset,
        "Shows the server (database) character set encoding."),
      setting(
        "server_version", .string, ServerVersion.number, readOnly: true, reported: true, preset,
        "Shows the server version."),
      setting(
        "server_version_num", .integer(ServerVersion.numeric...ServerVersion.numeric, unit: nil),
        String(ServerVersion.numeric), readOnly: true, preset, "Shows the server version as an integer."),
      setting(
        "session_authorization", .string, "", readOnly: true, reported: true, preset, "Shows the session user name."),
      setting(
        "standard_conforming_strings", .boolean, "on", reported: true,
        "Version and Platform Compatibility / Previous PostgreSQL Versions",
        "Causes '...' strings to treat backslashes literally."),
      setting(
        "statement_timeout", milliseconds, "0", client, "Sets the maximum allowed duration of any statement."),
      setting(
        "synchronize_seqscans", .boolean, "on",
        "Version and Platform Compatibility / Previous PostgreSQL Versions", "Enable synchronized sequential scans."),
      setting(
        "TimeZone", .string, "UTC", reported: true, locale,
        "Sets the time zone for displaying and interpreting time stamps."),
      setting(
        "transaction_deferrable", .boolean, "off", client,
        "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures."
      ),
      setting(
        "transaction_isolation", .choice(isolationLevels), "read committed", client,
        "Sets the current transaction's isolation level."),
      setting("transaction_read_only", .boolean, "off", client, "Sets the current transaction's read-only status."),
      setting(
        "transaction_timeout", milliseconds, "0", client,
        "Sets the maximum allowed duration of any transaction."),
      setting(
        "work_mem", .integer(64...Int(Int32.max), unit: .kilobytes), "64MB", "Resource Usage / Memory",
        "Sets the maximum memory to be used for query workspaces."),
    ]
  }
}
