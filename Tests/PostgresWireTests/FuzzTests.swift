import Foundation
import NIOCore
import PostgresWire
import Testing

/// Bytes that no client would send. Nothing may trap, nothing may grow without bound, and whatever comes back is whole
/// messages. `FUZZ_ROUNDS` makes it longer; a failure prints its seed.
@Suite struct FuzzTests {
  static let seeds = Array(1...(UInt64(ProcessInfo.processInfo.environment["FUZZ_ROUNDS"] ?? "") ?? 150))

  /// Conversations to mutate.
  private static let corpus: [[String]] = [
    ["Query \"rows 3\"", "Query \"begin; error 22012\"", "Query \"rollback\""],
    ["Parse \"s\" \"echo int4 text\" 23 25", "Bind \"p\" \"s\" b:00000007 t:x -> b t", "Describe P \"p\"", "Sync"],
    [
      "Parse \"\" \"rows 9\"", "Bind \"c\" \"\"", "Execute \"c\" 2", "Flush", "Execute \"c\" 2", "Close P \"c\"",
      "Sync",
    ],
    ["Query \"copy in\"", "CopyData \"1\\n\"", "CopyData \"22\\n\"", "CopyDone", "Sync"],
    ["Parse \"\" \"copy in\"", "Bind \"\" \"\"", "Execute \"\" 0", "CopyData \"1\\n\"", "CopyFail \"no\"", "Sync"],
    ["Query \"copy out 5\"", "FunctionCall", "Flush", "Describe S \"none\"", "Sync", "Terminate"],
  ]

  @Test("Random bytes, in any pieces, before and after startup", arguments: seeds)
  func random(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let wire = TestWire()
    if Bool.random(using: &generator) { wire.start() }
    var bytes = ByteBuffer()
    for _ in 0..<Int.random(in: 1...2000, using: &generator) {
      // Mostly bytes that mean something.
      let byte: UInt8 =
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: "BCdcfDEHFPpQSX".utf8.randomElement(using: &generator) ?? 0
        case 1: UInt8.random(in: 0...20, using: &generator)
        case 2: 0
        default: UInt8.random(in: 0...255, using: &generator)
        }
      bytes.writeInteger(byte)
    }
    converse(wire, bytes, &generator, seed: seed)
  }

  @Test("Real conversations with some bytes changed", arguments: seeds)
  func mutated(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let wire = TestWire()
    var lines = Bool.random(using: &generator) ? ["Startup user=me options=-c\\ a=b"] : []
    if lines.isEmpty { wire.start() }
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      lines += Self.corpus.randomElement(using: &generator) ?? []
    }
    var bytes = ClientText.bytes(ofAll: lines)
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      let index = Int.random(in: 0..<bytes.readableBytes, using: &generator)
      let value = [0, 1, 4, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &generator)].randomElement(
        using: &generator)
      bytes.setInteger(value ?? 0, at: index)
    }
    converse(wire, bytes, &generator, seed: seed)
  }

  private func converse(
    _ wire: TestWire, _ bytes: ByteBuffer, _ generator: inout SeededGenerator, seed: UInt64
  ) {
    let longest = [1, 7, 100, 5000].randomElement(using: &generator) ?? 1
    wire.send(bytes, pieceBytes: { Int.random(in: 1...longest, using: &generator) })
    for line in wire.answers(showFlushes: false) {
      #expect(!line.hasPrefix("cut off") && !line.hasPrefix("?") && !line.hasPrefix("  and"), "\(line), SEED=\(seed)")
    }
    wire.hangUp()
    wire.loop.advance(nanoseconds: 120_000_000_000)
    #expect(wire.services.counters.connectionsOpen == 0, "the connection did not end, SEED=\(seed)")
  }

  @Test("The decoder holds no more than the largest message and what came last", arguments: seeds.prefix(50))
  func decoderBound(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var settings = WireSettings()
    settings.messageBytesMax = 1000
    var decoder = FrontendDecoder(settings: settings)
    for _ in 0..<300 {
      var piece = ByteBuffer()
      for _ in 0..<Int.random(in: 1...200, using: &generator) {
        piece.writeInteger(UInt8.random(in: 0...255, using: &generator))
      }
      decoder.append(piece)
      do {
        while try decoder.next() != nil {}
      } catch {
        decoder = FrontendDecoder(settings: settings)
      }
      #expect(decoder.bufferedBytes <= 1000 + 5 + 200, "SEED=\(seed)")
    }
  }

  @Test("Every declared length, with nothing behind it", arguments: Array("BCdcfDEHFPpQSX".utf8))
  func declaredLengths(type: UInt8) {
    for length in [0, 1, 3, 4, 5, 10_000, 10_004, 10_005, 1 << 26, (1 << 26) + 5, 1 << 31, UInt32.max] as [UInt32] {
      for body in [0, 1, 4, 60] {
        let wire = TestWire()
        wire.start()
        var bytes = ByteBuffer(bytes: [type])
        bytes.writeInteger(length)
        bytes.writeRepeatingByte(0, count: body)
        wire.send(bytes)
        let mustClose = length < 4 || length > (1 << 26) + 4
        if mustClose { #expect(wire.socket.isClosed, "type \(type), length \(length)") }
        wire.hangUp()
      }
    }
  }

  @Test("Every truncation of a startup packet waits, and ends at the deadline")
  func truncatedStartup() {
    let packet = ClientText.bytes(of: "Startup user=me database=db application_name=x")
    for count in 0..<packet.readableBytes {
      let wire = TestWire()
      if let piece = packet.getSlice(at: 0, length: count) { wire.send(piece) }
      #expect(wire.answers() == [])
      wire.loop.advance(nanoseconds: 11_000_000_000)
      #expect(wire.socket.isClosed, "\(count) bytes")
    }
  }

  @Test("Startup packets of every impossible length end without an answer")
  func startupLengths() {
    for length in [0, 3, 7, 10_001, UInt32(Int32.max), UInt32.max, 0x8000_0000] as [UInt32] {
      let wire = TestWire()
      wire.send(ByteBuffer(integer: length))
      #expect(wire.socket.isClosed && wire.socket.sent.isEmpty, "length \(length)")
    }
  }

  @Test("Bind takes 65,535 parameters")
  func manyParameters() {
    let wire = TestWire()
    wire.start()
    var body = ByteBuffer(bytes: [0, 0, 0, 0])
    body.writeInteger(UInt16.max)
    for _ in 0..<UInt16.max { body.writeMultipleIntegers(1 as Int32, UInt8(ascii: "1")) }
    body.writeInteger(0 as UInt16)
    wire.send("Parse \"\" \"rows 1\"")
    wire.send(ClientText.message("B", body))
    wire.send("Sync")
    #expect(wire.answers(showFlushes: false) == ["ParseComplete", "BindComplete", "ReadyForQuery I"])
  }
}
