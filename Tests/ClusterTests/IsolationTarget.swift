import Foundation
import PostgresClient

/// Where `IsolationTests` run: nowhere unless asked, until the cluster has transactions of several statements.
enum IsolationTarget {
  private static let name = ProcessInfo.processInfo.environment["APUS_ISOLATION_TARGET"]

  static var isChosen: Bool { name != nil }

  static func chosen() throws -> PostgresConnection.Target {
    let parts = (name ?? "").split(separator: ":").map(String.init)
    if parts.count == 4, let port = Int(parts[1]) {
      return PostgresConnection.Target(host: parts[0], port: port, user: parts[2], database: parts[3])
    }
    return try SharedCluster.running().targets[0]
  }
}
