import Values

/// The text forms of `encode` and `decode`.
private enum ByteEncoding {
  case hex, base64, escape

  init(_ name: String) throws(SQLError) {
    switch name.lowercased() {
    case "hex": self = .hex
    case "base64": self = .base64
    case "escape": self = .escape
    default: throw SQLError(.invalidParameterValue, "unrecognized encoding: \"\(name)\"")
    }
  }

  func encode(_ bytes: [UInt8]) -> String {
    switch self {
    case .hex: hexadecimal(bytes)
    case .base64: encodeBase64(bytes)
    case .escape: encodeEscape(bytes)
    }
  }

  func decode(_ text: String) throws(SQLError) -> [UInt8] {
    switch self {
    case .hex: try decodeHex(text)
    case .base64: try decodeBase64(text)
    case .escape: try decodeEscape(Array(text.utf8))
    }
  }
}

private let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// Lines of 76 characters, as MIME has them.
private func encodeBase64(_ bytes: [UInt8]) -> String {
  var out: [UInt8] = []
  var column = 0
  for start in stride(from: 0, to: bytes.count, by: 3) {
    if column == 76 {
      out.append(UInt8(ascii: "\n"))
      column = 0
    }
    let count = min(3, bytes.count - start)
    let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < count ? UInt32(bytes[start + $1]) : 0) }
    for index in 0..<4 {
      out.append(index <= count ? base64Digits[Int(group >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
    }
    column += 4
  }
  return String(decoding: out, as: UTF8.self)
}

private func decodeBase64(_ text: String) throws(SQLError) -> [UInt8] {
  var (out, group, count, padding) = ([UInt8](), UInt32(0), 0, 0)
  for byte in text.utf8 {
    switch byte {
    case 0x20, 0x09, 0x0a, 0x0d: continue
    case UInt8(ascii: "="):
      padding += 1
      guard padding <= 2, count >= 2 else {
        throw SQLError(.invalidParameterValue, "unexpected \"=\" while decoding base64 sequence")
      }
      group <<= 6
    default:
      guard padding == 0, let digit = base64Digits.firstIndex(of: byte) else {
        throw SQLError(
          .invalidParameterValue,
          "invalid symbol \"\(Character(Unicode.Scalar(byte)))\" found while decoding base64 sequence")
      }
      group = group << 6 | UInt32(digit)
    }
    count += 1
    if count == 4 {
      for index in 0..<3 - padding { out.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * index))) }
      (group, count) = (0, 0)
    }
  }
  if count != 0 {
    throw SQLError(
      .invalidParameterValue, "invalid base64 end sequence",
      hint: "Input data is missing padding, is truncated, or is otherwise corrupted.")
  }
  return out
}

private func decodeHex(_ text: String) throws(SQLError) -> [UInt8] {
  var out: [UInt8] = []
  var high: UInt8?
  for byte in text.utf8 {
    if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { continue }
    guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
      throw SQLError(.invalidParameterValue, "invalid hexadecimal digit: \"\(Character(Unicode.Scalar(byte)))\"")
    }
    if let first = high {
      out.append(first << 4 | UInt8(digit))
      high = nil
    } else {
      high = UInt8(digit)
    }
  }
  if high != nil {
    throw SQLError(.invalidParameterValue, "invalid hexadecimal data: odd number of digits")
  }
  return out
}

private func encodeEscape(_ bytes: [UInt8]) -> String {
  var out: [UInt8] = []
  for byte in bytes {
    if byte == 0 || byte >= 0x80 {
      out += [UInt8(ascii: "\\"), 48 + (byte >> 6), 48 + (byte >> 3 & 7), 48 + (byte & 7)]
    } else {
      if byte == UInt8(ascii: "\\") { out.append(byte) }
      out.append(byte)
    }
  }
  return String(decoding: out, as: UTF8.self)
}

private func decodeEscape(_ bytes: [UInt8]) throws(SQLError) -> [UInt8] {
  var (out, index) = ([UInt8](), 0)
  while index < bytes.count {
    guard bytes[index] == UInt8(ascii: "\\") else {
      out.append(bytes[index])
      index += 1
      continue
    }
    if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\\") {
      out.append(UInt8(ascii: "\\"))
      index += 2
      continue
    }
    let digits = bytes[(index + 1)...].prefix(3).map { Int($0) - 48 }
    guard digits.count == 3, digits.allSatisfy({ (0...7).contains($0) }), digits[0] <= 3 else {
      throw SQLError(.invalidTextRepresentation, "invalid input syntax for type bytea")
    }
    out.append(UInt8(digits[0] * 64 + digits[1] * 8 + digits[2]))
    index += 4
  }
  return out
}

private func overlay(_ bytes: [UInt8], _ new: [UInt8], from start: Int, length: Int) throws(SQLError) -> [UInt8] {
  if start <= 0 { throw .negativeSubstring }
  let head = try substringRange(count: bytes.count, from: 1, length: start - 1)
  return bytes[head] + new + bytes[min(max(start - 1 + length, 0), bytes.count)...]
}

extension FunctionCatalog.Tables {
  mutating func defineByteaFunctions() {
    binaryOperator("||", .bytea, .bytea, .bytea, oid: 2018, function: 2011, named: "byteacat") {
      (a, b) throws(SQLError) -> Datum in .bytes(try a.byteArray() + b.byteArray())
    }
    for (id, name) in [(2010, "length"), (720, "octet_length")] {
      unary(UInt32(id), name, .bytea, .int4) { (a) throws(SQLError) -> Datum in
        .int4(Int32(clamping: try a.byteArray().count))
      }
    }
    unary(1810, "bit_length", .bytea, .int4) { (a) throws(SQLError) -> Datum in
      .int4(Int32(clamping: try a.byteArray().count * 8))
    }
    unary(6163, "bit_count", .bytea, .int8) { (a) throws(SQLError) -> Datum in
      .int8(Int64(try a.byteArray().reduce(0) { $0 + $1.nonzeroBitCount }))
    }
    unary(2321, "md5", .bytea, .text) { (a) throws(SQLError) -> Datum in
      .text(hexadecimal(Digest.md5(try a.byteArray())))
    }
    unary(3420, "sha256", .bytea, .bytea) { (a) throws(SQLError) -> Datum in
      .bytes(Digest.sha256(try a.byteArray()))
    }
    binary(1946, "encode", .bytea, .text, .text) { (a, b) throws(SQLError) -> Datum in
      .text(try ByteEncoding(try b.string()).encode(try a.byteArray()))
    }
    binary(1947, "decode", .text, .text, .bytea) { (a, b) throws(SQLError) -> Datum in
      .bytes(try ByteEncoding(try b.string()).decode(try a.string()))
    }
    for (id, name) in [(2085, "substr"), (2012, "substring")] {
      general(UInt32(id), name, [.bytea, .int4, .int4], .bytea) { (arguments, _) throws(SQLError) -> Datum in
        let value = try arguments.argument(0).byteArray()
        let range = try substringRange(
          count: value.count, from: try arguments.argument(1).int4(), length: try arguments.argument(2).int4())
        return .bytes(Array(value[range]))
      }
    }
    for (id, name) in [(2086, "substr"), (2013, "substring")] {
      binary(UInt32(id), name, .bytea, .int4, .bytea) { (a, b) throws(SQLError) -> Datum in
        let value = try a.byteArray()
        return .bytes(Array(value[try substringRange(count: value.count, from: try b.int4(), length: nil)]))
      }
    }
    binary(2014, "position", .bytea, .bytea, .int4) { (a, b) throws(SQLError) -> Datum in
      // Bytes stand in for code points: each is one below U+0100.
      let (text, needle) = (try a.byteArray().map { Unicode.Scalar($0) }, try b.byteArray().map { Unicode.Scalar($0) })
      return .int4(Int32(clamping: firstIndex(of: needle, in: text).map { $0 + 1 } ?? 0))
    }
    general(749, "overlay", [.bytea, .bytea, .int4, .int4], .bytea) { (arguments, _) throws(SQLError) -> Datum in
      .bytes(
        try overlay(
          try arguments.argument(0).byteArray(), try arguments.argument(1).byteArray(),
          from: try arguments.argument(2).int4(), length: try arguments.argument(3).int4()))
    }
    general(752, "overlay", [.bytea, .bytea, .int4], .bytea) { (arguments, _) throws(SQLError) -> Datum in
      let new = try arguments.argument(1).byteArray()
      return .bytes(
        try overlay(
          try arguments.argument(0).byteArray(), new, from: try arguments.argument(2).int4(), length: new.count))
    }
    binary(721, "get_byte", .bytea, .int4, .int4) { (a, b) throws(SQLError) -> Datum in
      let (value, index) = (try a.byteArray(), try b.int4())
      guard value.indices.contains(index) else { throw outOfRange(index, value.count) }
      return .int4(Int32(value[index]))
    }
    general(722, "set_byte", [.bytea, .int4, .int4], .bytea) { (arguments, _) throws(SQLError) -> Datum in
      var value = try arguments.argument(0).byteArray()
      let index = try arguments.argument(1).int4()
      guard value.indices.contains(index) else { throw outOfRange(index, value.count) }
      value[index] = UInt8(truncatingIfNeeded: try arguments.argument(2).int4())
      return .bytes(value)
    }
    binary(1714, "convert_from", .bytea, .name, .text) { (a, b) throws(SQLError) -> Datum in
      try requireUTF8(try b.string(), direction: "source")
      return .text(try TextFormat.utf8Text(try a.byteArray()[...]))
    }
    binary(1717, "convert_to", .text, .name, .bytea) { (a, b) throws(SQLError) -> Datum in
      try requireUTF8(try b.string(), direction: "destination")
      return .bytes(Array(try a.string().utf8))
    }
  }
}

private func outOfRange(_ index: Int, _ count: Int) -> SQLError {
  SQLError("2202E", "index \(index) out of valid range, 0..\(count - 1)")
}

private func requireUTF8(_ encoding: String, direction: String) throws(SQLError) {
  guard ["utf8", "utf-8", "unicode"].contains(encoding.lowercased()) else {
    throw SQLError(.invalidParameterValue, "invalid \(direction) encoding name \"\(encoding)\"")
  }
}
