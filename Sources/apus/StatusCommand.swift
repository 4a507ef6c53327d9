import ArgumentParser
import Foundation
import Node

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// `apus status`: what one node says of the cluster.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show nodes, tables and tablets as one node sees them.")

  @Option(name: .long, help: "The node's HTTP address.")
  var http = "127.0.0.1:8433"

  @Flag(name: .long, help: "Print the JSON as it came.")
  var json = false

  @Flag(name: .long, help: "List every tablet.")
  var tablets = false

  func run() async throws {
    guard let url = URL(string: "http://\(http)/status") else {
      throw ValidationError("--http \(http): host:port is expected")
    }
    let bytes: Data
    do {
      (bytes, _) = try await URLSession.shared.data(from: url)
    } catch {
      throw CleanExit.failure(
        "error: no node answers on \(http)\nhint: start the cluster, or name another node with --http")
    }
    if json {
      FileHandle.standardOutput.write(bytes)
      return
    }
    guard let status = try? JSONDecoder().decode(StatusDocument.self, from: bytes) else {
      throw CleanExit.failure("error: what answers on \(http) is not a node of this version")
    }
    print(StatusText(status).text(withTablets: tablets), terminator: "")
  }
}
