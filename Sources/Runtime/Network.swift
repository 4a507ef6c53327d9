import NIOCore

/// Streams of bytes between nodes.
package protocol Network: Sendable {
  /// Accepts connections until the listener is closed. `accept` runs on `loop`.
  func listen(
    on address: Address, loop: any Loop, accept: @escaping @Sendable (any Connection) -> Void
  ) async throws -> any Listener
  /// Opens a connection whose events come on `loop`.
  func connect(to address: Address, loop: any Loop, timeoutNanoseconds: UInt64) async throws -> any Connection
}

/// A host (name or IP literal) and a TCP port.
package struct Address: Hashable, Sendable, CustomStringConvertible {
  package var host: String
  package var port: Int
  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

package protocol Listener: Sendable {
  var address: Address { get }
  func close()
}

/// One ordered, reliable stream of bytes, until it breaks. All calls and callbacks are on the connection's loop.
package protocol Connection: AnyObject, Sendable {
  var remote: Address { get }
  /// Starts delivery. `received` gets bytes in order, in pieces of any size; `closed` comes once, last.
  func start(
    received: @escaping @Sendable (ByteBuffer) -> Void, writable: @escaping @Sendable (Bool) -> Void,
    closed: @escaping @Sendable ((any Error)?) -> Void
  )
  /// Queues bytes; what is queued in one turn of the loop leaves together.
  func send(_ bytes: ByteBuffer)
  /// False while more than about 1 MiB waits to leave.
  var isWritable: Bool { get }
  func close()
}
