/// `bytea` as text: `\x` and hexadecimal digits, or the older escapes (PostgreSQL manual, 8.4).
enum ByteaText {
  static func parse(_ text: String) throws(SQLError) -> [UInt8] {
    let input = Array(text.utf8)
    if input.starts(with: "\\x".utf8) { return try parseHex(input[2...]) }
    var (out, index) = ([UInt8](), 0)
    while index < input.count {
      let byte = input[index]
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        index += 1
        continue
      }
      if index + 1 < input.count, input[index + 1] == UInt8(ascii: "\\") {
        out.append(byte)
        index += 2
        continue
      }
      let digits = input[(index + 1)...].prefix(3)
      guard digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
        let first = digits.first, first <= UInt8(ascii: "3")
      else { throw SQLError(.invalidTextRepresentation, "invalid input syntax for type bytea") }
      out.append(digits.reduce(0) { $0 << 3 | ($1 - UInt8(ascii: "0")) })
      index += 4
    }
    return out
  }

  private static func parseHex(_ input: ArraySlice<UInt8>) throws(SQLError) -> [UInt8] {
    var (out, high) = ([UInt8](), UInt8?.none)
    out.reserveCapacity(input.count / 2)
    var index = input.startIndex
    while index < input.endIndex {
      let byte = input[index]
      if high == nil, byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d {
        index += 1
        continue
      }
      guard let nibble = byte.hexValue else {
        let shown = String(decoding: input[index...].prefix(4), as: UTF8.self).unicodeScalars.first.map { "\($0)" }
        throw SQLError(.invalidParameterValue, "invalid hexadecimal digit: \"\(shown ?? "")\"")
      }
      if let top = high {
        out.append(top << 4 | nibble)
        high = nil
      } else {
        high = nibble
      }
      index += 1
    }
    guard high == nil else {
      throw SQLError(.invalidParameterValue, "invalid hexadecimal data: odd number of digits")
    }
    return out
  }

  static func write(_ value: [UInt8], as style: FormatSettings.ByteaOutput, into bytes: inout [UInt8]) {
    switch style {
    case .hex:
      bytes.append(contentsOf: "\\x".utf8)
      for byte in value { bytes.appendHex(byte) }
    case .escape:
      for byte in value {
        if byte == UInt8(ascii: "\\") {
          bytes.append(contentsOf: [byte, byte])
        } else if byte < 0x20 || byte > 0x7e {
          bytes.append(UInt8(ascii: "\\"))
          for shift: UInt8 in [6, 3, 0] { bytes.append(UInt8(ascii: "0") + (byte >> shift & 7)) }
        } else {
          bytes.append(byte)
        }
      }
    }
  }
}
