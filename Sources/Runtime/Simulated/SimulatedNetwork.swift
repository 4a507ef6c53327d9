import NIOCore

/// Why a simulated connection failed.
package enum NetworkFailure: Error, Hashable, Sendable {
  /// The machine is there, and nobody listens.
  case refused
  /// No answer.
  case timedOut
  /// The other side, or somebody between, broke the connection.
  case reset
  case addressInUse
}

/// The network between simulated nodes: ordered streams with delays, and everything that can cut them.
///
/// Bytes on a cut link are not lost: as with TCP they are sent again, and arrive some time after the link is healed,
/// unless the connection is given up before that.
package final class SimulatedNetwork: @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  package struct Settings: Sendable {
    /// One way.
    package var latencyNanoseconds: ClosedRange<UInt64> = 50_000...500_000
    /// One delivery in so many takes up to fifty times as long; 0 for never.
    package var slowOneIn: UInt64 = 100
    /// One piece in so many arrives in two parts; 0 for never.
    package var splitOneIn: UInt64 = 8
    /// Bytes per microsecond over one connection.
    package var bytesPerMicrosecond: UInt64 = 1_000
    /// How long after a link is healed the next attempt to send comes.
    package var resendNanoseconds: ClosedRange<UInt64> = 10_000_000...800_000_000
    /// How long bytes may wait on a cut link before their sender's kernel gives the connection up.
    package var giveUpNanoseconds: UInt64 = 60_000_000_000

    package init() {}
  }

  struct Direction: Hashable {
    let from: Int
    let to: Int
  }

  private unowned let world: SimulatedWorld
  private var listeners: [Address: SimulatedListener] = [:]
  /// Who last listened at an address: after a crash it is still that machine that does not answer.
  private var owners: [Address: Int] = [:]
  private var cuts: Set<Direction> = []
  private var latencies: [Direction: ClosedRange<UInt64>] = [:]
  /// Live connections, both ends, in the order in which they were made.
  private var endpoints: [SimulatedConnection] = []
  private var nextPort = 20_000

  init(world: SimulatedWorld) {
    self.world = world
  }

  // MARK: Faults

  /// Lets nothing pass from one node to another; the way back stays open.
  package func cut(from: Int, to: Int) {
    world.record(UInt64(bitPattern: Int64(from << 8 | to)))
    cuts.insert(Direction(from: from, to: to))
  }

  package func cutBoth(_ a: Int, _ b: Int) {
    cut(from: a, to: b)
    cut(from: b, to: a)
  }

  /// Nodes of different groups cannot reach each other. Nodes in no group keep all their links.
  package func partition(_ groups: [[Int]]) {
    for (index, group) in groups.enumerated() {
      for other in groups[(index + 1)...] {
        for a in group { for b in other { cutBoth(a, b) } }
      }
    }
  }

  /// Two halves that only one node reaches.
  package func bridge(_ left: [Int], over middle: Int, _ right: [Int]) {
    partition([left.filter { $0 != middle }, right.filter { $0 != middle }])
  }

  /// Each node reaches its two neighbours only.
  package func ring(_ nodes: [Int]) {
    for (i, a) in nodes.enumerated() {
      for (j, b) in nodes.enumerated() where i < j && j - i != 1 && j - i != nodes.count - 1 { cutBoth(a, b) }
    }
  }

  package func heal(from: Int, to: Int) {
    if cuts.remove(Direction(from: from, to: to)) != nil { resendEverything() }
  }

  package func heal() {
    cuts = []
    resendEverything()
  }

  package func isCut(from: Int, to: Int) -> Bool { cuts.contains(Direction(from: from, to: to)) }

  /// Holds everything back for a while.
  package func stall(from: Int, to: Int, nanoseconds: UInt64) {
    cut(from: from, to: to)
    world.schedule(afterTrue: nanoseconds) { [unowned self] in heal(from: from, to: to) }
  }

  /// Breaks every connection between two nodes; both ends notice.
  package func reset(_ a: Int, _ b: Int) {
    for endpoint in endpoints
    where (endpoint.node == a && endpoint.remoteNode == b) || (endpoint.node == b && endpoint.remoteNode == a) {
      endpoint.breakSoon(.reset)
    }
  }

  /// How long bytes take from one node to another; nil for the settings' range.
  package func setLatency(from: Int, to: Int, _ range: ClosedRange<UInt64>?) {
    latencies[Direction(from: from, to: to)] = range
  }

  // MARK: For connections

  func latency(from: Int, to: Int, bytes: Int = 0) -> UInt64 {
    let settings = world.settings.network
    let range = latencies[Direction(from: from, to: to)] ?? settings.latencyNanoseconds
    var time = world.random.between(range.lowerBound, range.upperBound)
    if settings.slowOneIn > 0, world.random.oneIn(settings.slowOneIn) { time *= world.random.between(2, 50) }
    return time + UInt64(bytes) * 1000 / max(1, settings.bytesPerMicrosecond)
  }

  private func resendEverything() {
    for endpoint in endpoints where !isCut(from: endpoint.node, to: endpoint.remoteNode) { endpoint.resend() }
  }

  func forget(_ endpoint: SimulatedConnection) {
    endpoints.removeAll { $0 === endpoint }
  }

  func crashed(_ node: SimulatedNode, _ kind: SimulatedWorld.Crash) {
    for (address, listener) in listeners.sorted(by: { $0.key.description < $1.key.description })
    where listener.loop.node == node.id {
      listeners[address] = nil
    }
    for endpoint in endpoints where endpoint.node == node.id { endpoint.crashed(kind) }
  }

  // MARK: Making connections

  func listen(
    on address: Address, loop: SimulatedLoop, accept: @escaping @Sendable (any Connection) -> Void
  ) throws -> any Listener {
    var address = address
    if address.port == 0 {
      nextPort += 1
      address.port = nextPort
    }
    if listeners[address] != nil { throw NetworkFailure.addressInUse }
    let listener = SimulatedListener(address: address, loop: loop, network: self, accept: accept)
    listeners[address] = listener
    owners[address] = loop.node
    return listener
  }

  func remove(_ listener: SimulatedListener) {
    if listeners[listener.address] === listener { listeners[listener.address] = nil }
  }

  /// One attempt to open a connection; the next one comes when this one is lost, until the time is over.
  func connect(_ attempt: ConnectAttempt) {
    let (from, world) = (attempt.loop.node, world)
    guard world.nowNanoseconds < attempt.deadline, let owner = owners[attempt.address] else {
      return attempt.finish(.failure(owners[attempt.address] == nil ? .refused : .timedOut))
    }
    let there = latency(from: from, to: owner)
    let back = latency(from: owner, to: from)
    let isLost = isCut(from: from, to: owner) || isCut(from: owner, to: from) || !world.node(owner).hasPower
    if isLost {
      let pause = attempt.nextPause()
      let left = attempt.deadline - world.nowNanoseconds
      world.schedule(afterTrue: min(pause, left)) { [unowned self] in connect(attempt) }
      return
    }
    world.schedule(afterTrue: there) { [unowned self] in
      guard let listener = listeners[attempt.address], !attempt.loop.isDead else {
        world.schedule(afterTrue: back) { attempt.finish(.failure(.refused)) }
        return
      }
      let (near, far) = SimulatedConnection.pair(
        dialing: attempt.loop, accepting: listener.loop, address: attempt.address, network: self)
      endpoints.append(near)
      endpoints.append(far)
      listener.loop.execute { listener.accept(far) }
      world.schedule(afterTrue: back) { attempt.finish(.success(near)) }
    }
  }
}

/// The network as one node sees it.
struct NodeNetwork: Network, @unchecked Sendable {
  // `@unchecked`: the node is confined to the world's one thread.
  let node: SimulatedNode

  func listen(
    on address: Address, loop: any Loop, accept: @escaping @Sendable (any Connection) -> Void
  ) async throws -> any Listener {
    try node.world.network.listen(on: address, loop: SimulatedLoop.of(loop), accept: accept)
  }

  func connect(
    to address: Address, loop: any Loop, timeoutNanoseconds: UInt64
  ) async throws -> any Connection {
    // Unchecked: a world that ends leaves its tasks where they are, and no warning should say so.
    let result = await withUnsafeContinuation { continuation in
      let attempt = ConnectAttempt(
        address: address, loop: SimulatedLoop.of(loop), deadline: node.world.time(after: timeoutNanoseconds),
        continuation: continuation)
      node.world.network.connect(attempt)
    }
    return try result.get()
  }
}

/// A connection that is being opened.
final class ConnectAttempt: @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.
  typealias Outcome = Result<SimulatedConnection, NetworkFailure>

  let address: Address
  let loop: SimulatedLoop
  /// In true time.
  let deadline: UInt64
  private let continuation: UnsafeContinuation<Outcome, Never>
  /// Kernels try again after one second, then two, then four.
  private var pause: UInt64 = 500_000_000

  init(
    address: Address, loop: SimulatedLoop, deadline: UInt64, continuation: UnsafeContinuation<Outcome, Never>
  ) {
    self.address = address
    self.loop = loop
    self.deadline = deadline
    self.continuation = continuation
  }

  func nextPause() -> UInt64 {
    pause *= 2
    return pause
  }

  func finish(_ outcome: Outcome) {
    loop.execute { [self] in continuation.resume(returning: outcome) }
  }
}

final class SimulatedListener: Listener, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.
  let address: Address
  let loop: SimulatedLoop
  let accept: @Sendable (any Connection) -> Void
  private let network: SimulatedNetwork

  init(
    address: Address, loop: SimulatedLoop, network: SimulatedNetwork,
    accept: @escaping @Sendable (any Connection) -> Void
  ) {
    self.address = address
    self.loop = loop
    self.network = network
    self.accept = accept
  }

  func close() { network.remove(self) }
}

extension SimulatedLoop {
  static func of(_ loop: any Loop) -> SimulatedLoop {
    guard let loop = loop as? SimulatedLoop else {
      preconditionFailure("the simulated network needs a simulated loop, not \(type(of: loop))")
    }
    return loop
  }
}
