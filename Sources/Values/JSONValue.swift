/// A JSON value. Numbers keep their text; members keep their order, and doubles of a name, as written.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Sendable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// How deep arrays and objects may nest, unless a caller says otherwise.
  package static let depthMax = 1000

  /// Reads one value that fills the text.
  /// - Throws: 22P02 for bad syntax, 54001 beyond `depthMax`, 22P05 for `\u0000`.
  package static func parse(_ text: String, depthMax: Int = depthMax, typeName: String = "json") throws(SQLError)
    -> JSONValue
  {
    var parser = JSONParser(Array(text.utf8), depthMax: depthMax, typeName: typeName)
    return try parser.parseDocument()
  }

  /// As `parse(_:)`, from bytes that are checked to be UTF-8.
  package static func parse(utf8 bytes: [UInt8], depthMax: Int = depthMax) throws(SQLError) -> JSONValue {
    try TextFormat.requireUTF8(bytes[...])
    var parser = JSONParser(bytes, depthMax: depthMax, typeName: "json")
    return try parser.parseDocument()
  }
}

// MARK: - Getting at parts

extension JSONValue {
  /// `-> 'name'`: the member of that name, the last of doubles; nil where there is none or this is no object.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// `-> index`: from 0, or from the end below 0; nil where there is none or this is no array.
  package subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self else { return nil }
    let position = index < 0 ? index + elements.count : index
    return elements.indices.contains(position) ? elements[position] : nil
  }

  /// `#> path`: each step a name in an object or an index in an array.
  package subscript(path path: [String]) -> JSONValue? {
    var current = self
    for step in path {
      let next: JSONValue? =
        switch current {
        case .object: current[step]
        case .array: Int32(step).flatMap { current[Int($0)] }
        default: nil
        }
      guard let next else { return nil }
      current = next
    }
    return current
  }

  /// `->>` and `#>>`: strings without quotes, nil for JSON null, other values as JSON.
  package var textValue: String? {
    switch self {
    case .null: nil
    case .string(let value): value
    default: description
    }
  }

  /// `json_typeof`.
  package var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

// MARK: - Text

extension JSONValue: CustomStringConvertible {
  /// JSON as PostgreSQL writes `jsonb`: `{"a": 1, "b": [true, null]}`.
  package var description: String {
    var bytes: [UInt8] = []
    write(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  package func write(into bytes: inout [UInt8]) {
    switch self {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .bool(let value): bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    case .number(let text): bytes.append(contentsOf: text.utf8)
    case .string(let text): JSONText.writeQuoted(text, into: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(contentsOf: ", ".utf8) }
        element.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(contentsOf: ", ".utf8) }
        JSONText.writeQuoted(member.name, into: &bytes)
        bytes.append(contentsOf: ": ".utf8)
        member.value.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}

/// The type `json`: text as it came, checked.
package enum JSONText {
  /// - Throws: 22P02 for bad syntax, 54001 where it nests too deep.
  package static func validate(_ text: String) throws(SQLError) {
    var parser = JSONParser(Array(text.utf8), depthMax: JSONValue.depthMax, typeName: "json")
    try parser.checkDocument()
  }

  /// Appends a JSON string literal.
  package static func writeQuoted(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x08: bytes.append(contentsOf: "\\b".utf8)
      case 0x0c: bytes.append(contentsOf: "\\f".utf8)
      case 0x0a: bytes.append(contentsOf: "\\n".utf8)
      case 0x0d: bytes.append(contentsOf: "\\r".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case 0..<0x20:
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.appendHex(byte)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

extension [UInt8] {
  mutating func appendHex(_ byte: UInt8) {
    for nibble in [byte >> 4, byte & 15] {
      append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
    }
  }
}
