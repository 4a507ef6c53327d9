import NIOCore

/// What a client sends, written as text: one message a line.
///
///     Startup user=me database=db        SSLRequest   GSSENCRequest   Cancel 1 16909060
///     Query "rows 1"                     Sync  Flush  Terminate  CopyDone  FunctionCall
///     Parse "s" "echo int4" 23           Describe S "s"   Close P "c"   Execute "c" 10
///     Bind "c" "s" t:7 b:00000007 null -> b
///     CopyData "1\t2\n"   CopyFail "reason"   Password "x"   Hex 50000000
enum ClientText {
  static func bytes(of line: String) -> ByteBuffer {
    var words = words(of: line)[...]
    let kind = words.removeFirst()
    var body = ByteBuffer()
    switch kind {
    case "Startup":
      body.writeInteger(0x0003_0000 as UInt32)
      return packet(body, parameters: words)
    case "Startup3.2":
      body.writeInteger(0x0003_0002 as UInt32)
      return packet(body, parameters: words)
    case "Startup2":
      body.writeInteger(0x0002_0000 as UInt32)
      return packet(body, parameters: words)
    case "SSLRequest": return ByteBuffer(bytes: [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])
    case "GSSENCRequest": return ByteBuffer(bytes: [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30])
    case "Cancel":
      body.writeMultipleIntegers(
        16 as UInt32, 80_877_102 as UInt32, Int32(words.removeFirst()) ?? 0, UInt32(words.removeFirst()) ?? 0)
      return body
    case "Hex": return ByteBuffer(bytes: hex(words.removeFirst()))
    case "Query", "CopyFail", "Password":
      body.writeString(words.removeFirst() + "\0")
      return message(kind == "Query" ? "Q" : kind == "CopyFail" ? "f" : "p", body)
    case "Parse":
      body.writeString(words.removeFirst() + "\0" + words.removeFirst() + "\0")
      body.writeInteger(UInt16(words.count))
      for type in words { body.writeInteger(UInt32(type) ?? 0) }
      return message("P", body)
    case "Bind": return message("B", bind(words))
    case "Describe", "Close":
      body.writeString(words.removeFirst() + words.removeFirst() + "\0")
      return message(kind == "Close" ? "C" : "D", body)
    case "Execute":
      body.writeString(words.removeFirst() + "\0")
      body.writeInteger(Int32(words.removeFirst()) ?? 0)
      return message("E", body)
    case "CopyData":
      body.writeString(words.removeFirst())
      return message("d", body)
    case "Sync": return message("S", body)
    case "Flush": return message("H", body)
    case "Terminate": return message("X", body)
    case "CopyDone": return message("c", body)
    case "FunctionCall": return message("F", ByteBuffer(bytes: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    default: preconditionFailure("no client message \(kind)")
    }
  }

  static func bytes(ofAll lines: [String]) -> ByteBuffer {
    lines.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer(bytes(of: $1)) }
  }

  static func message(_ kind: Unicode.Scalar, _ body: ByteBuffer) -> ByteBuffer {
    var message = ByteBuffer()
    message.writeInteger(UInt8(ascii: kind))
    message.writeInteger(UInt32(body.readableBytes + 4))
    message.writeImmutableBuffer(body)
    return message
  }

  private static func packet(_ start: ByteBuffer, parameters: ArraySlice<String>) -> ByteBuffer {
    var body = start
    for parameter in parameters {
      let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      body.writeString(parts[0] + "\0" + parts[1] + "\0")
    }
    body.writeInteger(0 as UInt8)
    var packet = ByteBuffer(integer: UInt32(body.readableBytes + 4))
    packet.writeImmutableBuffer(body)
    return packet
  }

  private static func bind(_ words: ArraySlice<String>) -> ByteBuffer {
    var words = words
    var body = ByteBuffer()
    body.writeString(words.removeFirst() + "\0" + words.removeFirst() + "\0")
    let values = words.prefix { $0 != "->" }
    let results = words.dropFirst(values.count + 1)
    body.writeInteger(UInt16(values.count))
    for value in values { body.writeInteger(value.hasPrefix("b:") ? 1 as Int16 : 0) }
    body.writeInteger(UInt16(values.count))
    for value in values {
      let bytes = value.hasPrefix("b:") ? hex(String(value.dropFirst(2))) : Array(value.dropFirst(2).utf8)
      body.writeInteger(value == "null" ? -1 : Int32(bytes.count))
      if value != "null" { body.writeBytes(bytes) }
    }
    body.writeInteger(UInt16(results.count))
    for result in results { body.writeInteger(result == "b" ? 1 as Int16 : 0) }
    return body
  }

  static func hex(_ text: String) -> [UInt8] {
    let digits = text.utf8.map { UInt8(Character(Unicode.Scalar($0)).hexDigitValue ?? 0) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// Splits at spaces; `"…"` is one word, with `\n`, `\t` and `\"` in it.
  private static func words(of line: String) -> [String] {
    var (words, word): ([String], String?) = ([], nil)
    var (isQuoted, isEscaped) = (false, false)
    for character in line {
      if isEscaped {
        word = (word ?? "") + (character == "n" ? "\n" : character == "t" ? "\t" : String(character))
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
        word = word ?? ""
      } else if character == " " && !isQuoted {
        if let word { words.append(word) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    return words + (word.map { [$0] } ?? [])
  }
}
