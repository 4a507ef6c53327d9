import DequeModule
import NIOCore

/// One end of a simulated connection.
final class SimulatedConnection: Connection, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  private static let highWaterBytes = 1 << 20
  private static let lowWaterBytes = 512 << 10

  private enum Content {
    case bytes(ByteBuffer)
    /// The sender closed.
    case end
    /// The sender's process is gone.
    case reset
  }

  private struct Segment {
    /// Counts the segments of one direction.
    let number: UInt64
    let content: Content
  }

  private struct Callbacks {
    var received: @Sendable (ByteBuffer) -> Void
    var writable: @Sendable (Bool) -> Void
    var closed: @Sendable ((any Error)?) -> Void
  }

  let remote: Address
  let remoteNode: Int
  private let loop: SimulatedLoop
  private let network: SimulatedNetwork
  private unowned let world: SimulatedWorld
  /// While it is open, the network keeps it.
  private weak var peer: SimulatedConnection?

  private var callbacks: Callbacks?
  /// Bytes that came before `start`.
  private var early = Deque<ByteBuffer>()
  private var isOpen = true
  /// How it ended, until that is reported.
  private var end: (any Error)??
  private var isEndReported = false

  private var pending = ByteBuffer()
  private var isFlushScheduled = false
  private var segmentCount: UInt64 = 0
  /// Segments that were sent and did not arrive, because the link is cut; in order.
  private var held = Deque<Segment>()
  /// Counts how often `held` became non-empty.
  private var holds: UInt64 = 0
  private var lastArrival: UInt64 = 0
  /// Bytes that the peer has not taken.
  private var inFlightBytes = 0
  private var wasWritable = true

  var node: Int { loop.node }

  private init(loop: SimulatedLoop, remote: Address, remoteNode: Int, network: SimulatedNetwork) {
    self.loop = loop
    self.remote = remote
    self.remoteNode = remoteNode
    self.network = network
    world = loop.world
  }

  static func pair(
    dialing: SimulatedLoop, accepting: SimulatedLoop, address: Address, network: SimulatedNetwork
  ) -> (near: SimulatedConnection, far: SimulatedConnection) {
    let near = SimulatedConnection(loop: dialing, remote: address, remoteNode: accepting.node, network: network)
    let from = Address(host: "node\(dialing.node)", port: 1024)
    let far = SimulatedConnection(loop: accepting, remote: from, remoteNode: dialing.node, network: network)
    near.peer = far
    far.peer = near
    return (near, far)
  }

  // MARK: Connection

  func start(
    received: @escaping @Sendable (ByteBuffer) -> Void, writable: @escaping @Sendable (Bool) -> Void,
    closed: @escaping @Sendable ((any Error)?) -> Void
  ) {
    loop.checkIsolated()
    callbacks = Callbacks(received: received, writable: writable, closed: closed)
    loop.execute { [self] in
      while let bytes = early.popFirst() { self.callbacks?.received(bytes) }
      reportEnd()
    }
  }

  var isWritable: Bool { isOpen && inFlightBytes + pending.readableBytes < Self.highWaterBytes }

  func send(_ bytes: ByteBuffer) {
    loop.checkIsolated()
    guard isOpen, bytes.readableBytes > 0 else { return }
    pending.writeImmutableBuffer(bytes)
    if !isFlushScheduled {
      isFlushScheduled = true
      loop.execute { [self] in flush() }
    }
  }

  func close() {
    loop.checkIsolated()
    guard isOpen else { return }
    flush()
    send(.end)
    ended(nil)
  }

  // MARK: Sending

  private func flush() {
    isFlushScheduled = false
    guard isOpen, pending.readableBytes > 0 else { return }
    let bytes = pending
    pending = ByteBuffer()
    inFlightBytes += bytes.readableBytes
    if inFlightBytes >= Self.highWaterBytes, wasWritable {
      wasWritable = false
      loop.execute { [self] in callbacks?.writable(false) }
    }
    bytes.withUnsafeReadableBytes { world.record($0) }
    send(.bytes(bytes))
  }

  private func send(_ content: Content) {
    if case .bytes(var bytes) = content, bytes.readableBytes > 1, isSplit() {
      // A stream keeps its order, not its pieces.
      let count = Int(world.random.between(1, UInt64(bytes.readableBytes - 1)))
      if let head = bytes.readSlice(length: count) {
        sendPiece(.bytes(head))
        return sendPiece(.bytes(bytes))
      }
    }
    sendPiece(content)
  }

  private func sendPiece(_ content: Content) {
    segmentCount += 1
    let segment = Segment(number: segmentCount, content: content)
    if !held.isEmpty || network.isCut(from: node, to: remoteNode) { hold(segment) } else { transmit(segment) }
  }

  private func isSplit() -> Bool {
    let oneIn = world.settings.network.splitOneIn
    return oneIn > 0 && world.random.oneIn(oneIn)
  }

  private func transmit(_ segment: Segment) {
    let bytes = if case .bytes(let bytes) = segment.content { bytes.readableBytes } else { 0 }
    let latency = network.latency(from: node, to: remoteNode, bytes: bytes)
    lastArrival = max(lastArrival, world.nowNanoseconds + latency)
    world.schedule(afterTrue: lastArrival - world.nowNanoseconds) { [self] in arrive(segment) }
  }

  private func hold(_ segment: Segment) {
    // What was on its way when the link was cut is older than what was sent after that.
    let place = held.firstIndex { $0.number > segment.number } ?? held.endIndex
    held.insert(segment, at: place)
    guard held.count == 1 else { return }
    holds += 1
    let hold = holds
    world.schedule(afterTrue: world.settings.network.giveUpNanoseconds) { [self] in
      // Still the same wait: the kernel gives up. The other end hears nothing of it.
      if isOpen, holds == hold, !held.isEmpty { ended(NetworkFailure.timedOut) }
    }
  }

  /// The link is healed: what was held goes out with the kernel's next attempt.
  func resend() {
    if held.isEmpty { return }
    let range = world.settings.network.resendNanoseconds
    world.schedule(afterTrue: world.random.between(range.lowerBound, range.upperBound)) { [self] in
      if network.isCut(from: node, to: remoteNode) { return }
      let segments = held
      held = []
      for segment in segments { transmit(segment) }
      if !isOpen { network.forget(self) }
    }
  }

  private func arrive(_ segment: Segment) {
    if network.isCut(from: node, to: remoteNode) || !held.isEmpty { return hold(segment) }
    if let peer, peer.isOpen, !peer.loop.isDead { return peer.received(segment.content) }
    // Nobody has this connection any more. A machine that is up says so, one that is off does not.
    if world.node(remoteNode).hasPower, case .bytes = segment.content { breakSoon(.reset) }
  }

  // MARK: Receiving

  /// The segment reached this end's machine.
  private func received(_ content: Content) {
    switch content {
    case .bytes(let bytes):
      loop.execute { [self] in
        guard isOpen else { return }
        peer?.taken(bytes.readableBytes)
        deliver(bytes)
      }
    case .end: loop.execute { [self] in ended(nil) }
    case .reset: loop.execute { [self] in ended(NetworkFailure.reset) }
    }
  }

  private func deliver(_ bytes: ByteBuffer) {
    // After `start`, what came before it goes first.
    if let callbacks, early.isEmpty { callbacks.received(bytes) } else { early.append(bytes) }
  }

  /// The peer took bytes.
  private func taken(_ count: Int) {
    inFlightBytes -= count
    guard !wasWritable, inFlightBytes < Self.lowWaterBytes else { return }
    wasWritable = true
    loop.execute { [self] in if isOpen { callbacks?.writable(true) } }
  }

  // MARK: The end

  /// Breaks this end, a moment from now.
  func breakSoon(_ failure: NetworkFailure) {
    let latency = network.latency(from: remoteNode, to: node)
    world.schedule(afterTrue: latency) { [self] in
      loop.execute { [self] in ended(failure) }
    }
  }

  private func ended(_ error: (any Error)?) {
    guard isOpen else { return }
    isOpen = false
    pending = ByteBuffer()
    end = .some(error)
    // The closing side's last words are still on their way.
    if held.isEmpty { network.forget(self) }
    loop.execute { [self] in reportEnd() }
  }

  private func reportEnd() {
    guard case .some(let error) = end, !isEndReported, let callbacks else { return }
    isEndReported = true
    // Cuts the cycle between the connection and its user.
    self.callbacks = nil
    callbacks.closed(error)
  }

  /// This end's process is gone.
  func crashed(_ kind: SimulatedWorld.Crash) {
    guard isOpen else { return }
    isOpen = false
    switch kind {
    case .kill: send(.reset)
    case .powerCut: held = []
    }
    world.graveyard.append(callbacks as Any)
    callbacks = nil
    if held.isEmpty { network.forget(self) }
  }
}
