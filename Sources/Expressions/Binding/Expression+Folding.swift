import Values

extension Expression {
  /// Evaluates what does not depend on a row, and puts values in place of parameters.
  ///
  /// `includingStable` also takes what is fixed within a statement (`now()`, text forms of times): right before
  /// execution, wrong for a plan that is kept. What cannot be evaluated without an error is left as it is, so that
  /// the error comes only if evaluation gets there: `CASE WHEN a = 0 THEN NULL ELSE 1/0 END` folds to itself.
  package func foldConstants(_ context: EvaluationContext, includingStable: Bool = true) -> Expression {
    isDeeper(than: Expression.depthMax) ? self : fold(context, upTo: includingStable ? .stable : .immutable)
  }

  private func fold(_ context: EvaluationContext, upTo limit: Volatility) -> Expression {
    if case .parameter(let index, let type) = self {
      return context.parameters.indices.contains(index) ? .constant(context.parameters[index], type) : self
    }
    let folded = mapOperands { $0.fold(context, upTo: limit) }
    switch folded {
    case .and(let operands): return Expression.foldKleene(operands, decisive: false) { .and($0) }
    case .or(let operands): return Expression.foldKleene(operands, decisive: true) { .or($0) }
    case .when(let clauses, let otherwise, let type):
      return Expression.foldWhen(clauses, otherwise, type)
    case .coalesce(let operands, let type): return Expression.foldCoalesce(operands, type)
    case .call(let id, let arguments, let type):
      guard let function = FunctionCatalog.function(id) else { return folded }
      if function.isStrict, arguments.contains(where: \.isNullConstant) { return .constant(.null, type) }
    default: break
    }
    guard folded.ownVolatility <= limit, !folded.operands.isEmpty || folded.isCall else { return folded }
    guard folded.operands.allSatisfy(\.isConstant), let value = try? folded.evaluate(row: [], context) else {
      return folded
    }
    return .constant(value, folded.type)
  }

  package var isConstant: Bool { if case .constant = self { true } else { false } }
  private var isNullConstant: Bool { if case .constant(.null, _) = self { true } else { false } }
  private var isCall: Bool { if case .call = self { true } else { false } }

  private static func foldKleene(
    _ operands: [Expression], decisive: Bool, _ rebuild: ([Expression]) -> Expression
  ) -> Expression {
    var rest: [Expression] = []
    for operand in operands {
      guard case .constant(.bool(let value), _) = operand else {
        rest.append(operand)
        continue
      }
      if value == decisive { return operand }
    }
    if rest.isEmpty { return .constant(.bool(!decisive), .boolean) }
    if rest.allSatisfy(\.isNullConstant) { return .constant(.null, .boolean) }
    return rest.count == 1 ? rest[0] : rebuild(rest)
  }

  private static func foldWhen(
    _ clauses: [WhenClause], _ otherwise: Expression?, _ type: SQLType
  ) -> Expression {
    var (kept, rest) = ([WhenClause](), otherwise)
    for clause in clauses {
      switch clause.condition {
      case .constant(.bool(true), _):
        rest = clause.result
      case .constant: continue
      default:
        kept.append(clause)
        continue
      }
      break
    }
    if kept.isEmpty { return rest ?? .constant(.null, type) }
    return .when(kept, otherwise: rest, type)
  }

  private static func foldCoalesce(_ operands: [Expression], _ type: SQLType) -> Expression {
    var kept: [Expression] = []
    for operand in operands where !operand.isNullConstant {
      kept.append(operand)
      // Nothing behind a constant is ever looked at.
      if operand.isConstant { break }
    }
    if kept.isEmpty { return .constant(.null, type) }
    return kept.count == 1 ? kept[0] : .coalesce(kept, type)
  }
}
