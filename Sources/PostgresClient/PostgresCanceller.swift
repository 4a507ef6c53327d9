import CLibPQ

/// Asks a server to cancel what one session runs. May be used from any thread.
package final class PostgresCanceller: Sendable {
  // libpq: a PGcancel is not changed after it is made, and PQcancel may be called from other threads.
  private nonisolated(unsafe) let handle: OpaquePointer?

  init(_ connection: OpaquePointer) { handle = PQgetCancel(connection) }

  deinit { PQfreeCancel(handle) }

  /// - Returns: whether the wish was sent; whether it has an effect is seen at the statement.
  @discardableResult
  package func cancel() -> Bool {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
      PQcancel(handle, message.baseAddress, 256) == 1
    }
  }
}
