import NIOCore
import NIOPosix
import PostgresWire
import Runtime
import SQL
import Testing

/// Real sockets, real loops.
@Suite struct SocketTests {
  /// Runs `body` with a server on a free port.
  private func withServer(
    loops: Int = 1, settings: WireSettings = WireSettings(),
    _ body: (PostgresServer, FakeFactory) async throws -> Void
  ) async throws {
    let runtime = RealRuntime.make(loops: loops)
    let factory = FakeFactory()
    let server = try await PostgresServer.start(
      host: "127.0.0.1", port: 0, loops: runtime.loops, factory: factory, random: runtime.random, settings: settings)
    do {
      try await body(server, factory)
      await server.stop(gracefully: false)
      await runtime.shutdown()
    } catch {
      await server.stop(gracefully: false)
      await runtime.shutdown()
      throw error
    }
  }

  @Test("Startup, queries and pipelines over TCP, on two loops, by many clients", .timeLimit(.minutes(1)))
  func conversation() async throws {
    try await withServer(loops: 2) { server, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 {
          group.addTask {
            let client = try await TestClient.connect(port: server.port)
            try await client.send("Startup user=me database=db")
            #expect(try await client.lines(until: "ReadyForQuery I").first == "AuthenticationOk")
            try await client.send("Query \"rows 2000\"")
            #expect(try await client.lines(until: "ReadyForQuery I").count == 2_003)
            try await client.send("Parse \"s\" \"echo int4\"", "Sync")
            _ = try await client.lines(until: "ReadyForQuery I")
            for round in 0..<50 {
              try await client.send("Bind \"\" \"s\" t:\(round)", "Execute \"\" 0", "Sync")
            }
            for _ in 0..<50 { #expect(try await client.lines(until: "ReadyForQuery I").count == 4) }
            try await client.send("Terminate")
            #expect(await client.isClosed())
          }
        }
        try await group.waitForAll()
      }
      #expect(server.counters.connectionsAccepted == 20)
    }
  }

  @Test("A graceful stop tells idle clients why, and waits for the busy one", .timeLimit(.minutes(1)))
  func gracefulStop() async throws {
    var settings = WireSettings()
    settings.shutdownNanoseconds = 100_000_000
    try await withServer(settings: settings) { server, factory in
      let (idle, busy) = (
        try await TestClient.connect(port: server.port), try await TestClient.connect(port: server.port)
      )
      for client in [idle, busy] {
        try await client.send("Startup user=me")
        _ = try await client.lines(until: "ReadyForQuery I")
      }
      try await busy.send("Query \"hang\"", "Flush")
      while !factory.journal.all.contains("hang") { await Task.yield() }
      await server.stop(gracefully: true)
      let goodbye = "Error S=FATAL | V=FATAL | C=57P01 | M=terminating connection due to administrator command"
      #expect(try await idle.lines(until: goodbye) == [goodbye])
      #expect(
        try await busy.lines(until: goodbye) == [
          "Error S=ERROR | V=ERROR | C=57014 | M=canceling statement due to user request", "ReadyForQuery I", goodbye,
        ])
      #expect(server.counters.connectionsOpen == 0)
    }
  }

  @Test("A port that another server has is not shared", .timeLimit(.minutes(1)))
  func portTaken() async throws {
    try await withServer(loops: 2) { server, factory in
      let runtime = RealRuntime.make(loops: 2)
      await #expect(throws: IOError.self) {
        try await PostgresServer.start(
          host: "127.0.0.1", port: server.port, loops: runtime.loops, factory: factory, random: runtime.random)
      }
      await runtime.shutdown()
    }
  }

  @Test("Too many clients that do not log in are turned away; one that comes later gets in", .timeLimit(.minutes(1)))
  func flood() async throws {
    var settings = WireSettings()
    settings.unauthenticatedPerAddressMax = 10
    // The others must still be there, however slow the machine is.
    settings.authenticationNanoseconds = 600_000_000_000
    try await withServer(settings: settings) { server, _ in
      var clients: [TestClient] = []
      for _ in 0..<10 { clients.append(try await TestClient.connect(port: server.port)) }
      while server.counters.connectionsAccepted < 10 { await Task.yield() }
      let refused = try await TestClient.connect(port: server.port)
      let answer = try await refused.lines(until: "Error", isPrefix: true)
      #expect(answer.last?.contains("C=53300") == true)
      for client in clients { try await client.close() }
      while server.counters.connectionsOpen > 0 { await Task.yield() }
      let late = try await TestClient.connect(port: server.port)
      try await late.send("Startup user=me")
      #expect(try await late.lines(until: "ReadyForQuery I").count == 6)
      try await late.close()
    }
  }
}

/// A client that speaks bytes.
private final class TestClient {
  private let channel: any Channel
  private var pieces: AsyncStream<ByteBuffer>.Iterator
  private var pending = ByteBuffer()

  private init(_ channel: any Channel, _ pieces: AsyncStream<ByteBuffer>) {
    self.channel = channel
    self.pieces = pieces.makeAsyncIterator()
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let pieces: AsyncStream<ByteBuffer>.Continuation
    init(_ pieces: AsyncStream<ByteBuffer>.Continuation) { self.pieces = pieces }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { pieces.yield(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { pieces.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  static func connect(port: Int) async throws -> TestClient {
    let (pieces, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(continuation))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return TestClient(channel, pieces)
  }

  func send(_ lines: String...) async throws {
    try await channel.writeAndFlush(ClientText.bytes(ofAll: lines)).get()
  }

  /// The next whole message, or nil at the end of the stream.
  private func message() async -> ByteBuffer? {
    while true {
      if let length = pending.getInteger(at: pending.readerIndex + 1, as: UInt32.self),
        let message = pending.readSlice(length: Int(length) + 1)
      {
        return message
      }
      pending.discardReadBytes()
      guard let more = await pieces.next(isolation: #isolation) else { return nil }
      pending.writeImmutableBuffer(more)
    }
  }

  /// Messages up to this one, with it.
  func lines(until last: String, isPrefix: Bool = false) async throws -> [String] {
    var lines: [String] = []
    while let message = await message() {
      lines += ServerText.lines(of: message)
      if let line = lines.last, line == last || (isPrefix && line.hasPrefix(last)) { break }
    }
    return lines
  }

  func isClosed() async -> Bool { await message() == nil }
  func close() async throws { try await channel.close().get() }
}
