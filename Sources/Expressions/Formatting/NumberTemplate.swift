import Values

/// A template of `to_char(number, …)` and `to_number` (PostgreSQL manual, 9.8, table 9.30), read once.
struct NumberTemplate {
  enum Element: Equatable {
    /// `9` and `0`.
    case digit(isZero: Bool)
    case point
    case group
    /// `S` and `MI`, `PL`, `SG`, each a sign with rules of its own.
    case sign, minus, plus, both
    case ordinal(isUpper: Bool)
    case literal(Unicode.Scalar)
  }

  var elements: [Element] = []
  /// `FM`: no padding.
  var isTight = false
  /// `PR`: negative numbers in angle brackets.
  var hasBrackets = false
  /// `RN`: Roman numerals, in lower case for `rn`.
  var roman: Unicode.Scalar?
  /// Digits behind `V`: the number is multiplied by ten as often.
  var shift = 0

  var integerDigits = 0
  var fractionDigits = 0
  private var hasPoint = false
  private var isShifting = false

  static let lengthMax = 500

  /// - Throws: 42601 for signs that contradict each other, 0A000 for `EEEE` and `L`.
  init(_ text: String) throws(SQLError) {
    var rest = text.scalars[...]
    guard rest.count <= NumberTemplate.lengthMax else { throw SQLError(.programLimitExceeded, "format is too long") }
    func take(_ word: String) -> Bool {
      let prefix = rest.prefix(word.unicodeScalars.count)
      guard uppercase(String(scalars: prefix)) == word else { return false }
      rest = rest.dropFirst(prefix.count)
      return true
    }
    while let first = rest.first {
      if take("EEEE") || take("L") {
        throw SQLError(.featureNotSupported, "\"\(first)\" in a number format is not supported")
      } else if take("FM") {
        isTight = true
      } else if take("PR") {
        hasBrackets = true
      } else if take("RN") {
        roman = first
      } else if take("TH") {
        elements.append(.ordinal(isUpper: first == "T"))
      } else if take("MI") {
        elements.append(.minus)
      } else if take("PL") {
        elements.append(.plus)
      } else if take("SG") {
        elements.append(.both)
      } else if take("S") {
        if elements.contains(.sign) { throw SQLError(.syntaxError, "cannot use \"S\" twice") }
        elements.append(.sign)
      } else if take("V") {
        isShifting = true
      } else if take("D") || take(".") {
        if hasPoint { throw SQLError(.syntaxError, "multiple decimal points") }
        hasPoint = true
        elements.append(.point)
      } else if take("G") || take(",") {
        elements.append(.group)
      } else if first == "9" || first == "0" {
        rest.removeFirst()
        elements.append(.digit(isZero: first == "0"))
        if hasPoint { fractionDigits += 1 } else { integerDigits += 1 }
        if isShifting { shift += 1 }
      } else if first == "\"" {
        rest.removeFirst()
        while let scalar = rest.popFirst(), scalar != "\"" { elements.append(.literal(scalar)) }
      } else {
        rest.removeFirst()
        elements.append(.literal(first))
      }
    }
  }

  // MARK: to_char

  func format(_ number: Numeric) throws(SQLError) -> String {
    if let roman { return formatRoman(number, isLower: roman == "r") }
    var number = number
    if shift > 0 { number = try number.multiplied(by: try Numeric(Int64(10)).power(Numeric(Int64(shift)))) }
    number = number.rounded(scale: fractionDigits)
    let digits = number.magnitude.description.split(separator: ".", omittingEmptySubsequences: false)
    var whole = Array((digits.first ?? "").unicodeScalars)
    let fraction = digits.count > 1 ? Array(digits[1].unicodeScalars) : []
    let isOverflow = !number.isFinite || (whole != ["0"] && whole.count > integerDigits)
    if whole == ["0"] && (fractionDigits > 0 || integerDigits == 0) { whole = [] }
    let isNegative = number.isNegative
    let hasOwnSign = elements.contains { [.sign, .minus, .both].contains($0) } || hasBrackets

    // The digits begin where the number does, or at the first `0`.
    let firstZero = elements.filter(\.isDigit).prefix(integerDigits).firstIndex(of: .digit(isZero: true))
    let start = isOverflow ? 0 : min(max(integerDigits - whole.count, 0), firstZero ?? integerDigits)
    let signIndex = elements.firstIndex(of: .sign)
    let isLeadingSign = signIndex.map { index in elements[..<index].allSatisfy { !$0.isDigit } } ?? false
    // A trailing 9 of the fraction is shown in FM only up to the last digit that is not zero.
    let lastNeeded = (fraction.lastIndex { $0 != "0" } ?? -1) + 1
    let lastZero = elements.filter(\.isDigit).dropFirst(integerDigits).lastIndex(of: .digit(isZero: true))
      .map { $0 - integerDigits + 1 }
    let fractionShown = isTight ? max(lastNeeded, lastZero ?? 0) : fractionDigits

    var out = ""
    var isSigned = false
    func putSign() {
      guard !isSigned else { return }
      isSigned = true
      if isLeadingSign {
        out += isNegative ? "-" : "+"
      } else if hasBrackets {
        if isNegative { out += "<" } else if !isTight { out += " " }
      } else if !hasOwnSign {
        if isNegative { out += "-" } else if !isTight { out += " " }
      }
    }
    var position = 0
    var isBehindPoint = false
    for element in elements {
      switch element {
      case .digit where isBehindPoint:
        let place = position - integerDigits
        position += 1
        if isOverflow {
          out += "#"
        } else if place < fractionShown {
          out.unicodeScalars.append(place < fraction.count ? fraction[place] : "0")
        }
      case .digit:
        let place = position
        position += 1
        if place < start {
          if !isTight { out += " " }
          continue
        }
        putSign()
        let index = place - (integerDigits - whole.count)
        if isOverflow { out += "#" } else { out.unicodeScalars.append(index >= 0 ? whole[index] : "0") }
      case .point:
        putSign()
        isBehindPoint = true
        out += "."
      case .group:
        if position > start || isOverflow { out += "," } else if !isTight { out += " " }
      case .sign: if !isLeadingSign { out += isNegative ? "-" : "+" }
      case .minus: if isNegative { out += "-" } else if !isTight { out += " " }
      case .plus: if !isNegative { out += "+" } else if !isTight { out += " " }
      case .both: out += isNegative ? "-" : "+"
      case .ordinal(let isUpper):
        if !isNegative && fractionDigits == 0 {
          let suffix = ordinalSuffix(whole.isEmpty ? ["0"] : whole)
          out += isUpper ? suffix.uppercased() : suffix
        }
      case .literal(let scalar): out.unicodeScalars.append(scalar)
      }
    }
    if hasBrackets { out += isNegative ? ">" : isTight ? "" : " " }
    return out
  }

  private func formatRoman(_ number: Numeric, isLower: Bool) -> String {
    guard let value = try? number.rounded().toInt64(), (1...3999).contains(value) else {
      return isTight ? "###############" : "###############"
    }
    var (rest, text) = (Int(value), "")
    let steps = [
      (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
      (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ]
    for (worth, letters) in steps {
      while rest >= worth {
        text += letters
        rest -= worth
      }
    }
    if isLower { text = text.lowercased() }
    return isTight ? text : String(repeating: " ", count: max(0, 15 - text.utf8.count)) + text
  }

  // MARK: to_number

  /// Reads a number as the template lays it out; what it does not foresee is skipped.
  func parse(_ text: String) throws(SQLError) -> Numeric {
    var rest = text.scalars[...]
    var (digits, isNegative, hasPoint) = ("", false, false)
    func takeSign() {
      while rest.first == " " { rest.removeFirst() }
      if let sign = rest.first, sign == "-" || sign == "+" || sign == "<" {
        if sign != "+" { isNegative = true }
        rest.removeFirst()
      }
    }
    for element in elements {
      switch element {
      case .digit:
        if digits.isEmpty { takeSign() }
        if let digit = rest.first, ("0"..."9").contains(digit) {
          digits.unicodeScalars.append(digit)
          rest.removeFirst()
        } else if rest.first == ".", self.elements.contains(.point) {
          continue
        }
      case .point:
        guard rest.first == "." else { continue }
        rest.removeFirst()
        if !hasPoint { digits += digits.isEmpty ? "0." : "." }
        hasPoint = true
      case .group: if rest.first == "," { rest.removeFirst() }
      case .sign, .minus, .plus, .both: takeSign()
      case .ordinal: rest = rest.dropFirst(2)
      case .literal: rest = rest.dropFirst()
      }
    }
    if rest.first == "-" && !isNegative { isNegative = true }
    if digits.isEmpty || digits == "0." {
      throw SQLError(.invalidTextRepresentation, "invalid input syntax for type numeric: \"\(text)\"")
    }
    var value = try Numeric.parse(digits)
    if shift > 0 { value = try value.divided(by: try Numeric(Int64(10)).power(Numeric(Int64(shift)))) }
    return isNegative ? value.negated : value
  }
}

extension NumberTemplate.Element {
  fileprivate var isDigit: Bool { if case .digit = self { true } else { false } }
}

/// `st`, `nd`, `rd` or `th` for a number in digits.
func ordinalSuffix(_ digits: [Unicode.Scalar]) -> String {
  if digits.count > 1, digits[digits.count - 2] == "1" { return "th" }
  return switch digits.last {
  case "1": "st"
  case "2": "nd"
  case "3": "rd"
  default: "th"
  }
}
