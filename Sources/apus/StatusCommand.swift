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
    let bytes = try await NodePage.get("status", from: http)
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

/// A page of a node's HTTP server.
enum NodePage {
  static func get(_ page: String, from address: String) async throws -> Data {
    guard let url = URL(string: "http://\(address)/\(page)") else {
      throw ValidationError("--http \(address): host:port is expected")
    }
    do {
      return try await URLSession.shared.data(from: url).0
    } catch {
      throw CleanExit.failure(
        "error: no node answers on \(address)\nhint: start the cluster, or name another node with --http")
    }
  }
}
