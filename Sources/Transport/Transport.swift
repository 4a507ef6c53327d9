import Keys
import Logging
import Runtime

/// Messages between the nodes of a cluster: posts that may be lost, and calls that are answered.
///
/// Each node dials each of its peers, sends its own posts and calls over that connection, and gets their answers there.
/// All state lives on one loop; every method may be called from anywhere.
package final class Transport: @unchecked Sendable {
  // `@unchecked`: `links`, `accepted`, `listener` and the counters are touched only on the core's loop.

  private let core: TransportCore
  private let local: LocalCalls
  private var links: [NodeID: PeerLink] = [:]
  private var accepted: [UInt64: AcceptedLink] = [:]
  private var acceptedCount: UInt64 = 0
  private var listener: (any Listener)?
  private var lastTickNanoseconds: UInt64 = 0
  private var isStopped = false

  /// - Parameter verifyPeer: asked on the loop about every node that introduces itself, after its cluster and
  ///   protocol version were found right.
  package init(
    identity: NodeIdentity, runtime: Runtime, loop: any Loop, clock: HybridClock,
    settings: TransportSettings = TransportSettings(), logger: Logger = Logger(label: "apus.transport"),
    verifyPeer: @escaping @Sendable (NodeIdentity) -> PeerVerdict
  ) {
    core = TransportCore(
      identity: identity, runtime: runtime, loop: loop, clock: clock, settings: settings, logger: logger,
      verifyPeer: verifyPeer)
    local = LocalCalls(core: core)
  }

  package var identity: NodeIdentity { core.identity }

  // MARK: Life

  /// Accepts connections and starts to look after them.
  /// - Throws: what the network says if the address cannot be listened on.
  /// - Returns: the address listened on, with the port that was chosen if it was given as 0.
  @discardableResult
  package func start(listenOn address: Address) async throws -> Address {
    await onLoop { self.core.introduced = { [weak self] in self?.introduced($0, $1) } }
    let listener = try await core.runtime.network.listen(on: address, loop: core.loop) { [self] in accept($0) }
    await onLoop {
      self.listener = listener
      self.lastTickNanoseconds = self.core.now
      self.scheduleTick()
    }
    return listener.address
  }

  /// Says who the peers are and where. New ones are dialed, ones that are gone are let go.
  package func setPeers(_ peers: [NodeID: Address]) {
    core.onLoop { [self] in
      for node in links.keys.sorted() where peers[node] != links[node]?.address {
        links.removeValue(forKey: node)?.stop(because: "no longer a peer at this address")
        if peers[node] == nil { core.removeMeter(of: node) }
      }
      for (node, address) in peers.sorted(by: { $0.key < $1.key })
      where links[node] == nil && node != core.identity.node && !isStopped {
        let link = PeerLink(node: node, address: address, core: core, meter: core.addMeter(of: node))
        links[node] = link
        link.dial()
      }
    }
  }

  /// Closes every connection. Calls that wait fail, requests that run are cancelled.
  package func stop() async {
    await onLoop { [self] in
      isStopped = true
      listener?.close()
      listener = nil
      for (_, link) in links.sorted(by: { $0.key < $1.key }) { link.stop(because: "this node is stopping") }
      for (_, link) in accepted.sorted(by: { $0.key < $1.key }) { link.close(because: "this node is stopping") }
      local.stop()
    }
  }

  private func accept(_ connection: any Connection) {
    let strangers = accepted.values.count { $0.identity == nil }
    guard !isStopped, strangers < core.settings.strangersMax else { return connection.close() }
    acceptedCount += 1
    let link = AcceptedLink(connection, number: acceptedCount, core: core)
    accepted[link.number] = link
    link.start { [self] in accepted[link.number] = nil }
  }

  /// A peer has one connection to us: an older one is half-open, or of an earlier incarnation.
  private func introduced(_ link: AcceptedLink, _ identity: NodeIdentity) {
    let replaced = accepted.values.filter { $0 !== link && $0.identity?.node == identity.node }
    for old in replaced.sorted(by: { $0.number < $1.number }) { old.close(because: "replaced by a new connection") }
  }

  private func scheduleTick() {
    core.loop.schedule(after: core.settings.pingIntervalNanoseconds) { [weak self] in self?.tick() }
  }

  private func tick() {
    if isStopped { return }
    let now = core.now
    // A tick that comes much too late means that this process stood still, and heard nothing for that reason.
    let stoodStill = now - lastTickNanoseconds > core.settings.pingIntervalNanoseconds / 2 * 3
    lastTickNanoseconds = now
    for (_, link) in links.sorted(by: { $0.key < $1.key }) { link.tick(now: now, forgiveSilence: stoodStill) }
    for (_, link) in accepted.sorted(by: { $0.key < $1.key }) { link.tick(now: now, forgiveSilence: stoodStill) }
    scheduleTick()
  }

  private func onLoop(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      core.onLoop {
        body()
        continuation.resume()
      }
    }
  }

  // MARK: Posts

  /// Sends a message that may be lost: it is dropped when the peer is away, when its connection breaks, and, oldest
  /// first, when too many wait. Never delivered twice; posts of one connection arrive in order.
  package func post(_ payload: [UInt8], channel: UInt8, to node: NodeID) {
    guard payload.count <= core.settings.payloadBytesMax else {
      core.logger.error("a post is too long and was dropped", metadata: ["bytes": "\(payload.count)"])
      return
    }
    if node == core.identity.node {
      core.loop.execute { [core] in core.handlers.post(channel)?.deliver(from: node, payload) }
      return
    }
    core.onLoop { [self] in links[node]?.post(payload, channel: channel) }
  }

  /// Takes the posts of a channel, on the given loop.
  package func onPost(channel: UInt8, on loop: any Loop, _ handler: @escaping PostHandler) {
    core.handlers.set(channel, Handlers.Post(loop: loop, body: handler))
  }

  // MARK: Calls

  /// Sends a request and waits for its answer. A cancellation of the task reaches the handler.
  package func call(
    _ service: UInt8, _ payload: [UInt8], to node: NodeID, timeoutNanoseconds: UInt64
  ) async throws(TransportError) -> [UInt8] {
    guard payload.count <= core.settings.payloadBytesMax else {
      throw .refused(reason: "a request of \(payload.count) bytes is too long")
    }
    if Task.isCancelled { throw .cancelled }
    let (deadline, overflow) = core.now.addingReportingOverflow(timeoutNanoseconds)
    let call = OutgoingCall(
      node: node, service: service, payload: payload, deadlineNanoseconds: overflow ? .max : deadline)
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        core.onLoop { [self] in begin(call, continuation) }
      }
    } onCancel: {
      // Not at once, even on the loop: the cancellation may come from inside the code that begins the call.
      core.loop.execute { [self] in cancel(call) }
    }
    return try answer.get()
  }

  private func begin(_ call: OutgoingCall, _ continuation: CheckedContinuation<OutgoingCall.Answer, Never>) {
    guard call.begin(continuation) else { return }
    if isStopped { return call.finish(.failure(.unreachable(call.node))) }
    if call.node == core.identity.node { return local.begin(call) }
    guard let link = links[call.node] else { return call.finish(.failure(.unreachable(call.node))) }
    link.begin(call)
  }

  private func cancel(_ call: OutgoingCall) {
    if call.isFinished { return }
    if call.node == core.identity.node {
      local.end(call) { _ in .cancelled }
    } else {
      links[call.node]?.end(call) { _ in .cancelled }
    }
    // The call may not have begun.
    call.finish(.failure(.cancelled))
  }

  /// Answers the requests of a service, on the given loop.
  /// - Parameter atOnce: asked first by requests of other nodes: an answer that is there needs no task.
  package func handle(
    _ service: UInt8, on loop: any Loop, atOnce: RequestHandlerAtOnce? = nil, _ handler: @escaping RequestHandler
  ) {
    core.handlers.set(service, Handlers.Request(loop: loop, body: handler, atOnce: atOnce))
  }

  // MARK: Peers

  package func peerStatus() -> [NodeID: PeerStatus] { core.statuses }

  /// Calls `observer` on the transport's loop whenever the connection to a peer comes or goes.
  package func onPeerChange(_ observer: @escaping @Sendable (NodeID, PeerChange) -> Void) {
    core.observe(observer)
  }
}
