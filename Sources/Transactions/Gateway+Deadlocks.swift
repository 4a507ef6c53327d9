import Coding
import Keys
import Operations
import Tablet
import Values

extension Gateway {
  /// Leaders here or elsewhere say who waits for whom; each waiting transaction's own gateway starts the probes.
  package func report(_ reports: [WaitReport]) {
    var byGateway: [NodeID: [WaitReport]] = [:]
    for report in reports { byGateway[report.waiting.gateway, default: []].append(report) }
    for (node, share) in byGateway.sorted(by: { $0.key < $1.key }) {
      if node == router.node {
        for report in share { begin(probesOf: report) }
      } else {
        var writer = ByteWriter()
        writer.writeArray(share) { $1.write(to: &$0) }
        send(.waitReports, writer.bytes, to: node)
      }
    }
  }

  private func begin(probesOf report: WaitReport) {
    guard let transaction = transactions[report.waiting] else { return }
    transaction.waits(for: report)
    for blocker in report.blockers where blocker != report.waiting {
      forward(DeadlockProbe(path: [report.waiting], target: blocker))
    }
  }

  private func forward(_ probe: DeadlockProbe) {
    if probe.target.gateway == router.node { return arrived(probe) }
    send(.deadlockProbe, probe.encoded(), to: probe.target.gateway)
  }

  private func arrived(_ probe: DeadlockProbe) {
    guard let target = transactions[probe.target], transactions.isNew(probe, now: router.now) else { return }
    for step in probe.step(blockers: target.blockers) {
      switch step {
      case .forward(let next): forward(next)
      case .found(let victim, let cycle):
        if victim.gateway == router.node {
          sacrifice(victim, cycle)
        } else {
          var writer = ByteWriter()
          writer.write(victim)
          writer.writeArray(cycle) { $0.write($1) }
          send(.deadlockVictim, writer.bytes, to: victim.gateway)
        }
      }
    }
  }

  private func sacrifice(_ victim: TransactionID, _ cycle: [TransactionID]) {
    guard let transaction = transactions[victim], !transaction.blockers.isEmpty else { return }
    router.runtime.faults.probe("a deadlock is broken")
    let waits = zip(cycle, cycle.dropFirst() + cycle.prefix(1)).map { "Transaction \($0) waits for transaction \($1)." }
    var error = SQLError(.deadlockDetected, "deadlock detected", hint: "Run the transaction again.")
    error.detail = waits.joined(separator: "\n")
    transaction.interrupt(error)
  }

  private func send(_ service: NodeService, _ bytes: [UInt8], to node: NodeID) {
    router.loop.spawn {
      _ = try? await self.router.transport.call(
        service.rawValue, bytes, to: node, timeoutNanoseconds: 1_000_000_000)
    }
  }

  // MARK: Answering other nodes

  /// Serves what other nodes' tablets and gateways ask for transactions' sake.
  package func serve() {
    let transport = router.transport
    let loop = router.loop
    transport.handle(NodeService.clock.rawValue, on: loop) { _, _, _ in
      var writer = ByteWriter()
      writer.writeFixed(self.clock.now().rawValue)
      return writer.bytes
    }
    transport.handle(NodeService.heartbeat.rawValue, on: loop) { _, bytes, _ in
      try await Heartbeat(decoding: bytes).deliver(to: self.router.tablets)
      return []
    }
    transport.handle(NodeService.openTransactions.rawValue, on: loop) { _, _, _ in
      var writer = ByteWriter()
      writer.writeArray(self.ownTransactions()) { $1.write(to: &$0) }
      return writer.bytes
    }
    transport.handle(NodeService.waitReports.rawValue, on: loop) { _, bytes, _ in
      var reader = ByteReader(bytes)
      for report in try reader.readArray({ reader throws(CodingError) in try WaitReport(from: &reader) }) {
        self.begin(probesOf: report)
      }
      return []
    }
    transport.handle(NodeService.deadlockProbe.rawValue, on: loop) { _, bytes, _ in
      self.arrived(try DeadlockProbe(decoding: bytes))
      return []
    }
    transport.handle(NodeService.deadlockVictim.rawValue, on: loop) { _, bytes, _ in
      var reader = ByteReader(bytes)
      let victim = try reader.readTransactionID()
      self.sacrifice(
        victim, try reader.readArray { reader throws(CodingError) in try reader.readTransactionID() })
      return []
    }
  }

  /// What the tablets of this node need of it.
  package var peerServices: TransactionPeers.Services {
    TransactionPeers.Services(
      status: { transaction, anchor in
        switch await self.step(.status, of: transaction, in: anchor) {
        case .done(.status(let status)): return status
        // It was taken away when all its decisions had been brought to everybody: there was none for this one.
        case .unknownTablet where self.services.wasRemoved(anchor): return .aborted
        default: return nil
        }
      },
      resolve: { await self.resolve($0) },
      report: { self.report($0) })
  }
}

extension GatewayTransaction {
  /// A leader says that a request of this transaction waits.
  func waits(for report: WaitReport) {
    let now = router.now
    state.withLock { state in
      var blockers = Set(report.blockers)
      var since = now
      // A statement may wait in several tablets at once; each says its own.
      if let known = state.wait, now - min(now, known.reported) < Self.waitLifetime {
        blockers.formUnion(known.blockers)
        since = known.since
      }
      state.wait = Wait(blockers: blockers.sorted(), table: report.table, since: since, reported: now)
    }
  }

  /// Whom it waits for, as far as leaders said so lately; none while it runs.
  var blockers: [TransactionID] {
    let now = router.now
    return state.withLock { state in
      guard let wait = state.wait, now - min(now, wait.reported) < Self.waitLifetime else { return [] }
      return wait.blockers
    }
  }

  /// Leaders report with every tick.
  private static var waitLifetime: UInt64 { 500_000_000 }
}
