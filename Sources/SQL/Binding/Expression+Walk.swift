import Expressions
import Values

extension Expression {
  /// Its direct operands.
  var operands: [Expression] {
    switch self {
    case .constant, .column, .parameter: []
    case .call(_, let arguments, _), .coalesce(let arguments, _), .greatest(let arguments, _),
      .least(let arguments, _), .and(let arguments), .or(let arguments):
      arguments
    case .cast(let operand, _, _), .not(let operand), .isNull(let operand), .isBool(let operand, _): [operand]
    case .isDistinct(let left, let right): [left, right]
    case .when(let clauses, let otherwise, _):
      clauses.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
    case .inList(let operand, let elements): [operand] + elements
    }
  }

  /// Whether it, or anything in it, is so.
  func contains(_ isSo: (Expression) -> Bool) -> Bool { isSo(self) || operands.contains { $0.contains(isSo) } }

  var readsColumns: Bool {
    contains { if case .column = $0 { true } else { false } }
  }

  var isVolatile: Bool {
    contains { node in
      guard case .call(let id, _, _) = node else { return false }
      return (FunctionCatalog.function(id)?.volatility ?? .volatile) == .volatile
    }
  }

  /// The same expression over other leaves: `replace` gives a new node, or nil to look inside.
  func replacing(_ replace: (Expression) -> Expression?) -> Expression {
    if let replaced = replace(self) { return replaced }
    switch self {
    case .constant, .column, .parameter: return self
    case .call(let id, let arguments, let type): return .call(id, arguments.map { $0.replacing(replace) }, type)
    case .cast(let operand, let type, let isExplicit):
      return .cast(operand.replacing(replace), to: type, isExplicit: isExplicit)
    case .and(let operands): return .and(operands.map { $0.replacing(replace) })
    case .or(let operands): return .or(operands.map { $0.replacing(replace) })
    case .not(let operand): return .not(operand.replacing(replace))
    case .isNull(let operand): return .isNull(operand.replacing(replace))
    case .isBool(let operand, let expected): return .isBool(operand.replacing(replace), expected: expected)
    case .isDistinct(let left, let right): return .isDistinct(left.replacing(replace), right.replacing(replace))
    case .when(let clauses, let otherwise, let type):
      return .when(
        clauses.map {
          WhenClause(condition: $0.condition.replacing(replace), result: $0.result.replacing(replace))
        }, otherwise: otherwise?.replacing(replace), type)
    case .coalesce(let operands, let type): return .coalesce(operands.map { $0.replacing(replace) }, type)
    case .greatest(let operands, let type): return .greatest(operands.map { $0.replacing(replace) }, type)
    case .least(let operands, let type): return .least(operands.map { $0.replacing(replace) }, type)
    case .inList(let operand, let elements):
      return .inList(operand.replacing(replace), elements.map { $0.replacing(replace) })
    }
  }

  /// Whether two expressions are written alike, as GROUP BY and ORDER BY compare them.
  func isSame(as other: Expression) -> Bool {
    switch (self, other) {
    case (.constant(let a, let type), .constant(let b, let otherType)):
      return type == otherType && a.isNull == b.isNull && Datum.compare(a, b) == 0
    case (.column(let a, _), .column(let b, _)): return a == b
    case (.parameter(let a, _), .parameter(let b, _)): return a == b
    case (.call(let a, _, _), .call(let b, _, _)) where a != b: return false
    case (.cast(_, let a, let x), .cast(_, let b, let y)) where a != b || x != y: return false
    case (.isBool(_, let a), .isBool(_, let b)) where a != b: return false
    case (.when(_, let a, _), .when(_, let b, _)) where (a == nil) != (b == nil): return false
    default: break
    }
    guard caseNumber == other.caseNumber else { return false }
    let (mine, theirs) = (operands, other.operands)
    return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.isSame(as: $1) }
  }

  private var caseNumber: Int {
    switch self {
    case .constant: 0
    case .column: 1
    case .parameter: 2
    case .call: 3
    case .cast: 4
    case .and: 5
    case .or: 6
    case .not: 7
    case .isNull: 8
    case .isBool: 9
    case .isDistinct: 10
    case .when: 11
    case .coalesce: 12
    case .greatest: 13
    case .least: 14
    case .inList: 15
    }
  }

  /// The operands of a top-level AND, or the expression alone.
  var conjuncts: [Expression] {
    if case .and(let operands) = self { return operands.flatMap(\.conjuncts) }
    return [self]
  }

  /// nil for none, the one for one, AND for several.
  static func conjunction(_ conditions: [Expression]) -> Expression? {
    conditions.isEmpty ? nil : conditions.count == 1 ? conditions[0] : .and(conditions)
  }
}
