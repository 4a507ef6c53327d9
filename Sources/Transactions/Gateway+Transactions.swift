import Coding
import Keys
import Operations
import Runtime
import Tablet
import Transport
import Values

extension Gateway {
  package func begin(_ options: TransactionOptions) -> any Transaction { beginTransaction(options) }

  package func beginTransaction(_ options: TransactionOptions) -> GatewayTransaction {
    let id = TransactionID(start: clock.now(), client: router.ids.client, gateway: router.node)
    let transaction = GatewayTransaction(id: id, options: options, gateway: self)
    if transactions.add(transaction) { scheduleHeartbeat() }
    return transaction
  }

  /// When a transaction of this gateway committed; `keepCommitTimes` must have been called before. For checkers.
  package func takeCommitTime(of id: TransactionID) -> HybridTime? { transactions.takeCommitTime(of: id) }
  package func keepCommitTimes() { transactions.keepCommitTimes() }

  // MARK: Snapshots

  /// Now, by this node's clock: what was committed before in real time may have a later time, up to the limit.
  func uncertainSnapshot() -> GatewayTransaction.Snapshot {
    let now = clock.now()
    return GatewayTransaction.Snapshot(
      time: now, uncertaintyLimit: now.adding(microseconds: router.settings.maxSkewMicroseconds))
  }

  /// A time that no commit before this call is later than: the greatest of all nodes' clocks. Where a node does not
  /// answer, what it may have committed stays in doubt.
  func certainSnapshot() async -> GatewayTransaction.Snapshot {
    let members = Set(catalog.nodes.keys).subtracting([router.node])
    let live = services.liveNodes()
    let times = await withTaskGroup(of: HybridTime?.self) { group in
      for node in members.sorted() where live.contains(node) {
        group.addTask { await self.time(of: node) }
      }
      var times: [HybridTime?] = []
      for await time in group { times.append(time) }
      return times
    }
    var latest = clock.now()
    for case let time? in times {
      // A clock that is too far ahead is not followed; what it has committed stays in doubt.
      if (try? clock.observe(time)) != nil { latest = max(latest, time) }
    }
    let isCertain = times.count == members.count && times.allSatisfy { $0.map { $0 <= latest } ?? false }
    let limit = isCertain ? latest : latest.adding(microseconds: router.settings.maxSkewMicroseconds)
    return GatewayTransaction.Snapshot(time: latest, uncertaintyLimit: limit)
  }

  private func time(of node: NodeID) async -> HybridTime? {
    guard
      let bytes = try? await router.transport.call(
        NodeService.clock.rawValue, [], to: node, timeoutNanoseconds: 200_000_000)
    else { return nil }
    var reader = ByteReader(bytes)
    return (try? reader.readFixed()).map { HybridTime(rawValue: $0) }
  }

  // MARK: Decisions

  /// Brings a commit to those who have staged something, and has the anchor forget it when all of them have it.
  func spread(
    _ id: TransactionID, commitTime: HybridTime, to participants: [GatewayTransaction.Participant],
    anchor: GatewayTransaction.Participant
  ) {
    router.loop.spawn {
      if self.router.runtime.faults.perturb("a gateway dies between commit and resolution") { return }
      let decision = Decision(
        transaction: id, commitTime: commitTime, participants: participants.map(\.tablet.id))
      guard await self.resolve(decision) else { return }
      if self.transactions.forget(id, at: anchor.tablet.id) {
        self.router.loop.schedule(after: Self.forgetDelay) { self.forget() }
      }
    }
  }

  private static var forgetDelay: UInt64 { 100_000_000 }

  /// Whether all participants have resolved the transaction.
  func resolve(_ decision: Decision) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      for tablet in decision.participants {
        group.addTask {
          let answer = await self.step(
            .resolve(commitTime: decision.commitTime), of: decision.transaction, in: tablet)
          // A dropped tablet has nothing left to resolve.
          if case .unknownTablet = answer { return self.catalog.tablets[tablet] == nil }
          if case .done = answer { return true } else { return false }
        }
      }
      var all = true
      for await result in group { all = all && result }
      return all
    }
  }

  private func forget() {
    for (anchor, ids) in transactions.takeForgettable() {
      router.loop.spawn { _ = await self.step(.forget(ids), of: ids[0], in: anchor) }
    }
  }

  /// A step for a tablet that is known by its id alone; nil if nobody answers.
  func step(
    _ step: TransactionStep, of transaction: TransactionID, in tablet: TabletID, patience: UInt64 = 5_000_000_000
  ) async -> TabletAnswer<TransactionAnswer>? {
    let members: [NodeID]
    if let descriptor = catalog.tablets[tablet] {
      members = descriptor.replicas.map(\.node)
    } else if tablet == .catalog {
      members = services.catalogMembers
    } else {
      return .unknownTablet
    }
    let request = TransactionRequest(tablet: tablet, transaction: transaction, epoch: 0, step: step)
    return try? await router.step(
      request, members: members, deadline: Deadline(nanoseconds: router.now &+ patience), isWrite: false)
  }

  /// Whether no transaction needs a tablet of a dropped table any more.
  package func isDrained(_ tablet: TabletID) async -> Bool {
    let nobody = TransactionID(start: .zero, client: router.ids.client, gateway: router.node)
    if case .done = await step(.drain, of: nobody, in: tablet, patience: 300_000_000) { return true }
    return false
  }

  // MARK: Heartbeats

  private static var heartbeatInterval: UInt64 { 1_000_000_000 }

  private func scheduleHeartbeat() {
    router.loop.schedule(after: Self.heartbeatInterval) { self.beat() }
  }

  /// Tells the leaders that hold something for transactions of this node that those are alive.
  private func beat() {
    let all = transactions.beating()
    if all.isEmpty { return }
    scheduleHeartbeat()
    var byNode: [NodeID: [TabletID: [TransactionID]]] = [:]
    for transaction in all {
      for tablet in transaction.state.withLock({ $0.participants.keys.sorted() }) {
        guard let node = router.knownLeader(of: tablet) else { continue }
        byNode[node, default: [:]][tablet, default: []].append(transaction.id)
      }
    }
    for (node, tablets) in byNode.sorted(by: { $0.key < $1.key }) {
      let heartbeat = Heartbeat(tablets: tablets.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      router.loop.spawn {
        if node == self.router.node {
          await heartbeat.deliver(to: self.router.tablets)
        } else {
          _ = try? await self.router.transport.call(
            NodeService.heartbeat.rawValue, heartbeat.encoded(), to: node, timeoutNanoseconds: 1_000_000_000)
        }
      }
    }
  }
}

/// The transactions of a gateway that are alive, by the tablets in which they have something.
struct Heartbeat: Sendable {
  var tablets: [(tablet: TabletID, transactions: [TransactionID])]

  func deliver(to directory: TabletDirectory) async {
    for (tablet, transactions) in tablets {
      await directory.host(of: tablet).heard(of: transactions, in: tablet)
    }
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeArray(tablets) { writer, entry in
      writer.writeVarint(entry.tablet.rawValue)
      writer.writeArray(entry.transactions) { $0.write($1) }
    }
    return writer.bytes
  }

  init(tablets: [(tablet: TabletID, transactions: [TransactionID])]) { self.tablets = tablets }

  init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    tablets = try reader.readArray(minimumSize: 2) { reader throws(CodingError) in
      (
        TabletID(try reader.readVarint()),
        try reader.readArray(minimumSize: 17) { reader throws(CodingError) in try reader.readTransactionID() }
      )
    }
  }
}
