import Glibc
import Values

/// A LIKE pattern, read once (PostgreSQL manual, 9.7.1): `%` is any text, `_` any code point, `\` quotes.
struct LikePattern: Sendable {
  private enum Shape: Sendable {
    case exact([UInt8])
    case prefix([UInt8])
    case general([Element])
  }

  private enum Element: Sendable {
    case byte(UInt8)
    case anyOne
    case anyText
  }

  private let shape: Shape
  /// Whether `_` is a byte (bytea) and not a code point.
  private let isBinary: Bool

  /// - Throws: 22025 for a pattern that ends with the escape character.
  init(_ pattern: [UInt8], isBinary: Bool = false) throws(SQLError) {
    self.isBinary = isBinary
    var elements: [Element] = []
    var index = 0
    while index < pattern.count {
      switch pattern[index] {
      case UInt8(ascii: "\\"):
        index += 1
        guard index < pattern.count else {
          throw SQLError("22025", "LIKE pattern must not end with escape character")
        }
        elements.append(.byte(pattern[index]))
      case UInt8(ascii: "%"):
        if case .anyText? = elements.last {} else { elements.append(.anyText) }
      case UInt8(ascii: "_"): elements.append(.anyOne)
      case let byte: elements.append(.byte(byte))
      }
      index += 1
    }
    let leading = elements.prefix { if case .byte = $0 { true } else { false } }
    let bytes = leading.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
    if leading.count == elements.count {
      shape = .exact(bytes)
    } else if leading.count == elements.count - 1, case .anyText? = elements.last {
      shape = .prefix(bytes)
    } else {
      shape = .general(elements)
    }
  }

  func matches(_ text: String) -> Bool {
    text.utf8.withContiguousStorageIfAvailable { matches($0) } ?? matches(Array(text.utf8))
  }

  func matches(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBufferPointer { matches($0) } }

  private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    switch shape {
    case .exact(let bytes): text.count == bytes.count && begins(text, with: bytes)
    case .prefix(let bytes): begins(text, with: bytes)
    case .general(let elements): matches(text, elements)
    }
  }

  private func begins(_ text: UnsafeBufferPointer<UInt8>, with bytes: [UInt8]) -> Bool {
    guard text.count >= bytes.count, let start = text.baseAddress else { return bytes.isEmpty }
    return bytes.withUnsafeBufferPointer { bytes in
      guard let wanted = bytes.baseAddress else { return true }
      return memcmp(start, wanted, bytes.count) == 0
    }
  }

  /// Goes back only to the last `%`: the earlier ones have found their shortest text already. So the cost is bounded
  /// by the product of the lengths.
  private func matches(_ text: UnsafeBufferPointer<UInt8>, _ elements: [Element]) -> Bool {
    var (position, element) = (0, 0)
    var retry: (position: Int, element: Int)?
    while true {
      if element < elements.count {
        switch elements[element] {
        case .anyText:
          element += 1
          retry = (position, element)
          continue
        case .anyOne where position < text.count:
          position += width(at: position, text)
          element += 1
          continue
        case .byte(let byte) where position < text.count && text[position] == byte:
          position += 1
          element += 1
          continue
        default: break
        }
      } else if position == text.count {
        return true
      }
      guard let last = retry, last.position < text.count else { return false }
      position = last.position + width(at: last.position, text)
      element = last.element
      retry = (position, element)
    }
  }

  /// Bytes of the code point that begins here.
  private func width(at position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    if isBinary { return 1 }
    let width = text[position] < 0x80 ? 1 : text[position] < 0xe0 ? 2 : text[position] < 0xf0 ? 3 : 4
    return min(width, text.count - position)
  }
}

/// The pattern of `LIKE … ESCAPE`, with the backslash as its escape character.
/// - Throws: 22025 for an escape of several characters.
func likePattern(_ pattern: String, escape: String) throws(SQLError) -> String {
  let scalars = escape.scalars
  guard scalars.count <= 1 else {
    throw SQLError("22025", "invalid escape string", hint: "Escape string must be empty or one character.")
  }
  var result = Scalars()
  var isQuoted = false
  for scalar in pattern.unicodeScalars {
    if scalar == scalars.first && !isQuoted {
      isQuoted = true
      result.append("\\")
      continue
    }
    if scalar == "\\" && !isQuoted { result.append("\\") }
    result.append(scalar)
    isQuoted = false
  }
  return String(scalars: result)
}
