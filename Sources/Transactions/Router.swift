import Coding
import Keys
import Logging
import Operations
import Runtime
import Schema
import Synchronization
import Tablet
import Transport
import Values

/// Finds the leader of a tablet and keeps asking until it has an answer or the time is over.
///
/// A mutation carries its request id on every attempt, so asking again after a lost answer is safe; an outcome is
/// reported as unknown (40003) only when time ran out while it was.
package final class Router: Sendable {
  let node: NodeID
  let runtime: Runtime
  let transport: Transport
  let tablets: TabletDirectory
  let catalog: CatalogBox
  let settings: RouterSettings
  let ids: RequestIDSource
  private let leaders = Mutex<[TabletID: NodeID]>([:])

  package init(
    node: NodeID, runtime: Runtime, transport: Transport, tablets: TabletDirectory, catalog: CatalogBox,
    settings: RouterSettings, ids: RequestIDSource
  ) {
    self.node = node
    self.runtime = runtime
    self.transport = transport
    self.tablets = tablets
    self.catalog = catalog
    self.settings = settings
    self.ids = ids
  }

  package var now: UInt64 { runtime.clock.monotonicNanoseconds() }
  var loop: any Loop { tablets.hosts[0].loop }

  /// One attempt at one node.
  package enum Attempt<Value: Sendable>: Sendable {
    case answer(TabletAnswer<Value>)
    /// The request did not get there, or its answer did not come back.
    case lost(mayHaveRun: Bool, reason: String)
  }

  /// Asks the tablet's members until one answers.
  /// - Parameters:
  ///   - members: where its replicas are, preferred leader first.
  ///   - isWrite: whether an attempt whose answer was lost may have changed something.
  ///   - needsRoom: whether there is no point in going on while the disks of most members are full.
  ///   - isLong: whether an answer may take long to make, as it does where very many rows are looked at.
  func ask<Value: Sendable>(
    _ tablet: TabletID, members: [NodeID], deadline: Deadline?, isWrite: Bool, needsRoom: Bool = false,
    isLong: Bool = false, _ attempt: (NodeID, UInt64) async -> Attempt<Value>
  ) async throws(SQLError) -> TabletAnswer<Value> {
    let patience = isLong ? settings.longAttemptNanoseconds : settings.attemptNanoseconds
    let giveUp = min(deadline?.nanoseconds ?? .max, now + settings.retryNanoseconds)
    var target = leaders.withLock { $0[tablet] } ?? members.first
    var backoff = settings.backoffNanoseconds
    var mayHaveRun = false
    var lastReason = "no replica answered"
    var full: Set<NodeID> = []
    while true {
      if Task.isCancelled { throw Self.cancelled(mayHaveRun: mayHaveRun) }
      let time = now
      guard let node = target, time < giveUp else {
        throw Self.timedOut(
          mayHaveRun: mayHaveRun, byStatement: deadline.map { $0.nanoseconds <= now } ?? false, lastReason)
      }
      var wait = true
      full.remove(node)
      var result = await attempt(node, min(patience, giveUp - time))
      if runtime.faults.perturb("lose an answer of a tablet") {
        result = .lost(mayHaveRun: true, reason: "the answer was lost on purpose")
      }
      switch result {
      case .answer(let answer):
        switch answer {
        case .failed(let error) where error.state == .diskFull && mayHaveRun:
          // A lost attempt may yet be carried out, when there is room again.
          throw Self.diskFull(mayHaveRun: true)
        case .done, .failed, .uncertain, .schemaMismatch:
          leaders.withLock { $0[tablet] = node }
          return answer
        case .notLeader(let hint):
          lastReason = "the tablet has no leader"
          if let hint, hint != node {
            // Followed at once, but with a growing pause if two nodes keep pointing at each other.
            target = hint
            wait = backoff > settings.backoffNanoseconds
            backoff = min(backoff * 2, settings.backoffMaxNanoseconds)
          } else {
            target = Self.member(after: node, in: members)
          }
        case .notReady: lastReason = "the tablet's leader is not ready"
        case .noRoom:
          lastReason = "the disk of \(node) is full"
          full.insert(node)
          if needsRoom, full.count * 2 > members.count { throw Self.diskFull(mayHaveRun: mayHaveRun) }
          target = Self.member(after: node, in: members)
        case .unknownTablet:
          if catalog.current.tablets[tablet] == nil, tablet != .catalog { return answer }
          lastReason = "a replica is not open yet"
          target = Self.member(after: node, in: members)
        case .outcomeUnknown:
          mayHaveRun = mayHaveRun || isWrite
          lastReason = "the leader changed"
        }
      case .lost(let ran, let reason):
        mayHaveRun = mayHaveRun || (ran && isWrite)
        lastReason = reason
        target = Self.member(after: node, in: members)
      }
      if wait {
        // Between half and the whole of it, so that many waiting requests do not come back together.
        let pause = backoff / 2 + runtime.random.next() % (backoff / 2 + 1)
        await loop.sleep(nanoseconds: pause)
        backoff = min(backoff * 2, settings.backoffMaxNanoseconds)
      }
    }
  }

  private static func member(after node: NodeID, in members: [NodeID]) -> NodeID? {
    guard let index = members.firstIndex(of: node) else { return members.first }
    return members[(index + 1) % members.count]
  }

  private static func cancelled(mayHaveRun: Bool) -> SQLError {
    guard mayHaveRun else { return SQLError(.queryCanceled, "canceling statement due to user request") }
    return unknown("The statement was cancelled while its outcome was not known.")
  }

  private static func timedOut(mayHaveRun: Bool, byStatement: Bool, _ reason: String) -> SQLError {
    if mayHaveRun { return unknown("The time was over before the cluster could say (\(reason)).") }
    if byStatement {
      return SQLError(.queryCanceled, "canceling statement due to statement timeout", detail: "Last state: \(reason).")
    }
    return SQLError(
      .cannotConnectNow, "the data is not available now: \(reason)", detail: "Nothing was changed.",
      hint: "A majority of the tablet's replicas must be alive; see the view sys.tablets.")
  }

  private static func diskFull(mayHaveRun: Bool) -> SQLError {
    if mayHaveRun { return unknown("The disks of most of the tablet's replicas are full.") }
    return .diskFull
  }

  private static func unknown(_ detail: String) -> SQLError {
    SQLError(
      .statementCompletionUnknown, "the outcome of the statement is unknown", detail: detail,
      hint: "It may or may not have taken effect: look before you run it again.")
  }

  /// A call to another node, as an attempt.
  package func remote<Value: Sendable>(
    _ node: NodeID, _ service: NodeService, _ payload: [UInt8], timeout: UInt64,
    _ decode: ([UInt8]) throws -> TabletAnswer<Value>
  ) async -> Attempt<Value> {
    do throws(TransportError) {
      let bytes = try await transport.call(
        service.rawValue, payload, to: node, timeoutNanoseconds: timeout)
      do {
        return .answer(try decode(bytes))
      } catch {
        return .lost(mayHaveRun: true, reason: "\(node) answered what cannot be read: \(error)")
      }
    } catch {
      switch error {
      case .unreachable, .refused, .overloaded: return .lost(mayHaveRun: false, reason: "\(error)")
      case .timedOut(let ran), .disconnected(let ran): return .lost(mayHaveRun: ran, reason: "\(node): \(error)")
      case .remote: return .lost(mayHaveRun: true, reason: "\(node): \(error)")
      case .cancelled: return .lost(mayHaveRun: true, reason: "cancelled")
      }
    }
  }

  // MARK: The requests of a tablet

  /// A write: a transaction of its own, or a statement of one.
  func mutate(
    _ tablet: TabletDescriptor, _ payload: MutateRequest.Payload, transaction: TransactionContext? = nil,
    deadline: Deadline?
  ) async throws(SQLError) -> TabletAnswer<MutateAnswer> {
    let ticket = ids.next()
    defer { ids.finished(ticket.id) }
    let request = MutateRequest(
      tablet: tablet.id, id: ticket.id, floor: ticket.floor, payload: payload, transaction: transaction)
    // Nothing of a transaction's statement counts before its commit.
    let result: Result<TabletAnswer<MutateAnswer>, SQLError> = await withTaskCancellationHandler {
      do throws(SQLError) {
        return .success(
          try await ask(
            tablet.id, members: tablet.replicas.map(\.node), deadline: deadline, isWrite: transaction == nil,
            needsRoom: true, isLong: request.searchedSelection?.isRange ?? false
          ) { node, timeout in
            if node == self.node { return .answer(await self.tablets.host(of: tablet.id).mutate(request)) }
            return await self.remote(node, .mutate, request.encoded(), timeout: timeout) {
              try TabletAnswer(decoding: $0) { reader throws(CodingError) in try reader.readMutateAnswer() }
            }
          })
      } catch {
        return .failure(error)
      }
    } onCancel: {
      if transaction == nil { withdraw(ticket.id, from: tablet) }
    }
    return try result.get()
  }

  /// A cancelled write may be waiting for a lock: it is to stop.
  private func withdraw(_ id: RequestID, from tablet: TabletDescriptor) {
    let request = TransactionRequest(
      tablet: tablet.id, transaction: TransactionID(start: .zero, client: id.client, gateway: node), epoch: 0,
      step: .withdraw(id))
    loop.spawn {
      _ = try? await self.step(request, members: tablet.replicas.map(\.node), deadline: nil, isWrite: false)
    }
  }

  /// A step of a transaction as a whole.
  func step(
    _ request: TransactionRequest, members: [NodeID], deadline: Deadline?, isWrite: Bool
  ) async throws(SQLError) -> TabletAnswer<TransactionAnswer> {
    let needsRoom =
      switch request.step {
      case .prepare, .commit: true
      case .ending, .validate, .rollBack, .abort, .resolve, .forget, .withdraw, .drain, .status: false
      }
    return try await ask(
      request.tablet, members: members, deadline: deadline, isWrite: isWrite, needsRoom: needsRoom
    ) { node, timeout in
      if node == self.node { return .answer(await self.tablets.host(of: request.tablet).step(request)) }
      return await self.remote(node, .transaction, request.encoded(), timeout: timeout) {
        try TabletAnswer(decoding: $0) { reader throws(CodingError) in try reader.readTransactionAnswer() }
      }
    }
  }

  func step(
    _ step: TransactionStep, of transaction: TransactionID, in participant: GatewayTransaction.Participant,
    deadline: Deadline?, isWrite: Bool = false
  ) async throws(SQLError) -> TabletAnswer<TransactionAnswer> {
    try await self.step(
      TransactionRequest(
        tablet: participant.tablet.id, transaction: transaction, epoch: participant.epoch ?? 0, step: step),
      members: participant.tablet.replicas.map(\.node), deadline: deadline, isWrite: isWrite)
  }

  /// Who leads a tablet, as far as this node knows.
  func knownLeader(of tablet: TabletID) -> NodeID? { leaders.withLock { $0[tablet] } }

  func read(
    _ tablet: TabletDescriptor, _ request: ReadRequest, deadline: Deadline?
  ) async throws(SQLError) -> TabletAnswer<ReadAnswer> {
    try await ask(
      tablet.id, members: tablet.replicas.map(\.node), deadline: deadline, isWrite: false,
      isLong: request.read.selection.isRange
    ) { node, timeout in
      if node == self.node { return .answer(await self.tablets.host(of: tablet.id).read(request)) }
      return await self.remote(node, .read, request.encoded(), timeout: timeout) {
        try TabletAnswer(decoding: $0) { reader throws(CodingError) in try ReadAnswer(from: &reader) }
      }
    }
  }
}

extension KeySelection {
  fileprivate var isRange: Bool { if case .ranges = self { true } else { false } }
}

/// How long the router insists.
package struct RouterSettings: Sendable {
  /// In all, where the statement has no deadline of its own.
  package var retryNanoseconds: UInt64 = 60_000_000_000
  /// One attempt at one node.
  package var attemptNanoseconds: UInt64 = 5_000_000_000
  /// One attempt that may have to look at very many rows. That a node is gone shows sooner, by its connection.
  package var longAttemptNanoseconds: UInt64 = 60_000_000_000
  package var backoffNanoseconds: UInt64 = 4_000_000
  package var backoffMaxNanoseconds: UInt64 = 200_000_000
  /// How far apart the clocks of two nodes may be, in microseconds.
  package var maxSkewMicroseconds: UInt64 = 500_000
  /// Rows and bytes of one batch of a read.
  package var batchRowsMax = 4096
  package var batchBytesMax = 1 << 20

  /// A transaction that writes more to its anchor stages that there, too, in pieces.
  package var inlineCommitBytesMax = 1 << 20
  /// How long a change of a table waits for a transaction that has written to it; then that one fails.
  package var schemaPatienceNanoseconds: UInt64 = 4_000_000_000

  package init() {}
}
