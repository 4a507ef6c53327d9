import Keys
import Operations
import Schema
import Values

extension SQLSession {
  func createTable(_ syntax: CreateTableSyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) {
    let context = bindingContext()
    let table: NewTable
    do {
      table = try TableBuilder.build(syntax, context: context)
    } catch { throw error.located(in: execution.statement.text) }
    if context.catalog.table(schema: table.name.schema, name: table.name.name) != nil {
      let existing = "relation \"\(table.name.name)\" already exists"
      guard syntax.ifNotExists else { throw SQLError(.duplicateTable, existing) }
      try await notice(SQLError(.duplicateTable, "\(existing), skipping"), .notice, sink)
      return
    }
    let result = try await dataPlane.change(
      .createTable(table, ifNotExists: syntax.ifNotExists), deadline: execution.executor.deadline)
    if case .done(let skipped) = result {
      for name in skipped {
        try await notice(
          SQLError(.duplicateTable, "relation \"\(name.name)\" already exists, skipping"), .notice, sink)
      }
    }
  }

  func dropTables(
    _ relations: [RelationSyntax], ifExists: Bool, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) {
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
    _ = try await dataPlane.change(
      .dropTables(names, ifExists: ifExists), deadline: execution.executor.deadline)
  }

  /// Empties tables: by new tablets where the statement stands alone, otherwise row by row, as part of its transaction.
  func truncate(_ relations: [RelationSyntax], _ execution: Execution) async throws(SQLError) {
    let binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
    var tables: [TableDescriptor] = []
    do throws(SQLError) {
      for relation in relations {
        let table = try binder.table(relation)
        if !tables.contains(where: { $0.id == table.id }) { tables.append(table) }
      }
    } catch { throw error.located(in: execution.statement.text) }
    if isAlone {
      _ = try await dataPlane.change(.truncate(tables.map(\.id)), deadline: execution.executor.deadline)
      return
    }
    let data = try beginData()
    for table in tables {
      let everything = TableMutation(
        table: table.id, schemaVersion: table.version,
        mutation: .delete(.ranges([table.wholeRange]), filter: nil), returning: nil)
      _ = try await data.mutate(everything, deadline: execution.executor.deadline)
    }
  }

  // MARK: - ALTER TABLE … ADD PRIMARY KEY

  /// Copies the table's rows into a replacement with the new key, which then takes the table's place.
  func addPrimaryKey(
    _ relation: RelationSyntax, _ constraint: ConstraintSyntax, ifExists: Bool, _ execution: Execution,
    sink: any ResultSink
  ) async throws(SQLError) {
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
    try await TableRewrite(session: self, table: table, hidden: hidden, replacement: made, execution: execution).run()
  }
}
