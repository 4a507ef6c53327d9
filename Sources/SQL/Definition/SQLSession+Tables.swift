import Keys
import Operations
import Schema
import Values

extension SQLSession {
  func createTable(_ syntax: CreateTableSyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) {
    let changes = try schemaChanges("CREATE TABLE", execution)
    let context = bindingContext()
    let table: NewTable
    do {
      table = try TableBuilder.build(syntax, context: context)
    } catch { throw error.located(in: execution.statement.text) }
    if context.catalog.relation(schema: table.name.schema, name: table.name.name) != nil {
      let existing = "relation \"\(table.name.name)\" already exists"
      guard syntax.ifNotExists else { throw SQLError(.duplicateTable, existing) }
      try await notice(SQLError(.duplicateTable, "\(existing), skipping"), .notice, sink)
      return
    }
    let result = try await changes.change(.createTable(table, ifNotExists: syntax.ifNotExists))
    if case .done(let skipped) = result {
      for name in skipped {
        try await notice(
          SQLError(.duplicateTable, "relation \"\(name.name)\" already exists, skipping"), .notice, sink)
      }
    }
  }

  func dropTables(
    _ relations: [RelationSyntax], ifExists: Bool, cascade: Bool, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) {
    let changes = try schemaChanges("DROP TABLE", execution)
    let context = bindingContext()
    var names: [TableName] = []
    for relation in relations {
      do throws(SQLError) {
        switch try context.relation(relation) {
        case .table(let table): names.append(TableName(schema: table.schema, name: table.name))
        case .view(let view):
          throw SQLError(
            .insufficientPrivilege, "permission denied: \"\(view.schema).\(view.name)\" is a system view")
        }
      } catch {
        guard error.state == .undefinedTable else { throw error }
        guard ifExists else {
          throw SQLError(.undefinedTable, "table \"\(relation.name)\" does not exist")
        }
        try await notice(
          SQLError(SQLState(code: "00000"), "table \"\(relation.name)\" does not exist, skipping"), .notice, sink)
      }
    }
    if names.isEmpty { return }
    if cascade { try await noticeDroppedKeys(of: names, context.catalog, sink) }
    try await changes.change(.dropTables(names, ifExists: ifExists, cascade: cascade))
  }

  /// Says which constraints go with the tables, as PostgreSQL does.
  private func noticeDroppedKeys(
    of names: [TableName], _ catalog: CatalogSnapshot, _ sink: any ResultSink
  ) async throws(SQLError) {
    let tables = names.compactMap { catalog.table(schema: $0.schema, name: $0.name) }
    let keys = tables.flatMap { catalog.foreignKeys(to: $0, besides: Set(tables.map(\.id))) }
      .map { "constraint \($0.key.name) on table \($0.table.name)" }
    guard let first = keys.first else { return }
    let message = keys.count == 1 ? "drop cascades to \(first)" : "drop cascades to \(keys.count) other objects"
    let detail = keys.count == 1 ? nil : keys.map { "drop cascades to \($0)" }.joined(separator: "\n")
    try await notice(SQLError(SQLState(code: "00000"), message, detail: detail), .notice, sink)
  }

  /// Empties tables: they get new tablets.
  func truncate(_ relations: [RelationSyntax], _ execution: Execution) async throws(SQLError) {
    let changes = try schemaChanges("TRUNCATE TABLE", execution)
    let binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
    var tables: [TableID] = []
    do throws(SQLError) {
      for relation in relations {
        let table = try binder.table(relation)
        if !tables.contains(table.id) { tables.append(table.id) }
      }
    } catch { throw error.located(in: execution.statement.text) }
    try await changes.change(.truncate(tables))
  }

  // MARK: - ALTER TABLE … ADD PRIMARY KEY

  /// Copies the table's rows into a replacement with the new key, which then takes the table's place.
  func addPrimaryKey(
    _ relation: RelationSyntax, _ constraint: ConstraintSyntax, ifExists: Bool, _ execution: Execution,
    sink: any ResultSink
  ) async throws(SQLError) {
    let changes = try schemaChanges("ALTER TABLE", execution)
    let text = execution.statement.text
    let binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
    let table: TableDescriptor
    do throws(SQLError) {
      table = try binder.table(relation)
    } catch {
      if ifExists, error.state == .undefinedTable {
        try await notice(
          SQLError(SQLState(code: "00000"), "relation \"\(relation.name)\" does not exist, skipping"), .notice, sink)
        return
      }
      throw error.located(in: text)
    }
    guard case .primaryKey(let names, let orders) = constraint.kind else { return }
    guard !catalog.hasDependents(table) else {
      throw SQLError(
        .featureNotSupported, "a primary key cannot be added to a table with indexes or foreign keys",
        hint: "Drop them first: the rows move to other keys.")
    }
    let hidden = table.columns.indices.filter { table.columns[$0].isHidden }
    guard !hidden.isEmpty else {
      throw SQLError(
        .invalidTableDefinition, "multiple primary keys for table \"\(table.name)\" are not allowed")
    }
    var columns = table.columns.filter { !$0.isHidden }
    let key: PrimaryKey
    do throws(SQLError) {
      key = try TableBuilder.primaryKey(
        name: constraint.name ?? "\(table.name)_pkey", columns: names, orders: orders, of: &columns,
        at: constraint.location)
    } catch { throw error.located(in: text) }
    let replacement = TableName(schema: table.schema, name: "apus_rewrite_\(table.id.rawValue)")
    let made = NewTable(
      name: replacement, columns: columns, primaryKey: key, checks: table.checks, sequences: table.sequences,
      sharding: key.hashColumnCount > 0 ? .hash(tabletCount: nil) : .range(splits: []))
    try await TableRewrite(changes: changes, table: table, hidden: hidden, replacement: made).run()
  }
}
