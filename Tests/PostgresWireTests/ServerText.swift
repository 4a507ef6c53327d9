import NIOCore

/// What a server sent, as text: one message a line. Reads the bytes by the manual, not with the server's own code.
enum ServerText {
  static func lines(of bytes: ByteBuffer) -> [String] {
    var (rest, lines) = (bytes, [String]())
    while let kind = rest.readInteger(as: UInt8.self) {
      guard let length = rest.readInteger(as: UInt32.self), length >= 4,
        var body = rest.readSlice(length: Int(length) - 4)
      else {
        // The answer to an encryption request has no length.
        lines.append(String(Unicode.Scalar(kind)))
        if rest.readableBytes > 0 { lines.append("cut off: \(rest.readableBytes) bytes") }
        return lines
      }
      lines.append(line(Unicode.Scalar(kind), &body))
      if body.readableBytes > 0 { lines.append("  and \(body.readableBytes) bytes too many") }
    }
    return lines
  }

  private static func line(_ kind: Unicode.Scalar, _ body: inout ByteBuffer) -> String {
    switch kind {
    case "1": return "ParseComplete"
    case "2": return "BindComplete"
    case "3": return "CloseComplete"
    case "n": return "NoData"
    case "s": return "PortalSuspended"
    case "I": return "EmptyQueryResponse"
    case "c": return "CopyDone"
    case "R": return body.readInteger(as: UInt32.self) == 0 ? "AuthenticationOk" : "Authentication?"
    case "C": return "CommandComplete \(quoted(string(&body)))"
    case "S": return "ParameterStatus \(string(&body))=\(string(&body))"
    case "K": return "BackendKeyData \(number(&body, Int32.self)) \(number(&body, UInt32.self))"
    case "Z": return "ReadyForQuery \(Unicode.Scalar(number(&body, UInt8.self)))"
    case "E": return "Error \(fields(&body))"
    case "N": return "Notice \(fields(&body))"
    case "v":
      let version = number(&body, UInt32.self)
      let options = (0..<number(&body, UInt32.self)).map { _ in " " + string(&body) }
      return "NegotiateProtocolVersion \(version >> 16).\(version & 0xffff)\(options.joined())"
    case "t":
      return "ParameterDescription"
        + (0..<number(&body, UInt16.self)).map { _ in " \(number(&body, UInt32.self))" }.joined()
    case "T": return "RowDescription" + (0..<number(&body, UInt16.self)).map { _ in " " + column(&body) }.joined()
    case "D": return "DataRow" + (0..<number(&body, UInt16.self)).map { _ in " " + value(&body) }.joined()
    case "d": return "CopyData \(quoted(body.readString(length: body.readableBytes) ?? ""))"
    case "G", "H":
      let format = number(&body, UInt8.self)
      let columns = (0..<number(&body, UInt16.self)).map { _ in " \(number(&body, UInt16.self))" }
      return "Copy\(kind == "G" ? "In" : "Out")Response \(format)\(columns.joined())"
    default: return "? \(kind)"
    }
  }

  /// `name:type`, with what is not plain behind it: table and attribute number, length, modifier, format.
  private static func column(_ body: inout ByteBuffer) -> String {
    let name = string(&body)
    let (table, attribute) = (number(&body, UInt32.self), number(&body, Int16.self))
    let (type, length) = (number(&body, UInt32.self), number(&body, Int16.self))
    let (modifier, format) = (number(&body, Int32.self), number(&body, Int16.self))
    let source = table == 0 ? "" : "@\(table).\(attribute)"
    return "\(name):\(type)/\(length)\(modifier == -1 ? "" : "(\(modifier))")\(source)\(format == 1 ? "b" : "t")"
  }

  private static func value(_ body: inout ByteBuffer) -> String {
    let length = number(&body, Int32.self)
    guard length >= 0 else { return "null" }
    let bytes = body.readBytes(length: Int(length)) ?? []
    let isText = bytes.allSatisfy { (0x20..<0x7f).contains($0) }
    return isText ? quoted(String(decoding: bytes, as: UTF8.self)) : "x" + bytes.map(hex).joined()
  }

  private static func fields(_ body: inout ByteBuffer) -> String {
    var fields: [String] = []
    while let code = body.readInteger(as: UInt8.self), code != 0 {
      fields.append("\(Unicode.Scalar(code))=\(string(&body))")
    }
    return fields.joined(separator: " | ")
  }

  private static func string(_ body: inout ByteBuffer) -> String { body.readNullTerminatedString() ?? "?" }
  private static func number<T: FixedWidthInteger>(_ body: inout ByteBuffer, _ type: T.Type) -> T {
    body.readInteger(as: type) ?? 0
  }
  private static func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text { quoted += character == "\n" ? "\\n" : character == "\t" ? "\\t" : String(character) }
    return quoted + "\""
  }
}
