import DequeModule
import Keys
import NIOCore
import Runtime

/// A connection that carries frames. What is sent in one turn of the loop leaves in one write.
final class FrameStream: @unchecked Sendable {
  // `@unchecked`: confined to the transport's loop, where all callers are and where the connection calls back.

  private let connection: any Connection
  private let loop: any Loop
  private let clock: any Clock
  private var decoder: FrameDecoder
  /// Frames of this turn.
  private var outgoing = ByteBuffer()
  /// Frames of earlier turns that the connection has not taken, oldest first.
  private var waiting = Deque<ByteBuffer>()
  private var waitingBytes = 0
  private var isFlushScheduled = false
  private var onFrame: (Frame) -> Void = { _ in }
  private var onEnd: (String) -> Void = { _ in }
  /// Called when everything has left and the connection takes more.
  var onDrained: () -> Void = {}
  /// Why this side closed.
  private var closeReason: String?

  private(set) var isOpen = true
  private(set) var bytesReceived: UInt64 = 0
  private(set) var bytesSent: UInt64 = 0
  /// When the other side last sent bytes, or took some, on the monotonic clock.
  private(set) var lastLifeNanoseconds: UInt64
  /// Counts turns whose frames went out, or began to.
  private(set) var flushes: UInt64 = 0

  /// Small batches are kept in the same memory.
  private static let keptBytes = 8192
  /// The connection gets long frames in pieces, so that it shows that the other side takes them: behind a frame of
  /// seconds no ping gets through.
  private static let pieceBytes = 256 << 10

  init(_ connection: any Connection, loop: any Loop, clock: any Clock) {
    self.connection = connection
    self.loop = loop
    self.clock = clock
    decoder = FrameDecoder(payloadBytesMax: Introduction.bytesMax)
    lastLifeNanoseconds = clock.monotonicNanoseconds()
  }

  var remote: Address { connection.remote }
  /// Bytes that wait because the connection takes no more.
  var backlogBytes: Int { waitingBytes + outgoing.readableBytes }
  var isWritable: Bool { isOpen && connection.isWritable }

  /// - Parameter onEnd: called once, last, with the reason.
  func start(onFrame: @escaping (Frame) -> Void, onEnd: @escaping (String) -> Void) {
    self.onFrame = onFrame
    self.onEnd = onEnd
    connection.start(
      received: { [self] in received($0) },
      writable: { [self] isWritable in if isWritable { drained() } },
      closed: { [self] error in ended(error.map { "\($0)" } ?? "closed by the other side") })
  }

  /// From now on frames up to this size are let in: the other side has introduced itself.
  func admitPayloads(upTo bytesMax: Int) {
    decoder.payloadBytesMax = min(bytesMax, FrameDecoder.payloadBytesLimit)
  }

  /// The silence so far is not the other side's fault: this process did not run.
  func forgiveSilence() {
    lastLifeNanoseconds = clock.monotonicNanoseconds()
  }

  func send(_ frame: Frame) {
    guard isOpen else { return }
    frame.write(to: &outgoing)
    if !isFlushScheduled {
      isFlushScheduled = true
      loop.execute { [self] in flush() }
    }
  }

  private func drained() {
    lastLifeNanoseconds = clock.monotonicNanoseconds()
    flush()
  }

  private func flush() {
    isFlushScheduled = false
    guard isOpen else { return }
    if outgoing.readableBytes > 0 {
      bytesSent &+= UInt64(outgoing.readableBytes)
      flushes &+= 1
      if waiting.isEmpty, outgoing.readableBytes <= Self.pieceBytes, connection.isWritable {
        connection.send(outgoing)
        if outgoing.readableBytes <= Self.keptBytes { outgoing.clear() } else { outgoing = ByteBuffer() }
      } else {
        waitingBytes += outgoing.readableBytes
        waiting.append(outgoing)
        outgoing = ByteBuffer()
      }
    }
    sendWaiting()
    if waiting.isEmpty, connection.isWritable { onDrained() }
  }

  private func sendWaiting() {
    while connection.isWritable, var first = waiting.popFirst() {
      let count = min(Self.pieceBytes, first.readableBytes)
      guard let piece = first.readSlice(length: count) else { continue }
      waitingBytes -= count
      if first.readableBytes > 0 { waiting.prepend(first) }
      connection.send(piece)
    }
  }

  func close(because reason: String) {
    guard isOpen else { return }
    flush()
    closeReason = reason
    connection.close()
    ended(reason)
  }

  private func received(_ bytes: ByteBuffer) {
    guard isOpen else { return }
    bytesReceived &+= UInt64(bytes.readableBytes)
    lastLifeNanoseconds = clock.monotonicNanoseconds()
    decoder.append(bytes)
    do throws(FrameError) {
      while isOpen, let frame = try decoder.next() { onFrame(frame) }
    } catch {
      close(because: "bad bytes: \(error)")
    }
  }

  private func ended(_ reason: String) {
    guard isOpen else { return }
    isOpen = false
    let onEnd = onEnd
    // The closures hold the link, and the link holds this stream.
    onFrame = { _ in }
    self.onEnd = { _ in }
    onDrained = {}
    outgoing = ByteBuffer()
    waiting = []
    waitingBytes = 0
    onEnd(reason)
  }
}
