import Values

/// A typed scalar expression over the columns of one input row.
///
/// The SQL front builds it from the parse tree, folds what is constant, and ships it to the tablets, which evaluate it
/// next to the rows. So it is plain data with a binary form, and a function is named by a number that all versions share.
public indirect enum Expression: Sendable {
  case constant(Datum, SQLType)
  /// The input row's column at this position, from 0.
  case column(Int, SQLType)
  /// A statement parameter, from 0 (`$1` is 0). Replaced by a constant before the expression leaves the gateway.
  case parameter(Int, SQLType)
  /// A built-in function or operator; strictness and evaluation come from `FunctionCatalog`.
  case call(FunctionID, [Expression], SQLType)
  /// A conversion whose source type is that of the operand. `isExplicit` matters for lengths: an explicit cast cuts,
  /// an assignment refuses.
  case cast(Expression, to: SQLType, isExplicit: Bool)
  /// Kleene's three-valued logic over at least two operands.
  case and([Expression])
  case or([Expression])
  case not(Expression)
  case isNull(Expression)
  /// `a IS [NOT] TRUE | FALSE`: whether the operand is exactly `expected`, never null.
  case isBool(Expression, expected: Bool)
  /// `a IS DISTINCT FROM b` with the type's equality operator; never null.
  case isDistinct(Expression, Expression)
  /// Searched CASE; a simple CASE is bound as comparisons.
  case when([WhenClause], otherwise: Expression?, SQLType)
  case coalesce([Expression], SQLType)
  case greatest([Expression], SQLType)
  case least([Expression], SQLType)
  /// `operand = ANY (elements)`: null rules as for OR over the equalities. Operand and elements have one type.
  case inList(Expression, [Expression])

  /// What it yields.
  public var type: SQLType {
    switch self {
    case .constant(_, let type), .column(_, let type), .parameter(_, let type), .call(_, _, let type): type
    case .cast(_, let type, _): type
    case .and, .or, .not, .isNull, .isBool, .isDistinct, .inList: .boolean
    case .when(_, _, let type), .coalesce(_, let type), .greatest(_, let type), .least(_, let type): type
    }
  }
}

/// `WHEN condition THEN result`.
public struct WhenClause: Sendable {
  public var condition: Expression
  public var result: Expression
  public init(condition: Expression, result: Expression) {
    self.condition = condition
    self.result = result
  }
}

/// A built-in function: PostgreSQL's own OID (`pg_proc.oid`) where it has one, from 9,000 to 9,999 where it is ours.
public struct FunctionID: Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}
