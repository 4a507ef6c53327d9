/// Bounds and deadlines of the PostgreSQL front. Whatever a client can make grow has its limit here.
package struct WireSettings: Sendable {
  /// A startup packet with its length field; PostgreSQL's own cap.
  package var startupBytesMax = 10_000
  /// A message before authentication is complete.
  package var unauthenticatedBytesMax = 16 * 1024
  /// Any other message, without its type byte. Larger ones end the connection with 54000.
  package var messageBytesMax = 64 << 20
  /// What may wait undecoded before the connection stops reading its socket; a single larger message may pass it.
  package var inputBytesSoftMax = 64 * 1024
  /// What all connections together may hold in messages that are not complete yet. Beyond: 53200.
  package var inputBudgetBytes = 512 << 20

  /// Output leaves no later than at this size.
  package var flushBytes = 16 * 1024
  /// A connection whose client reads slowly counts as writable again below this much unsent output…
  package var outputBytesLow = 32 * 1024
  /// …and stops its statement beyond this much.
  package var outputBytesHigh = 128 * 1024
  /// How long a statement waits for a client that does not read. Then it is cancelled and the connection closed.
  package var writeNanoseconds: UInt64 = 60_000_000_000

  /// From accept to the end of authentication.
  package var authenticationNanoseconds: UInt64 = 10_000_000_000
  /// How long a graceful stop waits for running statements before it cancels them.
  package var shutdownNanoseconds: UInt64 = 10_000_000_000

  package var connectionsMax = 10_000
  package var unauthenticatedMax = 1_000
  package var unauthenticatedPerAddressMax = 200

  /// Which node this is, 0…2047: the upper bits of the process ids it gives out.
  package var nodeNumber: UInt16 = 0

  package init() {}
}
