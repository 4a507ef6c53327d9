/// libpg_query's JSON parse tree, laid out flat.
///
/// The tree comes from the C parser in this process, so its form is trusted; its depth is not: a flat layout needs no
/// recursion to build. Each object, array, string and number is one entry; `next` leads past it with all that it holds.
struct ParseTree {
  enum Kind: UInt8 { case object, array, string, number, literal }

  struct Entry {
    var kind: Kind
    /// Bytes of the value's text (without quotes), for scalars.
    var start: Int32
    var end: Int32
    /// Bytes of the member's name; empty in arrays.
    var nameStart: Int32
    var nameEnd: Int32
    var next: Int32
    var hasEscapes: Bool
  }

  private(set) var bytes: [UInt8]
  private(set) var entries: [Entry] = []

  var root: ParseNode { ParseNode(tree: self, index: 0) }

  /// - Parameter bytes: JSON as libpg_query writes it: no white space outside of strings.
  init?(json bytes: [UInt8]) {
    self.bytes = bytes
    entries.reserveCapacity(bytes.count / 12)
    guard lay() else { return nil }
  }

  private mutating func lay() -> Bool {
    var open: [Int] = []
    var position = 0
    var name: (start: Int, end: Int) = (0, 0)
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open.append(entries.count)
        append(bytes[position] == UInt8(ascii: "{") ? .object : .array, position, position, name)
        name = (0, 0)
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard let opened = open.popLast() else { return false }
        entries[opened].next = Int32(entries.count)
        position += 1
        if open.isEmpty { return true }
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        position += 1
      case UInt8(ascii: "\""):
        let start = position + 1
        var end = start
        var hasEscapes = false
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
          if bytes[end] == UInt8(ascii: "\\") {
            hasEscapes = true
            end += 1
          }
          end += 1
        }
        guard end < bytes.count else { return false }
        position = end + 1
        if position < bytes.count, bytes[position] == UInt8(ascii: ":") {
          name = (start, end)
        } else {
          append(.string, start, end, name, hasEscapes: hasEscapes)
          name = (0, 0)
        }
      default:
        let start = position
        while position < bytes.count, !Self.endsScalar(bytes[position]) { position += 1 }
        guard position > start else { return false }
        let isNumber = bytes[start] == UInt8(ascii: "-") || (0x30...0x39).contains(bytes[start])
        append(isNumber ? .number : .literal, start, position, name)
        name = (0, 0)
      }
    }
    return false
  }

  private static func endsScalar(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
  }

  private mutating func append(
    _ kind: Kind, _ start: Int, _ end: Int, _ name: (start: Int, end: Int), hasEscapes: Bool = false
  ) {
    entries.append(
      Entry(
        kind: kind, start: Int32(start), end: Int32(end), nameStart: Int32(name.start), nameEnd: Int32(name.end),
        next: Int32(entries.count + 1), hasEscapes: hasEscapes))
  }

  func string(_ entry: Entry) -> String {
    let raw = bytes[Int(entry.start)..<Int(entry.end)]
    guard entry.hasEscapes else { return String(decoding: raw, as: UTF8.self) }
    var text: [UInt8] = []
    var index = raw.startIndex
    while index < raw.endIndex {
      guard raw[index] == UInt8(ascii: "\\"), index + 1 < raw.endIndex else {
        text.append(raw[index])
        index += 1
        continue
      }
      switch raw[index + 1] {
      case UInt8(ascii: "n"): text.append(10)
      case UInt8(ascii: "r"): text.append(13)
      case UInt8(ascii: "t"): text.append(9)
      case UInt8(ascii: "b"): text.append(8)
      case UInt8(ascii: "f"): text.append(12)
      case UInt8(ascii: "u"):
        // The writer escapes only single control characters and a few of ASCII's, never surrogates.
        let digits = raw[min(index + 2, raw.endIndex)..<min(index + 6, raw.endIndex)]
        let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0xfffd
        text.append(contentsOf: Array(String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8))
        index += 4
      case let other: text.append(other)
      }
      index += 2
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// One value of a parse tree. Members that are absent have their default value: libpg_query leaves those out.
struct ParseNode {
  let tree: ParseTree
  let index: Int

  private var entry: ParseTree.Entry { tree.entries[index] }

  /// The member with this name of an object.
  subscript(_ name: StaticString) -> ParseNode? {
    guard entry.kind == .object else { return nil }
    var member = index + 1
    let end = Int(entry.next)
    while member < end {
      let candidate = tree.entries[member]
      if tree.isName(candidate, name) { return ParseNode(tree: tree, index: member) }
      member = Int(candidate.next)
    }
    return nil
  }

  /// The elements of the array in this member; none where it is absent.
  func list(_ name: StaticString) -> [ParseNode] { self[name]?.elements ?? [] }

  var elements: [ParseNode] {
    guard entry.kind == .array else { return [] }
    var result: [ParseNode] = []
    var element = index + 1
    let end = Int(entry.next)
    while element < end {
      result.append(ParseNode(tree: tree, index: element))
      element = Int(tree.entries[element].next)
    }
    return result
  }

  /// A node is an object with one member, named after the node's type: that name, and what it holds.
  var tagged: (tag: String, body: ParseNode) {
    guard entry.kind == .object, Int(entry.next) > index + 1 else { return ("", self) }
    let member = tree.entries[index + 1]
    let name = tree.bytes[Int(member.nameStart)..<Int(member.nameEnd)]
    return (String(decoding: name, as: UTF8.self), ParseNode(tree: tree, index: index + 1))
  }

  func string(_ name: StaticString) -> String? { self[name]?.string }
  func int(_ name: StaticString) -> Int { self[name]?.int ?? 0 }
  func bool(_ name: StaticString) -> Bool { self[name]?.bool ?? false }

  var string: String? { entry.kind == .string ? tree.string(entry) : nil }
  var int: Int? { entry.kind == .number ? Int(tree.string(entry)) : nil }
  var bool: Bool { entry.kind == .literal && tree.bytes[Int(entry.start)] == UInt8(ascii: "t") }

  /// The node's byte offset in the text; nil where it has none.
  var location: Int? {
    let offset = int("location")
    return offset < 0 ? nil : offset
  }

  /// The text of each `String` node in this list.
  func names(_ name: StaticString) -> [String] { list(name).compactMap { $0["String"]?.string("sval") ?? nil } }
}

extension ParseTree {
  fileprivate func isName(_ entry: Entry, _ name: StaticString) -> Bool {
    let count = Int(entry.nameEnd - entry.nameStart)
    guard count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { wanted in
      bytes.withUnsafeBufferPointer { bytes in
        let start = Int(entry.nameStart)
        for offset in 0..<count where bytes[start + offset] != wanted[offset] { return false }
        return true
      }
    }
  }
}
