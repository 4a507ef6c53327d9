import Keys
import NIOCore

/// What goes over a connection, one after the other (see the page `Transport` for the bytes).
package struct Frame: Hashable, Sendable {
  package enum Kind: UInt8, Sendable {
    // The handshake.
    case hello = 1
    case welcome = 2
    case refusal = 3
    // Is anybody there?
    case ping = 4
    case pong = 5
    // Messages.
    case post = 16
    case request = 17
    case response = 18
    case cancel = 19
  }

  package var kind: Kind
  /// Of a post, its channel; of a request, its service; of a response, its `ResponseStatus`; else 0.
  package var selector: UInt8
  /// Pairs a response, a cancellation or a pong with what it belongs to; 0 in posts and in the handshake.
  package var id: UInt64
  /// The sender's hybrid time as the frame was written.
  package var time: HybridTime
  /// Of a request, the time that its caller still waits, in nanoseconds; of a pong, the sender's wall clock in
  /// microseconds; else 0.
  package var argument: UInt64
  package var payload: [UInt8]

  package init(
    kind: Kind, selector: UInt8 = 0, id: UInt64 = 0, time: HybridTime, argument: UInt64 = 0, payload: [UInt8] = []
  ) {
    self.kind = kind
    self.selector = selector
    self.id = id
    self.time = time
    self.argument = argument
    self.payload = payload
  }
}

/// What a response says.
enum ResponseStatus: UInt8, Sendable {
  case answer = 0
  /// The payload is a `RemoteFailure`.
  case failure = 1
  /// The request did not run: too many run already.
  case overloaded = 2
  /// The request did not run; the payload is the reason, in UTF-8.
  case refused = 3
}

extension Frame {
  /// Checksum and length: what stands before the counted part.
  static let prefixBytes = 8
  /// The counted part without its payload.
  static let headerBytes = 32

  /// Appends the frame's bytes.
  ///
  ///     0  4  CRC32C of everything from offset 4 to the frame's end
  ///     4  4  count of the bytes that follow
  ///     8  1  kind
  ///     9  1  selector
  ///    10  6  zero
  ///    16  8  id
  ///    24  8  hybrid time
  ///    32  8  argument
  ///    40     payload
  ///
  /// All integers are little-endian.
  package func write(to buffer: inout ByteBuffer) {
    precondition(payload.count <= FrameDecoder.payloadBytesLimit, "a payload of \(payload.count) bytes is too long")
    let start = buffer.writerIndex
    let count = Self.headerBytes + payload.count
    buffer.reserveCapacity(minimumWritableBytes: Self.prefixBytes + count)
    buffer.writeMultipleIntegers(
      UInt32(0), UInt32(count), kind.rawValue, selector, UInt16(0), UInt32(0), id, time.rawValue, argument,
      endianness: .little)
    buffer.writeBytes(payload)
    let checksum = buffer.withUnsafeReadableBytes { bytes in
      crc32c(UnsafeRawBufferPointer(rebasing: bytes[(start - buffer.readerIndex + 4)...]))
    }
    buffer.setInteger(checksum, at: start, endianness: .little)
  }
}
