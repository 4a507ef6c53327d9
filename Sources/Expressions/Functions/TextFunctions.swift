import Values

/// Bytes that a function's text or bytea result may have. PostgreSQL allows a gigabyte; a tablet serves many.
let resultBytesMax = 64 << 20

extension SQLError {
  static let resultTooLarge = SQLError(.programLimitExceeded, "requested length too large")
  static let negativeSubstring = SQLError("22011", "negative substring length not allowed")
}

/// Text as PostgreSQL counts it: an array of code points.
typealias Scalars = [Unicode.Scalar]

extension String {
  var scalars: Scalars { Array(unicodeScalars) }

  init(scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self = String(view)
  }
}

/// The part of a sequence that `substring(… from start for length)` means: positions count from 1, and those before 1
/// use up the length.
func substringRange(count: Int, from start: Int, length: Int?) throws(SQLError) -> Range<Int> {
  guard let length else { return min(max(start - 1, 0), count)..<count }
  if length < 0 { throw .negativeSubstring }
  // Both come from 32 bits: the sum fits.
  let end = min(max(start + length - 1, 0), count)
  return min(max(start - 1, 0), end)..<end
}

/// Simple case mapping: one code point to one, as the C library does it.
private func mapCase(_ text: String, _ mapping: (Unicode.Scalar.Properties) -> String) -> String {
  String(
    scalars: text.unicodeScalars.map { scalar in
      let mapped = mapping(scalar.properties).unicodeScalars
      return mapped.count == 1 ? mapped.first ?? scalar : scalar
    })
}

func lowercase(_ text: String) -> String {
  text.utf8.allSatisfy { $0 < 0x80 } ? text.lowercased() : mapCase(text) { $0.lowercaseMapping }
}

func uppercase(_ text: String) -> String {
  text.utf8.allSatisfy { $0 < 0x80 } ? text.uppercased() : mapCase(text) { $0.uppercaseMapping }
}

/// Where `needle` begins in `text`, in code points from 0; nil where it does not. Both as they are in bytes.
func firstIndex(of needle: Scalars, in text: Scalars, from start: Int = 0) -> Int? {
  if needle.isEmpty { return start <= text.count ? start : nil }
  guard text.count >= needle.count else { return nil }
  var index = start
  while index <= text.count - needle.count {
    if text[index] == needle[0] && text[index..<index + needle.count].elementsEqual(needle) { return index }
    index += 1
  }
  return nil
}

private func replace(_ text: Scalars, _ from: Scalars, with to: Scalars) throws(SQLError) -> String {
  if from.isEmpty { return String(scalars: text) }
  var (result, start) = (Scalars(), 0)
  while let match = firstIndex(of: from, in: text, from: start) {
    result += text[start..<match]
    result += to
    start = match + from.count
    if result.count > resultBytesMax { throw .resultTooLarge }
  }
  return String(scalars: result + text[start...])
}

private func splitPart(_ text: Scalars, _ delimiter: Scalars, _ field: Int) throws(SQLError) -> String {
  if field == 0 { throw SQLError(.invalidParameterValue, "field position must not be zero") }
  if delimiter.isEmpty { return field == 1 || field == -1 ? String(scalars: text) : "" }
  var (parts, start) = ([Range<Int>](), 0)
  while let match = firstIndex(of: delimiter, in: text, from: start) {
    parts.append(start..<match)
    start = match + delimiter.count
  }
  parts.append(start..<text.count)
  let index = field > 0 ? field - 1 : parts.count + field
  return parts.indices.contains(index) ? String(scalars: text[parts[index]]) : ""
}

private func pad(_ text: Scalars, to length: Int, with fill: Scalars, left: Bool) throws(SQLError) -> String {
  let length = max(length, 0)
  if length > resultBytesMax / 4 { throw .resultTooLarge }
  if text.count >= length { return String(scalars: text[..<length]) }
  if fill.isEmpty { return String(scalars: text) }
  let padding = (0..<length - text.count).map { fill[$0 % fill.count] }
  return String(scalars: left ? padding + text : text + padding)
}

private func overlay(_ text: Scalars, _ new: Scalars, from start: Int, length: Int) throws(SQLError) -> String {
  if start <= 0 { throw .negativeSubstring }
  let head = try substringRange(count: text.count, from: 1, length: start - 1)
  let tail = min(max(start - 1 + length, 0), text.count)
  return String(scalars: text[head] + new + text[tail...])
}

private enum TrimSide { case left, right, both }

private func trim<Element: Hashable>(_ text: [Element], _ set: Set<Element>, _ side: TrimSide) -> ArraySlice<Element> {
  var slice = text[...]
  if side != .right { slice = slice.drop { set.contains($0) } }
  if side != .left { while let last = slice.last, set.contains(last) { slice.removeLast() } }
  return slice
}

extension FunctionCatalog.Tables {
  private mutating func text(
    _ id: UInt32, _ name: String, _ body: @escaping @Sendable (String) throws(SQLError) -> String
  ) {
    unary(id, name, .text, .text) { (a) throws(SQLError) -> Datum in .text(try body(try a.string())) }
  }

  mutating func defineTextFunctions() {
    for (id, name) in [(1317, "length"), (1381, "char_length"), (1369, "character_length"), (1257, "textlen")] {
      unary(UInt32(id), name, .text, .int4) { (a) throws(SQLError) -> Datum in
        .int4(Int32(clamping: try a.string().unicodeScalars.count))
      }
    }
    for (id, name) in [(1318, "length"), (1372, "char_length"), (1367, "character_length")] {
      unary(UInt32(id), name, .char, .int4) { (a) throws(SQLError) -> Datum in
        .int4(Int32(clamping: try a.string().withoutTrailingBlanks.unicodeScalars.count))
      }
    }
    for (id, type) in [(1374, TypeKind.text), (1375, .char)] {
      unary(UInt32(id), "octet_length", type, .int4) { (a) throws(SQLError) -> Datum in
        .int4(Int32(clamping: try a.string().utf8.count))
      }
    }
    unary(1811, "bit_length", .text, .int4) { (a) throws(SQLError) -> Datum in
      .int4(Int32(clamping: try a.string().utf8.count * 8))
    }
    text(870, "lower") { lowercase($0) }
    text(871, "upper") { uppercase($0) }
    text(872, "initcap") { value in
      var isInside = false
      return String(
        scalars: value.unicodeScalars.flatMap { scalar -> Scalars in
          let mapped = isInside ? lowercase(String(scalar)) : uppercase(String(scalar))
          isInside = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          return mapped.scalars
        })
    }
    text(3062, "reverse") { String(scalars: $0.unicodeScalars.reversed()) }

    for (id, name) in [(877, "substr"), (936, "substring")] {
      general(UInt32(id), name, [.text, .int4, .int4], .text) { (arguments, _) throws(SQLError) -> Datum in
        let value = try arguments.argument(0).string().scalars
        let range = try substringRange(
          count: value.count, from: try arguments.argument(1).int4(), length: try arguments.argument(2).int4())
        return .text(String(scalars: value[range]))
      }
    }
    for (id, name) in [(883, "substr"), (937, "substring")] {
      binary(UInt32(id), name, .text, .int4, .text) { (a, b) throws(SQLError) -> Datum in
        let value = try a.string().scalars
        return .text(
          String(scalars: value[try substringRange(count: value.count, from: try b.int4(), length: nil)]))
      }
    }
    binary(3060, "left", .text, .int4, .text) { (a, b) throws(SQLError) -> Datum in
      let (value, count) = (try a.string().scalars, try b.int4())
      return .text(String(scalars: count < 0 ? value.dropLast(-count) : value.prefix(count)))
    }
    binary(3061, "right", .text, .int4, .text) { (a, b) throws(SQLError) -> Datum in
      let (value, count) = (try a.string().scalars, try b.int4())
      return .text(String(scalars: count < 0 ? value.dropFirst(-count) : value.suffix(count)))
    }

    let trims: [(String, one: UInt32, two: UInt32, bytes: UInt32, TrimSide)] = [
      ("ltrim", 881, 875, 6195, .left), ("rtrim", 882, 876, 6196, .right), ("btrim", 885, 884, 2015, .both),
    ]
    for (name, one, two, bytes, side) in trims {
      text(one, name) { String(scalars: trim($0.scalars, [" "], side)) }
      binary(two, name, .text, .text, .text) { (a, b) throws(SQLError) -> Datum in
        .text(String(scalars: trim(try a.string().scalars, Set(try b.string().unicodeScalars), side)))
      }
      binary(bytes, name, .bytea, .bytea, .bytea) { (a, b) throws(SQLError) -> Datum in
        .bytes(Array(trim(try a.byteArray(), Set(try b.byteArray()), side)))
      }
    }
    let pads: [(String, two: UInt32, three: UInt32, left: Bool)] = [
      ("lpad", 879, 873, true), ("rpad", 880, 874, false),
    ]
    for (name, two, three, left) in pads {
      binary(two, name, .text, .int4, .text) { (a, b) throws(SQLError) -> Datum in
        .text(try pad(try a.string().scalars, to: try b.int4(), with: [" "], left: left))
      }
      general(three, name, [.text, .int4, .text], .text) { (arguments, _) throws(SQLError) -> Datum in
        .text(
          try pad(
            try arguments.argument(0).string().scalars, to: try arguments.argument(1).int4(),
            with: try arguments.argument(2).string().scalars, left: left))
      }
    }
    for (id, name) in [(849, "position"), (868, "strpos")] {
      binary(UInt32(id), name, .text, .text, .int4) { (a, b) throws(SQLError) -> Datum in
        let match = firstIndex(of: try b.string().scalars, in: try a.string().scalars)
        return .int4(Int32(clamping: match.map { $0 + 1 } ?? 0))
      }
    }
    general(2087, "replace", [.text, .text, .text], .text) { (arguments, _) throws(SQLError) -> Datum in
      .text(
        try replace(
          try arguments.argument(0).string().scalars, try arguments.argument(1).string().scalars,
          with: try arguments.argument(2).string().scalars))
    }
    general(2088, "split_part", [.text, .text, .int4], .text) { (arguments, _) throws(SQLError) -> Datum in
      .text(
        try splitPart(
          try arguments.argument(0).string().scalars, try arguments.argument(1).string().scalars,
          try arguments.argument(2).int4()))
    }
    binary(1622, "repeat", .text, .int4, .text) { (a, b) throws(SQLError) -> Datum in
      let (value, count) = (try a.string(), max(0, try b.int4()))
      guard !value.isEmpty else { return .text("") }
      guard count <= resultBytesMax / value.utf8.count else { throw .resultTooLarge }
      return .text(String(repeating: value, count: count))
    }
    unary(1620, "ascii", .text, .int4) { (a) throws(SQLError) -> Datum in
      .int4(Int32(bitPattern: try a.string().unicodeScalars.first?.value ?? 0))
    }
    unary(1621, "chr", .int4, .text) { (a) throws(SQLError) -> Datum in
      let code = try a.int4()
      if code == 0 { throw SQLError(.programLimitExceeded, "null character not permitted") }
      if code < 0 { throw SQLError(.programLimitExceeded, "character number must be positive") }
      guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
        throw SQLError(.programLimitExceeded, "requested character too large for encoding: \(code)")
      }
      return .text(String(scalar))
    }
    unary(2089, "to_hex", .int4, .text) { (a) throws(SQLError) -> Datum in
      .text(String(UInt32(truncatingIfNeeded: try a.int4()), radix: 16))
    }
    unary(2090, "to_hex", .int8, .text) { (a) throws(SQLError) -> Datum in
      .text(String(UInt64(bitPattern: try a.integer()), radix: 16))
    }
    general(878, "translate", [.text, .text, .text], .text) { (arguments, _) throws(SQLError) -> Datum in
      let to = try arguments.argument(2).string().scalars
      var map: [Unicode.Scalar: Unicode.Scalar?] = [:]
      for (index, scalar) in try arguments.argument(1).string().unicodeScalars.enumerated() where map[scalar] == nil {
        map[scalar] = .some(index < to.count ? to[index] : nil)
      }
      return .text(
        String(scalars: try arguments.argument(0).string().unicodeScalars.compactMap { map[$0] ?? $0 }))
    }
    binary(3696, "starts_with", .text, .text, .boolean) { (a, b) throws(SQLError) -> Datum in
      .bool(try a.string().utf8.starts(with: try b.string().utf8))
    }
    general(1404, "overlay", [.text, .text, .int4, .int4], .text) { (arguments, _) throws(SQLError) -> Datum in
      .text(
        try overlay(
          try arguments.argument(0).string().scalars, try arguments.argument(1).string().scalars,
          from: try arguments.argument(2).int4(), length: try arguments.argument(3).int4()))
    }
    general(1405, "overlay", [.text, .text, .int4], .text) { (arguments, _) throws(SQLError) -> Datum in
      let new = try arguments.argument(1).string().scalars
      return .text(
        try overlay(
          try arguments.argument(0).string().scalars, new, from: try arguments.argument(2).int4(), length: new.count))
    }
    unary(2311, "md5", .text, .text) { (a) throws(SQLError) -> Datum in
      .text(hexadecimal(Digest.md5(Array(try a.string().utf8))))
    }
    defineTextAssembly()
  }
}
