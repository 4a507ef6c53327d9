import Glibc

/// MD5 (RFC 1321) and SHA-256 (FIPS 180-4), for `md5()` and `sha256()`. Not for secrets: timing depends on the input's
/// length only, but nothing else was considered.
enum Digest {
  static func md5(_ message: [UInt8]) -> [UInt8] {
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    let padded = padded(message, bigEndianLength: false)
    for start in stride(from: 0, to: padded.count, by: 64) {
      let words = (0..<16).map { word in
        (0..<4).reduce(UInt32(0)) { $0 | UInt32(padded[start + word * 4 + $1]) << UInt32(8 * $1) }
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      for step in 0..<64 {
        let (mix, word): (UInt32, Int) =
          switch step / 16 {
          case 0: ((b & c) | (~b & d), step)
          case 1: ((d & b) | (~d & c), (5 * step + 1) % 16)
          case 2: (b ^ c ^ d, (3 * step + 5) % 16)
          default: (c ^ (b | ~d), 7 * step % 16)
          }
        let sum = a &+ mix &+ md5Constants[step] &+ words[word]
        (a, d, c, b) = (d, c, b, b &+ rotateLeft(sum, by: md5Shifts[step / 16 * 4 + step % 4]))
      }
      state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d]
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
  }

  static func sha256(_ message: [UInt8]) -> [UInt8] {
    var state = primes.prefix(8).map { fraction(Double($0).squareRoot()) }
    let padded = padded(message, bigEndianLength: true)
    for start in stride(from: 0, to: padded.count, by: 64) {
      var words = (0..<16).map { word in
        (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(padded[start + word * 4 + $1]) }
      }
      for index in 16..<64 {
        let (x, y) = (words[index - 15], words[index - 2])
        let s0 = rotateLeft(x, by: 25) ^ rotateLeft(x, by: 14) ^ (x >> 3)
        let s1 = rotateLeft(y, by: 15) ^ rotateLeft(y, by: 13) ^ (y >> 10)
        words.append(words[index - 16] &+ s0 &+ words[index - 7] &+ s1)
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      for index in 0..<64 {
        let s1 = rotateLeft(e, by: 26) ^ rotateLeft(e, by: 21) ^ rotateLeft(e, by: 7)
        let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ sha256Constants[index] &+ words[index]
        let s0 = rotateLeft(a, by: 30) ^ rotateLeft(a, by: 19) ^ rotateLeft(a, by: 10)
        let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ t1, c, b, a, t1 &+ t2)
      }
      for (index, value) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= value }
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
  }

  /// The message, a one bit, zeros up to 8 bytes below a multiple of 64, and the length in bits.
  private static func padded(_ message: [UInt8], bigEndianLength: Bool) -> [UInt8] {
    var bytes = message + [0x80]
    bytes.append(contentsOf: repeatElement(0, count: (120 - bytes.count % 64) % 64))
    let bitCount = UInt64(message.count) * 8
    for index in 0..<8 {
      bytes.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(8 * (bigEndianLength ? 7 - index : index))))
    }
    return bytes
  }

  private static func rotateLeft(_ value: UInt32, by count: UInt32) -> UInt32 {
    value << count | value >> (32 - count)
  }

  private static let md5Shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  private static let md5Constants: [UInt32] = (1...64).map { UInt32(abs(sin(Double($0))) * 0x1p32) }
  private static let sha256Constants: [UInt32] = primes.map { fraction(cbrt(Double($0))) }

  /// The first 32 bits behind the binary point.
  private static func fraction(_ value: Double) -> UInt32 { UInt32((value - value.rounded(.down)) * 0x1p32) }

  /// The first 64 primes.
  private static let primes: [Int] = (2...311).filter { candidate in
    !(2..<candidate).contains { candidate % $0 == 0 }
  }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
