/// A scalar expression as the user wrote it. Locations are byte offsets in the statement's text.
indirect enum ExpressionSyntax: Sendable {
  case constant(ConstantSyntax, at: Int?)
  /// `a`, `t.a` or `s.t.a`.
  case column([String], at: Int?)
  /// `*` or `t.*`.
  case star([String], at: Int?)
  /// `$n`, from 1.
  case parameter(Int, at: Int?)
  /// An operator with one operand (prefix) or two.
  case operation(String, [ExpressionSyntax], at: Int?)
  case and([ExpressionSyntax], at: Int?)
  case or([ExpressionSyntax], at: Int?)
  case not(ExpressionSyntax, at: Int?)
  case isNull(ExpressionSyntax, isNegated: Bool, at: Int?)
  case isBool(ExpressionSyntax, BooleanTest, at: Int?)
  case isDistinct(ExpressionSyntax, ExpressionSyntax, isNegated: Bool, at: Int?)
  case inList(ExpressionSyntax, [ExpressionSyntax], isNegated: Bool, at: Int?)
  case between(ExpressionSyntax, ExpressionSyntax, ExpressionSyntax, isNegated: Bool, isSymmetric: Bool, at: Int?)
  /// `x op ANY (array)`, or ALL.
  case quantified(String, ExpressionSyntax, ExpressionSyntax, isAll: Bool, at: Int?)
  case caseWhen(
    ExpressionSyntax?, [(condition: ExpressionSyntax, result: ExpressionSyntax, at: Int?)],
    otherwise: ExpressionSyntax?, at: Int?)
  case coalesce([ExpressionSyntax], at: Int?)
  case extremum([ExpressionSyntax], isGreatest: Bool, at: Int?)
  case nullIf(ExpressionSyntax, ExpressionSyntax, at: Int?)
  case cast(ExpressionSyntax, TypeNameSyntax, at: Int?)
  case call(FunctionCallSyntax)
  /// `CURRENT_TIMESTAMP` and its kin, named without `SVFOP_`, with their precision where one is given.
  case valueFunction(String, precision: Int?, at: Int?)
  case row([ExpressionSyntax], at: Int?)
  case array([ExpressionSyntax], at: Int?)
  case collate(ExpressionSyntax, [String], at: Int?)
  /// `DEFAULT` in place of a value.
  case defaultValue(at: Int?)
  /// What the grammar knows and this database does not, by name.
  case unsupported(String, at: Int?)

  enum BooleanTest: Sendable { case isTrue, isNotTrue, isFalse, isNotFalse, isUnknown, isNotUnknown }
}

enum ConstantSyntax: Hashable, Sendable {
  case integer(Int32)
  /// Any other number, as text.
  case number(String)
  case string(String)
  case bitString(String)
  case boolean(Bool)
  case null
}

struct FunctionCallSyntax: Sendable {
  var name: [String]
  var arguments: [ExpressionSyntax]
  /// `count(*)`.
  var isStar = false
  var isDistinct = false
  var filter: ExpressionSyntax?
  var orderBy: [SortSyntax] = []
  /// The first of its parts that is not supported, as `OVER`.
  var unsupportedPart: String?
  var location: Int?
}

/// A type's name: parts, modifiers, array bounds.
struct TypeNameSyntax: Hashable, Sendable {
  var names: [String]
  var modifiers: [Int]
  var isArray: Bool
  var location: Int?
}

struct SortSyntax: Sendable {
  var expression: ExpressionSyntax
  var isDescending: Bool
  /// Nil where it is not said.
  var nullsFirst: Bool?
  /// `USING op`.
  var usingOperator: String?
}

extension ExpressionSyntax {
  /// Where PostgreSQL points for this expression.
  var location: Int? {
    switch self {
    case .constant(_, let at), .column(_, let at), .star(_, let at), .parameter(_, let at), .operation(_, _, let at),
      .and(_, let at), .or(_, let at), .not(_, let at), .isNull(_, _, let at), .isBool(_, _, let at),
      .isDistinct(_, _, _, let at), .inList(_, _, _, let at), .between(_, _, _, _, _, let at),
      .quantified(_, _, _, _, let at), .caseWhen(_, _, _, let at), .coalesce(_, let at), .extremum(_, _, let at),
      .nullIf(_, _, let at), .valueFunction(_, _, let at), .row(_, let at), .array(_, let at),
      .collate(_, _, let at), .defaultValue(let at), .unsupported(_, let at):
      at
    case .cast(let operand, let type, let at): at ?? type.location ?? operand.location
    case .call(let call): call.location
    }
  }

  /// Where the text of this expression begins (the leftmost location in it).
  var start: Int? {
    switch self {
    case .operation(_, let operands, let at): operands.first.flatMap { min($0.start, at) } ?? at
    case .isNull(let operand, _, let at), .isBool(let operand, _, let at), .inList(let operand, _, _, let at),
      .between(let operand, _, _, _, _, let at), .quantified(_, let operand, _, _, let at),
      .isDistinct(let operand, _, _, let at), .collate(let operand, _, let at):
      min(operand.start, at)
    case .cast(let operand, let type, let at): min(min(operand.start, type.location), at)
    case .and(let operands, let at), .or(let operands, let at): min(operands.first?.start ?? at, at)
    default: location
    }
  }
}

private func min(_ a: Int?, _ b: Int?) -> Int? {
  guard let a, let b else { return a ?? b }
  return Swift.min(a, b)
}
