import Keys
import NIOCore
import Runtime
import Testing
import Transport

@Suite("Frames")
struct FrameTests {
  private func frames(_ random: inout SeededRandom, count: Int) -> [Frame] {
    let kinds: [Frame.Kind] = [.hello, .welcome, .refusal, .ping, .pong, .post, .request, .response, .cancel]
    return (0..<count).map { _ in
      let size = Int(random.below(random.oneIn(5) ? 5000 : 40))
      return Frame(
        kind: kinds[Int(random.below(UInt64(kinds.count)))], selector: UInt8(truncatingIfNeeded: random.next()),
        id: random.next(), time: HybridTime(rawValue: random.next()), argument: random.next(),
        payload: (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }
  }

  private func bytes(of frames: [Frame]) -> [UInt8] {
    var buffer = ByteBuffer()
    for frame in frames { frame.write(to: &buffer) }
    return Array(buffer.readableBytesView)
  }

  /// Feeds bytes in pieces of random size; what came out, and the error that ended it.
  private func decode(
    _ bytes: [UInt8], payloadBytesMax: Int = 8192, _ random: inout SeededRandom
  ) -> (frames: [Frame], error: FrameError?) {
    var decoder = FrameDecoder(payloadBytesMax: payloadBytesMax)
    var (frames, offset) = ([Frame](), 0)
    do throws(FrameError) {
      while offset < bytes.count {
        let count = min(bytes.count - offset, Int(random.between(1, random.oneIn(2) ? 7 : 3000)))
        decoder.append(ByteBuffer(bytes: bytes[offset..<offset + count]))
        offset += count
        while let frame = try decoder.next() { frames.append(frame) }
        #expect(decoder.bufferedBytes <= payloadBytesMax + 40)
      }
      return (frames, nil)
    } catch {
      return (frames, error)
    }
  }

  @Test("The checksum is CRC32C")
  func checksum() {
    // The check value of CRC-32/ISCSI.
    #expect(Array("123456789".utf8).withUnsafeBytes { crc32c($0) } == 0xe306_9283)
    #expect(crc32c(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
  }

  @Test("The example of the documentation has these bytes")
  func example() {
    let frame = Frame(
      kind: .request, selector: 3, id: 7, time: HybridTime(rawValue: 0x0102_0304), argument: 1_000_000_000,
      payload: [0xca, 0xfe])
    #expect(
      bytes(of: [frame]) == [
        0xae, 0x1a, 0xae, 0x3b,
        0x22, 0, 0, 0, 17, 3, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0,
        0x00, 0xca, 0x9a, 0x3b, 0, 0, 0, 0, 0xca, 0xfe,
      ])
  }

  @Test("What is written is read, however the bytes are cut", arguments: 1...50)
  func roundTrip(number: Int) {
    var random = SeededRandom(seed: UInt64(number))
    let frames = frames(&random, count: 30)
    let (read, error) = decode(bytes(of: frames), &random)
    #expect(read == frames && error == nil, "seed \(number)")
  }

  @Test("A changed byte anywhere is found: frames before it are right, none after it is read", arguments: 1...300)
  func mutated(number: Int) {
    var random = SeededRandom(seed: UInt64(number))
    let frames = frames(&random, count: 6)
    var bytes = bytes(of: frames)
    bytes[Int(random.below(UInt64(bytes.count)))] ^= UInt8(1 << random.below(8))
    let (read, _) = decode(bytes, &random)
    #expect(read.count < frames.count && read == Array(frames.prefix(read.count)), "seed \(number)")
  }

  @Test("Random bytes never trap", arguments: 1...300)
  func noise(number: Int) {
    var random = SeededRandom(seed: UInt64(number))
    var bytes = (0..<Int(random.below(4000))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    if random.oneIn(2), bytes.count > 8 {
      // A length that is let in.
      bytes.replaceSubrange(4..<8, with: [UInt8(random.between(32, 255)), 0, 0, 0])
    }
    #expect(decode(bytes, &random).frames.isEmpty, "seed \(number)")
  }

  @Test(
    "A length beyond the limit is refused from its first eight bytes", arguments: [31, 33 + 1024, 1 << 31, 0xffff_ffff])
  func length(count: UInt32) {
    var random = SeededRandom(seed: 1)
    var header = ByteBuffer()
    header.writeMultipleIntegers(UInt32(0), count, endianness: .little)
    let (_, error) = decode(Array(header.readableBytesView), payloadBytesMax: 1024, &random)
    #expect(error == .badLength(count))
  }
}
