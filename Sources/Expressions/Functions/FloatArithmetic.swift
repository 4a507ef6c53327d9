import Glibc
import Values

extension SQLError {
  static let floatOverflow = SQLError(.numericValueOutOfRange, "value out of range: overflow")
  static let floatUnderflow = SQLError(.numericValueOutOfRange, "value out of range: underflow")
  static let inputOutOfRange = SQLError(.numericValueOutOfRange, "input is out of range")
}

/// What a binary operator on floating-point numbers computes.
enum FloatOperation: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"

  /// - Throws: 22003 where finite operands give an infinity or a vanishing result, 22012 for a zero divisor.
  @inline(__always)
  func apply<T: BinaryFloatingPoint>(_ a: T, _ b: T) throws(SQLError) -> T {
    let result: T
    switch self {
    case .add: result = a + b
    case .subtract: result = a - b
    case .multiply:
      result = a * b
      if result == 0 && a != 0 && b != 0 { throw .floatUnderflow }
    case .divide:
      if b == 0 && !a.isNaN { throw .divisionByZero }
      result = a / b
      if result == 0 && a != 0 && !b.isInfinite { throw .floatUnderflow }
    }
    if result.isInfinite && !a.isInfinite && !b.isInfinite { throw .floatOverflow }
    return result
  }
}

extension Datum {
  func float() throws(SQLError) -> Float {
    guard case .float4(let value) = self else { throw Datum.mismatch("real") }
    return value
  }
}

extension FunctionCatalog.Tables {
  private mutating func float(
    _ name: String, _ left: TypeKind, _ right: TypeKind, _ result: TypeKind, oid: UInt32, function: UInt32,
    named functionName: String
  ) {
    guard let operation = FloatOperation(rawValue: name) else { preconditionFailure("no float operator \(name)") }
    let isSingle = result == .float4
    binaryOperator(name, left, right, result, oid: oid, function: function, named: functionName) {
      (a, b) throws(SQLError) -> Datum in
      isSingle
        ? .float4(try operation.apply(try a.float(), try b.float()))
        : .float8(try operation.apply(try a.double(), try b.double()))
    }
  }

  /// A function of one double; an argument outside `domain` and an infinite result of a finite argument are errors.
  private mutating func real(
    _ ids: [UInt32], _ names: [String], domain: @escaping @Sendable (Double) -> Bool = { _ in true },
    _ body: @escaping @Sendable (Double) -> Double
  ) {
    for (id, name) in zip(ids, names) {
      unary(id, name, .float8, .float8) { (argument) throws(SQLError) -> Datum in
        let value = try argument.double()
        if value.isNaN { return .float8(value) }
        guard domain(value) else { throw .inputOutOfRange }
        let result = body(value)
        if result.isInfinite && !value.isInfinite { throw .floatOverflow }
        return .float8(result)
      }
    }
  }

  mutating func defineFloatArithmetic() {
    float("*", .float4, .float4, .float4, oid: 589, function: 202, named: "float4mul")
    float("*", .float4, .float8, .float8, oid: 1119, function: 279, named: "float48mul")
    float("*", .float8, .float4, .float8, oid: 1129, function: 283, named: "float84mul")
    float("*", .float8, .float8, .float8, oid: 594, function: 216, named: "float8mul")
    float("+", .float4, .float4, .float4, oid: 586, function: 204, named: "float4pl")
    float("+", .float4, .float8, .float8, oid: 1116, function: 281, named: "float48pl")
    float("+", .float8, .float4, .float8, oid: 1126, function: 285, named: "float84pl")
    float("+", .float8, .float8, .float8, oid: 591, function: 218, named: "float8pl")
    float("-", .float4, .float4, .float4, oid: 587, function: 205, named: "float4mi")
    float("-", .float4, .float8, .float8, oid: 1117, function: 282, named: "float48mi")
    float("-", .float8, .float4, .float8, oid: 1127, function: 286, named: "float84mi")
    float("-", .float8, .float8, .float8, oid: 592, function: 219, named: "float8mi")
    float("/", .float4, .float4, .float4, oid: 588, function: 203, named: "float4div")
    float("/", .float4, .float8, .float8, oid: 1118, function: 280, named: "float48div")
    float("/", .float8, .float4, .float8, oid: 1128, function: 284, named: "float84div")
    float("/", .float8, .float8, .float8, oid: 593, function: 217, named: "float8div")

    prefixOperator("-", .float4, .float4, oid: 584, function: 206, named: "float4um") { (a) throws(SQLError) -> Datum in
      .float4(-(try a.float()))
    }
    prefixOperator("-", .float8, .float8, oid: 585, function: 220, named: "float8um") { (a) throws(SQLError) -> Datum in
      .float8(-(try a.double()))
    }
    prefixOperator("+", .float4, .float4, oid: 1919, function: 1913, named: "float4up") { $0 }
    prefixOperator("+", .float8, .float8, oid: 1920, function: 1914, named: "float8up") { $0 }
    for (id, name) in [(207, "float4abs"), (1394, "abs")] {
      unary(UInt32(id), name, .float4, .float4) { (a) throws(SQLError) -> Datum in .float4(abs(try a.float())) }
    }
    operate("@", nil, .float4, oid: 590, function: 207)
    real([221, 1395], ["float8abs", "abs"]) { $0.magnitude }
    operate("@", nil, .float8, oid: 595, function: 221)

    real([2308, 2320], ["ceil", "ceiling"]) { $0.rounded(.up) }
    real([2309], ["floor"]) { $0.rounded(.down) }
    real([1342], ["round"]) { $0.rounded(.toNearestOrEven) }
    real([1343], ["trunc"]) { $0.rounded(.towardZero) }
    real([2310], ["sign"]) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
    real([1345, 231], ["cbrt", "dcbrt"]) { cbrt($0) }
    operate("||/", nil, .float8, oid: 597, function: 231)
    real([1608], ["degrees"]) { $0 / (Double.pi / 180) }
    real([1609], ["radians"]) { $0 * (Double.pi / 180) }

    let isFinite: @Sendable (Double) -> Bool = { !$0.isInfinite }
    real([1604], ["sin"], domain: isFinite) { sin($0) }
    real([1605], ["cos"], domain: isFinite) { cos($0) }
    real([1606], ["tan"], domain: isFinite) { tan($0) }
    real([1607], ["cot"], domain: isFinite) { 1 / tan($0) }
    real([1600], ["asin"], domain: { abs($0) <= 1 }) { asin($0) }
    real([1601], ["acos"], domain: { abs($0) <= 1 }) { acos($0) }
    real([1602], ["atan"]) { atan($0) }
    real([2462], ["sinh"]) { sinh($0) }
    real([2463], ["cosh"]) { cosh($0) }
    real([2464], ["tanh"]) { tanh($0) }
    binary(1603, "atan2", .float8, .float8, .float8) { (a, b) throws(SQLError) -> Datum in
      .float8(atan2(try a.double(), try b.double()))
    }
    general(1610, "pi", [], .float8) { _, _ in .float8(.pi) }

    for (id, name) in [(1344, "sqrt"), (230, "dsqrt")] {
      unary(UInt32(id), name, .float8, .float8) { (a) throws(SQLError) -> Datum in
        let value = try a.double()
        guard !(value < 0) else {
          throw SQLError("2201F", "cannot take square root of a negative number")
        }
        return .float8(value.squareRoot())
      }
    }
    operate("|/", nil, .float8, oid: 596, function: 230)
    unary(1347, "exp", .float8, .float8) { (a) throws(SQLError) -> Datum in
      let value = try a.double()
      let result = exp(value)
      if result.isInfinite && !value.isInfinite { throw .floatOverflow }
      if result == 0 && !value.isInfinite { throw .floatUnderflow }
      return .float8(result)
    }
    for (id, name) in [(1341, "ln"), (1340, "log"), (1194, "log10")] {
      let isNatural = name == "ln"
      unary(UInt32(id), name, .float8, .float8) { (a) throws(SQLError) -> Datum in
        let value = try a.double()
        if value == 0 { throw SQLError("2201E", "cannot take logarithm of zero") }
        if value < 0 { throw SQLError("2201E", "cannot take logarithm of a negative number") }
        return .float8(isNatural ? log(value) : log10(value))
      }
    }
    for (id, name) in [(1368, "power"), (1346, "pow"), (232, "dpow")] {
      binary(UInt32(id), name, .float8, .float8, .float8) { (a, b) throws(SQLError) -> Datum in
        .float8(try raise(try a.double(), to: try b.double()))
      }
    }
    operate("^", .float8, .float8, oid: 965, function: 232)

    general(1598, "random", [], .float8, .volatile) { _, context in
      .float8(Double(context.random() >> 11) * 0x1p-53)
    }
    general(320, "width_bucket", [.float8, .float8, .float8, .int4], .int4) {
      (arguments, _) throws(SQLError) -> Datum in
      let operand = try arguments.argument(0).double()
      let (low, high) = (try arguments.argument(1).double(), try arguments.argument(2).double())
      let count = try arguments.argument(3).int4()
      guard count > 0 else { throw SQLError("2201G", "count must be greater than zero") }
      guard !operand.isNaN, !low.isNaN, !high.isNaN else {
        throw SQLError("2201G", "operand, lower bound, and upper bound cannot be NaN")
      }
      guard low.isFinite, high.isFinite else { throw SQLError("2201G", "lower and upper bounds must be finite") }
      guard low != high else { throw SQLError("2201G", "lower bound cannot equal upper bound") }
      let (first, last) = (min(low, high), max(low, high))
      let isAscending = low < high
      var bucket: Double
      if isAscending ? operand < first : operand > last {
        bucket = 0
      } else if isAscending ? operand >= last : operand <= first {
        bucket = Double(count) + 1
      } else {
        // Halved, so that a span beyond the greatest double stays finite.
        bucket = (Double(count) * ((operand / 2 - low / 2) / (high / 2 - low / 2))).rounded(.down) + 1
        bucket = min(bucket, Double(count))
      }
      guard let result = Int32(exactly: bucket) else { throw IntegerWidth.four.outOfRange }
      return .int4(result)
    }
  }
}

/// `power` for doubles, with SQL's errors where C gives NaN or an infinity.
private func raise(_ base: Double, to exponent: Double) throws(SQLError) -> Double {
  if base == 1 || exponent == 0 { return 1 }
  if base.isNaN || exponent.isNaN { return .nan }
  if base == 0 && exponent < 0 {
    throw SQLError("2201F", "zero raised to a negative power is undefined")
  }
  if base < 0 && exponent.rounded(.down) != exponent && !exponent.isInfinite {
    throw SQLError("2201F", "a negative number raised to a non-integer power yields a complex result")
  }
  let result = pow(base, exponent)
  if result.isInfinite && !base.isInfinite && !exponent.isInfinite { throw .floatOverflow }
  if result == 0 && base != 0 && !base.isInfinite && !exponent.isInfinite { throw .floatUnderflow }
  return result
}
