import NIOCore

/// The stream to one client, as a connection uses it, always on the connection's loop. What arrives goes the other way,
/// through `ClientConnection.received`, `writabilityChanged` and `disconnected`.
package protocol ClientSocket: Sendable {
  var peer: ClientAddress { get }
  /// Queues bytes to leave now.
  func send(_ bytes: ByteBuffer)
  /// False while more unsent bytes wait than the connection's settings allow.
  var isWritable: Bool { get }
  /// Starts or stops reading.
  func setReading(_ isOn: Bool)
  /// Closes when what was sent has left.
  func close()
  /// Closes without waiting for what was sent.
  func abort()
}

/// Where a client connects from.
package struct ClientAddress: Hashable, Sendable {
  /// An IP address as text, or empty where there is none.
  package var host: String
  package var isLoopback: Bool

  package init(host: String, isLoopback: Bool) {
    self.host = host
    self.isLoopback = isLoopback
  }
}
