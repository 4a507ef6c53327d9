import NIOCore
import NIOPosix

/// TCP over SwiftNIO. A connection lives on the event loop of the `NIOLoop` that it was asked for.
package struct NIONetwork: Network {
  package init() {}

  package func listen(
    on address: Address, loop: any Loop, accept: @escaping @Sendable (any Connection) -> Void
  ) async throws -> any Listener {
    let loop = NIOLoop.of(loop)
    let bootstrap = ServerBootstrap(group: loop.eventLoop)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.recvAllocator, value: NIOConnection.readBuffers)
      .childChannelOption(.writeBufferWaterMark, value: NIOConnection.waterMark)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let connection = NIOConnection(channel: channel, loop: loop)
          try channel.pipeline.syncOperations.addHandler(ConnectionHandler(connection, opened: accept))
        }
      }
    let channel = try await bootstrap.bind(host: address.host, port: address.port).get()
    return NIOListener(channel: channel, address: Address(host: address.host, port: channel.localAddress?.port ?? 0))
  }

  package func connect(
    to address: Address, loop: any Loop, timeoutNanoseconds: UInt64
  ) async throws -> any Connection {
    let loop = NIOLoop.of(loop)
    let bootstrap = ClientBootstrap(group: loop.eventLoop)
      .connectTimeout(.nanoseconds(Int64(clamping: timeoutNanoseconds)))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.autoRead, value: false)
      .channelOption(.recvAllocator, value: NIOConnection.readBuffers)
      .channelOption(.writeBufferWaterMark, value: NIOConnection.waterMark)
    // An IP literal needs no resolver, which would take a thread.
    let socketAddress = try? SocketAddress(ipAddress: address.host, port: address.port)
    let initialize = { @Sendable (channel: any Channel) -> EventLoopFuture<NIOConnection> in
      channel.eventLoop.makeCompletedFuture {
        let connection = NIOConnection(channel: channel, loop: loop)
        try channel.pipeline.syncOperations.addHandler(ConnectionHandler(connection))
        return connection
      }
    }
    if let socketAddress { return try await bootstrap.connect(to: socketAddress, channelInitializer: initialize) }
    return try await bootstrap.connect(host: address.host, port: address.port, channelInitializer: initialize)
  }
}

extension NIOLoop {
  static func of(_ loop: any Loop) -> NIOLoop {
    guard let loop = loop as? NIOLoop else {
      preconditionFailure("the real network needs a loop of the real runtime, not \(type(of: loop))")
    }
    return loop
  }
}

private struct NIOListener: Listener {
  let channel: any Channel
  let address: Address

  func close() { channel.close(promise: nil) }
}
