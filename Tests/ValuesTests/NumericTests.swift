import Testing
import Values

@Suite("Numeric")
struct NumericTests {
  /// Results of PostgreSQL 15.
  @Test(
    "Arithmetic and its scales are PostgreSQL's",
    arguments: [
      ("/", "1", "3", "0.33333333333333333333"), ("/", "10", "3", "3.3333333333333333"),
      ("/", "1", "3.000000000000000000000000", "0.333333333333333333333333"),
      ("/", "0.0001", "99999999", "0.0000000000010000000100000001"), ("/", "1", "0", "ERR 22012 division by zero"),
      ("/", "Infinity", "Infinity", "NaN"), ("/", "1", "Infinity", "0"), ("%", "-7.5", "2", "-1.5"),
      ("+", "1.10", "2.2", "3.30"), ("+", "9223372036854775807", "1", "9223372036854775808"),
      ("-", "1", "1.000", "0.000"), ("*", "1.50", "2.000", "3.00000"), ("*", "Infinity", "0", "NaN"),
      ("power", "2", "0.5", "1.4142135623730950"),
      ("power", "2", "100", "1267650600228229401496703205376.0000000000000000"),
      ("power", "0", "0", "1.0000000000000000"), ("power", "34.073", "-3.0", "0.0000252795233065"),
      ("power", "0", "-1", "ERR 2201F zero raised to a negative power is undefined"),
      (
        "power", "-2", "0.5",
        "ERR 2201F a negative number raised to a non-integer power yields a complex result"
      ),
      ("log", "2", "8", "3.0000000000000000"), ("log", "10", "0", "ERR 2201E cannot take logarithm of zero"),
      ("power", "10", "200000", "ERR 22003 value overflows numeric format"),
    ])
  func binary(operation: String, a: String, b: String, expected: String) throws {
    let (x, y) = (try #require(Numeric(a)), try #require(Numeric(b)))
    let result = outcome { () throws(SQLError) in
      switch operation {
      case "+": try x.adding(y).description
      case "-": try x.subtracting(y).description
      case "*": try x.multiplied(by: y).description
      case "/": try x.divided(by: y).description
      case "%": try x.remainder(dividingBy: y).description
      case "power": try x.power(y).description
      default: try y.log(base: x).description
      }
    }
    #expect(result == expected, "\(a) \(operation) \(b)")
  }

  @Test(
    "Functions give PostgreSQL's digits",
    arguments: [
      ("sqrt", "2", "1.414213562373095"), ("sqrt", "16", "4.000000000000000"), ("sqrt", "1e20", "10000000000.00000"),
      ("sqrt", "-1", "ERR 2201F cannot take square root of a negative number"), ("exp", "1", "2.7182818284590452"),
      ("exp", "0", "1.0000000000000000"), ("exp", "-10", "0.00004539992976248485"),
      ("exp", "10000", "ERR 22003 value overflows numeric format"), ("ln", "2", "0.6931471805599453"),
      ("ln", "1.0000001", "0.00000009999999500000033"), ("ln", "1e100", "230.25850929940457"),
      ("floor", "-1.5", "-2"), ("ceil", "-1.5", "-1"), ("round", "2.5", "3"), ("round", "-2.5", "-3"),
      ("round", "99999999999999999999.5", "100000000000000000000"), ("trunc", "-2.9", "-2"), ("int8", "2.5", "3"),
      ("int8", "9223372036854775807.4", "9223372036854775807"),
      ("int8", "9223372036854775807.5", "ERR 22003 bigint out of range"),
      ("int8", "-9223372036854775808", "-9223372036854775808"),
      ("int8", "NaN", "ERR 0A000 cannot convert NaN to bigint"),
    ])
  func unary(operation: String, a: String, expected: String) throws {
    let x = try #require(Numeric(a))
    let result = outcome { () throws(SQLError) in
      switch operation {
      case "sqrt": try x.sqrt().description
      case "exp": try x.exp().description
      case "ln": try x.ln().description
      case "floor": x.floor.description
      case "ceil": x.ceiling.description
      case "round": x.rounded().description
      case "trunc": x.truncated().description
      default: try x.toInt64().description
      }
    }
    #expect(result == expected, "\(operation)(\(a))")
  }

  @Test("Exact at the edge of the small form: a plain definition in 128 bits agrees", arguments: [1, 2, 3] as [UInt64])
  func plainDefinition(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    func ten(_ n: Int) -> Int128 { (0..<n).reduce(Int128(1)) { product, _ in product * 10 } }
    func text(_ value: Int128, _ scale: Int) -> String {
      let digits = String(value.magnitude)
      let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
      let whole = padded.dropLast(scale)
      return (value < 0 ? "-" : "") + whole + (scale > 0 ? "." + padded.suffix(scale) : "")
    }
    for _ in 0..<20_000 {
      let (a, b) = (Int64.random(in: .min ... .max, using: &generator), Int64(generator.next32()) - 1 << 31)
      let (p, q) = (Int.random(in: 0...9, using: &generator), Int.random(in: 0...9, using: &generator))
      let (x, y) = (Numeric(coefficient: a, scale: p), Numeric(coefficient: b, scale: q))
      let scale = max(p, q)
      let (wideA, wideB) = (Int128(a) * ten(scale - p), Int128(b) * ten(scale - q))
      try #require((x + y).description == text(wideA + wideB, scale), "seed \(seed): \(x) + \(y)")
      try #require((x - y).description == text(wideA - wideB, scale), "seed \(seed): \(x) - \(y)")
      try #require((x * y).description == text(Int128(a) * Int128(b), p + q), "seed \(seed): \(x) * \(y)")
      try #require(Numeric.compare(x, y) == (wideA < wideB ? -1 : wideA == wideB ? 0 : 1), "seed \(seed): \(x) ? \(y)")
      if b != 0 {
        try #require(
          try x.remainder(dividingBy: y).description == text(wideA % wideB, scale), "seed \(seed): \(x) % \(y)")
        try #require(
          try x.integerQuotient(dividingBy: y).description == text(wideA / wideB, 0), "seed \(seed): div(\(x), \(y))")
      }
    }
  }

  @Test("Quotients are right to half a unit of the last digit, and roots too", arguments: [1, 2] as [UInt64])
  func quotients(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let half = try #require(Numeric("0.5"))
    for _ in 0..<2000 {
      let (x, y) = (Numeric.random(using: &generator), Numeric.random(using: &generator))
      guard x.isFinite, y.isFinite, !y.isZero else { continue }
      let quotient = try x.divided(by: y)
      let unit = try #require(Numeric("1e-\(quotient.displayScale)"))
      let error = (quotient * y - x).magnitude
      try #require(error <= unit * half * y.magnitude, "seed \(seed): \(x) / \(y) = \(quotient)")
      let root = try x.magnitude.sqrt()
      let step = try #require(Numeric("0.5e-\(root.displayScale)"))
      let (low, high) = (root - step, root + step)
      try #require((low.isNegative ? .zero : low * low) <= x.magnitude && x.magnitude <= high * high, "√\(x)")
    }
  }

  @Test("Equal values hash alike whatever their scale")
  func hashing() throws {
    for text in ["1", "0", "-5.5", "12345678901234567890", "0.1"] {
      let a = try #require(Numeric(text))
      let zeros = String(repeating: "0", count: 40)
      let b = try #require(Numeric(text.contains(".") ? text + zeros : "\(text).\(zeros)"))
      #expect(a == b)
      #expect(a.hashValue == b.hashValue)
      #expect(a.description != b.description)
      #expect(b.trimmed.description == text)
    }
    #expect(Numeric.nan == Numeric.nan && Numeric.nan > Numeric.infinity)
  }

  @Test("Digits come apart and together again; nonsense is refused")
  func parts() throws {
    let value = try #require(Numeric("-12345.678"))
    #expect(value.baseDigits == [1, 2345, 6780] && value.weight == 1)
    #expect(Numeric(isNegative: true, weight: 1, digits: [1, 2345, 6780], scale: 3) == value)
    #expect(Numeric(isNegative: false, weight: 0, digits: [10_000], scale: 0) == nil)
    #expect(Numeric(isNegative: false, weight: -1, digits: [1], scale: 3) == nil)
    #expect(Numeric(isNegative: false, weight: 40_000, digits: [1], scale: 0) == nil)
    #expect(Numeric(0.1) == Numeric("0.1") && Numeric(Float(0.1)) == Numeric("0.1"))
    #expect(Numeric("1e1000")?.toDouble == .infinity && Numeric("0.1")?.toDouble == 0.1)
  }
}
