import Expressions
import Keys
import Operations
import Schema
import Values

extension SQLSession {
  // MARK: - CREATE INDEX and DROP INDEX

  func createIndex(_ syntax: CreateIndexSyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) {
    let changes = try schemaChanges("CREATE INDEX", execution)
    let context = bindingContext()
    let table: TableDescriptor
    let new: NewIndex
    do throws(SQLError) {
      table = try StatementBinder(context: context, parameters: ParameterTypes(count: 0, given: []))
        .table(syntax.relation)
      new = try ConstraintBuilder(context: context, table: table).index(syntax)
    } catch { throw error.located(in: execution.statement.text) }
    if context.catalog.relation(schema: table.schema, name: new.name) != nil {
      let existing = "relation \"\(new.name)\" already exists"
      guard syntax.ifNotExists else { throw SQLError(.duplicateTable, existing) }
      try await notice(SQLError(.duplicateTable, "\(existing), skipping"), .notice, sink)
      return
    }
    let isMade = try await IndexBuild(session: self, changes: changes)
      .run(new, on: table, ifNotExists: syntax.ifNotExists)
    if !isMade {
      try await notice(
        SQLError(.duplicateTable, "relation \"\(new.name)\" already exists, skipping"), .notice, sink)
    }
  }

  func dropIndexes(
    _ relations: [RelationSyntax], ifExists: Bool, cascade: Bool, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) {
    let changes = try schemaChanges("DROP INDEX", execution)
    let catalog = changes.catalog
    var dropped: [(table: TableDescriptor, index: IndexDescriptor)] = []
    for relation in relations {
      let schemas = relation.schema.map { [$0] } ?? settings.searchPath
      let found = schemas.lazy.compactMap { catalog.relation(schema: $0, name: relation.name) }.first
      guard let found else {
        guard ifExists else { throw SQLError(.undefinedObject, "index \"\(relation.name)\" does not exist") }
        try await notice(
          SQLError(SQLState(code: "00000"), "index \"\(relation.name)\" does not exist, skipping"), .notice, sink)
        continue
      }
      guard let base = found.indexedTable, let table = catalog.tables[base],
        let index = table.index(relation: found.id)
      else {
        throw SQLError(
          .wrongObjectType, "\"\(relation.name)\" is not an index", hint: "Use DROP TABLE to remove a table.")
      }
      if index.isConstraint {
        throw SQLError(
          "2BP01",
          "cannot drop index \(index.name) because constraint \(index.name) on table \(table.name) requires it",
          hint: "You can drop constraint \(index.name) on table \(table.name) instead.")
      }
      dropped.append((table, index))
    }
    for (table, index) in dropped { try await drop(index, of: table, cascade: cascade, changes) }
  }

  /// Readers leave first, then the index goes.
  private func drop(
    _ index: IndexDescriptor, of table: TableDescriptor, cascade: Bool, _ changes: SchemaChanges
  ) async throws(SQLError) {
    if let (user, key) = changes.catalog.foreignKey(on: index, of: table) {
      guard cascade else {
        throw .hasDependents(
          index.isConstraint
            ? "constraint \(index.name) on table \(table.name)" : "index \(index.name)",
          dependents: ["constraint \(key.name) on table \(user.name)"])
      }
      try await changes.change(.alterTable(user.id, .dropForeignKey(key.name)))
    }
    // In a transaction that comes after its commit.
    if index.state.isReadable, changes.transaction == nil {
      try await changes.change(
        .alterTable(
          table.id, .setIndexState(relation: index.relation, .dropping, readableFrom: index.readableFrom)))
    }
    try await changes.change(.alterTable(table.id, .dropIndex(relation: index.relation)))
  }

  // MARK: - ALTER TABLE

  func alterTable(
    _ relation: RelationSyntax, _ alteration: AlterationSyntax, ifExists: Bool, _ execution: Execution,
    sink: any ResultSink
  ) async throws(SQLError) {
    let changes = try schemaChanges("ALTER TABLE", execution)
    let binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
    let table: TableDescriptor
    do throws(SQLError) {
      table = try binder.table(relation)
    } catch {
      guard ifExists, error.state == .undefinedTable else { throw error.located(in: execution.statement.text) }
      try await notice(
        SQLError(SQLState(code: "00000"), "relation \"\(relation.name)\" does not exist, skipping"), .notice, sink)
      return
    }
    switch alteration {
    case .addConstraint(let constraint): try await add(constraint, to: table, changes, execution)
    case .dropConstraint(let name, let isMissingFine, let cascade):
      guard try await dropConstraint(name, of: table, cascade: cascade, changes) else {
        let missing = "constraint \"\(name)\" of relation \"\(table.name)\" does not exist"
        guard isMissingFine else { throw SQLError(.undefinedObject, missing) }
        try await notice(SQLError(SQLState(code: "00000"), "\(missing), skipping"), .notice, sink)
        return
      }
    case .validateConstraint(let name): try await validateConstraint(name, of: table, changes, execution)
    case .addColumn(let column, let ifNotExists):
      if ifNotExists, table.column(named: column.name) != nil {
        try await notice(
          SQLError(
            .duplicateColumn, "column \"\(column.name)\" of relation \"\(table.name)\" already exists, skipping"),
          .notice, sink)
        return
      }
      let descriptor: ColumnDescriptor
      do throws(SQLError) {
        descriptor = try TableBuilder.addedColumn(column, to: table, context: bindingContext())
      } catch { throw error.located(in: execution.statement.text) }
      try await changes.change(.alterTable(table.id, .addColumn(descriptor)))
    }
  }

  private func add(
    _ constraint: ConstraintSyntax, to table: TableDescriptor, _ changes: SchemaChanges, _ execution: Execution
  ) async throws(SQLError) {
    let builder = ConstraintBuilder(context: bindingContext(), table: table)
    let build = IndexBuild(session: self, changes: changes)
    do throws(SQLError) {
      switch constraint.kind {
      case .unique(let names, let includes, let nullsAreEqual):
        let new = try builder.unique(constraint, columns: names, includes: includes, nullsAreEqual: nullsAreEqual)
        _ = try await build.run(new, on: table, ifNotExists: false)
      case .check(let condition):
        let check = try builder.check(constraint, condition, column: nil)
        try await changes.change(.alterTable(table.id, .addCheck(check)))
        if constraint.skipsValidation { return }
        do throws(SQLError) {
          try await requireAll(table.id, check, changes, execution)
        } catch {
          await changes.takeBack(.dropCheck(check.name), of: table.id)
          throw error
        }
      case .foreignKey(let syntax):
        let key = try builder.foreignKey(constraint, syntax, column: nil)
        try await changes.change(.alterTable(table.id, .addForeignKey(key)))
        if constraint.skipsValidation { return }
        do throws(SQLError) {
          try await validateForeignKey(key.name, of: table.id, changes)
        } catch {
          await changes.takeBack(.dropForeignKey(key.name), of: table.id)
          throw error
        }
      default: throw .unsupported("adding this constraint to a table")
      }
    } catch { throw error.located(in: execution.statement.text) }
  }

  /// Looks for a row that breaks a check which new rows have to keep already.
  private func requireAll(
    _ id: TableID, _ check: CheckConstraint, _ changes: SchemaChanges, _ execution: Execution
  ) async throws(SQLError) {
    guard let table = changes.catalog.tables[id] else { throw SQLError(.undefinedTable, "the table was dropped") }
    let rows = try await changes.read(
      TableRead(
        table: id, schemaVersion: table.version, selection: .ranges([table.wholeRange]),
        pipeline: RowPipeline(
          filter: .isBool(check.expression.foldConstants(execution.executor.evaluation), expected: false),
          output: .rows(projection: [], limit: 1)), isOrdered: false))
    guard try await rows.next() == nil else {
      var error = SQLError(
        .checkViolation, "check constraint \"\(check.name)\" of relation \"\(table.name)\" is violated by some row")
      (error.schema, error.table, error.constraint) = (table.schema, table.name, check.name)
      throw error
    }
  }

  private func validateConstraint(
    _ name: String, of table: TableDescriptor, _ changes: SchemaChanges, _ execution: Execution
  ) async throws(SQLError) {
    if let check = table.checks.first(where: { $0.name == name }) {
      return try await requireAll(table.id, check, changes, execution)
    }
    guard table.foreignKeys.contains(where: { $0.name == name }) else {
      throw SQLError(
        .undefinedObject, "constraint \"\(name)\" of relation \"\(table.name)\" does not exist")
    }
    try await validateForeignKey(name, of: table.id, changes)
  }

  /// Looks up what the rows that are there refer to.
  private func validateForeignKey(
    _ name: String, of table: TableID, _ changes: SchemaChanges
  ) async throws(SQLError) {
    let deadline = changes.deadline
    try await changes.scan(table) { (rows, table, transaction) throws(SQLError) in
      guard let key = table.foreignKeys.first(where: { $0.name == name }) else {
        throw SQLError(.undefinedObject, "the constraint was dropped by another statement")
      }
      var keys = try ReferencedKeys(of: key, on: table, in: changes.catalog)
      for row in rows { try keys.add(row) }
      guard let read = keys.read else { return }
      let batches = try await transaction.read(read, locking: ReferencedKeys.locking, deadline: deadline)
      var found: [Row] = []
      while let batch = try await batches.next() { found += batch }
      try keys.check(found)
    }
    try await changes.change(.alterTable(table, .validateForeignKey(name)))
  }

  /// - Returns: whether there is such a constraint.
  private func dropConstraint(
    _ name: String, of table: TableDescriptor, cascade: Bool, _ changes: SchemaChanges
  ) async throws(SQLError) -> Bool {
    if table.checks.contains(where: { $0.name == name }) {
      try await changes.change(.alterTable(table.id, .dropCheck(name)))
    } else if table.foreignKeys.contains(where: { $0.name == name }) {
      try await changes.change(.alterTable(table.id, .dropForeignKey(name)))
    } else if let index = table.index(named: name), index.isConstraint {
      try await drop(index, of: table, cascade: cascade, changes)
    } else if table.hasUserKey, table.primaryKey.constraintName == name {
      throw .unsupported("dropping the primary key", hint: "Create a table without it, and copy the rows.")
    } else {
      return false
    }
    return true
  }
}
