import Foundation
import PostgresClient

/// `apus sql`: statements and backslash commands from a person, a script or the command line, one session at a time.
package final class Shell {
  /// As psql's: 0 good, 1 a command of `-c` failed, 2 no connection, 3 a statement of a script failed.
  package enum ExitStatus {
    package static let good: Int32 = 0
    package static let commandFailed: Int32 = 1
    package static let noConnection: Int32 = 2
    package static let scriptFailed: Int32 = 3
  }

  var target: PostgresConnection.Target
  /// Nil after the server went away, until the next statement.
  var connection: PostgresConnection?
  var table = TableText()
  var isTiming = false
  var wantsToQuit = false
  let isInteractive: Bool
  private(set) var failures = 0
  /// File and line of the script that is read, for messages.
  var place: (file: String, line: Int)?
  private var scriptDepth = 0

  package init(_ target: PostgresConnection.Target) {
    self.target = target
    isInteractive = Terminal.isInteractive
  }

  // MARK: The three ways in

  /// Runs each of `-c`, which is a backslash command or statements that go to the server as they are.
  /// - Returns: the process's exit status.
  package func run(commands: [String]) -> Int32 {
    guard connect() else { return ExitStatus.noConnection }
    for command in commands {
      if command.hasPrefix("\\") { runCommand(command) } else { runStatement(command) }
      if connection == nil { return ExitStatus.noConnection }
      if failures > 0 { return ExitStatus.commandFailed }
      if wantsToQuit { break }
    }
    return ExitStatus.good
  }

  /// Runs a script, all of it even where a statement fails.
  package func run(file: String) -> Int32 {
    guard connect() else { return ExitStatus.noConnection }
    guard runScript(file) else { return ExitStatus.commandFailed }
    return scriptStatus
  }

  /// Reads standard input: with prompts and line editing where a person sits there, else as a script.
  package func run() -> Int32 {
    guard connect() else { return ExitStatus.noConnection }
    guard isInteractive, let editor = LineEditor(historyFile: Self.historyFile) else {
      runLines(named: "stdin") { readLine(strippingNewline: true) }
      return scriptStatus
    }
    Interrupt.listen()
    Terminal.write("apus sql; the server is \(connection?.parameter("server_version") ?? "unknown")\n")
    Terminal.write("\\? shows the commands, \\q ends.\n\n")
    converse(editor)
    return ExitStatus.good
  }

  private var scriptStatus: Int32 {
    connection == nil ? ExitStatus.noConnection : failures > 0 ? ExitStatus.scriptFailed : ExitStatus.good
  }

  private static var historyFile: String? {
    let environment = ProcessInfo.processInfo.environment
    if let file = environment["APUS_HISTORY"] { return file }
    return environment["HOME"].map { $0 + "/.apus_history" }
  }

  // MARK: A conversation

  private func converse(_ editor: LineEditor) {
    var scanner = StatementScanner()
    var typed: [String] = []
    while !wantsToQuit {
      switch editor.readLine(prompt: prompt(scanner.open)) {
      case .interrupted:
        Terminal.write("^C\n")
        scanner.reset()
        typed = []
      case .end:
        if scanner.open == .nothing {
          Terminal.write("\\q\n")
          return
        }
        Terminal.write("\n")
        scanner.reset()
        typed = []
      case .text(let line):
        _ = Interrupt.take()
        if scanner.isBetweenTokens, isCommand(line) {
          editor.remember(line)
          if !runEditing(line, &scanner) { runCommand(line) }
          continue
        }
        typed.append(line)
        let statements = scanner.feed(line)
        if scanner.open == .nothing {
          let whole = typed.joined(separator: "\n")
          if !whole.allSatisfy(\.isWhitespace) { editor.remember(whole) }
          typed = []
        }
        for statement in statements { runStatement(statement, editor: editor) }
      }
    }
  }

  private func isCommand(_ line: String) -> Bool { line.drop { $0 == " " || $0 == "\t" }.first == "\\" }

  /// `\r` and `\p` act on the unfinished statement, which commands do not see.
  private func runEditing(_ line: String, _ scanner: inout StatementScanner) -> Bool {
    switch line.trimmingCharacters(in: .whitespaces) {
    case "\\r", "\\reset":
      scanner.reset()
      Terminal.write("Query buffer reset (cleared).\n")
    case "\\p", "\\print":
      Terminal.write((scanner.open == .nothing ? "Query buffer is empty." : scanner.rest) + "\n")
    default: return false
    }
    return true
  }

  private func prompt(_ open: StatementScanner.Open) -> String {
    guard let connection else { return "!?> " }
    let mark =
      switch open {
      case .nothing: "="
      case .statement: "-"
      case .string: "'"
      case .name: "\""
      case .dollarString: "$"
      case .comment: "*"
      case .parenthesis: "("
      }
    let transaction =
      switch connection.transactionStatus {
      case .idle: ""
      case .inTransaction: "*"
      case .failed: "!"
      case .unknown: "?"
      }
    return "\(target.database)\(mark)\(transaction)> "
  }

  // MARK: Scripts

  /// - Returns: whether the file could be read.
  func runScript(_ file: String) -> Bool {
    guard scriptDepth < 16 else {
      fail("\(file): scripts include each other more than 16 deep")
      return false
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      fail("\(file): the file cannot be read")
      return false
    }
    var lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)[...]
    if lines.last?.isEmpty == true { lines.removeLast() }
    let outer = place
    scriptDepth += 1
    runLines(named: file) { lines.popFirst().map(String.init) }
    scriptDepth -= 1
    place = outer
    return true
  }

  private func runLines(named file: String, _ next: @escaping () -> String?) {
    var scanner = StatementScanner()
    var number = 0
    let nextLine: () -> String? = {
      guard let line = next() else { return nil }
      number += 1
      return line.last == "\r" ? String(line.dropLast()) : line
    }
    while !wantsToQuit, connection != nil, let line = nextLine() {
      place = (file, number)
      if scanner.isBetweenTokens, isCommand(line) {
        runCommand(line)
        continue
      }
      for statement in scanner.feed(line) { runStatement(statement, copyLine: nextLine) }
    }
    if !wantsToQuit, connection != nil, let statement = scanner.finish() {
      runStatement(statement, copyLine: nextLine)
    }
    place = nil
  }

  // MARK: Statements

  private func runStatement(_ sql: String, editor: LineEditor) {
    runStatement(sql) {
      guard case .text(let line) = editor.readLine(prompt: ">> ") else { return nil }
      return line
    }
  }

  /// Runs statements and prints what they give.
  /// - Parameter copyLine: gives the data of `COPY FROM STDIN`, a line a call.
  private func runStatement(_ sql: String, copyLine: @escaping () -> String? = { readLine(strippingNewline: true) }) {
    guard let connection = connection ?? reconnected() else { return }
    let start = ContinuousClock.now
    do throws(PostgresError) {
      try connection.send(sql)
    } catch {
      report(error)
    }
    while true {
      do throws(PostgresError) {
        guard let result = try connection.nextResult() else { break }
        reportNotices(connection)
        try show(result, connection, copyLine)
      } catch {
        reportNotices(connection)
        report(error)
        if !connection.isUsable { break }
      }
    }
    if isTiming { Terminal.write("Time: \(Self.milliseconds(ContinuousClock.now - start)) ms\n") }
    if !connection.isUsable { connectionWasLost() }
  }

  private func show(
    _ result: PostgresResult, _ connection: PostgresConnection, _ copyLine: () -> String?
  ) throws(PostgresError) {
    switch result.kind {
    case .rows:
      Terminal.write(table.text(result))
      if !result.commandTag.hasPrefix("SELECT"), !result.commandTag.hasPrefix("SHOW"),
        !result.commandTag.hasPrefix("EXPLAIN")
      {
        Terminal.write(result.commandTag + "\n")
      }
    case .command: Terminal.write(result.commandTag + "\n")
    case .emptyQuery: break
    case .copyOut:
      while let row = try connection.copyRow() { Terminal.write(String(decoding: row, as: UTF8.self)) }
    case .copyIn:
      if isInteractive, place == nil {
        Terminal.write("Enter data to be copied followed by a newline.\n")
        Terminal.write("End with a backslash and a period on a line by itself, or an EOF signal.\n")
      }
      while let line = copyLine(), line != "\\." { try connection.sendCopy(Array((line + "\n").utf8)) }
      try connection.finishCopy()
    }
  }

  private static func milliseconds(_ duration: Duration) -> String {
    let microseconds = duration / .microseconds(1)
    return String(format: "%.3f", microseconds / 1000)
  }

  // MARK: Messages

  func fail(_ message: String) {
    failures += 1
    Terminal.complain(prefix + message)
  }

  private func report(_ error: PostgresError) { fail(error.report) }

  private func reportNotices(_ connection: PostgresConnection) {
    for notice in connection.takeNotices() { Terminal.complain(prefix + notice.report) }
  }

  private var prefix: String { place.map { "apus:\($0.file):\($0.line): " } ?? "" }

  // MARK: The connection

  /// Connects to the target, or says why not.
  func connect() -> Bool {
    do throws(PostgresError) {
      let connection = try PostgresConnection(target)
      connection.isInterrupted = { [isInteractive] in isInteractive && Interrupt.take() }
      self.connection = connection
      return true
    } catch {
      Terminal.complain("apus: error: \(error.message)")
      return false
    }
  }

  private func connectionWasLost() {
    connection = nil
    guard isInteractive else {
      Terminal.complain(prefix + "error: connection to server was lost")
      return
    }
    _ = reconnected()
  }

  private func reconnected() -> PostgresConnection? {
    Terminal.complain("The connection to the server was lost. Attempting reset…")
    guard connect() else { return nil }
    Terminal.complain("Connected to \(target.host):\(target.port) again; settings and open transactions are gone.")
    return connection
  }
}
