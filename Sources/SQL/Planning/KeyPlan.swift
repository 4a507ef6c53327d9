import Expressions
import Keys
import Operations
import Schema
import Values

/// Which keys a condition leaves possible: rows outside of them cannot satisfy it. Rows inside may still fail it, so the
/// condition itself stays the filter, but for the parts that are `exact`.
struct KeyPlan: Sendable {
  struct Bound: Sendable {
    var value: Expression
    var isInclusive: Bool
  }
  /// For each leading key column, the values that it may have.
  var candidates: [Candidates]
  /// On the key column behind those.
  var lower: [Bound]
  var upper: [Bound]
  /// Whether the candidates cover the whole key.
  var isPoints: Bool

  enum Candidates: Sendable {
    /// One of these.
    case values([Expression])
    /// Any integer of a hashed column between bounds.
    case span(IntegerSpan)

    var isOneValue: Bool { if case .values(let values) = self { values.count == 1 } else { false } }
    var isSpan: Bool { if case .span = self { true } else { false } }
  }

  static let whole = KeyPlan(candidates: [], lower: [], upper: [], isPoints: false)
  var isWhole: Bool { candidates.isEmpty && lower.isEmpty && upper.isEmpty }
  /// Whether an execution may find that there are too many keys, and has to look at every row instead.
  var hasSpan: Bool { candidates.contains { $0.isSpan } }

  /// The most keys, or key ranges, of one selection; with more it is cheaper to look at every row.
  static let selectionCountMax = 100_000

  /// Of two counts; `Int.max` where that is too little.
  static func product(_ a: Int, _ b: Int) -> Int {
    let (product, isOverflow) = a.multipliedReportingOverflow(by: b)
    return isOverflow ? .max : product
  }
}

/// Finds the key conditions among a filter's conjuncts.
struct KeyPlanner {
  let table: TableDescriptor

  private struct Condition {
    var comparison: Comparison
    var values: [Expression]
    /// Position among the conjuncts.
    var conjunct: Int
    /// Whether key order and the comparison agree on every value, so that the conjunct needs no second look.
    var isExact: Bool
  }

  /// The keys that a filter allows, and what remains to be tested for each row.
  func plan(_ filter: Expression?) -> (keys: KeyPlan, filter: Expression?) {
    guard let filter else { return (.whole, nil) }
    let conjuncts = filter.conjuncts
    var byColumn: [Int: [Condition]] = [:]
    for (index, conjunct) in conjuncts.enumerated() {
      guard let (column, condition) = keyCondition(conjunct, index) else { continue }
      byColumn[column, default: []].append(condition)
    }

    var plan = KeyPlan.whole
    var covered: Set<Int> = []
    var position = 0
    let keyColumns = table.primaryKey.columns
    while position < keyColumns.count {
      let conditions = byColumn[keyColumns[position].column] ?? []
      if let equality = conditions.first(where: { $0.comparison == .equal }) {
        plan.candidates.append(.values(equality.values))
        if equality.isExact { covered.insert(equality.conjunct) }
      } else if position < table.primaryKey.hashColumnCount, let span = span(conditions) {
        plan.candidates.append(.span(span))
      } else {
        break
      }
      position += 1
    }
    if plan.hasSpan { covered = [] }
    if position < table.primaryKey.hashColumnCount { return (.whole, filter) }
    if position == keyColumns.count {
      plan.isPoints = true
    } else {
      (plan.lower, plan.upper) = bounds(byColumn[keyColumns[position].column] ?? [])
    }
    var count = 1
    for case .values(let values) in plan.candidates { count = KeyPlan.product(count, values.count) }
    if count > KeyPlan.selectionCountMax { return (.whole, filter) }
    let rest = conjuncts.indices.filter { !covered.contains($0) }.map { conjuncts[$0] }
    return (plan, Expression.conjunction(rest))
  }

  private func bounds(_ conditions: [Condition]) -> (lower: [KeyPlan.Bound], upper: [KeyPlan.Bound]) {
    var (lower, upper): ([KeyPlan.Bound], [KeyPlan.Bound]) = ([], [])
    for condition in conditions {
      for value in condition.values {
        switch condition.comparison {
        case .less: upper.append(KeyPlan.Bound(value: value, isInclusive: false))
        case .lessOrEqual: upper.append(KeyPlan.Bound(value: value, isInclusive: true))
        case .greater: lower.append(KeyPlan.Bound(value: value, isInclusive: false))
        case .greaterOrEqual: lower.append(KeyPlan.Bound(value: value, isInclusive: true))
        case .equal, .notEqual: break
        }
      }
    }
    return (lower, upper)
  }

  /// The integers that conditions on a hashed column leave, unless there are too many of them whatever the parameters are.
  private func span(_ conditions: [Condition]) -> IntegerSpan? {
    let (lower, upper) = bounds(conditions)
    guard !lower.isEmpty, !upper.isEmpty, (lower + upper).allSatisfy({ Self.isInteger($0.value.type.kind) })
    else { return nil }
    let span = IntegerSpan(lower: lower, upper: upper)
    return span.isSurelyTooLong ? nil : span
  }

  private func keyCondition(_ conjunct: Expression, _ index: Int) -> (column: Int, Condition)? {
    switch conjunct {
    case .call(let function, let operands, _):
      guard operands.count == 2, let comparison = Comparison(function), comparison != .notEqual else { return nil }
      if let column = keyColumn(operands[0]), isFixed(operands[1]) {
        return condition(column, comparison, [operands[1]], index)
      }
      if let column = keyColumn(operands[1]), isFixed(operands[0]) {
        return condition(column, comparison.commuted, [operands[0]], index)
      }
      return nil
    case .inList(let operand, let elements):
      guard let column = keyColumn(operand), elements.allSatisfy(isFixed) else { return nil }
      return condition(column, .equal, elements, index)
    case .column(let column, let type) where type.kind == .boolean && isKey(column):
      return condition(column, .equal, [.constant(.bool(true), .boolean)], index)
    default: return nil
    }
  }

  private func condition(
    _ column: Int, _ comparison: Comparison, _ values: [Expression], _ index: Int
  ) -> (Int, Condition)? {
    let kind = table.columns[column].type.kind
    guard values.allSatisfy({ Self.areComparable(kind, $0.type.kind) }) else { return nil }
    return (
      column,
      Condition(
        comparison: comparison, values: values, conjunct: index,
        isExact: comparison == .equal && Self.hasExactKeys(kind))
    )
  }

  private func isKey(_ column: Int) -> Bool { table.primaryKey.columns.contains { $0.column == column } }

  /// The key column that an operand is, seen through conversions that leave value and order alone.
  private func keyColumn(_ operand: Expression) -> Int? {
    switch operand {
    case .column(let index, _): return isKey(index) ? index : nil
    case .cast(let inner, let type, _):
      guard case .column(let index, let from) = inner, isKey(index), type.modifier == .none else { return nil }
      let isWidening = Self.isInteger(from.kind) && Self.isInteger(type.kind)
      let isRelabelling = from.kind == .varchar && type.kind == .text
      return isWidening || isRelabelling ? index : nil
    default: return nil
    }
  }

  /// Whether it has one value for the whole statement.
  private func isFixed(_ expression: Expression) -> Bool { !expression.readsColumns && !expression.isVolatile }

  private static func isInteger(_ kind: TypeKind) -> Bool { kind == .int2 || kind == .int4 || kind == .int8 }
  private static func isText(_ kind: TypeKind) -> Bool { kind == .text || kind == .varchar || kind == .name }

  /// Whether key order is the order in which these two types compare.
  private static func areComparable(_ column: TypeKind, _ value: TypeKind) -> Bool {
    column == value || (isInteger(column) && isInteger(value)) || (isText(column) && isText(value))
  }

  private static func hasExactKeys(_ kind: TypeKind) -> Bool {
    switch kind {
    case .boolean, .int2, .int4, .int8, .oid, .text, .varchar, .uuid, .date, .time, .timestamp, .timestampTZ: true
    default: false
    }
  }
}

/// A comparison operator, by its function.
enum Comparison: String, Sendable, CaseIterable {
  case equal = "="
  case notEqual = "<>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="

  private static let byFunction: [FunctionID: Comparison] = {
    var map: [FunctionID: Comparison] = [:]
    for definition in FunctionCatalog.operators {
      if let comparison = Comparison(rawValue: definition.name) { map[definition.function] = comparison }
    }
    return map
  }()

  init?(_ function: FunctionID) {
    guard let comparison = Self.byFunction[function] else { return nil }
    self = comparison
  }

  /// The one that holds with the operands swapped.
  var commuted: Comparison {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    }
  }
}
