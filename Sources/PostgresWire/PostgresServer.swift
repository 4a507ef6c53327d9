import Logging
import NIOCore
import NIOPosix
import Runtime
import SQL
import Synchronization
import Values

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Serves PostgreSQL clients on a TCP port.
package final class PostgresServer: Sendable {
  private struct State {
    var connections: [ObjectIdentifier: Client] = [:]
    var isStopping = false
    var whenEmpty: [CheckedContinuation<Void, Never>] = []
  }
  private struct Client: Sendable {
    var connection: ClientConnection
    var channel: any Channel
  }

  private let state = Mutex(State())
  private let services: WireServices
  /// One on each loop, all on the same port.
  private let listeners = Mutex<[any Channel]>([])
  private let loops: [NIOLoop]

  private init(services: WireServices, loops: [NIOLoop]) {
    self.services = services
    self.loops = loops
  }

  /// Starts to listen.
  /// - Parameters:
  ///   - host: a name or an IP literal.
  ///   - port: 0 for any that is free; see `port`.
  ///   - loops: loops of the real runtime; connections take turns on them.
  ///   - forwardCancel: called for a cancel request whose key another node gave out; the key says which.
  /// - Throws: what the system says where it cannot bind; `NotARealLoop` for simulated loops.
  package static func start(
    host: String, port: Int, loops: [any Loop], factory: any SessionFactory, random: any RandomSource,
    settings: WireSettings = WireSettings(), logger: Logger = Logger(label: "apus.wire"),
    forwardCancel: @escaping @Sendable (CancelKey) -> Void = { _ in }
  ) async throws -> PostgresServer {
    precondition(!loops.isEmpty, "a server needs a loop")
    let loops = try loops.map { loop in
      guard let loop = loop as? NIOLoop else { throw NotARealLoop() }
      return loop
    }
    let services = WireServices(
      settings: settings, factory: factory, random: random, logger: logger, forwardCancel: forwardCancel)
    let server = PostgresServer(services: services, loops: loops)
    do {
      try await server.listen(host: host, port: port)
    } catch {
      await server.stop(gracefully: false)
      throw error
    }
    return server
  }

  /// NIO spreads what one listener accepts over a thread group only, and the loops are not a group; so each loop
  /// listens for itself and the kernel spreads the connections (`SO_REUSEPORT`).
  private func listen(host: String, port: Int) async throws {
    if loops.count == 1 { return try await listen(host: host, port: port, on: loops[0], isShared: false) }
    // Sharing would also let a second server have the port, by mistake. A listener that does not share finds out.
    let probe = try await bootstrap(on: loops[0], isShared: false).bind(host: host, port: port).get()
    let port = probe.localAddress?.port ?? port
    try await probe.close().get()
    for loop in loops { try await listen(host: host, port: port, on: loop, isShared: true) }
  }

  private func listen(host: String, port: Int, on loop: NIOLoop, isShared: Bool) async throws {
    let listener = try await bootstrap(on: loop, isShared: isShared)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel, on: loop) }
      }
      .bind(host: host, port: port).get()
    listeners.withLock { $0.append(listener) }
  }

  private func bootstrap(on loop: NIOLoop, isShared: Bool) -> ServerBootstrap {
    let settings = services.settings
    return ServerBootstrap(group: loop.eventLoop)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: isShared ? 1 : 0)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(
        .writeBufferWaterMark, value: .init(low: settings.outputBytesLow, high: settings.outputBytesHigh))
  }

  /// Simulated loops have no sockets.
  package struct NotARealLoop: Error {}

  /// The port that it listens on.
  package var port: Int { listeners.withLock { $0.first?.localAddress?.port ?? 0 } }

  package var counters: WireCounters { services.counters }

  /// Cancels the statement whose connection owns the key, for a cancel request that came to another node.
  @discardableResult
  package func cancel(_ key: CancelKey) -> Bool { services.cancelKeys.cancel(key) }

  /// Stops accepting, ends every connection and waits until all are gone.
  ///
  /// Gracefully: idle clients hear 57P01 now, the others when their statement has ended, or is cancelled because
  /// `shutdownNanoseconds` have passed. Otherwise running statements are cancelled now.
  package func stop(gracefully: Bool) async {
    for listener in listeners.withLock({ exchange(&$0, with: []) }) {
      // Fails only where it is closed already.
      try? await listener.close().get()
    }
    let clients = state.withLock { state in
      state.isStopping = true
      return Array(state.connections.values)
    }
    if gracefully {
      for client in clients { await client.connection.shutDown() }
      let cutOff = loops[0].schedule(after: services.settings.shutdownNanoseconds) {
        self.cutOffAll()
      }
      await waitUntilEmpty()
      cutOff.cancel()
    } else {
      cutOffAll()
      await waitUntilEmpty()
    }
  }

  private func cutOffAll() {
    for client in state.withLock({ Array($0.connections.values) }) {
      client.connection.loop.execute { client.connection.assumeIsolated { $0.cutOff() } }
    }
  }

  private func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if !state.connections.isEmpty { state.whenEmpty.append(continuation) }
        return state.connections.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }

  // MARK: - Connections

  /// On the channel's own loop.
  private func accept(_ channel: any Channel, on loop: NIOLoop) throws {
    let socket = ChannelSocket(channel)
    if let refusal = services.arrive(from: socket.peer) {
      var out = ByteBuffer()
      BackendMessage.error(refusal, .fatal).write(into: &out)
      socket.send(out)
      socket.close()
      return
    }
    let connection = ClientConnection(loop: loop, services: services, socket: socket)
    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(connection))
    let id = ObjectIdentifier(connection)
    let isStopping = state.withLock { state in
      state.connections[id] = Client(connection: connection, channel: channel)
      return state.isStopping
    }
    if isStopping { connection.assumeIsolated { $0.shutDown() } }
    loop.spawn {
      await connection.run()
      self.remove(id)
    }
  }

  private func remove(_ id: ObjectIdentifier) {
    let waiters = state.withLock { state in
      state.connections[id] = nil
      return state.connections.isEmpty ? exchange(&state.whenEmpty, with: []) : []
    }
    for waiter in waiters { waiter.resume() }
  }
}
