import Synchronization

/// What this node knows about its connection to a peer.
package struct PeerStatus: Sendable {
  package var address: String
  /// Whether requests and posts can go out.
  package var isConnected = false
  /// Of the peer, from its last handshake.
  package var incarnation: UInt64?
  /// When the present state began, on the monotonic clock.
  package var sinceNanoseconds: UInt64 = 0
  package var bytesSent: UInt64 = 0
  package var bytesReceived: UInt64 = 0
  /// Posts that were dropped because the peer was away or its queue full.
  package var postsDropped: UInt64 = 0
  /// Smoothed over about eight pings.
  package var roundTripNanoseconds: UInt64?
  /// The peer's wall clock minus ours, as the last ping saw it; off by up to half a round trip.
  package var clockOffsetMicroseconds: Int64?
  /// Frames refused because their time was too far ahead.
  package var skewedFrames: UInt64 = 0
  package var lastError: String?
}

/// A connection to a peer came or went.
package enum PeerChange: Hashable, Sendable {
  case connected(incarnation: UInt64)
  case disconnected(reason: String)
}

/// The status of one peer, written on the transport's loop and read anywhere.
final class PeerMeter: Sendable {
  private let status = Mutex(PeerStatus(address: ""))
  var current: PeerStatus { status.withLock { $0 } }
  func update(_ body: (inout PeerStatus) -> Void) { status.withLock { body(&$0) } }
}
