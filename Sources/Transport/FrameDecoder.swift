import Keys
import NIOCore

/// Why a stream of frames cannot be read on. The connection has to be closed: where the next frame begins is not known.
package enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
  case badLength(UInt32)
  case badChecksum
  case badKind(UInt8)
  case badPadding

  package var description: String {
    switch self {
    case .badLength(let length): "a frame of \(length) bytes is outside the limits"
    case .badChecksum: "a frame's checksum is wrong"
    case .badKind(let kind): "frames of kind \(kind) are unknown"
    case .badPadding: "a frame's reserved bytes are not zero"
    }
  }
}

/// Cuts a stream of bytes into frames. Bytes come from outside: whatever they are, it never traps, and it never holds
/// more than one frame of the allowed length besides the bytes that were given to it last.
package struct FrameDecoder: Sendable {
  /// No payload is longer, whatever the settings say: the checksum function counts in 31 bits.
  static let payloadBytesLimit = 1 << 30

  /// The longest payload that is let in; small until the handshake is done.
  package var payloadBytesMax: Int
  private var buffer = ByteBuffer()

  package init(payloadBytesMax: Int) {
    self.payloadBytesMax = min(payloadBytesMax, Self.payloadBytesLimit)
  }

  /// Bytes that wait for the rest of their frame.
  package var bufferedBytes: Int { buffer.readableBytes }

  package mutating func append(_ bytes: ByteBuffer) {
    if buffer.readableBytes == 0 {
      buffer = bytes
    } else {
      // Frames that were read already go first, so that the rest of a long one is not moved again and again.
      if buffer.readerIndex > 0 { buffer.discardReadBytes() }
      buffer.writeImmutableBuffer(bytes)
    }
  }

  /// The next frame, or nil if it is not complete.
  package mutating func next() throws(FrameError) -> Frame? {
    guard
      let (checksum, count) = buffer.peekMultipleIntegers(endianness: .little, as: (UInt32, UInt32).self)
    else { return nil }
    // The length is judged before anything waits for it or is allocated for it.
    guard count >= Frame.headerBytes, count <= Frame.headerBytes + payloadBytesMax else {
      throw .badLength(count)
    }
    let total = Frame.prefixBytes + Int(count)
    guard buffer.readableBytes >= total else {
      // What comes next is appended in place, so make room once. Honest peers send no frame without sending its bytes,
      // but only what has come is paid for: the room at most doubles.
      buffer.reserveCapacity(minimumWritableBytes: min(total - buffer.readableBytes, buffer.readableBytes))
      return nil
    }
    let computed = buffer.withUnsafeReadableBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[4..<total])) }
    guard computed == checksum else { throw .badChecksum }

    buffer.moveReaderIndex(forwardBy: Frame.prefixBytes)
    guard
      let (kindByte, selector, zero16, zero32, id, time, argument) = buffer.readMultipleIntegers(
        endianness: .little, as: (UInt8, UInt8, UInt16, UInt32, UInt64, UInt64, UInt64).self),
      let payload = buffer.readBytes(length: Int(count) - Frame.headerBytes)
    else { throw .badLength(count) }
    guard let kind = Frame.Kind(rawValue: kindByte) else { throw .badKind(kindByte) }
    guard zero16 == 0, zero32 == 0 else { throw .badPadding }
    if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    return Frame(
      kind: kind, selector: selector, id: id, time: HybridTime(rawValue: time), argument: argument, payload: payload)
  }
}
