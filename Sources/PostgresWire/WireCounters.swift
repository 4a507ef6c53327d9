import Synchronization

/// What the PostgreSQL front has done since it started; the node publishes it as metrics.
package struct WireCounters: Hashable, Sendable {
  package var connectionsOpen = 0
  package var connectionsAuthenticated = 0
  package var connectionsAccepted = 0
  /// Turned away at accept or at startup, for lack of room.
  package var connectionsRefused = 0
  package var messagesReceived = 0
  package var bytesReceived = 0
  package var bytesSent = 0
  package var rowsSent = 0
  package var flushes = 0
  package var cancelRequests = 0
  package var protocolViolations = 0
  /// Connections closed because the client did not read.
  package var slowReaders = 0
  /// Connections closed because the startup took too long.
  package var authenticationTimeouts = 0

  package init() {}
}

/// The running totals that connections on all loops add to. A connection adds when it flushes or waits, not for each
/// message.
final class WireTotals: Sendable {
  private let counters = Mutex(WireCounters())

  func add(_ counted: WireCounters) { counters.withLock { $0.add(counted) } }
  var snapshot: WireCounters { counters.withLock { $0 } }
}

extension WireCounters {
  mutating func add(_ other: WireCounters) {
    connectionsOpen += other.connectionsOpen
    connectionsAuthenticated += other.connectionsAuthenticated
    connectionsAccepted += other.connectionsAccepted
    connectionsRefused += other.connectionsRefused
    messagesReceived &+= other.messagesReceived
    bytesReceived &+= other.bytesReceived
    bytesSent &+= other.bytesSent
    rowsSent &+= other.rowsSent
    flushes &+= other.flushes
    cancelRequests += other.cancelRequests
    protocolViolations += other.protocolViolations
    slowReaders += other.slowReaders
    authenticationTimeouts += other.authenticationTimeouts
  }
}
