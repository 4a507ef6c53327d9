import Synchronization

/// What a gateway's reads of several tablets met since the start, for metrics.
package final class GatewayCounters: Sendable {
  package struct Values: Sendable {
    /// Reads that went to a later time than the one that they began with, because of newer rows.
    package var readsMoved: UInt64 = 0
    /// Tablets that were asked again for that.
    package var tabletsAskedAgain: UInt64 = 0
  }
  private let counted = Mutex(Values())

  package var values: Values { counted.withLock { $0 } }

  func readMoved(askingAgain tablets: Int) {
    counted.withLock {
      $0.readsMoved += 1
      $0.tabletsAskedAgain += UInt64(tablets)
    }
  }
}
