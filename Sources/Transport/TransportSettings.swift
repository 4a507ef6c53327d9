/// Limits and times of a `Transport`. The defaults suit a cluster whose nodes are milliseconds apart.
package struct TransportSettings: Sendable {
  /// The longest payload, in bytes. A longer one is refused before it is buffered.
  package var payloadBytesMax = 64 << 20
  /// How long a connection attempt and the handshake may take, each.
  package var connectTimeoutNanoseconds: UInt64 = 2_000_000_000
  /// The first pause after a failed attempt; it doubles up to the longest, and half of it is drawn at random so that
  /// nodes do not redial in step.
  package var reconnectDelayNanoseconds: UInt64 = 50_000_000
  package var reconnectDelayMaxNanoseconds: UInt64 = 2_000_000_000
  /// How often the dialing side asks whether the other side is there.
  package var pingIntervalNanoseconds: UInt64 = 1_000_000_000
  /// A connection over which nothing came for this long is taken for dead. A half-open connection, whose other end is
  /// gone without a word, shows in no other way.
  package var silenceMaxNanoseconds: UInt64 = 3_000_000_000
  /// Posts that wait for one peer; beyond either limit the oldest are dropped.
  package var queuedPostsMax = 8192
  package var queuedPostBytesMax = 16 << 20
  /// Calls to one peer that have no answer yet; beyond it calls fail as overloaded.
  package var callsInFlightMax = 4096
  /// Bytes that wait to leave for one peer, besides posts. Beyond it calls fail as overloaded; an accepted connection
  /// whose other end does not take its answers is closed at four times as much.
  package var queuedBytesMax = 32 << 20
  /// Requests of one peer that run here at a time; beyond it they are answered as overloaded.
  package var requestsRunningMax = 4096
  /// Connections that have not introduced themselves yet.
  package var strangersMax = 64

  package init() {}
}
