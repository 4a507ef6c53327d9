/// One value as a terminal shows it: its lines, and how many places each takes.
struct CellText: Sendable {
  private(set) var lines: [String] = []
  private(set) var widths: [Int] = []

  var width: Int { widths.max() ?? 0 }

  init(_ text: String) {
    var line = ""
    var width = 0
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n":
        lines.append(line)
        widths.append(width)
        (line, width) = ("", 0)
      case "\r":
        line += "\\r"
        width += 2
      case "\t":
        let blanks = 8 - width % 8
        line += String(repeating: " ", count: blanks)
        width += blanks
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        line += "\\x" + (digits.count == 1 ? "0" : "") + digits
        width += 4
      default:
        line.unicodeScalars.append(scalar)
        width += Self.places(scalar)
      }
    }
    lines.append(line)
    widths.append(width)
  }

  /// 0 for what is drawn over the character before, 2 for East Asian wide and full-width characters (Unicode Standard
  /// Annex 11), else 1.
  static func places(_ scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    return wide.contains { $0.contains(scalar.value) } ? 2 : 1
  }

  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
    0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
  ]
}
