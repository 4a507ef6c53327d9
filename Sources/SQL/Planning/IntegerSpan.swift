import Expressions
import Values

/// The integers between the bounds that a condition puts on a hashed key column.
///
/// Hashed keys have no order in which a range could be read, so without this `id BETWEEN 10 AND 20` would look at every row.
/// But the integers in between can be counted, and where they are few, each of them is looked up.
struct IntegerSpan: Sendable {
  var lower: [KeyPlan.Bound]
  var upper: [KeyPlan.Bound]

  /// The most integers that are looked up; with more, every row is looked at. A look-up costs about what ten rows of a
  /// scan cost, so the longest span, of which no row need exist, costs what a scan of some 10,000 rows does.
  static let countMax = 1_000

  /// The integers for one execution's parameters; nil where there are none.
  func values(_ context: EvaluationContext) throws(SQLError) -> ClosedRange<Int64>? {
    try values { expression throws(SQLError) in try expression.evaluate(row: [], context) }
  }

  /// Whether the bounds are all known when the statement is planned, and too far apart.
  var isSurelyTooLong: Bool {
    var isKnown = true
    let values = try? values { expression throws(SQLError) in
      if case .constant(let datum, _) = expression { return datum }
      isKnown = false
      return .null
    }
    guard isKnown, let values else { return false }
    return values.count(atMost: Self.countMax + 1) > Self.countMax
  }

  private func values(
    _ evaluate: (Expression) throws(SQLError) -> Datum
  ) throws(SQLError) -> ClosedRange<Int64>? {
    var (first, last) = (Int64.min, Int64.max)
    for bound in lower {
      guard let value = try evaluate(bound.value).integer, bound.isInclusive || value < .max else { return nil }
      first = max(first, bound.isInclusive ? value : value + 1)
    }
    for bound in upper {
      guard let value = try evaluate(bound.value).integer, bound.isInclusive || value > .min else { return nil }
      last = min(last, bound.isInclusive ? value : value - 1)
    }
    return first <= last ? first...last : nil
  }
}

extension ClosedRange<Int64> {
  /// How many integers it has, if not more than `most`; else `most`. Safe for ranges whose count does not fit.
  func count(atMost most: Int) -> Int {
    let distance = UInt64(bitPattern: upperBound) &- UInt64(bitPattern: lowerBound)
    return distance < UInt64(most) ? Int(distance) + 1 : most
  }
}

extension Datum {
  /// The value of an integer type; nil for NULL.
  var integer: Int64? {
    switch self {
    case .int2(let value): Int64(value)
    case .int4(let value): Int64(value)
    case .int8(let value): value
    default: nil
    }
  }
}
