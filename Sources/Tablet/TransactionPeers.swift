import Keys
import Synchronization

/// How the tablets of a node reach what lies above them: the leaders of other tablets, and the gateways of transactions.
/// Installed once the node is put together.
package final class TransactionPeers: Sendable {
  package struct Services: Sendable {
    /// Asks a transaction's anchor; nil if it does not answer now.
    var status: @Sendable (TransactionID, _ anchor: TabletID) async -> TransactionStatus?
    /// Brings a decision to its participants; whether all of them have it.
    var resolve: @Sendable (Decision) async -> Bool
    /// Tells the gateways of transactions that wait.
    var report: @Sendable ([WaitReport]) -> Void

    package init(
      status: @escaping @Sendable (TransactionID, _ anchor: TabletID) async -> TransactionStatus?,
      resolve: @escaping @Sendable (Decision) async -> Bool, report: @escaping @Sendable ([WaitReport]) -> Void
    ) {
      self.status = status
      self.resolve = resolve
      self.report = report
    }
  }

  private let installed = Mutex<Services?>(nil)

  package init() {}

  package func install(_ services: Services) { installed.withLock { $0 = services } }
  var services: Services? { installed.withLock { $0 } }
}
