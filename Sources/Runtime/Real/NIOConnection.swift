import NIOCore

/// A TCP connection on a real loop.
final class NIOConnection: Connection, TurnEndObserver, @unchecked Sendable {
  // `@unchecked`: everything that changes is touched only on the loop, as `Connection` demands of its callers
  // (checked in `start`, `send` and `close`); the channel handler below runs there too.

  /// Above the high mark the connection is not writable, until it is below the low one.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 512 << 10, high: 1 << 20)
  /// A read's buffer grows with what the last reads brought.
  static let readBuffers = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 256 << 10)
  /// Smaller pieces are copied together, larger ones go to the socket as they are.
  private static let copyLimit = 8192

  private let channel: any Channel
  private let loop: NIOLoop
  private var pending = ByteBuffer()
  private var isFlushScheduled = false
  /// What the user was told last.
  private var wasWritable = true
  private var callbacks: Callbacks?
  private var end: End?

  private struct Callbacks {
    var received: @Sendable (ByteBuffer) -> Void
    var writable: @Sendable (Bool) -> Void
    var closed: @Sendable ((any Error)?) -> Void
  }
  private struct End {
    var error: (any Error)?
    var isReported = false
  }
  private var lastError: (any Error)?

  init(channel: any Channel, loop: NIOLoop) {
    self.channel = channel
    self.loop = loop
  }

  var remote: Address {
    let address = channel.remoteAddress
    return Address(host: address?.ipAddress ?? "unknown", port: address?.port ?? 0)
  }

  func start(
    received: @escaping @Sendable (ByteBuffer) -> Void, writable: @escaping @Sendable (Bool) -> Void,
    closed: @escaping @Sendable ((any Error)?) -> Void
  ) {
    loop.checkIsolated()
    callbacks = Callbacks(received: received, writable: writable, closed: closed)
    if end != nil {
      loop.execute { self.reportEnd() }
    } else {
      // Fails only on a closed channel, whose end is reported by then.
      try? channel.syncOptions?.setOption(.autoRead, value: true)
      channel.read()
    }
  }

  var isWritable: Bool { channel.isWritable && pending.readableBytes < Self.waterMark.high }

  func send(_ bytes: ByteBuffer) {
    loop.checkIsolated()
    if end != nil || bytes.readableBytes == 0 { return }
    if bytes.readableBytes <= Self.copyLimit {
      pending.writeImmutableBuffer(bytes)
    } else {
      writePending()
      channel.write(bytes, promise: nil)
    }
    if !isFlushScheduled {
      isFlushScheduled = true
      loop.atEndOfTurn(self)
    }
    tellWritability()
  }

  /// Besides the channel's buffer, what waits for the end of the turn counts as well.
  fileprivate func tellWritability() {
    let isWritable = isWritable
    if isWritable == wasWritable { return }
    wasWritable = isWritable
    callbacks?.writable(isWritable)
  }

  private func writePending() {
    if pending.readableBytes == 0 { return }
    channel.write(pending, promise: nil)
    // The channel still holds the bytes, so clearing the buffer would copy: the next turn starts a new one.
    pending = ByteBuffer()
  }

  func turnEnded() {
    isFlushScheduled = false
    if end != nil { return }
    writePending()
    channel.flush()
    tellWritability()
  }

  func close() {
    loop.checkIsolated()
    if end != nil { return }
    writePending()
    channel.flush()
    channel.close(promise: nil)
  }

  private func reportEnd() {
    guard let callbacks, let end, !end.isReported else { return }
    self.end?.isReported = true
    // Cut the cycle between the connection and its user.
    self.callbacks = nil
    callbacks.closed(end.error)
  }
}

extension NIOConnection {
  fileprivate func channelReceived(_ bytes: ByteBuffer) { callbacks?.received(bytes) }
  fileprivate func channelWritabilityChanged() { tellWritability() }
  fileprivate func channelFailed(_ error: any Error) {
    lastError = lastError ?? error
    channel.close(promise: nil)
  }
  fileprivate func channelEnded() {
    end = End(error: lastError)
    pending = ByteBuffer()
    reportEnd()
  }
}

/// Passes the events of a channel to its connection.
final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let connection: NIOConnection
  /// Called once, when the connection is ready for use.
  private var opened: ((NIOConnection) -> Void)?

  init(_ connection: NIOConnection, opened: ((NIOConnection) -> Void)? = nil) {
    self.connection = connection
    self.opened = opened
  }

  func channelActive(context: ChannelHandlerContext) {
    opened?(connection)
    opened = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    connection.channelReceived(unwrapInboundIn(data))
  }
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    connection.channelWritabilityChanged()
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.channelFailed(error) }
  func channelInactive(context: ChannelHandlerContext) { connection.channelEnded() }
}
