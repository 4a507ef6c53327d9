import Operations
import Values

/// `FOR UPDATE` and its kin, by the rules of `CheckSelectLocking` and `transformLockingClause` in PostgreSQL's
/// `analyze.c`.
extension StatementBinder {
  /// Locks the rows of the plan's source, or of the subquery's that is its source.
  func lock(
    _ plan: inout SelectPlan, _ clauses: [LockingSyntax], _ syntax: SelectSyntax, _ scopes: Scopes
  ) throws(SQLError) {
    for clause in clauses {
      try checkAllowed(clause, syntax, plan)
      for relation in clause.relations { try checkNamed(relation, clause, scopes, plan.source) }
      lock(&plan, RowLocking(strength: clause.strength, policy: clause.policy))
    }
  }

  private func checkAllowed(
    _ clause: LockingSyntax, _ syntax: SelectSyntax, _ plan: SelectPlan
  ) throws(SQLError) {
    let name = clause.strength.clause
    func refuse(_ what: String) -> SQLError { SQLError(.featureNotSupported, "\(name) is not allowed with \(what)") }
    if !syntax.values.isEmpty { throw SQLError(.featureNotSupported, "\(name) cannot be applied to VALUES") }
    if syntax.isDistinct { throw refuse("DISTINCT clause") }
    if !syntax.groupBy.isEmpty { throw refuse("GROUP BY clause") }
    if syntax.having != nil { throw refuse("HAVING clause") }
    if case .grouped = plan.shape { throw refuse("aggregate functions") }
    guard case .subquery(let inner, _, _)? = syntax.from.first, inner.values.isEmpty,
      case .subquery(let innerPlan) = plan.source
    else { return }
    try checkAllowed(clause, inner, innerPlan)
  }

  private func checkNamed(
    _ relation: RelationSyntax, _ clause: LockingSyntax, _ scopes: Scopes, _ source: RowSource
  ) throws(SQLError) {
    let name = clause.strength.clause
    if relation.schema != nil {
      throw SQLError(.syntaxError, "\(name) must specify unqualified relation names", at: relation.location)
    }
    guard scopes.list.contains(where: { $0.name == relation.name }) else {
      throw SQLError(
        .undefinedTable, "relation \"\(relation.name)\" in \(name) clause not found in FROM clause",
        at: relation.location)
    }
    if case .series = source {
      throw SQLError(.featureNotSupported, "\(name) cannot be applied to a function", at: relation.location)
    }
  }

  private func lock(_ plan: inout SelectPlan, _ locking: RowLocking) {
    switch plan.source {
    case .indexOnly(_, let instead):
      // Entries are not what others wait for: the rows are.
      plan = instead
      lock(&plan, locking)
    case .table, .index:
      guard let before = plan.locking else {
        plan.locking = locking
        return
      }
      // Of several clauses the strongest lock and the least patience count.
      let policies: [LockWaitPolicy] = [.noWait, .skipLocked, .wait]
      plan.locking = RowLocking(
        strength: max(before.strength, locking.strength),
        policy: policies.first { $0 == before.policy || $0 == locking.policy } ?? locking.policy)
    case .subquery(var inner):
      lock(&inner, locking)
      plan.source = .subquery(inner)
    case .nothing, .view, .series, .values: break
    }
  }
}

extension RowLockStrength {
  /// How SQL asks for it.
  var clause: String {
    switch self {
    case .keyShare: "FOR KEY SHARE"
    case .share: "FOR SHARE"
    case .noKeyUpdate: "FOR NO KEY UPDATE"
    case .update: "FOR UPDATE"
    }
  }
}
