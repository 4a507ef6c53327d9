import Expressions
import Values

extension Expression {
  var readsColumns: Bool {
    contains(where: { if case .column = $0 { true } else { false } })
  }

  /// The same expression over other parts: `replace` gives a new node, or nil to look inside.
  func replacing(_ replace: (Expression) -> Expression?) -> Expression {
    replace(self) ?? mapOperands { $0.replacing(replace) }
  }

  /// Whether two expressions are written alike, as GROUP BY and ORDER BY compare them.
  func isSame(as other: Expression) -> Bool {
    switch (self, other) {
    case (.constant(let a, let type), .constant(let b, let otherType)):
      return type == otherType && a.isNull == b.isNull && Datum.compare(a, b) == 0
    case (.column(let a, _), .column(let b, _)): return a == b
    case (.parameter(let a, _), .parameter(let b, _)): return a == b
    case (.call(let a, _, _), .call(let b, _, _)): guard a == b else { return false }
    case (.cast(_, let a, let x), .cast(_, let b, let y)): guard a == b, x == y else { return false }
    case (.isBool(_, let a), .isBool(_, let b)): guard a == b else { return false }
    case (.when(_, let a, _), .when(_, let b, _)): guard (a == nil) == (b == nil) else { return false }
    case (.and, .and), (.or, .or), (.not, .not), (.isNull, .isNull), (.isDistinct, .isDistinct),
      (.coalesce, .coalesce), (.greatest, .greatest), (.least, .least), (.inList, .inList):
      break
    default: return false
    }
    let (mine, theirs) = (operands, other.operands)
    return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.isSame(as: $1) }
  }

  /// A constant condition that lets no row through.
  var isNeverTrue: Bool {
    switch self {
    case .constant(.bool(let value), _): !value
    case .constant(.null, _): true
    default: false
    }
  }

  /// The operands of a top-level AND, or the expression alone.
  var conjuncts: [Expression] {
    if case .and(let operands) = self { return operands.flatMap(\.conjuncts) }
    return [self]
  }

  /// Nil for none, the one for one, AND for several.
  static func conjunction(_ conditions: [Expression]) -> Expression? {
    conditions.isEmpty ? nil : conditions.count == 1 ? conditions[0] : .and(conditions)
  }
}
