import Values

extension Expression {
  /// The operands, in the order of evaluation.
  package var operands: [Expression] {
    switch self {
    case .constant, .column, .parameter: []
    case .call(_, let arguments, _): arguments
    case .cast(let operand, _, _), .not(let operand), .isNull(let operand), .isBool(let operand, _): [operand]
    case .and(let operands), .or(let operands): operands
    case .coalesce(let operands, _), .greatest(let operands, _), .least(let operands, _): operands
    case .isDistinct(let left, let right): [left, right]
    case .when(let clauses, let otherwise, _):
      clauses.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
    case .inList(let operand, let elements): [operand] + elements
    }
  }

  /// The same node over other operands.
  package func mapOperands(_ map: (Expression) -> Expression) -> Expression {
    switch self {
    case .constant, .column, .parameter: self
    case .call(let id, let arguments, let type): .call(id, arguments.map(map), type)
    case .cast(let operand, let type, let isExplicit): .cast(map(operand), to: type, isExplicit: isExplicit)
    case .and(let operands): .and(operands.map(map))
    case .or(let operands): .or(operands.map(map))
    case .not(let operand): .not(map(operand))
    case .isNull(let operand): .isNull(map(operand))
    case .isBool(let operand, let expected): .isBool(map(operand), expected: expected)
    case .isDistinct(let left, let right): .isDistinct(map(left), map(right))
    case .when(let clauses, let otherwise, let type):
      .when(
        clauses.map { WhenClause(condition: map($0.condition), result: map($0.result)) },
        otherwise: otherwise.map(map), type)
    case .coalesce(let operands, let type): .coalesce(operands.map(map), type)
    case .greatest(let operands, let type): .greatest(operands.map(map), type)
    case .least(let operands, let type): .least(operands.map(map), type)
    case .inList(let operand, let elements): .inList(map(operand), elements.map(map))
    }
  }

  /// Whether any node, this one included, satisfies a condition.
  package func contains(where condition: (Expression) -> Bool) -> Bool {
    condition(self) || operands.contains { $0.contains(where: condition) }
  }

  /// Whether operands nest more than `depth` levels. Looks no deeper than that.
  package func isDeeper(than depth: Int) -> Bool {
    depth <= 0 || operands.contains { $0.isDeeper(than: depth - 1) }
  }

  /// The positions of the columns that it reads.
  package var columnsUsed: Set<Int> {
    var columns: Set<Int> = []
    collectColumns(into: &columns)
    return columns
  }

  private func collectColumns(into columns: inout Set<Int>) {
    if case .column(let index, _) = self { columns.insert(index) }
    for operand in operands { operand.collectColumns(into: &columns) }
  }

  package var containsParameter: Bool { contains { if case .parameter = $0 { true } else { false } } }

  /// Whether it may give another result for the same row within one statement.
  package var isVolatile: Bool { volatility == .volatile }

  /// The most changeable of what it consists of.
  package var volatility: Volatility {
    operands.reduce(ownVolatility) { max($0, $1.volatility) }
  }

  /// That of this node alone.
  var ownVolatility: Volatility {
    switch self {
    // A function that this node does not know may be anything.
    case .call(let id, _, _): FunctionCatalog.function(id)?.volatility ?? .volatile
    case .cast(let operand, let type, _): Cast.volatility(from: operand.type.kind, to: type.kind)
    case .parameter: .stable
    default: .immutable
    }
  }

  /// The same over columns at other positions.
  package func mapColumns(_ position: (Int) -> Int) -> Expression {
    if case .column(let index, let type) = self { return .column(position(index), type) }
    return mapOperands { $0.mapColumns(position) }
  }
}

extension Cast {
  /// Conversions between text and what is written by settings, and those that need the session's zone, are stable.
  static func volatility(from: TypeKind, to: TypeKind) -> Volatility {
    if from == to || from.isText && to.isText { return .immutable }
    func dependsOnSettings(_ type: TypeKind) -> Bool {
      type.category == "D" || type.category == "T" || type == .float4 || type == .float8 || type == .bytea
    }
    if from.isText || to.isText { return dependsOnSettings(from) || dependsOnSettings(to) ? .stable : .immutable }
    return (from == .timestampTZ) != (to == .timestampTZ) ? .stable : .immutable
  }
}
