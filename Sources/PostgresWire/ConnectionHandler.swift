import NIOCore

/// The end of a client's channel pipeline: hands what NIO says to the connection. All on the channel's event loop, which
/// is the connection's loop, so that every call is direct.
final class ConnectionHandler: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let connection: ClientConnection

  init(_ connection: ClientConnection) { self.connection = connection }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    connection.assumeIsolated { $0.received(bytes) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    connection.assumeIsolated { $0.writabilityChanged() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.assumeIsolated { $0.disconnected() }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A reset or a timeout of the network: `channelInactive` follows.
    context.close(promise: nil)
  }
}

/// A NIO channel as a connection sees it.
struct ChannelSocket: ClientSocket {
  private let channel: any Channel
  let peer: ClientAddress

  init(_ channel: any Channel) {
    self.channel = channel
    peer = ClientAddress(channel.remoteAddress)
  }

  var isWritable: Bool { channel.isWritable || !channel.isActive }

  func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

  func setReading(_ isOn: Bool) {
    // Fails only on a closed channel, which does not read either.
    try? channel.syncOptions?.setOption(.autoRead, value: isOn)
  }

  func close() {
    // A client that does not read must not keep the channel for ever: what has not left by then is lost.
    let deadline = channel.eventLoop.scheduleTask(in: .seconds(5)) { [channel] in channel.close(promise: nil) }
    channel.writeAndFlush(ByteBuffer()).whenComplete { [channel] _ in
      deadline.cancel()
      channel.close(promise: nil)
    }
  }

  func abort() { channel.close(promise: nil) }
}

extension ClientAddress {
  init(_ address: SocketAddress?) {
    switch address {
    case .v4(let address):
      let first = UInt8(truncatingIfNeeded: UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24)
      self.init(host: address.host, isLoopback: first == 127)
    case .v6: self.init(host: address?.ipAddress ?? "", isLoopback: address?.ipAddress == "::1")
    case .unixDomainSocket: self.init(host: "", isLoopback: true)
    case nil: self.init(host: "", isLoopback: false)
    }
  }
}
