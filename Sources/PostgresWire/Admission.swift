import Values

/// Who may connect: bounds on all connections, and on those that have not shown who they are yet.
package struct Admission: Sendable {
  private let connectionsMax: Int
  private let unauthenticatedMax: Int
  private let unauthenticatedPerAddressMax: Int
  private var unauthenticatedByHost: [String: Int] = [:]
  package private(set) var unauthenticated = 0
  package private(set) var authenticated = 0

  package init(settings: WireSettings) {
    connectionsMax = settings.connectionsMax
    unauthenticatedMax = settings.unauthenticatedMax
    unauthenticatedPerAddressMax = settings.unauthenticatedPerAddressMax
  }

  /// A socket was accepted. If it may stay, it counts until `left` or `authenticate`.
  package mutating func arrive(from host: String) -> SQLError? {
    guard unauthenticated < unauthenticatedMax else { return Self.crowded }
    let sameHost = unauthenticatedByHost[host, default: 0]
    guard sameHost < unauthenticatedPerAddressMax else { return Self.crowded }
    unauthenticatedByHost[host] = sameHost + 1
    unauthenticated += 1
    return nil
  }

  /// The client has shown who it is. If refused, it counts as before until `left`.
  package mutating func authenticate(from host: String) -> SQLError? {
    guard authenticated < connectionsMax else {
      return SQLError(.tooManyConnections, "sorry, too many clients already")
    }
    leave(from: host)
    authenticated += 1
    return nil
  }

  package mutating func left(from host: String, wasAuthenticated: Bool) {
    if wasAuthenticated { authenticated -= 1 } else { leave(from: host) }
  }

  private mutating func leave(from host: String) {
    unauthenticated -= 1
    let sameHost = unauthenticatedByHost[host, default: 1] - 1
    unauthenticatedByHost[host] = sameHost == 0 ? nil : sameHost
  }

  private static let crowded = SQLError(
    .tooManyConnections, "too many connections are waiting to be authenticated")
}
