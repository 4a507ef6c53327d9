import Values

extension FunctionCatalog.Tables {
  private mutating func numeric(
    _ ids: [UInt32], _ names: [String], _ body: @escaping @Sendable (Numeric) throws(SQLError) -> Numeric
  ) {
    for (id, name) in zip(ids, names) {
      unary(id, name, .numeric, .numeric) { (a) throws(SQLError) -> Datum in .numeric(try body(try a.numeric())) }
    }
  }

  private mutating func numeric(
    _ ids: [UInt32], _ names: [String], _ body: @escaping @Sendable (Numeric, Numeric) throws(SQLError) -> Numeric
  ) {
    for (id, name) in zip(ids, names) {
      binary(id, name, .numeric, .numeric, .numeric) { (a, b) throws(SQLError) -> Datum in
        .numeric(try body(try a.numeric(), try b.numeric()))
      }
    }
  }

  mutating func defineNumericFunctions() {
    numeric([1724], ["numeric_add"]) { (a, b) throws(SQLError) -> Numeric in try a.adding(b) }
    numeric([1725], ["numeric_sub"]) { (a, b) throws(SQLError) -> Numeric in try a.subtracting(b) }
    numeric([1726], ["numeric_mul"]) { (a, b) throws(SQLError) -> Numeric in try a.multiplied(by: b) }
    numeric([1727], ["numeric_div"]) { (a, b) throws(SQLError) -> Numeric in try a.divided(by: b) }
    numeric([1729, 1728], ["numeric_mod", "mod"]) { (a, b) throws(SQLError) -> Numeric in
      try a.remainder(dividingBy: b)
    }
    numeric([1739, 2169, 1738], ["numeric_power", "power", "pow"]) { (a, b) throws(SQLError) -> Numeric in
      try a.power(b)
    }
    operate("+", .numeric, .numeric, oid: 1758, function: 1724)
    operate("-", .numeric, .numeric, oid: 1759, function: 1725)
    operate("*", .numeric, .numeric, oid: 1760, function: 1726)
    operate("/", .numeric, .numeric, oid: 1761, function: 1727)
    operate("%", .numeric, .numeric, oid: 1762, function: 1729)
    operate("^", .numeric, .numeric, oid: 1038, function: 1739)

    numeric([1771], ["numeric_uminus"]) { $0.negated }
    numeric([1915], ["numeric_uplus"]) { $0 }
    numeric([1704, 1705], ["numeric_abs", "abs"]) { $0.magnitude }
    operate("-", nil, .numeric, oid: 1751, function: 1771)
    operate("+", nil, .numeric, oid: 1921, function: 1915)
    operate("@", nil, .numeric, oid: 1763, function: 1704)

    numeric([1711, 2167], ["ceil", "ceiling"]) { $0.ceiling }
    numeric([1712], ["floor"]) { $0.floor }
    numeric([1708], ["round"]) { $0.rounded(scale: 0) }
    numeric([1710], ["trunc"]) { $0.truncated(scale: 0) }
    numeric([1706], ["sign"]) { $0.isNaN ? .nan : Numeric(Int64($0.signum)) }
    numeric([1730], ["sqrt"]) { (a) throws(SQLError) -> Numeric in try a.sqrt() }
    numeric([1732], ["exp"]) { (a) throws(SQLError) -> Numeric in try a.exp() }
    numeric([1734], ["ln"]) { (a) throws(SQLError) -> Numeric in try a.ln() }
    numeric([1741, 1481], ["log", "log10"]) { (a) throws(SQLError) -> Numeric in
      try a.log(base: Numeric(Int64(10)))
    }
    numeric([1736], ["log"]) { (base, a) throws(SQLError) -> Numeric in try a.log(base: base) }
    numeric([1973], ["div"]) { (a, b) throws(SQLError) -> Numeric in try a.integerQuotient(dividingBy: b) }
    numeric([5048], ["gcd"]) { (a, b) throws(SQLError) -> Numeric in try greatestCommonDivisor(a, b) }
    numeric([5049], ["lcm"]) { (a, b) throws(SQLError) -> Numeric in
      if a.isNaN || b.isNaN || a.isInfinite || b.isInfinite { return .nan }
      let scale = max(a.displayScale, b.displayScale)
      if a.isZero || b.isZero { return Numeric.zero.rounded(scale: scale) }
      let divisor = try greatestCommonDivisor(a, b)
      return try a.integerQuotient(dividingBy: divisor).multiplied(by: b).magnitude.rounded(scale: scale)
    }
    numeric([5043], ["trim_scale"]) { $0.trimmed }

    binary(1707, "round", .numeric, .int4, .numeric) { (a, b) throws(SQLError) -> Datum in
      .numeric(try a.numeric().rounded(scale: clampedScale(try b.int4())))
    }
    binary(1709, "trunc", .numeric, .int4, .numeric) { (a, b) throws(SQLError) -> Datum in
      .numeric(try a.numeric().truncated(scale: clampedScale(try b.int4())))
    }
    unary(3281, "scale", .numeric, .int4) { (a) throws(SQLError) -> Datum in
      let value = try a.numeric()
      return value.isFinite ? .int4(Int32(value.displayScale)) : .null
    }
    unary(5042, "min_scale", .numeric, .int4) { (a) throws(SQLError) -> Datum in
      let value = try a.numeric()
      return value.isFinite ? .int4(Int32(value.minimumScale)) : .null
    }
    unary(1376, "factorial", .int8, .numeric) { (a) throws(SQLError) -> Datum in
      let count = try a.integer()
      if count < 0 { throw SQLError(.numericValueOutOfRange, "factorial of a negative number is undefined") }
      // 32,178! is beyond what a numeric holds; a product of some thousand digits at each step is costly, so the
      // bound is far lower than PostgreSQL's.
      if count > 1_000 { throw SQLError(.numericValueOutOfRange, "value overflows numeric format") }
      var product = Numeric.one
      for factor in stride(from: Int64(2), through: count, by: 1) {
        product = try product.multiplied(by: Numeric(Int64(factor)))
      }
      return .numeric(product)
    }
  }
}

/// PostgreSQL's bounds of the second argument of `round` and `trunc`.
private func clampedScale(_ scale: Int) -> Int { min(max(scale, -2000), 2000) }

private func greatestCommonDivisor(_ a: Numeric, _ b: Numeric) throws(SQLError) -> Numeric {
  if a.isNaN || b.isNaN || a.isInfinite || b.isInfinite { return .nan }
  let scale = max(a.displayScale, b.displayScale)
  var (x, y) = (a.magnitude, b.magnitude)
  while !y.isZero { (x, y) = (y, try x.remainder(dividingBy: y)) }
  return x.rounded(scale: scale)
}
