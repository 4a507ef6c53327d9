import Expressions
import Values

/// How expressions see the input once rows are grouped: grouping keys and aggregates, nothing else.
///
/// While a list is being bound, its columns are numbered apart: a grouping key k is column `keyBase + k`, an aggregate
/// column `aggregateBase + k`. `settled` turns both into positions of the group row, keys first.
struct GroupingBinder {
  static let keyBase = 1 << 24
  static let aggregateBase = 1 << 25

  /// Over the input row.
  var keys: [Expression]
  private(set) var aggregates: [AggregateCall] = []
  /// Columns seen outside of aggregates that no key has covered (yet).
  private(set) var ungrouped: [(index: Int, name: String, at: Int?)] = []

  init(keys: [Expression]) { self.keys = keys }

  mutating func sawColumn(_ index: Int, name: String, at location: Int?) {
    ungrouped.append((index, name, location))
  }

  /// A bound expression that equals a key is that key; the columns in it are covered.
  mutating func replacement(for bound: Expression, ungroupedBefore: Int) -> Expression? {
    if case .constant = bound { return nil }
    guard let key = keys.firstIndex(where: { $0.isSame(as: bound) }) else { return nil }
    ungrouped.removeSubrange(ungroupedBefore...)
    return .column(Self.keyBase + key, bound.type)
  }

  mutating func add(_ call: AggregateCall) -> Expression {
    aggregates.append(call)
    return .column(Self.aggregateBase + aggregates.count - 1, call.type)
  }

  /// Columns that depend on the keys because those hold the table's whole primary key: they become keys themselves.
  mutating func addDependentKeys(primaryKey: [Int], types: [SQLType]) -> Bool {
    let keyColumns = Set(keys.compactMap { if case .column(let index, _) = $0 { index } else { nil } })
    guard !primaryKey.isEmpty, keyColumns.isSuperset(of: primaryKey) else { return false }
    for column in ungrouped where !keys.contains(where: { $0.isSame(as: .column(column.index, .unknown)) }) {
      keys.append(.column(column.index, types[column.index]))
    }
    ungrouped.removeAll()
    return true
  }

  func checkAllGrouped() throws(SQLError) {
    guard let first = ungrouped.first else { return }
    throw SQLError(
      .groupingError,
      "column \"\(first.name)\" must appear in the GROUP BY clause or be used in an aggregate function", at: first.at)
  }

  /// The expression over the group row.
  func settled(_ expression: Expression) -> Expression {
    expression.replacing { node in
      guard case .column(let index, let type) = node else { return nil }
      if index >= Self.aggregateBase { return .column(keys.count + index - Self.aggregateBase, type) }
      if index >= Self.keyBase { return .column(index - Self.keyBase, type) }
      // A column that became a key because the primary key is grouped.
      let key = keys.firstIndex { $0.isSame(as: node) }
      return .column(key ?? index, type)
    }
  }
}

extension ExpressionSyntax {
  /// Whether an aggregate is called in it.
  var callsAggregate: Bool {
    switch self {
    case .call(let call):
      FunctionCatalog.hasAggregate(named: call.name.last ?? "") || call.arguments.contains(where: \.callsAggregate)
    default: children.contains(where: \.callsAggregate)
    }
  }

  var children: [ExpressionSyntax] {
    switch self {
    case .constant, .column, .star, .parameter, .valueFunction, .defaultValue, .unsupported, .call: []
    case .operation(_, let operands, _), .and(let operands, _), .or(let operands, _), .coalesce(let operands, _),
      .extremum(let operands, _, _), .row(let operands, _), .array(let operands, _):
      operands
    case .not(let operand, _), .isNull(let operand, _, _), .isBool(let operand, _, _), .cast(let operand, _, _),
      .collate(let operand, _, _):
      [operand]
    case .isDistinct(let a, let b, _, _), .nullIf(let a, let b, _), .quantified(_, let a, let b, _, _): [a, b]
    case .inList(let operand, let elements, _, _): [operand] + elements
    case .between(let a, let b, let c, _, _, _): [a, b, c]
    case .caseWhen(let operand, let clauses, let otherwise, _):
      [operand, otherwise].compactMap { $0 } + clauses.flatMap { [$0.condition, $0.result] }
    }
  }
}
