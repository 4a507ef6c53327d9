// Small helpers on ASCII bytes: SQL input syntax is ASCII, and Swift's `Character` order and case are not wanted here.

extension UInt8 {
  var isASCIIDigit: Bool { self &- UInt8(ascii: "0") <= 9 }
  var isASCIILetter: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 }
  /// C's `isspace`.
  var isASCIISpace: Bool { self == 0x20 || (self >= 0x09 && self <= 0x0d) }
  var asciiLowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }

  var hexValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension BidirectionalCollection<UInt8> {
  /// Without the white space at both ends.
  func trimmingSpaces() -> [UInt8] {
    var slice = self[...]
    while let first = slice.first, first.isASCIISpace { slice.removeFirst() }
    while let last = slice.last, last.isASCIISpace { slice.removeLast() }
    return Array(slice)
  }
}

extension SQLError {
  /// 22P02 in PostgreSQL's words.
  static func invalidSyntax(_ typeName: String, _ text: String) -> SQLError {
    SQLError(.invalidTextRepresentation, "invalid input syntax for type \(typeName): \"\(text)\"")
  }

  /// 22003 for a text whose value its type cannot hold.
  static func outOfRange(_ typeName: String, _ text: String) -> SQLError {
    SQLError(.numericValueOutOfRange, "value \"\(text)\" is out of range for type \(typeName)")
  }
}
