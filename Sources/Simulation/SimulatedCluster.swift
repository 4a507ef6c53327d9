import Keys
import Logging
import NodeCore
import Operations
import Runtime
import Storage
import Synchronization
import Tablet
import Transport

/// A whole cluster in one process: real node cores on simulated time, network and disks. The seed decides everything.
///
/// Not thread-safe: one thread drives the world, as the world demands.
package final class SimulatedCluster {
  package let world: SimulatedWorld
  package let seed: UInt64
  package let size: Int
  /// The nodes that run, for clients and for the driver.
  package let registry = NodeRegistry()
  /// Each node's stores outlive its crashes; what they lose is the engine's business.
  private var engines: [Int: MemoryStorageEngine] = [:]
  private let logger: Logger
  /// Turns a node's numbers once more, when it starts.
  package var tuneTablets: (inout TabletSettings) -> Void = { _ in }

  package init(
    seed: UInt64, size: Int = 3, world settings: SimulatedWorld.Settings = SimulatedWorld.Settings(),
    logLevel: Logger.Level = .critical
  ) {
    self.seed = seed
    self.size = size
    world = SimulatedWorld(seed: seed, settings: settings)
    var logger = Logger(label: "simulation") { label -> any LogHandler in
      if logLevel == .critical { return SwiftLogNoOpLogHandler() }
      return StreamLogHandler.standardError(label: label)
    }
    logger.logLevel = logLevel
    self.logger = logger
    for node in 1...size { engines[node] = MemoryStorageEngine() }
  }

  package var members: ClosedRange<Int> { 1...size }

  package static let dataDirectory = "/data"

  package static func address(of node: Int) -> Address { Address(host: "node\(node)", port: 7433) }

  /// Small limits, so that flushes, checkpoints and old segments come often (FAULTS §2.1, knobs).
  private func configuration(of node: Int) -> NodeCoreConfiguration {
    var members: [NodeID: Address] = [:]
    for member in self.members { members[NodeID(UInt32(member))] = Self.address(of: member) }
    var configuration = NodeCoreConfiguration(
      node: NodeID(UInt32(node)), cluster: ClusterID(high: 1, low: 2), cloud: "sim", region: "r", zone: "z\(node)",
      dataDirectory: Self.dataDirectory, listen: Self.address(of: node), advertise: Self.address(of: node),
      sqlAddress: Address(host: "node\(node)", port: 5433), httpAddress: Address(host: "node\(node)", port: 8433),
      members: members)
    configuration.tablets.memtableBytesMax = 4 << 10
    configuration.tablets.tabletMemtableBytesMax = 1 << 10
    configuration.log.segmentBytes = 1024 << Int(seed % 5)
    configuration.log.reserveBytes = [0, 512, 4096][Int(seed / 5 % 3)]
    configuration.tablets.logTailBytes = 4 << 10
    configuration.tablets.flushTicks = 1
    chooseLimitsOfTransactions(&configuration)
    tuneTablets(&configuration.tablets)
    return configuration
  }

  /// Transactions come in many pieces, and are given up and recovered early; the same on all nodes.
  private func chooseLimitsOfTransactions(_ configuration: inout NodeCoreConfiguration) {
    var random = SeededRandom(seed: seed ^ 0x7472_616e_7361_6374)
    let wholes = [64, 256, 1 << 20]
    configuration.tablets.stagedPieceBytesMax = wholes[Int(random.below(3))]
    configuration.tablets.resolvedDocumentsMax = 1 + Int(random.below(4))
    // Half of the seeds spill nearly everything that transactions write.
    configuration.tablets.spillBytes = [1, 1, 800, 64 << 20][Int(random.below(4))]
    configuration.tablets.spilledPieceBytesMax = wholes[Int(random.below(3))]
    configuration.tablets.resolvedIntentsMax = 1 + Int(random.below(4))
    configuration.tablets.appliedBatchesMax = 1 + Int(random.below(3))
    configuration.tablets.crowdedSpillBytes = [1, 4 << 20][Int(random.below(2))]
    configuration.tablets.overlayBytesMax = [1_000, 256 << 20][Int(random.below(2))]
    configuration.tablets.searchedKeysMax = [1, 2, 5, 5_000][Int(random.below(4))]
    configuration.tablets.slicedKeysMax = [1, 3, 400][Int(random.below(3))]
    // Heartbeats come every second.
    configuration.tablets.transactionExpiryNanoseconds = random.between(1_200, 4_000) * 1_000_000
    configuration.tablets.recoveryNanoseconds = random.between(20, 1_500) * 1_000_000
    configuration.tablets.decisionNanoseconds = random.between(100, 3_000) * 1_000_000
    configuration.router.inlineCommitBytesMax = [0, 100, 1 << 20][Int(random.below(3))]
    configuration.router.batchRowsMax = [2, 3, 4096][Int(random.below(3))]
  }

  // MARK: Nodes

  /// Starts a node that is down, and comes back at once: it is in the registry when its own parts run.
  package func launch(_ node: Int) {
    let runtime = world.makeRuntime(node: node)
    let configuration = configuration(of: node)
    let engine = engines[node] ?? MemoryStorageEngine()
    var logger = logger
    logger[metadataKey: "node"] = "\(node)"
    let nodeLogger = logger
    let start = registry.starting(node)
    runtime.loops[0].spawn { [registry] in
      do {
        let core = try await NodeCore.start(configuration, runtime: runtime, engine: engine, logger: nodeLogger) {
          registry.failed("node \(node): \($0)")
        }
        registry.started(core, as: node, start: start)
      } catch {
        registry.failed("node \(node) cannot start: \(error)")
      }
    }
  }

  /// Starts a node that is down and waits until its own parts run.
  package func start(_ node: Int, limitNanoseconds: UInt64 = 60_000_000_000) throws {
    launch(node)
    let registry = registry
    world.run(
      until: { registry.core(of: node) != nil || registry.firstFailure != nil }, limitNanoseconds: limitNanoseconds)
    if let failure = registry.firstFailure { throw failed(failure) }
    guard registry.core(of: node) != nil else { throw failed("node \(node) did not start") }
  }

  package func startAll() throws { for node in members { try start(node) } }

  /// Ends a node: nothing of it runs any more, and its disk and stores forget what was not synced.
  package func crash(_ node: Int, _ kind: SimulatedWorld.Crash? = nil) {
    registry.crashed(node)
    world.crash(node, kind)
    engines[node]?.crash()
  }

  /// Turns a bit over in the log of a node that was killed, in a frame that was certainly synced: one with another frame
  /// behind it. The last one could be taken for torn (see `WriteAheadLog`).
  /// - Parameter place: which byte, modulo those that may be chosen.
  package func damageLog(of node: Int, at place: UInt64) {
    let disk = world.disk(of: node)
    let directory = "\(Self.dataDirectory)/wal"
    let segments = disk.list(directory).filter { $0.hasSuffix(".wal") }.map { "\(directory)/\($0)" }
    var ranges: [(path: String, count: Int)] = []
    for path in segments {
      let bytes = disk.bytes(of: path) ?? []
      let isLast = path == segments.last
      let lastFrame = bytes.indices.last { bytes[$0...].starts(with: Array("APWL".utf8)) } ?? 0
      ranges.append((path, isLast ? lastFrame : bytes.count))
    }
    var offset = Int(place % UInt64(max(1, ranges.reduce(0) { $0 + $1.count })))
    for range in ranges {
      if offset < range.count { return disk.flipBit(Int(place >> 61), ofByte: offset, in: range.path) }
      offset -= range.count
    }
  }

  /// Lets a node's stores take nothing more, and its log so many more bytes and then none, until `emptyDisk`.
  /// - Parameter bytes: nil for a log that does not notice.
  package func fillDisk(of node: Int, leaving bytes: Int?) {
    let disk = world.disk(of: node)
    disk.quotaBytes = bytes.map { disk.bytesUsed + $0 }
    engines[node]?.isFull = true
  }

  package func emptyDisk(of node: Int) {
    world.disk(of: node).quotaBytes = nil
    engines[node]?.isFull = false
  }

  package func isUp(_ node: Int) -> Bool { world.isUp(node) }

  // MARK: For the driver

  /// Runs `body` as a task of a node until it ends.
  package func run<T: Sendable>(
    on node: Int, limitNanoseconds: UInt64 = 120_000_000_000, _ body: @escaping @Sendable (NodeCore) async throws -> T
  ) throws -> T {
    guard let core = registry.core(of: node) else { throw failed("node \(node) is down") }
    let shared = Shared<T>()
    core.runtime.loops[0].spawn {
      let result: Result<T, any Error>
      do { result = .success(try await body(core)) } catch { result = .failure(error) }
      shared.set(result)
    }
    guard world.run(until: { shared.value != nil }, limitNanoseconds: limitNanoseconds), let result = shared.value
    else {
      throw failed("no end after \(limitNanoseconds / 1_000_000) ms of simulated time")
    }
    return try result.get()
  }

  /// Says what is broken, or mended, among what the nodes log.
  func note(_ event: String) {
    let offsets = members.map { "\(world.clock(of: $0).wallOffsetMicroseconds / 1_000)" }.joined(separator: ", ")
    logger.notice(
      "fault", metadata: ["event": "\(event)", "at_us": "\(world.nowNanoseconds / 1_000)", "clocks_ms": "\(offsets)"])
  }

  package func failed(_ reason: String) -> SimulationFailure { SimulationFailure(seed: seed, reason) }
}

/// A result that a task leaves for the thread that drives the world.
private final class Shared<T: Sendable>: Sendable {
  private let box = Mutex<Result<T, any Error>?>(nil)
  var value: Result<T, any Error>? { box.withLock { $0 } }
  func set(_ result: Result<T, any Error>) { box.withLock { $0 = result } }
}

/// The simulation itself could not go on, or something that must hold did not. Names the seed that shows it again.
package struct SimulationFailure: Error, CustomStringConvertible {
  package var seed: UInt64
  package var reason: String
  package init(seed: UInt64, _ reason: String) {
    self.seed = seed
    self.reason = reason
  }
  package var description: String { "seed \(seed): \(reason)" }
}
