import ArgumentParser
import PostgresClient
import Shell

/// `apus sql`: the shell.
struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Run SQL statements, typed or from a file.",
    discussion: "Any client that speaks PostgreSQL's protocol works too, as psql does.")

  // psql's -h is the host; -h for help would be in its way.
  @Option(name: [.long, .customShort("H")], help: "The node's host.")
  var host = "127.0.0.1"

  @Option(name: .shortAndLong, help: "The node's SQL port.")
  var port = 5433

  @Option(name: [.long, .customShort("U")], help: "The user.")
  var user = "apus"

  @Option(name: .shortAndLong, help: "The database.")
  var database = "apus"

  @Option(name: .customShort("c"), help: ArgumentHelp("Statements to run; may be given again.", valueName: "sql"))
  var commands: [String] = []

  @Option(name: .shortAndLong, help: "A script to run.")
  var file: String?

  func run() throws {
    let shell = Shell(.init(host: host, port: port, user: user, database: database))
    let status =
      if !commands.isEmpty { shell.run(commands: commands) } else if let file { shell.run(file: file) } else {
        shell.run()
      }
    if status != Shell.ExitStatus.good { throw ExitCode(status) }
  }
}
