import Keys
import Logging
import NodeCore
import Operations
import Raft
import Runtime
import Schema
import Storage
import Synchronization
import Tablet
import Transport
import Values
import WriteAheadLog

/// A whole cluster in one process: real node cores on simulated time, network and disks. The seed decides everything.
///
/// Not thread-safe: one thread drives the world, as the world demands.
package final class SimulatedCluster {
  package let world: SimulatedWorld
  package let seed: UInt64
  package private(set) var nodes: [Int: NodeCore] = [:]
  /// Each node's stores outlive its crashes; what they lose is the engine's business.
  private var engines: [Int: MemoryStorageEngine] = [:]
  private let ledger = Ledger()
  package let size: Int
  private let logger: Logger

  package init(seed: UInt64, size: Int = 3, logLevel: Logger.Level = .critical) {
    self.seed = seed
    self.size = size
    world = SimulatedWorld(seed: seed)
    var logger = Logger(label: "simulation")
    logger.logLevel = logLevel
    self.logger = logger
    for node in 1...size { engines[node] = MemoryStorageEngine() }
  }

  package static func address(of node: Int) -> Address { Address(host: "node\(node)", port: 7433) }

  private func configuration(of node: Int) -> NodeCoreConfiguration {
    var members: [NodeID: Address] = [:]
    for member in 1...size { members[NodeID(UInt32(member))] = Self.address(of: member) }
    var configuration = NodeCoreConfiguration(
      node: NodeID(UInt32(node)), cluster: ClusterID(high: 1, low: 2), cloud: "sim", region: "r", zone: "z\(node)",
      dataDirectory: "/data", listen: Self.address(of: node), advertise: Self.address(of: node),
      sqlAddress: Address(host: "node\(node)", port: 5433), httpAddress: Address(host: "node\(node)", port: 8433),
      members: members)
    configuration.tablets.memtableBytesMax = 64 << 10
    configuration.tablets.tabletMemtableBytesMax = 16 << 10
    configuration.tablets.logTailBytes = 8 << 10
    return configuration
  }

  /// Starts a node that is down; returns when its own parts run.
  package func start(_ node: Int, limitNanoseconds: UInt64 = 60_000_000_000) throws {
    let runtime = world.makeRuntime(node: node)
    let configuration = configuration(of: node)
    let engine = engines[node] ?? MemoryStorageEngine()
    var logger = logger
    logger[metadataKey: "node"] = "\(node)"
    let nodeLogger = logger
    ledger.starting.withLock { $0[node] = nil }
    runtime.loops[0].spawn { [ledger] in
      let result: Result<NodeCore, any Error>
      do {
        result = .success(
          try await NodeCore.start(configuration, runtime: runtime, engine: engine, logger: nodeLogger) { reason in
            ledger.fatalities.withLock { $0.append("node \(node): \(reason)") }
          })
      } catch {
        result = .failure(error)
      }
      ledger.starting.withLock { $0[node] = result }
    }
    guard world.run(until: { self.ledger.starting.withLock { $0[node] != nil } }, limitNanoseconds: limitNanoseconds)
    else {
      throw SimulationFailure("node \(node) did not start, seed \(seed)")
    }
    nodes[node] = try ledger.starting.withLock { $0[node] }?.get()
  }

  package func startAll() throws { for node in 1...size { try start(node) } }

  /// Power off: nothing of the node runs any more, and its disk and stores forget what was not synced.
  package func crash(_ node: Int) {
    nodes[node] = nil
    world.crash(node)
    engines[node]?.crash()
  }

  /// Runs `body` as a task of a node until it ends.
  package func run<T: Sendable>(
    on node: Int, limitNanoseconds: UInt64 = 120_000_000_000, _ body: @escaping @Sendable (NodeCore) async throws -> T
  ) throws -> T {
    guard let core = nodes[node] else { throw SimulationFailure("node \(node) is down") }
    let shared = Shared<T>()
    core.runtime.loops[0].spawn {
      let result: Result<T, any Error>
      do { result = .success(try await body(core)) } catch { result = .failure(error) }
      shared.set(result)
    }
    guard world.run(until: { shared.value != nil }, limitNanoseconds: limitNanoseconds), let result = shared.value
    else {
      throw SimulationFailure("no end after \(limitNanoseconds / 1_000_000) ms of simulated time, seed \(seed)")
    }
    return try result.get()
  }

  /// What nodes gave up for; empty in a run without disk errors.
  package var fatalErrors: [String] { ledger.fatalities.withLock { $0 } }
}

/// What nodes' tasks leave for the thread that drives the world.
private final class Ledger: Sendable {
  let starting = Mutex<[Int: Result<NodeCore, any Error>]>([:])
  let fatalities = Mutex<[String]>([])
}

/// A result that a task leaves for the thread that drives the world.
private final class Shared<T: Sendable>: Sendable {
  private let box = Mutex<Result<T, any Error>?>(nil)
  var value: Result<T, any Error>? { box.withLock { $0 } }
  func set(_ result: Result<T, any Error>) { box.withLock { $0 = result } }
}

/// The simulation itself could not go on, or an invariant broke. Names the seed that shows it again.
package struct SimulationFailure: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
