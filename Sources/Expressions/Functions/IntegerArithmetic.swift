import Values

/// What a binary operator on integers computes.
enum IntegerOperation: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case and = "&"
  case or = "|"
  case xor = "#"
  case shiftLeft = "<<"
  case shiftRight = ">>"
}

/// An integer type, by its bytes.
enum IntegerWidth: UInt8, Sendable {
  case two = 2
  case four = 4
  case eight = 8

  init?(_ type: TypeKind) {
    switch type {
    case .int2: self = .two
    case .int4: self = .four
    case .int8: self = .eight
    default: return nil
    }
  }

  var outOfRange: SQLError {
    switch self {
    case .two: SQLError(.numericValueOutOfRange, "smallint out of range")
    case .four: SQLError(.numericValueOutOfRange, "integer out of range")
    case .eight: SQLError(.numericValueOutOfRange, "bigint out of range")
    }
  }

  /// The value, if this width holds it.
  @inline(__always)
  func checked(_ value: Int64) throws(SQLError) -> Int64 {
    switch self {
    case .four: if value != Int64(Int32(truncatingIfNeeded: value)) { throw outOfRange }
    case .two: if value != Int64(Int16(truncatingIfNeeded: value)) { throw outOfRange }
    case .eight: break
    }
    return value
  }

  /// Boxes a value that has been checked.
  @inline(__always)
  func datum(_ value: Int64) -> Datum {
    switch self {
    case .two: .int2(Int16(truncatingIfNeeded: value))
    case .four: .int4(Int32(truncatingIfNeeded: value))
    case .eight: .int8(value)
    }
  }
}

extension SQLError {
  static let divisionByZero = SQLError(.divisionByZero, "division by zero")
}

extension IntegerOperation {
  /// The result in a width, from operands that fit it.
  /// - Throws: 22003 where it does not fit, 22012 for a zero divisor.
  @inline(__always)
  func apply(_ a: Int64, _ b: Int64, width: IntegerWidth) throws(SQLError) -> Int64 {
    switch self {
    case .add: return try width.checked(a.addingReportingOverflow(b), width)
    case .subtract: return try width.checked(a.subtractingReportingOverflow(b), width)
    case .multiply: return try width.checked(a.multipliedReportingOverflow(by: b), width)
    case .divide:
      if b == 0 { throw .divisionByZero }
      return try width.checked(a.dividedReportingOverflow(by: b), width)
    case .remainder:
      if b == 0 { throw .divisionByZero }
      return b == -1 ? 0 : a % b
    case .and: return a & b
    case .or: return a | b
    case .xor: return a ^ b
    case .shiftLeft: return shifted(a, by: b, width: width, left: true)
    case .shiftRight: return shifted(a, by: b, width: width, left: false)
    }
  }

  /// Shift counts wrap at the width, as the processors that PostgreSQL runs on do it (32 bits for smallint).
  private func shifted(_ a: Int64, by count: Int64, width: IntegerWidth, left: Bool) -> Int64 {
    switch width {
    case .eight: return left ? a &<< (count & 63) : a &>> (count & 63)
    case .four:
      let value = Int32(truncatingIfNeeded: a)
      return Int64(left ? value &<< Int32(count & 31) : value &>> Int32(count & 31))
    case .two:
      let value = Int32(truncatingIfNeeded: a)
      return Int64(Int16(truncatingIfNeeded: left ? value &<< Int32(count & 31) : value &>> Int32(count & 31)))
    }
  }
}

extension IntegerWidth {
  @inline(__always)
  fileprivate func checked(_ result: (partialValue: Int64, overflow: Bool), _ width: IntegerWidth) throws(SQLError)
    -> Int64
  {
    if result.overflow { throw outOfRange }
    return try checked(result.partialValue)
  }
}

extension FunctionCatalog.Tables {
  private mutating func integer(
    _ name: String, _ left: TypeKind, _ right: TypeKind, _ result: TypeKind, oid: UInt32, function: UInt32,
    named functionName: String
  ) {
    guard let operation = IntegerOperation(rawValue: name), let width = IntegerWidth(result) else {
      preconditionFailure("no integer operator \(name) with result \(result)")
    }
    add(
      BuiltinFunction(
        id: FunctionID(function), name: functionName, argumentTypes: [left, right], isVariadic: false,
        returnType: result, isStrict: true, volatility: .immutable, implementation: .integer(operation, width)))
    operate(name, left, right, oid: oid, function: function)
  }

  /// The functions of one integer type: their ids in the order int2, int4, int8.
  private mutating func perWidth(
    _ name: String, _ ids: [UInt32], symbol: String? = nil, operators: [UInt32] = [],
    _ body: @escaping @Sendable (Int64, IntegerWidth) throws(SQLError) -> Int64
  ) {
    let types: [(TypeKind, IntegerWidth)] = [(.int2, .two), (.int4, .four), (.int8, .eight)]
    for (index, (type, width)) in types.enumerated() {
      unary(ids[index], name, type, type) { (value) throws(SQLError) -> Datum in
        width.datum(try width.checked(try body(try value.integer(), width)))
      }
      if let symbol { operate(symbol, nil, type, oid: operators[index], function: ids[index]) }
    }
  }

  mutating func defineIntegerArithmetic() {
    integer("#", .int8, .int8, .int8, oid: 1888, function: 1906, named: "int8xor")
    integer("#", .int2, .int2, .int2, oid: 1876, function: 1894, named: "int2xor")
    integer("#", .int4, .int4, .int4, oid: 1882, function: 1900, named: "int4xor")
    integer("%", .int8, .int8, .int8, oid: 439, function: 945, named: "int8mod")
    integer("%", .int2, .int2, .int2, oid: 529, function: 155, named: "int2mod")
    integer("%", .int4, .int4, .int4, oid: 530, function: 156, named: "int4mod")
    integer("&", .int8, .int8, .int8, oid: 1886, function: 1904, named: "int8and")
    integer("&", .int2, .int2, .int2, oid: 1874, function: 1892, named: "int2and")
    integer("&", .int4, .int4, .int4, oid: 1880, function: 1898, named: "int4and")
    integer("*", .int8, .int8, .int8, oid: 686, function: 465, named: "int8mul")
    integer("*", .int8, .int2, .int8, oid: 820, function: 839, named: "int82mul")
    integer("*", .int8, .int4, .int8, oid: 690, function: 1276, named: "int84mul")
    integer("*", .int2, .int8, .int8, oid: 824, function: 943, named: "int28mul")
    integer("*", .int2, .int2, .int2, oid: 526, function: 152, named: "int2mul")
    integer("*", .int2, .int4, .int4, oid: 544, function: 170, named: "int24mul")
    integer("*", .int4, .int8, .int8, oid: 694, function: 1280, named: "int48mul")
    integer("*", .int4, .int2, .int4, oid: 545, function: 171, named: "int42mul")
    integer("*", .int4, .int4, .int4, oid: 514, function: 141, named: "int4mul")
    integer("+", .int8, .int8, .int8, oid: 684, function: 463, named: "int8pl")
    integer("+", .int8, .int2, .int8, oid: 818, function: 837, named: "int82pl")
    integer("+", .int8, .int4, .int8, oid: 688, function: 1274, named: "int84pl")
    integer("+", .int2, .int8, .int8, oid: 822, function: 841, named: "int28pl")
    integer("+", .int2, .int2, .int2, oid: 550, function: 176, named: "int2pl")
    integer("+", .int2, .int4, .int4, oid: 552, function: 178, named: "int24pl")
    integer("+", .int4, .int8, .int8, oid: 692, function: 1278, named: "int48pl")
    integer("+", .int4, .int2, .int4, oid: 553, function: 179, named: "int42pl")
    integer("+", .int4, .int4, .int4, oid: 551, function: 177, named: "int4pl")
    integer("-", .int8, .int8, .int8, oid: 685, function: 464, named: "int8mi")
    integer("-", .int8, .int2, .int8, oid: 819, function: 838, named: "int82mi")
    integer("-", .int8, .int4, .int8, oid: 689, function: 1275, named: "int84mi")
    integer("-", .int2, .int8, .int8, oid: 823, function: 942, named: "int28mi")
    integer("-", .int2, .int2, .int2, oid: 554, function: 180, named: "int2mi")
    integer("-", .int2, .int4, .int4, oid: 556, function: 182, named: "int24mi")
    integer("-", .int4, .int8, .int8, oid: 693, function: 1279, named: "int48mi")
    integer("-", .int4, .int2, .int4, oid: 557, function: 183, named: "int42mi")
    integer("-", .int4, .int4, .int4, oid: 555, function: 181, named: "int4mi")
    integer("/", .int8, .int8, .int8, oid: 687, function: 466, named: "int8div")
    integer("/", .int8, .int2, .int8, oid: 821, function: 840, named: "int82div")
    integer("/", .int8, .int4, .int8, oid: 691, function: 1277, named: "int84div")
    integer("/", .int2, .int8, .int8, oid: 825, function: 948, named: "int28div")
    integer("/", .int2, .int2, .int2, oid: 527, function: 153, named: "int2div")
    integer("/", .int2, .int4, .int4, oid: 546, function: 172, named: "int24div")
    integer("/", .int4, .int8, .int8, oid: 695, function: 1281, named: "int48div")
    integer("/", .int4, .int2, .int4, oid: 547, function: 173, named: "int42div")
    integer("/", .int4, .int4, .int4, oid: 528, function: 154, named: "int4div")
    integer("<<", .int8, .int4, .int8, oid: 1890, function: 1908, named: "int8shl")
    integer("<<", .int2, .int4, .int2, oid: 1878, function: 1896, named: "int2shl")
    integer("<<", .int4, .int4, .int4, oid: 1884, function: 1902, named: "int4shl")
    integer(">>", .int8, .int4, .int8, oid: 1891, function: 1909, named: "int8shr")
    integer(">>", .int2, .int4, .int2, oid: 1879, function: 1897, named: "int2shr")
    integer(">>", .int4, .int4, .int4, oid: 1885, function: 1903, named: "int4shr")
    integer("|", .int8, .int8, .int8, oid: 1887, function: 1905, named: "int8or")
    integer("|", .int2, .int2, .int2, oid: 1875, function: 1893, named: "int2or")
    integer("|", .int4, .int4, .int4, oid: 1881, function: 1899, named: "int4or")

    perWidth("int_uminus", [213, 212, 462], symbol: "-", operators: [559, 558, 484]) {
      (value, width) throws(SQLError) -> Int64 in
      try IntegerOperation.subtract.apply(0, value, width: width)
    }
    perWidth("int_uplus", [1911, 1912, 1910], symbol: "+", operators: [1917, 1918, 1916]) { value, _ in value }
    perWidth("int_not", [1895, 1901, 1907], symbol: "~", operators: [1877, 1883, 1889]) { value, _ in ~value }
    perWidth("int_abs", [1253, 1251, 1230], symbol: "@", operators: [682, 773, 473], absolute)
    perWidth("abs", [1398, 1397, 1396], absolute)

    for (id, type, width) in [(940, TypeKind.int2, IntegerWidth.two), (941, .int4, .four), (947, .int8, .eight)] {
      binary(UInt32(id), "mod", type, type, type) { (a, b) throws(SQLError) -> Datum in
        width.datum(try IntegerOperation.remainder.apply(try a.integer(), try b.integer(), width: width))
      }
    }
    for (gcd, lcm, type, width) in [(5044, 5046, TypeKind.int4, IntegerWidth.four), (5045, 5047, .int8, .eight)] {
      binary(UInt32(gcd), "gcd", type, type, type) { (a, b) throws(SQLError) -> Datum in
        width.datum(try greatestCommonDivisor(try a.integer(), try b.integer(), width))
      }
      binary(UInt32(lcm), "lcm", type, type, type) { (a, b) throws(SQLError) -> Datum in
        let (x, y) = (try a.integer(), try b.integer())
        if x == 0 || y == 0 { return width.datum(0) }
        let divisor = try greatestCommonDivisor(x, y, width)
        let product = try IntegerOperation.multiply.apply(x / divisor, y, width: width)
        return width.datum(try absolute(product, width))
      }
    }
  }
}

private func absolute(_ value: Int64, _ width: IntegerWidth) throws(SQLError) -> Int64 {
  value < 0 ? try IntegerOperation.subtract.apply(0, value, width: width) : value
}

private func greatestCommonDivisor(_ a: Int64, _ b: Int64, _ width: IntegerWidth) throws(SQLError) -> Int64 {
  var (x, y) = (a.magnitude, b.magnitude)
  while y != 0 { (x, y) = (y, x % y) }
  guard let result = Int64(exactly: x) else { throw width.outOfRange }
  return try width.checked(result)
}
