import Expressions
import Operations
import Schema
import Values

extension SQLSession {
  /// COPY between the client and a table, or from a query to the client.
  /// - Returns: how many rows it moved.
  func runCopy(_ copy: CopySyntax, _ execution: Execution, sink: any ResultSink) async throws(SQLError) -> Int {
    if let file = copy.file {
      throw .unsupported(
        "COPY with \(file == "PROGRAM" ? "a program" : "a file") of the server",
        hint: "Use COPY … FROM STDIN or TO STDOUT; psql's \\copy does so for files of the client.")
    }
    do throws(SQLError) {
      let options = try CopyOptions(copy.options, isFrom: copy.isFrom)
      if copy.isFrom {
        try requireWritable("COPY FROM")
        return try await copyIn(copy, options, execution, sink: sink)
      }
      return try await copyOut(copy, options, execution, sink: sink)
    } catch { throw error.located(in: execution.statement.text) }
  }

  // MARK: - TO STDOUT

  private func copyOut(
    _ copy: CopySyntax, _ options: CopyOptions, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) -> Int {
    let plan = try outputPlan(copy)
    for column in plan.columns where column.type.kind == .void {
      throw .unsupported("COPY of a column of type void")
    }
    if case .some(let names) = options.forceQuote {
      for name in names where !plan.columns.contains(where: { $0.name == name }) {
        throw SQLError(.invalidColumnReference, "FORCE_QUOTE column \"\(name)\" not referenced by COPY")
      }
    }
    let writer = CopyWriter(options, columns: plan.columns, settings: settings.format)
    var executor = execution.executor
    executor.transaction = try dataTransaction(
      for: plan.innermostLocking != nil ? .several : plan.readsTable ? .single : .none, writes: false)
    executor.transaction?.beginStatement()
    let cursor = try await executor.open(plan)
    try await sink.copyOutBegin(format: .text, columnCount: plan.columns.count)
    if options.header != .none {
      var bytes: [UInt8] = []
      writer.writeHeader(into: &bytes)
      try await sink.copyOut(bytes, rowEnds: [bytes.count])
    }
    var count = 0
    while let rows = try await cursor.next() {
      var bytes: [UInt8] = []
      var ends: [Int] = []
      ends.reserveCapacity(rows.count)
      for row in rows {
        writer.write(row, into: &bytes)
        ends.append(bytes.count)
      }
      try await sink.copyOut(bytes, rowEnds: ends)
      count += rows.count
    }
    try await sink.copyOutEnd()
    return count
  }

  private func outputPlan(_ copy: CopySyntax) throws(SQLError) -> SelectPlan {
    var binder = StatementBinder(context: bindingContext(), parameters: ParameterTypes(count: 0, given: []))
    guard let relation = copy.relation else {
      guard case .select(let select) = copy.query else {
        throw .unsupported("COPY of a statement other than SELECT", hint: "Copy the table afterwards.")
      }
      let plan = try binder.bindSelect(select)
      guard binder.parameters.slots.isEmpty else {
        throw .unsupported("functions of the session in COPY", hint: "Call them in a statement of their own.")
      }
      return plan
    }
    var select = SelectSyntax()
    select.from = [.relation(relation)]
    select.items =
      copy.columns.isEmpty
      ? [TargetSyntax(name: nil, value: .star([], at: nil), location: nil)]
      : copy.columns.map { TargetSyntax(name: $0, value: .column([$0], at: nil), location: nil) }
    if case .table(let table) = try binder.context.relation(relation) {
      for name in copy.columns where table.column(named: name)?.isHidden ?? true {
        throw SQLError(.undefinedColumn, "column \"\(name)\" of relation \"\(table.name)\" does not exist")
      }
    }
    return try binder.bindSelect(select)
  }

  // MARK: - FROM STDIN

  private func copyIn(
    _ copy: CopySyntax, _ options: CopyOptions, _ execution: Execution, sink: any ResultSink
  ) async throws(SQLError) -> Int {
    guard let relation = copy.relation else { throw SQLError(.syntaxError, "COPY FROM needs a table") }
    var executor = execution.executor
    let data = try beginData()
    data.beginStatement()
    executor.transaction = data
    let isOwn = transaction?.phase == .implicit && place.isAlone && transaction?.statementCount == 0
    transaction?.statementCount += 1
    let loader = try CopyLoader(
      copy, relation, options, bindingContext(), executor, loop: loop,
      rowsPerTransaction: isOwn ? settings.copyRowsPerTransaction : 0, isFinal: hasNoSavepoint
    ) { () throws(SQLError) in
      let next = try await self.commitAndGoOn()
      next.beginStatement()
      return next
    }
    try await sink.copyInBegin(format: .text, columnCount: loader.columnCount)
    let random = self.random
    do throws(SQLError) {
      while let piece = try await sink.copyData() {
        loader.add(piece)
        try await loader.loadFullBatches(random: { random.next() })
      }
      try await loader.finish(random: { random.next() })
    } catch {
      throw await loader.failure(for: error)
    }
    if loader.committedCount > 0 {
      let rows = settings.copyRowsPerTransaction
      try await notice(
        SQLError(SQLState(code: "00000"), "rows were committed \(rows) at a time, not as one transaction"), .notice,
        sink)
    }
    return loader.loadedCount
  }
}
