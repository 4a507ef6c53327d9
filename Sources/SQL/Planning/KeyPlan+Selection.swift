import Expressions
import Keys
import Operations
import Schema
import Values

extension KeyPlan {
  /// The keys for one execution's parameters; nil where no row can match.
  /// - Parameter isSearch: whether the rows that are there are to be found before anything happens to them. A write to
  ///   named keys locks them all, also those that have no row: right for the few that the client named itself, but not for
  ///   what happens to lie in a span.
  func selection(
    in table: TableDescriptor, _ context: EvaluationContext, isSearch: Bool = false
  ) throws(SQLError) -> KeySelection? {
    if isWhole { return .ranges([table.wholeRange]) }
    let keyColumns = table.primaryKey.columns

    // One value for each column is the common case, and needs no product.
    if isPoints, candidates.allSatisfy(\.isOneValue) {
      var key: [Datum] = []
      key.reserveCapacity(candidates.count)
      for (index, candidate) in candidates.enumerated() {
        guard case .values(let values) = candidate,
          let value = try Self.value(of: values[0], for: table.columns[keyColumns[index].column].type, context)
        else { return nil }
        key.append(value)
      }
      return .points([try table.documentKey(keyValues: key)])
    }

    var prefixes: [[Datum]] = [[]]
    var spanCount = 1
    for (index, candidate) in candidates.enumerated() {
      let type = table.columns[keyColumns[index].column].type
      var values: [Datum] = []
      switch candidate {
      case .values(let alternatives):
        for alternative in alternatives {
          if let value = try Self.value(of: alternative, for: type, context) { values.append(value) }
        }
      case .span(let span):
        guard let integers = try span.values(context) else { return nil }
        spanCount = Self.product(spanCount, integers.count(atMost: IntegerSpan.countMax + 1))
        if spanCount > IntegerSpan.countMax { return .ranges([table.wholeRange]) }
        values = integers.compactMap { Datum.int8($0).exactly(as: type) }
      }
      if values.isEmpty { return nil }
      if Self.product(prefixes.count, values.count) > Self.selectionCountMax { return .ranges([table.wholeRange]) }
      var longer: [[Datum]] = []
      longer.reserveCapacity(prefixes.count * values.count)
      for prefix in prefixes { for value in values { longer.append(prefix + [value]) } }
      prefixes = longer
    }

    if isPoints, !(isSearch && hasSpan) {
      var keys: [[UInt8]] = []
      keys.reserveCapacity(prefixes.count)
      for prefix in prefixes { keys.append(try table.documentKey(keyValues: prefix)) }
      return .points(Self.sortedUnique(keys, sharedCount: table.id.keyPrefix.count))
    }
    guard let bounds = try bounds(in: table, context) else { return nil }
    var ranges: [KeyRange] = []
    for prefix in prefixes {
      let range = try table.keyRange(prefix: prefix, lower: bounds.lower, upper: bounds.upper)
      if !range.isEmpty { ranges.append(range) }
    }
    return ranges.isEmpty ? nil : .ranges(Self.sortedUnique(ranges))
  }

  /// The tightest of the bounds; nil where they allow nothing.
  private func bounds(
    in table: TableDescriptor, _ context: EvaluationContext
  ) throws(SQLError) -> (lower: KeyBound?, upper: KeyBound?)? {
    guard candidates.count < table.primaryKey.columns.count else { return (nil, nil) }
    let type = table.columns[table.primaryKey.columns[candidates.count].column].type
    var (lowest, highest): (KeyBound?, KeyBound?) = (nil, nil)
    for bound in lower {
      let datum = try bound.value.evaluate(row: [], context)
      if datum.isNull { return nil }
      // A bound that the column's type cannot hold is left to the filter.
      guard let value = datum.exactly(as: type) else { continue }
      let order = lowest.map { Datum.compare(value, $0.value, as: type) } ?? 1
      if order > 0 || (order == 0 && !bound.isInclusive) { lowest = KeyBound(value, isInclusive: bound.isInclusive) }
    }
    for bound in upper {
      let datum = try bound.value.evaluate(row: [], context)
      if datum.isNull { return nil }
      guard let value = datum.exactly(as: type) else { continue }
      let order = highest.map { Datum.compare(value, $0.value, as: type) } ?? -1
      if order < 0 || (order == 0 && !bound.isInclusive) { highest = KeyBound(value, isInclusive: bound.isInclusive) }
    }
    return (lowest, highest)
  }

  /// A candidate's value as the column holds it; nil where no row's column can equal it.
  private static func value(
    of expression: Expression, for type: SQLType, _ context: EvaluationContext
  ) throws(SQLError) -> Datum? {
    let datum: Datum
    switch expression {
    case .constant(let value, _): datum = value
    case .parameter(let index, _) where index < context.parameters.count: datum = context.parameters[index]
    default: datum = try expression.evaluate(row: [], context)
    }
    return datum.isNull ? nil : datum.exactly(as: type)
  }

  private static func sortedUnique(_ keys: [[UInt8]], sharedCount: Int) -> [[UInt8]] {
    var unique: [[UInt8]] = []
    unique.reserveCapacity(keys.count)
    for place in KeyOrder.places(of: keys, sharedCount: sharedCount) where unique.last != keys[place] {
      unique.append(keys[place])
    }
    return unique
  }

  private static func sortedUnique(_ ranges: [KeyRange]) -> [KeyRange] {
    var unique: [KeyRange] = []
    for range in ranges.sorted(by: { KeyRange.isLess($0.lower, $1.lower) }) where unique.last != range {
      unique.append(range)
    }
    return unique
  }
}

extension Datum {
  /// The same value as a column of this type holds it; nil where the type cannot hold it exactly.
  func exactly(as type: SQLType) -> Datum? {
    switch (self, type.kind) {
    case (.int2(let value), .int4): .int4(Int32(value))
    case (.int2(let value), .int8): .int8(Int64(value))
    case (.int4(let value), .int2): Int16(exactly: value).map { .int2($0) }
    case (.int4(let value), .int8): .int8(Int64(value))
    case (.int8(let value), .int2): Int16(exactly: value).map { .int2($0) }
    case (.int8(let value), .int4): Int32(exactly: value).map { .int4($0) }
    case (.text(let value), .char):
      try? Datum.text(value.trimmingTrailingBlanks).applyingModifier(of: type, explicitCast: false)
    default: self
    }
  }
}

extension String {
  fileprivate var trimmingTrailingBlanks: String {
    var bytes = utf8[...]
    while bytes.last == 0x20 { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }
}
