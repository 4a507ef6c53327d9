import Keys
import Logging
import Operations
import Placement
import Raft
import Runtime
import Schema
import Storage
import Synchronization
import Tablet
import Transactions
import Transport
import WriteAheadLog

/// One node without its doors: log, tablets, catalog, transport and gateway, put together. The real node adds the SQL and
/// HTTP listeners; the simulation runs many of these on simulated time, network and disks.
package final class NodeCore: Sendable {
  package let configuration: NodeCoreConfiguration
  package let identity: NodeIdentity
  package let runtime: Runtime
  package let clock: HybridClock
  package let log: WriteAheadLog
  /// What was found broken or torn when the log was opened.
  package let recovery: LogRecovery
  package let transport: Transport
  package let catalog: CatalogBox
  package let catalogReplica: CatalogReplica
  package let tablets: TabletDirectory
  package let compactor: Compactor
  package let rowCache: RowCache
  package let assignments: TabletAssignments
  package let catalogService: CatalogService
  package let gateway: Gateway
  let logger: Logger
  private let stopped = Mutex(false)
  private let hasCaughtUp = Mutex(false)

  /// The replicas of the catalog tablet: the first three members vote, the others learn.
  private static let catalogVotersMax = 3
  static let catalogTable = TableID(1)

  /// Opens what the disk has and starts to take part in the cluster. Returns when this node's own parts run; the catalog
  /// may still be catching up, see `isReady`.
  package static func start(
    _ configuration: NodeCoreConfiguration, runtime: Runtime, engine: any StorageEngine, logger: Logger,
    fatal: @escaping @Sendable (String) -> Void
  ) async throws -> NodeCore {
    let identity = try NodeIdentityFile.open(
      directory: configuration.dataDirectory, cluster: configuration.cluster, node: configuration.node,
      runtime: runtime)
    let loop = runtime.loops[0]
    let opened = try await WriteAheadLog.open(
      directory: "\(configuration.dataDirectory)/wal", runtime: runtime, settings: configuration.log, loop: loop
    ) { fatal("the write-ahead log failed: \($0)") }
    for damage in opened.recovered.damage {
      logger.critical("the write-ahead log is damaged", metadata: ["damage": "\(damage)"])
    }
    let tabletDirectory = "\(configuration.dataDirectory)/tablets"
    try runtime.files.createDirectory(tabletDirectory)
    try runtime.files.syncDirectory(configuration.dataDirectory)
    let reachedTime = try ReachedTime(directory: configuration.dataDirectory, files: runtime.files)
    let core = NodeCore(
      configuration, identity: identity, runtime: runtime, log: opened.log, recovery: opened.recovered,
      reachedTime: reachedTime, engine: engine, tabletDirectory: tabletDirectory, logger: logger, fatal: fatal)
    try await core.run()
    return core
  }

  private init(
    _ configuration: NodeCoreConfiguration, identity: NodeIdentity, runtime: Runtime, log: WriteAheadLog,
    recovery: LogRecovery, reachedTime: ReachedTime, engine: any StorageEngine, tabletDirectory: String, logger: Logger,
    fatal: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.identity = identity
    self.runtime = runtime
    self.log = log
    self.recovery = recovery
    self.logger = logger
    let wall = runtime.clock
    let clock = HybridClock(maxSkewMicroseconds: configuration.maxSkewMicroseconds) {
      wall.wallMicroseconds()
    } monotonic: {
      wall.monotonicNanoseconds()
    }
    self.clock = clock
    // Before anybody hears a time of this node, or a client asks for one.
    clock.restore(reachedTime.latest(with: recovery))
    if clock.wallLagMicroseconds > configuration.maxSkewMicroseconds {
      logger.warning(
        "this node's clock is behind the times that it has on disk; was it set back? It counts on from there",
        metadata: ["behind_ms": "\(clock.wallLagMicroseconds / 1000)"])
    }
    let catalog = CatalogBox()
    self.catalog = catalog
    let verifier = PeerVerifier(catalog: catalog, members: configuration.members)
    let transport = Transport(
      identity: identity, runtime: runtime, loop: runtime.loops[0], clock: clock, settings: configuration.transport,
      logger: logger, verifyPeer: { verifier.verdict(on: $0) })
    self.transport = transport

    let peers = TransactionPeers()
    let compactor = Compactor(runtime: runtime)
    self.compactor = compactor
    rowCache = engine.rows
    let hosts = runtime.loops.enumerated().map { number, loop in
      TabletHost(
        environment: TabletEnvironment(
          node: configuration.node, runtime: runtime, loop: loop, clock: clock, log: log,
          reachedTime: reachedTime, engine: engine, compactor: compactor,
          directory: tabletDirectory, catalog: catalog, settings: configuration.tablets, logger: logger, fatal: fatal,
          post: { transport.post($1, channel: NodeChannel.raft.rawValue, to: $0) },
          call: { node, service, payload, timeout in
            try await transport.call(service.rawValue, payload, to: node, timeoutNanoseconds: timeout)
          }, peers: peers), name: "\(number)")
    }
    let tablets = TabletDirectory(hosts: hosts)
    self.tablets = tablets
    let assignments = TabletAssignments(
      node: configuration.node, directory: tablets, recovery: recovery, hasAllGroups: { log.hasAllGroups() },
      logger: logger)
    self.assignments = assignments
    let loop = runtime.loops[0]
    let replica = CatalogReplica(box: catalog, fatal: fatal) { snapshot in
      loop.spawn { await assignments.follow(snapshot) }
    }
    catalogReplica = replica
    let ids = RequestIDSource(client: runtime.random.next())
    let live = LiveNodes(node: configuration.node, transport: transport)
    let commits = CommitGate()
    let node = configuration.node
    catalogService = CatalogService(
      host: tablets.host(of: .catalog), replica: replica, box: catalog,
      replicationFactor: configuration.replicationFactor, ids: ids, clock: runtime.clock, logger: logger,
      members: Self.catalogMembers(of: configuration), liveNodes: { live.nodes },
      awaitCatalog: { other, version, timeout in
        if other == node {
          await commits.requireCatalog(version)
          return true
        }
        let answer = try? await transport.call(
          NodeService.awaitCatalog.rawValue, AwaitCatalogRequest(version: version).encoded(), to: other,
          timeoutNanoseconds: timeout)
        return answer != nil
      })
    let router = Router(
      node: configuration.node, runtime: runtime, transport: transport, tablets: tablets, catalog: catalog,
      settings: configuration.router, ids: ids)
    let services = ClusterServices(
      node: configuration.node, router: router, service: catalogService, replica: replica, catalog: catalog,
      tablets: tablets, transport: transport, live: live)
    gateway = Gateway(
      router: router, clock: clock,
      services: services.gatewayServices(members: Self.catalogMembers(of: configuration)), commits: commits)
    services.serve(on: transport, commits: commits)
    gateway.serve()
    peers.install(gateway.peerServices)
  }

  private static func catalogMembers(of configuration: NodeCoreConfiguration) -> [NodeID] {
    configuration.members.keys.sorted()
  }

  private func run() async throws {
    tablets.serve(on: transport, logger: logger)
    try await transport.start(listenOn: configuration.listen)
    transport.setPeers(configuration.members.filter { $0.key != configuration.node })
    for host in tablets.hosts { await host.start() }
    let gateway = gateway
    await catalogService.startSweeping { await gateway.isDrained($0) }
    let found = recovery.groups[TabletID.catalog.rawValue]
    try await tablets.host(of: .catalog).open(
      catalogDescriptor, learners: catalogLearners, recovered: found, mayBeLost: recovery.mayMissGroups,
      leads: catalogDescriptor.replicas.first?.node == configuration.node, observer: catalogReplica)
    runtime.loops[0].spawn {
      await gateway.keepCatalogLease(while: { !self.stopped.withLock { $0 } })
    }
    runtime.loops[0].spawn {
      await self.catchUpWithCatalog()
      await self.register()
    }
  }

  /// A node that was away must not answer from the catalog it went away with: it waits until it has everything that
  /// was committed when it came back.
  private func catchUpWithCatalog() async {
    while !stopped.withLock({ $0 }) {
      if await tablets.host(of: .catalog).catchUp(.catalog) { break }
      await runtime.loops[0].sleep(nanoseconds: 20_000_000)
    }
    hasCaughtUp.withLock { $0 = true }
    await assignments.catalogIsCurrent()
  }

  /// The catalog tablet is the same on every node without asking anybody: that is how a cluster begins.
  private var catalogDescriptor: TabletDescriptor {
    TabletDescriptor(
      id: .catalog, table: Self.catalogTable, lower: CatalogRecord.lower, upper: CatalogRecord.upper,
      replicas: Self.catalogMembers(of: configuration).map {
        ReplicaDescriptor(node: $0, replica: UInt64($0.rawValue))
      })
  }

  private var catalogLearners: Set<UInt64> {
    Set(Self.catalogMembers(of: configuration).dropFirst(Self.catalogVotersMax).map { UInt64($0.rawValue) })
  }

  /// Tells the catalog who and where this node is, until it is written there.
  private func register() async {
    let own = NodeDescriptor(
      id: configuration.node, cloud: configuration.cloud, region: configuration.region, zone: configuration.zone,
      rpcAddress: "\(configuration.advertise)", sqlAddress: "\(configuration.sqlAddress)",
      httpAddress: "\(configuration.httpAddress)", incarnation: identity.incarnation)
    while !stopped.withLock({ $0 }) {
      if catalog.current.nodes[own.id] == own { return }
      do {
        try await gateway.register(own)
        return
      } catch {
        logger.warning("this node is not registered yet", metadata: ["error": "\(error.message)"])
        await runtime.loops[0].sleep(nanoseconds: 50_000_000)
      }
    }
  }

  /// Whether this node knows the cluster and can serve statements. `reason` says what is missing.
  package var readiness: (isReady: Bool, reason: String) {
    let catalog = self.catalog.current
    if !hasCaughtUp.withLock({ $0 }) { return (false, "the catalog is catching up with the cluster") }
    if catalog.version == 0 { return (false, "the catalog has not arrived") }
    if catalog.nodes[configuration.node] == nil { return (false, "the node is not registered") }
    return (true, "ready")
  }

  /// Flushes what is in memory and closes everything. Leadership moves by itself when the others miss this node.
  package func stop() async {
    stopped.withLock { $0 = true }
    for host in tablets.hosts { await host.flushAll() }
    for host in tablets.hosts { await host.stop() }
    compactor.stop()
    await transport.stop()
    log.close()
  }
}
