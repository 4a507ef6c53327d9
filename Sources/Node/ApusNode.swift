import Keys
import Logging
import NIOCore
import NodeCore
import PostgresWire
import Runtime
import SQL
import Storage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A running node: its core, and the doors for SQL clients and operators.
package final class ApusNode: Sendable {
  package let core: NodeCore
  let sql: PostgresServer
  let http: HTTPServer
  let runtime: Runtime

  private init(core: NodeCore, sql: PostgresServer, http: HTTPServer, runtime: Runtime) {
    self.core = core
    self.sql = sql
    self.http = http
    self.runtime = runtime
  }

  /// The exit status of a node that gave up because going on could lose data (`EX_SOFTWARE`).
  package static let fatalExitStatus: Int32 = 70

  /// Starts a node of this process.
  /// - Parameter absoluteDataDirectory: where its data is; the directory is made if it does not exist.
  /// - Throws: `NodeStartError` and `ConfigurationError` with what to do; anything else with what happened.
  package static func start(
    _ configuration: NodeConfiguration, absoluteDataDirectory: String, logger: Logger
  ) async throws -> ApusNode {
    guard let cluster = configuration.clusterID else { throw ConfigurationError("cluster is not an id") }
    let runtime = RealRuntime.make(loops: max(1, configuration.loops))
    let members = try configuration.memberAddresses()
    let rpc = Address(host: configuration.rpcHost, port: configuration.rpcPort)
    var core = NodeCoreConfiguration(
      node: NodeID(configuration.node), cluster: cluster, cloud: configuration.cloud, region: configuration.region,
      zone: configuration.zone, dataDirectory: absoluteDataDirectory, listen: rpc,
      advertise: members[NodeID(configuration.node)] ?? rpc,
      sqlAddress: Address(host: configuration.sqlHost, port: configuration.sqlPort),
      httpAddress: Address(host: configuration.httpHost, port: configuration.httpPort), members: members)
    core.replicationFactor = configuration.replicationFactor
    core.maxSkewMicroseconds = UInt64(configuration.maxClockSkewMilliseconds) * 1000
    core.tablets.spillBytes = configuration.transactionMebibytes << 20
    var engine = RocksDBEngine.Settings()
    engine.blockCacheBytes = configuration.blockCacheMebibytes << 20
    engine.rowCacheBytes = configuration.rowCacheMebibytes << 20

    let node = try await listening(for: "other nodes", setting: "rpc_port", on: rpc) {
      try await NodeCore.start(core, runtime: runtime, engine: RocksDBEngine(engine), logger: logger) { reason in
        // What is in memory can no longer be trusted to match the disk: end, and recover from the log.
        logger.critical("the node ends itself", metadata: ["reason": "\(reason)"])
        exit(fatalExitStatus)
      }
    }
    var wire = WireSettings()
    wire.nodeNumber = UInt16(truncatingIfNeeded: configuration.node)
    wire.connectionsMax = configuration.connectionsMax
    let sessions = SQLSessionFactory(dataPlane: node.gateway, runtime: runtime)
    let factory = GatedSessions(core: node, inner: sessions)
    let sql = try await listening(for: "SQL clients", setting: "sql_port", on: core.sqlAddress) {
      try await PostgresServer.start(
        host: configuration.sqlHost, port: configuration.sqlPort, loops: runtime.loops, factory: factory,
        random: runtime.random, settings: wire, logger: logger,
        forwardCancel: { SessionServices.forward($0, from: node) })
    }
    SessionServices.serve(sessions.registry, of: sql, on: node)
    let status = StatusPages(
      node: node, sql: sql, sessions: sessions.registry, started: runtime.clock.wallMicroseconds())
    let http = try await listening(for: "HTTP", setting: "http_port", on: core.httpAddress) {
      try await HTTPServer.start(
        host: configuration.httpHost, port: configuration.httpPort, loop: runtime.loops[0], logger: logger
      ) { await status.respond(to: $0) }
    }
    logger.notice(
      "serving",
      metadata: [
        "sql": "\(configuration.sqlHost):\(configuration.sqlPort)", "rpc": "\(rpc)",
        "http": "\(configuration.httpHost):\(configuration.httpPort)", "data": "\(absoluteDataDirectory)",
      ])
    return ApusNode(core: node, sql: sql, http: http, runtime: runtime)
  }

  /// Says which address could not be had, where the system only says that one could not.
  private static func listening<Server>(
    for whom: String, setting: String, on address: Address, _ start: () async throws -> Server
  ) async throws -> Server {
    do {
      return try await start()
    } catch let error as IOError where [EADDRINUSE, EADDRNOTAVAIL, EACCES].contains(error.errnoCode) {
      let reason =
        switch error.errnoCode {
        case EADDRINUSE: "another program has it"
        case EADDRNOTAVAIL: "it is not an address of this machine"
        default: "this user may not"
        }
      throw NodeStartError(
        "\(address), the address for \(whom), cannot be listened on: \(reason)", hint: "Change \(setting)?")
    }
  }

  /// Ends clients' sessions, flushes, closes.
  package func stop() async {
    await sql.stop(gracefully: true)
    await http.stop()
    await core.stop()
    await runtime.shutdown()
  }
}
