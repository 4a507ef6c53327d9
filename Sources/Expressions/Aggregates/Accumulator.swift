import Values

/// What an aggregate has seen so far, in a form that merges: two halves of the rows give the same as all of them.
/// (Floating-point sums aside, whose last digits depend on the order, as in PostgreSQL's parallel plans.)
enum Accumulator: Sendable {
  case count(Int64)
  /// Sums of integers, exact: 2^64 values of 64 bits fit.
  case integers(sum: Int128, count: Int64)
  case numerics(sum: Numeric, count: Int64)
  /// `sum(real)` is added up as `real`.
  case single(Float?)
  case double(Double?)
  case intervals(sum: Interval, count: Int64)
  case extreme(Datum)
  case truth(Bool?)
  case bits(Int64?)
  /// Each value behind its delimiter; the first delimiter, of this length, goes at the end.
  case text([UInt8]?, firstDelimiter: Int)
  /// Count, sum and sum of squares, exact.
  case moments(count: Int64, sum: Numeric, squares: Numeric)
  /// Count, sum, and sum of squared differences from the mean (Youngs and Cramer).
  case floatMoments(count: Double, sum: Double, squares: Double)

  /// The start, for an aggregate over an argument type.
  init(_ kind: AggregateKind, _ argument: TypeKind?) {
    let isFloat = argument == .float4 || argument == .float8
    let isInteger = argument == .int2 || argument == .int4 || argument == .int8
    switch kind {
    case .countRows, .count: self = .count(0)
    case .sum where argument == .float4: self = .single(nil)
    case .sum where argument == .float8: self = .double(nil)
    case .average where isFloat: self = .floatMoments(count: 0, sum: 0, squares: 0)
    case .sum, .average:
      self =
        isInteger
        ? .integers(sum: 0, count: 0)
        : argument == .interval
          ? .intervals(sum: Interval(months: 0, days: 0, microseconds: 0), count: 0)
          : .numerics(sum: .zero, count: 0)
    case .minimum, .maximum: self = .extreme(.null)
    case .and, .or: self = .truth(nil)
    case .bitAnd, .bitOr, .bitXor: self = .bits(nil)
    case .concatenate: self = .text(nil, firstDelimiter: 0)
    case .variance:
      self = isFloat ? .floatMoments(count: 0, sum: 0, squares: 0) : .moments(count: 0, sum: .zero, squares: .zero)
    }
  }

  /// Takes one value that is not NULL (`count(*)` takes any); `second` is the delimiter of `string_agg`.
  mutating func add(_ value: Datum, _ second: Datum, _ kind: AggregateKind, _ type: SQLType) throws(SQLError) {
    switch self {
    case .count(let count): self = .count(count &+ 1)
    case .integers(let sum, let count):
      self = .integers(sum: sum &+ Int128(try value.integer()), count: count &+ 1)
    case .numerics(let sum, let count):
      self = .numerics(sum: try sum.adding(try value.numeric()), count: count &+ 1)
    case .single(let sum):
      let next = try value.float()
      self = .single(try sum.map { (sum) throws(SQLError) in try FloatOperation.add.apply(sum, next) } ?? next)
    case .double(let sum):
      let next = try value.double()
      self = .double(try sum.map { (sum) throws(SQLError) in try FloatOperation.add.apply(sum, next) } ?? next)
    case .intervals(let sum, let count):
      self = .intervals(sum: try sum.adding(try value.interval()), count: count &+ 1)
    case .extreme(let best): if Accumulator.replaces(value, best, kind, type) { self = .extreme(value) }
    case .truth(let sum):
      let next = try value.boolean()
      self = .truth(sum.map { kind == .and ? $0 && next : $0 || next } ?? next)
    case .bits(let bits): self = .bits(Accumulator.combine(bits, try value.integer(), kind))
    case .text(var bytes, let firstDelimiter):
      // Taken out while it grows, so that it grows in place.
      self = .text(nil, firstDelimiter: 0)
      let delimiter = try Accumulator.bytes(second)
      let next = try Accumulator.bytes(value)
      if bytes == nil {
        self = .text(delimiter + next, firstDelimiter: delimiter.count)
      } else {
        bytes?.append(contentsOf: delimiter)
        bytes?.append(contentsOf: next)
        self = .text(bytes, firstDelimiter: firstDelimiter)
      }
    case .moments(let count, let sum, let squares):
      let x: Numeric
      if case .numeric(let numeric) = value { x = numeric } else { x = Numeric(try value.integer()) }
      self = .moments(
        count: count &+ 1, sum: try sum.adding(x), squares: try squares.adding(try x.multiplied(by: x)))
    case .floatMoments(let count, let sum, let squares):
      self = try Accumulator.adding(try value.double(), count, sum, squares)
    }
  }

  /// Takes what another one of the same aggregate has seen.
  mutating func merge(_ other: Accumulator, _ kind: AggregateKind, _ type: SQLType) throws(SQLError) {
    switch (self, other) {
    case (.count(let a), .count(let b)): self = .count(a &+ b)
    case (.integers(let a, let m), .integers(let b, let n)): self = .integers(sum: a &+ b, count: m &+ n)
    case (.numerics(let a, let m), .numerics(let b, let n)):
      self = .numerics(sum: try a.adding(b), count: m &+ n)
    case (.single(let a), .single(let b)):
      if let a, let b { self = .single(try FloatOperation.add.apply(a, b)) } else { self = .single(a ?? b) }
    case (.double(let a), .double(let b)):
      if let a, let b { self = .double(try FloatOperation.add.apply(a, b)) } else { self = .double(a ?? b) }
    case (.intervals(let a, let m), .intervals(let b, let n)):
      self = .intervals(sum: try a.adding(b), count: m &+ n)
    case (.extreme(let a), .extreme(let b)):
      if !b.isNull, Accumulator.replaces(b, a, kind, type) { self = other }
    case (.truth(let a), .truth(let b)):
      if let a, let b { self = .truth(kind == .and ? a && b : a || b) } else { self = .truth(a ?? b) }
    case (.bits(let a), .bits(let b)): if let b { self = .bits(Accumulator.combine(a, b, kind)) }
    case (.text(let a, let firstDelimiter), .text(let b, _)):
      if let a, let b { self = .text(a + b, firstDelimiter: firstDelimiter) } else if a == nil { self = other }
    case (.moments(let m, let a, let aSquares), .moments(let n, let b, let bSquares)):
      self = .moments(count: m &+ n, sum: try a.adding(b), squares: try aSquares.adding(bSquares))
    case (.floatMoments(let m, let a, let aSquares), .floatMoments(let n, let b, let bSquares)):
      if n == 0 { return }
      if m == 0 {
        self = other
        return
      }
      let difference = a / m - b / n
      self = .floatMoments(
        count: m + n, sum: a + b, squares: aSquares + bSquares + m * n * difference * difference / (m + n))
    default: throw SQLError(.internalError, "partial aggregates of different kinds")
    }
  }

  /// Of equal values (`1.5` and `1.50`) the later one stays, as in PostgreSQL.
  private static func replaces(_ value: Datum, _ best: Datum, _ kind: AggregateKind, _ type: SQLType) -> Bool {
    if best.isNull { return true }
    let order = Datum.compare(value, best, as: type)
    return kind == .minimum ? order <= 0 : order >= 0
  }

  private static func combine(_ bits: Int64?, _ value: Int64, _ kind: AggregateKind) -> Int64 {
    guard let bits else { return value }
    return kind == .bitAnd ? bits & value : kind == .bitOr ? bits | value : bits ^ value
  }

  /// The bytes of a text or bytea; none of NULL.
  private static func bytes(_ datum: Datum) throws(SQLError) -> [UInt8] {
    switch datum {
    case .null: return []
    case .text(let text): return Array(text.utf8)
    default: return try datum.byteArray()
    }
  }

  private static func adding(
    _ x: Double, _ count: Double, _ sum: Double, _ squares: Double
  ) throws(SQLError) -> Accumulator {
    let (newCount, newSum) = (count + 1, sum + x)
    guard count > 0 else {
      return .floatMoments(count: newCount, sum: newSum, squares: x.isFinite ? 0 : .nan)
    }
    let difference = x * newCount - newSum
    var newSquares = squares + difference * difference / (count * newCount)
    if newSum.isInfinite || newSquares.isInfinite {
      if !sum.isInfinite && !x.isInfinite { throw .floatOverflow }
      newSquares = .nan
    }
    return .floatMoments(count: newCount, sum: newSum, squares: newSquares)
  }
}
