import Keys
import Logging
import Runtime
import Synchronization
import Testing
import Transport

let second: UInt64 = 1_000_000_000
let clusterID = ClusterID(high: 0xa, low: 0xb)

/// The services of the nodes below.
enum Service {
  static let echo: UInt8 = 1
  /// Answers never, unless its caller gives up.
  static let hang: UInt8 = 2
  static let fail: UInt8 = 3
  /// Answers with the microseconds that are left until the deadline.
  static let timeLeft: UInt8 = 4
  /// Answers an even first byte at once with 0, and any other in a task with 1.
  static let even: UInt8 = 5
}

/// A node of a simulated cluster: its transport, and what reached it.
final class TestNode: Sendable {
  let id: NodeID
  let runtime: Runtime
  let clock: HybridClock
  let transport: Transport
  /// Payloads that the echo service ran for, and of posts on channel 1, in order of arrival.
  let ran = Mutex<[[UInt8]]>([])
  let posts = Mutex<[(from: NodeID, payload: [UInt8])]>([])
  let cancelled = Mutex<Int>(0)
  let changes = Mutex<[(node: NodeID, change: PeerChange)]>([])

  init(
    _ id: UInt32, runtime: Runtime, cluster: ClusterID = clusterID, incarnation: UInt64 = 1,
    settings: TransportSettings = TransportSettings(),
    verifyPeer: @escaping @Sendable (NodeIdentity) -> PeerVerdict = { _ in .accept }
  ) {
    self.id = NodeID(id)
    self.runtime = runtime
    clock = HybridClock(maxSkewMicroseconds: 500_000) { runtime.clock.wallMicroseconds() }
    let identity = NodeIdentity(cluster: cluster, node: NodeID(id), incarnation: incarnation)
    transport = Transport(
      identity: identity, runtime: runtime, loop: runtime.loops[0], clock: clock, settings: settings,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, verifyPeer: verifyPeer)
    register(on: runtime.loops[runtime.loops.count - 1])
  }

  private func register(on loop: any Loop) {
    transport.handle(Service.echo, on: loop) { [self] _, payload, _ in
      ran.withLock { $0.append(payload) }
      return payload
    }
    let zeroIfEven: RequestHandlerAtOnce = { _, payload in payload.first.map { $0 % 2 == 0 } ?? false ? [0] : nil }
    transport.handle(Service.even, on: loop, atOnce: zeroIfEven) { _, _, _ in [1] }
    transport.handle(Service.hang, on: loop) { [self] _, _, context in
      context.onCancel { [self] in cancelled.withLock { $0 += 1 } }
      await runtime.sleep(nanoseconds: 1_000_000 * second)
      return []
    }
    transport.handle(Service.fail, on: loop) { _, payload, _ in throw RemoteFailure(code: 77, message: "no \(payload)")
    }
    transport.handle(Service.timeLeft, on: loop) { [self] _, _, context in
      let left = (context.deadlineNanoseconds - runtime.clock.monotonicNanoseconds()) / 1000
      return withUnsafeBytes(of: left.littleEndian) { Array($0) }
    }
    transport.onPost(channel: 1, on: loop) { [self] node, payload in posts.withLock { $0.append((node, payload)) } }
    transport.onPeerChange { [self] node, change in changes.withLock { $0.append((node, change)) } }
  }

  func isConnected(to node: UInt32) -> Bool { transport.peerStatus()[NodeID(node)]?.isConnected ?? false }
  func lastError(of node: UInt32) -> String { transport.peerStatus()[NodeID(node)]?.lastError ?? "" }

  func call(
    _ service: UInt8, _ payload: [UInt8] = [], to node: UInt32, timeout: UInt64 = second
  ) async -> Result<[UInt8], TransportError> {
    do throws(TransportError) {
      return .success(try await transport.call(service, payload, to: NodeID(node), timeoutNanoseconds: timeout))
    } catch {
      return .failure(error)
    }
  }
}

/// Nodes of one simulated world that know each other.
struct Cluster {
  let world: SimulatedWorld
  private(set) var nodes: [UInt32: TestNode] = [:]
  let loops: Int

  init(_ count: UInt32, seed: UInt64 = 1, loops: Int = 1, settings: TransportSettings = TransportSettings()) {
    world = SimulatedWorld(seed: seed)
    self.loops = loops
    for id in 1...count { start(id, settings: settings) }
    for id in 1...count { nodes[id]?.transport.setPeers(peers(of: count)) }
    let all = nodes
    world.run(
      until: {
        (1...count).allSatisfy { a in (1...count).allSatisfy { a == $0 || all[a]?.isConnected(to: $0) == true } }
      },
      limitNanoseconds: 10 * second)
  }

  subscript(id: UInt32) -> TestNode { nodes[id]! }

  func peers(of count: UInt32) -> [NodeID: Address] {
    Dictionary(uniqueKeysWithValues: (1...count).map { (NodeID($0), Self.address($0)) })
  }

  static func address(_ id: UInt32) -> Address { Address(host: "node\(id)", port: 7000) }

  @discardableResult
  mutating func start(
    _ id: UInt32, cluster: ClusterID = clusterID, incarnation: UInt64 = 1,
    settings: TransportSettings = TransportSettings(),
    verifyPeer: @escaping @Sendable (NodeIdentity) -> PeerVerdict = { _ in .accept }
  ) -> TestNode {
    let runtime = world.makeRuntime(node: Int(id), loops: loops)
    let node = TestNode(
      id, runtime: runtime, cluster: cluster, incarnation: incarnation, settings: settings, verifyPeer: verifyPeer)
    nodes[id] = node
    _ = world.run(on: runtime) { try? await node.transport.start(listenOn: Self.address(id)) }
    return node
  }

  /// Makes a call and runs the world until it has its result.
  func call(
    _ service: UInt8, _ payload: [UInt8] = [], from: UInt32, to: UInt32, timeout: UInt64 = second
  ) -> Result<[UInt8], TransportError>? {
    let node = self[from]
    return world.run(on: node.runtime) { await node.call(service, payload, to: to, timeout: timeout) }
  }

  /// Runs the world until the condition holds.
  func wait(_ seconds: UInt64 = 20, until condition: () -> Bool) -> Bool {
    world.run(until: condition, limitNanoseconds: seconds * second)
  }
}
