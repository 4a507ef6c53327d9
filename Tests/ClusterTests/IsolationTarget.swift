import Foundation
import PostgresClient

/// Where `IsolationTests` run: on the tests' own cluster, or on another server to compare with.
enum IsolationTarget {
  private static let other = ProcessInfo.processInfo.environment["APUS_ISOLATION_TARGET"].map {
    $0.split(separator: ":").map(String.init)
  }

  static var isApus: Bool { other?.count != 4 }

  /// The nodes that sessions take turns on.
  static func chosen() throws -> [PostgresConnection.Target] {
    if let parts = other, parts.count == 4, let port = Int(parts[1]) {
      return [PostgresConnection.Target(host: parts[0], port: port, user: parts[2], database: parts[3])]
    }
    return try SharedCluster.running().targets
  }
}
