import Values

extension Accumulator {
  /// The aggregate's result.
  /// - Throws: 22003 where it is beyond the result type's range.
  func finish(_ kind: AggregateKind, result: SQLType) throws(SQLError) -> Datum {
    switch self {
    case .count(let count): return .int8(count)
    case .integers(let sum, let count):
      if count == 0 { return .null }
      if kind == .average { return .numeric(try Numeric(sum).divided(by: Numeric(count))) }
      if result.kind == .numeric { return .numeric(Numeric(sum)) }
      guard let narrow = Int64(exactly: sum) else { throw IntegerWidth.eight.outOfRange }
      return .int8(narrow)
    case .numerics(let sum, let count):
      if count == 0 { return .null }
      return .numeric(kind == .average ? try sum.divided(by: Numeric(count)) : sum)
    case .single(let sum): return sum.map { .float4($0) } ?? .null
    case .double(let sum): return sum.map { .float8($0) } ?? .null
    case .intervals(let sum, let count):
      if count == 0 { return .null }
      return .interval(kind == .average ? try sum.divided(by: Double(count)) : sum)
    case .extreme(let best): return best
    case .truth(let value): return value.map { .bool($0) } ?? .null
    case .bits(let bits):
      guard let bits else { return .null }
      return (IntegerWidth(result.kind) ?? .eight).datum(bits)
    case .text(let bytes, let firstDelimiter):
      guard let bytes else { return .null }
      let body = bytes.dropFirst(firstDelimiter)
      return result.kind == .bytea ? .bytes(Array(body)) : .text(String(decoding: body, as: UTF8.self))
    case .moments(let count, let sum, let squares):
      guard case .variance(let isSample, let isRoot) = kind else { return .null }
      return try Accumulator.variance(count, sum, squares, isSample: isSample, isRoot: isRoot)
    case .floatMoments(let count, let sum, let squares):
      if kind == .average { return count == 0 ? .null : .float8(sum / count) }
      guard case .variance(let isSample, let isRoot) = kind else { return .null }
      if count == 0 || isSample && count == 1 { return .null }
      let variance = squares / (isSample ? count - 1 : count)
      return .float8(isRoot ? variance.squareRoot() : variance)
    }
  }

  /// `(N·Σx² − (Σx)²) / (N·(N−1))`, or over `N²` for a population.
  private static func variance(
    _ count: Int64, _ sum: Numeric, _ squares: Numeric, isSample: Bool, isRoot: Bool
  ) throws(SQLError) -> Datum {
    if count == 0 || isSample && count == 1 { return .null }
    if !sum.isFinite || !squares.isFinite { return .numeric(.nan) }
    let n = Numeric(count)
    let numerator = try n.multiplied(by: squares).subtracting(try sum.multiplied(by: sum))
    // Never negative but by rounding.
    if numerator.signum <= 0 { return .numeric(.zero) }
    let divisor = try n.multiplied(by: isSample ? Numeric(count &- 1) : n)
    let variance = try numerator.divided(by: divisor)
    // The root is shown with as many digits as the variance.
    return .numeric(isRoot ? try variance.sqrt().rounded(scale: variance.displayScale) : variance)
  }
}

extension Numeric {
  init(_ value: Int128) {
    self = Int64(exactly: value).map { Numeric($0) } ?? Numeric(value.description) ?? .nan
  }
}
