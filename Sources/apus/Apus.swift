import ArgumentParser
import Node

@main
struct Apus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "A distributed SQL database that speaks PostgreSQL.",
    version: "apus \(ApusVersion.text)",
    subcommands: [
      StartCommand.self, SQLCommand.self, StatusCommand.self, TransactionsCommand.self, WorkloadCommand.self,
      ChaosCommand.self, SimulateCommand.self,
    ])
}
