import Operations
import Runtime
import Values

/// Bounds of one session.
package struct SessionLimits: Sendable {
  package var preparedStatementsMax = 10_000
  package var portalsMax = 1_000
  package var cachedTextsMax = 256
  package var execution = ExecutionLimits()
  /// Names of the databases that clients may connect to.
  package var databases: Set<String> = ["apus", "postgres", "yugabyte"]
  package init() {}
}

/// Makes the sessions of one node.
package struct SQLSessionFactory: SessionFactory {
  private let dataPlane: any DataPlane
  private let clock: any Clock
  private let random: any RandomSource
  private let limits: SessionLimits
  /// The sessions that it made and that still live.
  package let registry = SessionRegistry()

  package init(dataPlane: any DataPlane, runtime: Runtime, limits: SessionLimits = SessionLimits()) {
    self.init(dataPlane: dataPlane, clock: runtime.clock, random: runtime.random, limits: limits)
  }

  /// Time and chance are all that sessions take from the world; their loops come with their connections.
  package init(
    dataPlane: any DataPlane, clock: any Clock, random: any RandomSource, limits: SessionLimits = SessionLimits()
  ) {
    self.dataPlane = dataPlane
    self.clock = clock
    self.random = random
    self.limits = limits
  }

  /// The startup parameter `options`: `-c name=value` or `--name=value`, blanks escaped by a backslash.
  private static func commandLine(_ text: String) throws(SQLError) -> [(name: String, value: String)] {
    var words: [String] = []
    var word = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        word.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == " " {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    if !word.isEmpty { words.append(word) }
    var settings: [(String, String)] = []
    var isAfterC = false
    for var word in words {
      if word == "-c", !isAfterC {
        isAfterC = true
        continue
      }
      if !isAfterC {
        guard word.hasPrefix("-c") || word.hasPrefix("--") else { throw badOption(word) }
        word.removeFirst(2)
      }
      isAfterC = false
      guard let equals = word.firstIndex(of: "=") else { throw badOption(word) }
      let name = word[..<equals].replacing("-", with: "_")
      settings.append((String(name), String(word[word.index(after: equals)...])))
    }
    return settings
  }

  private static func badOption(_ word: String) -> SQLError {
    SQLError(
      .syntaxError, "invalid command-line argument for server process: \(word)",
      hint: "Startup options have the form -c name=value.")
  }

  package func makeSession(
    user: String, database: String, settings: [(name: String, value: String)], processID: Int32, loop: any Loop
  ) async throws(SQLError) -> any Session {
    guard limits.databases.contains(database) else {
      throw SQLError(.invalidCatalogName, "database \"\(database)\" does not exist")
    }
    var initial = Settings(user: user)
    for (name, value) in settings {
      guard name == "options" else {
        try initial.start(name, value)
        continue
      }
      for (name, value) in try Self.commandLine(value) { try initial.start(name, value) }
    }
    return SQLSession(
      dataPlane: dataPlane, clock: clock, random: random, limits: limits, settings: initial,
      facts: SessionFacts(user: user, database: database, processID: processID), registry: registry,
      loop: loop)
  }
}
