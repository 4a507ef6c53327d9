import NIOCore
import Runtime
import Synchronization
import Testing

@Suite("A real connection")
struct NetworkTests {
  /// What one end of a connection saw.
  final class End: Sendable {
    let bytes = Mutex<[UInt8]>([])
    let closes = Counter()
  }

  @Test("carries bytes both ways in order, and both ends see one close")
  func echo() async throws {
    let runtime = RealRuntime.make(loops: 2)
    let (near, far) = (End(), End())
    let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let listener = try await runtime.network.listen(on: Address(host: "127.0.0.1", port: 0), loop: runtime.loops[1]) {
      connection in
      connection.start(
        received: { bytes in
          far.bytes.withLock { $0.append(contentsOf: bytes.readableBytesView) }
          connection.send(bytes)
        }, writable: { _ in }, closed: { _ in far.closes.add() })
    }
    #expect(listener.address.port > 0)
    let loop = runtime.loops[0]
    let connection = try await runtime.network.connect(
      to: listener.address, loop: loop, timeoutNanoseconds: 5_000_000_000)
    await withCheckedContinuation { done in
      loop.execute {
        connection.start(
          received: { bytes in
            let all = near.bytes.withLock { mine in
              mine.append(contentsOf: bytes.readableBytesView)
              return mine.count
            }
            if all == sent.count { connection.close() }
          }, writable: { _ in },
          closed: { _ in
            near.closes.add()
            done.resume()
          })
        // Small pieces and large ones, in one turn and in several.
        var offset = 0
        var size = 1
        while offset < sent.count {
          let piece = Array(sent[offset..<min(sent.count, offset + size)])
          connection.send(ByteBuffer(bytes: piece))
          offset += piece.count
          size = size % 20_011 + 977
        }
      }
    }
    #expect(near.bytes.withLock { $0 } == sent)
    #expect(far.bytes.withLock { $0 } == sent)
    #expect(near.closes.value == 1)
    await runtime.shutdown()
    #expect(far.closes.value == 1)
  }

  @Test("is refused where nobody listens")
  func refused() async throws {
    let runtime = RealRuntime.make(loops: 1)
    let loop = runtime.loops[0]
    let listener = try await runtime.network.listen(on: Address(host: "127.0.0.1", port: 0), loop: loop) { $0.close() }
    // A connection that is accepted and closed at once ends without an error.
    let connection = try await runtime.network.connect(
      to: listener.address, loop: loop, timeoutNanoseconds: 5_000_000_000)
    await withCheckedContinuation { done in
      loop.execute { connection.start(received: { _ in }, writable: { _ in }, closed: { _ in done.resume() }) }
    }
    await #expect(throws: (any Error).self) {
      _ = try await runtime.network.connect(
        to: Address(host: "127.0.0.1", port: 1), loop: loop, timeoutNanoseconds: 5_000_000_000)
    }
    listener.close()
    await runtime.shutdown()
  }
}
