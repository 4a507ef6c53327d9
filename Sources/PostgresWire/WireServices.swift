import Logging
import Runtime
import SQL
import Synchronization
import Values

/// What all connections of one server share.
package final class WireServices: Sendable {
  package let settings: WireSettings
  let factory: any SessionFactory
  let random: any RandomSource
  let logger: Logger
  /// Called for a cancel request whose key another node gave out.
  let forwardCancel: @Sendable (CancelKey) -> Void
  package let cancelKeys: CancelKeys
  let totals = WireTotals()
  private let admission: Mutex<Admission>
  private let inputBytes = Atomic<Int>(0)

  package init(
    settings: WireSettings, factory: any SessionFactory, random: any RandomSource,
    logger: Logger = Logger(label: "apus.wire"), forwardCancel: @escaping @Sendable (CancelKey) -> Void = { _ in }
  ) {
    self.settings = settings
    self.factory = factory
    self.random = random
    self.logger = logger
    self.forwardCancel = forwardCancel
    cancelKeys = CancelKeys(nodeNumber: settings.nodeNumber)
    admission = Mutex(Admission(settings: settings))
  }

  package var counters: WireCounters {
    var counters = totals.snapshot
    admission.withLock { admission in
      counters.connectionsAuthenticated = admission.authenticated
      counters.connectionsOpen = admission.authenticated + admission.unauthenticated
    }
    return counters
  }

  /// A client was accepted.
  /// - Returns: why it must go again; nil if it may stay, and then `ClientConnection.run` gives its place back.
  package func arrive(from peer: ClientAddress) -> SQLError? {
    let refusal = admit { $0.arrive(from: peer.host) }
    var arrival = WireCounters()
    arrival.connectionsAccepted = 1
    arrival.connectionsRefused = refusal == nil ? 0 : 1
    totals.add(arrival)
    return refusal
  }

  func admit<T>(_ body: (inout Admission) -> T) -> T where T: Sendable {
    admission.withLock { body(&$0) }
  }

  /// Charges a change of what a connection holds in incomplete messages.
  /// - Returns: whether all of them are within the budget.
  func chargeInput(_ change: Int) -> Bool {
    inputBytes.wrappingAdd(change, ordering: .relaxed).newValue <= settings.inputBudgetBytes
  }
}
