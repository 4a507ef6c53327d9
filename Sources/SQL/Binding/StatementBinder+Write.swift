import Expressions
import Operations
import Schema
import Values

extension StatementBinder {
  // MARK: - INSERT

  mutating func bindInsert(_ syntax: InsertSyntax) throws(SQLError) -> (InsertPlan, [ResultColumn]?) {
    let table = try self.table(syntax.relation)
    let targets = try insertTargets(syntax, table)
    let source: InsertPlan.Source
    if let select = syntax.source {
      source =
        select.values.isEmpty || !select.orderBy.isEmpty || select.limit != nil || select.offset != nil
        ? try bindInsertQuery(select, targets, syntax, table)
        : .values(try bindInsertRows(select.values, targets, syntax, table))
    } else {
      source = .values([try defaults(of: table)])
    }
    let scope = try Scope(table: table, alias: syntax.relation.alias, at: syntax.relation.location)
    let (onConflict, arbiter) = try bindConflict(syntax.onConflict, table, scope)
    let returning = try bindReturning(syntax.returning, Scopes([scope]))
    return (
      InsertPlan(
        table: table, source: source, onConflict: onConflict, arbiter: arbiter, returning: returning?.expressions),
      returning?.columns
    )
  }

  /// The positions of the columns that are given values.
  private func insertTargets(_ syntax: InsertSyntax, _ table: TableDescriptor) throws(SQLError) -> [Int] {
    if syntax.columns.isEmpty { return table.columns.indices.filter { !table.columns[$0].isHidden } }
    var targets: [Int] = []
    for column in syntax.columns {
      let position = try self.position(of: column, in: table)
      if targets.contains(position) {
        throw SQLError(
          .duplicateColumn, "column \"\(column.name ?? "")\" specified more than once", at: column.location)
      }
      targets.append(position)
    }
    return targets
  }

  private func position(of target: TargetSyntax, in table: TableDescriptor) throws(SQLError) -> Int {
    let name = target.name ?? ""
    guard let position = table.position(ofColumnNamed: name), !table.columns[position].isHidden else {
      throw SQLError(
        .undefinedColumn, "column \"\(name)\" of relation \"\(table.name)\" does not exist", at: target.location)
    }
    return position
  }

  /// What each column of a table gets where no value is given.
  private func defaults(of table: TableDescriptor) throws(SQLError) -> [ColumnSource] {
    table.columns.map { column in
      switch column.defaultValue {
      case .expression(let expression, _): .value(expression)
      case .sequence, .identity: .sequence
      case .rowID: .rowID
      case nil: .value(.constant(.null, column.type))
      }
    }
  }

  private mutating func bindInsertRows(
    _ rows: [[ExpressionSyntax]], _ targets: [Int], _ syntax: InsertSyntax, _ table: TableDescriptor
  ) throws(SQLError) -> [[ColumnSource]] {
    let defaults = try defaults(of: table)
    var binder = self.binder(clause: "VALUES")
    var bound: [[ColumnSource]] = []
    bound.reserveCapacity(rows.count)
    for row in rows {
      guard row.count == rows[0].count else {
        throw SQLError(.syntaxError, "VALUES lists must all be the same length", at: row.first?.location)
      }
      try checkCount(row.count, row.last?.location, targets, syntax)
      var sources = defaults
      for (value, target) in zip(row, targets) {
        if case .defaultValue = value { continue }
        let column = table.columns[target]
        if try overridesIdentity(column, value, syntax) { continue }
        sources[target] = .value(try binder.bindAssignment(value, to: column))
      }
      bound.append(sources)
    }
    absorb(binder)
    return bound
  }

  private func checkCount(
    _ count: Int, _ location: Int?, _ targets: [Int], _ syntax: InsertSyntax
  ) throws(SQLError) {
    if count > targets.count {
      throw SQLError(.syntaxError, "INSERT has more expressions than target columns", at: location)
    }
    if count < targets.count, !syntax.columns.isEmpty {
      throw SQLError(
        .syntaxError, "INSERT has more target columns than expressions", at: syntax.columns[count].location)
    }
  }

  /// Whether `OVERRIDING USER VALUE` puts the sequence in place of the given value.
  private func overridesIdentity(
    _ column: ColumnDescriptor, _ value: ExpressionSyntax, _ syntax: InsertSyntax
  ) throws(SQLError) -> Bool {
    guard case .identity(let always) = column.defaultValue else { return false }
    if syntax.overriding == .user { return true }
    if always, syntax.overriding != .system {
      var error = SQLError(
        SQLState(code: "428C9"), "cannot insert a non-DEFAULT value into column \"\(column.name)\"",
        detail: "Column \"\(column.name)\" is an identity column defined as GENERATED ALWAYS.",
        hint: "Use OVERRIDING SYSTEM VALUE to override.")
      error.position = value.location.map { $0 + 1 }
      throw error
    }
    return false
  }

  private mutating func bindInsertQuery(
    _ select: SelectSyntax, _ targets: [Int], _ syntax: InsertSyntax, _ table: TableDescriptor
  ) throws(SQLError) -> InsertPlan.Source {
    let plan = try bindSelect(select)
    try checkCount(plan.visibleCount, select.items.last?.location, targets, syntax)
    var sources = try defaults(of: table)
    var binder = self.binder(clause: "INSERT")
    for (index, target) in targets.prefix(plan.visibleCount).enumerated() {
      let column = table.columns[target]
      if try overridesIdentity(column, .defaultValue(at: nil), syntax) { continue }
      let value = Expression.column(index, plan.columns[index].type)
      let location = index < select.items.count ? select.items[index].location : nil
      sources[target] = .value(try binder.assignment(value, to: column, at: location))
    }
    absorb(binder)
    return .query(plan, sources)
  }

  private mutating func bindConflict(
    _ syntax: OnConflictSyntax?, _ table: TableDescriptor, _ scope: Scope
  ) throws(SQLError) -> (ConflictAction, ConflictArbiter) {
    guard let syntax else { return (.fail, .primaryKey) }
    let arbiter = try self.arbiter(of: syntax, table)
    guard let assignments = syntax.assignments else { return (.doNothing, arbiter) }

    var excluded = scope
    excluded.name = "excluded"
    excluded.hiddenName = nil
    excluded.schema = nil
    excluded.offset = table.columns.count
    var binder = self.binder(Scopes([scope, excluded]), clause: "ON CONFLICT DO UPDATE")
    binder.rowsAreMany = true
    let bound = try bindAssignments(assignments, table, &binder)
    if let item = zip(assignments, bound).first(where: { table.keyPositions.contains($0.1.column) }) {
      throw .unsupported(
        "changing the primary key column \"\(table.columns[item.1.column].name)\" in ON CONFLICT DO UPDATE",
        hint: "Use UPDATE.", at: item.0.location)
    }
    binder.clause = "WHERE"
    let filter = try syntax.filter.map { condition throws(SQLError) in try binder.bindCondition(condition) }
    absorb(binder)
    return (.update(bound, filter: filter), arbiter)
  }

  /// The key or index that a conflict target means.
  private func arbiter(of syntax: OnConflictSyntax, _ table: TableDescriptor) throws(SQLError) -> ConflictArbiter {
    let indexes = table.indexes.filter { $0.isUnique && $0.state.isReadable }
    if let columns = syntax.columns {
      for name in columns where table.position(ofColumnNamed: name) == nil {
        throw SQLError(.undefinedColumn, "column \"\(name)\" does not exist", at: syntax.location)
      }
      let wanted = Set(columns)
      if table.hasUserKey, Set(table.keyPositions.map { table.columns[$0].name }) == wanted { return .primaryKey }
      let index = indexes.first { index in
        let names = index.keys.compactMap { $0.column.map { table.columns[$0].name } }
        return index.predicate == nil && names.count == index.keys.count && Set(names) == wanted
      }
      guard let index else {
        throw SQLError(
          .invalidColumnReference,
          "there is no unique or exclusion constraint matching the ON CONFLICT specification", at: nil)
      }
      return .index(index)
    }
    if let name = syntax.constraint {
      if table.hasUserKey, name == table.primaryKey.constraintName { return .primaryKey }
      guard let index = indexes.first(where: { $0.isConstraint && $0.name == name }) else {
        throw SQLError(
          .undefinedObject, "constraint \"\(name)\" for table \"\(table.name)\" does not exist", at: nil)
      }
      return .index(index)
    }
    guard syntax.assignments == nil else {
      throw SQLError(
        .syntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name",
        hint: "For example, ON CONFLICT (column_name).", at: syntax.location)
    }
    return indexes.isEmpty ? .primaryKey : .all
  }

  // MARK: - UPDATE and DELETE

  mutating func bindUpdate(_ syntax: UpdateSyntax) throws(SQLError) -> (UpdatePlan, [ResultColumn]?) {
    let table = try self.table(syntax.relation)
    let scopes = Scopes([try Scope(table: table, alias: syntax.relation.alias, at: syntax.relation.location)])
    var binder = self.binder(scopes, clause: "UPDATE")
    binder.rowsAreMany = true
    let assignments = try bindAssignments(syntax.assignments, table, &binder)
    binder.clause = "WHERE"
    let condition = try syntax.filter.map { condition throws(SQLError) in try binder.bindCondition(condition) }
    absorb(binder)
    let returning = try bindReturning(syntax.returning, scopes)
    let (rows, filter) = choice(of: table, condition)
    return (
      UpdatePlan(
        table: table, rows: rows, filter: filter, assignments: assignments, returning: returning?.expressions),
      returning?.columns
    )
  }

  private func choice(of table: TableDescriptor, _ condition: Expression?) -> (RowChoice, filter: Expression?) {
    switch AccessPlanner(table: table, catalog: context.catalog).access(for: condition) {
    case .table(let keys, let filter): (.keys(keys), filter)
    case .index(let path): (.index(path), condition)
    }
  }

  private func bindAssignments(
    _ items: [TargetSyntax], _ table: TableDescriptor, _ binder: inout ExpressionBinder
  ) throws(SQLError) -> [Assignment] {
    var assignments: [Assignment] = []
    for item in items {
      let position = try self.position(of: item, in: table)
      let column = table.columns[position]
      if assignments.contains(where: { $0.column == position }) {
        throw SQLError(
          .syntaxError, "multiple assignments to same column \"\(column.name)\"", at: item.location)
      }
      var value: Expression
      if case .defaultValue = item.value {
        switch column.defaultValue {
        case .expression(let expression, _): value = expression
        case .sequence, .identity, .rowID:
          throw .unsupported("SET … = DEFAULT for a column with a sequence", at: item.location)
        case nil: value = .constant(.null, column.type)
        }
      } else {
        value = try binder.bindAssignment(item.value, to: column)
      }
      if case .identity(true) = column.defaultValue {
        throw SQLError(
          SQLState(code: "428C9"), "column \"\(column.name)\" can only be updated to DEFAULT",
          detail: "Column \"\(column.name)\" is an identity column defined as GENERATED ALWAYS.")
      }
      assignments.append(Assignment(column: position, value: folded(value)))
    }
    return assignments
  }

  mutating func bindDelete(_ syntax: DeleteSyntax) throws(SQLError) -> (DeletePlan, [ResultColumn]?) {
    let table = try self.table(syntax.relation)
    let scopes = Scopes([try Scope(table: table, alias: syntax.relation.alias, at: syntax.relation.location)])
    var binder = self.binder(scopes, clause: "WHERE")
    binder.rowsAreMany = true
    let condition = try syntax.filter.map { condition throws(SQLError) in try binder.bindCondition(condition) }
    absorb(binder)
    let returning = try bindReturning(syntax.returning, scopes)
    let (rows, filter) = choice(of: table, condition)
    return (
      DeletePlan(table: table, rows: rows, filter: filter, returning: returning?.expressions), returning?.columns
    )
  }
}
