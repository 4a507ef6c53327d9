import ArgumentParser
import Foundation
import Node

/// `apus transactions`: who holds, who waits, and for whom.
struct TransactionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transactions", abstract: "Show the open transactions of all nodes, and who waits for whom.",
    discussion: """
      Oldest first, as all live nodes tell the one that is asked. A transaction's id begins with its node; pid is its \
      session's, for SELECT pg_cancel_backend(pid) or pg_terminate_backend(pid) on any node. The same facts in SQL are in \
      sys.transactions and pg_locks.
      """)

  @Option(name: .long, help: "The HTTP address of any node.")
  var http = "127.0.0.1:8433"

  @Flag(name: .long, help: "Print the JSON as it came.")
  var json = false

  @Flag(name: .long, help: "Only those that wait, and those they wait for.")
  var waiting = false

  func run() async throws {
    let bytes = try await NodePage.get("transactions", from: http)
    if json {
      FileHandle.standardOutput.write(bytes)
      return
    }
    guard let document = try? JSONDecoder().decode(TransactionsDocument.self, from: bytes) else {
      throw CleanExit.failure("error: what answers on \(http) is not a node of this version")
    }
    print(Self.text(document, waitingOnly: waiting), terminator: "")
  }

  static func text(_ document: TransactionsDocument, waitingOnly: Bool) -> String {
    var shown = document.transactions
    if waitingOnly {
      let blockers = Set(shown.flatMap { $0.wait?.transactions ?? [] })
      shown = shown.filter { $0.wait != nil || blockers.contains($0.id) }
    }
    if shown.isEmpty { return waitingOnly ? "nobody waits\n" : "no open transactions\n" }
    return StatusText.table(
      ["transaction", "pid", "isolation", "age", "tables", "tablets", "bytes", "waits for"],
      shown.map { entry in
        [
          entry.id, entry.pid.map { "\($0)" } ?? "-", entry.isolation + (entry.readOnly ? ", read only" : ""),
          seconds(entry.ageSeconds), entry.tables.isEmpty ? "-" : entry.tables.joined(separator: " "),
          "\(entry.tablets)", "\(entry.bytes)",
          entry.wait.map {
            "\($0.transactions.joined(separator: " ")) on \($0.table) for \(seconds($0.seconds))"
          } ?? "",
        ]
      })
  }

  private static func seconds(_ seconds: Double) -> String {
    seconds < 100 ? "\(Double(Int(seconds * 10)) / 10) s" : "\(Int(seconds)) s"
  }
}
