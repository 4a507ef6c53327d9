import Expressions
import Keys
import Operations
import Schema
import Values

/// Turns a plan into the nodes that EXPLAIN shows: what runs at the gateway above, what the tablets do below.
struct PlanDescriber {
  let executor: Executor
  let isVerbose: Bool

  /// Rows that a scan of a table is taken to yield where nothing is known.
  private static let tableRows = 1_000

  func describe(_ plan: StatementPlan) -> ExplainNode {
    switch plan.body {
    case .select(let select): return describe(select)
    case .insert(let insert):
      let child: ExplainNode =
        switch insert.source {
        case .values(let rows) where rows.count == 1: node("Result", rows: 1, width: width(of: insert.table))
        case .values(let rows):
          node("Values Scan", on: "\"*VALUES*\"", rows: rows.count, width: width(of: insert.table))
        case .query(let select, _): describe(select)
        }
      var node = modify("Insert", insert.table, child)
      switch insert.onConflict {
      case .fail: break
      case .doNothing: node.details.append(.init(name: "Conflict Resolution", value: .text("NOTHING")))
      case .update: node.details.append(.init(name: "Conflict Resolution", value: .text("UPDATE")))
      }
      if case .index(let index) = insert.arbiter {
        node.details.append(.init(name: "Conflict Arbiter Indexes", value: .text(Deparser.quoted(index.name))))
      }
      return node
    case .update(let update):
      return modify("Update", update.table, scan(update.table, update.rows, filter: update.filter))
    case .delete(let delete):
      return modify("Delete", delete.table, scan(delete.table, delete.rows, filter: delete.filter))
    case .explain, .utility: return node("Result", rows: 1, width: 0)
    }
  }

  private func modify(_ operation: String, _ table: TableDescriptor, _ child: ExplainNode) -> ExplainNode {
    ExplainNode(
      title: "\(operation) on \(shownName(table))",
      members: [
        ("Node Type", "ModifyTable"), ("Operation", operation), ("Relation Name", table.name), ("Alias", table.name),
      ], rows: 0, width: 0, children: [child])
  }

  private func node(_ type: String, on relation: String? = nil, rows: Int, width: Int) -> ExplainNode {
    ExplainNode(
      title: relation.map { "\(type) on \($0)" } ?? type, members: [("Node Type", type)], rows: rows, width: width)
  }

  private func shownName(_ table: TableDescriptor) -> String {
    let name = Deparser.quoted(table.name)
    return isVerbose || table.schema != "public" ? "\(Deparser.quoted(table.schema)).\(name)" : name
  }

  // MARK: - Queries

  func describe(_ plan: SelectPlan) -> ExplainNode {
    let (source, names) = describe(plan.source, filter: plan.filter)
    let deparser = Deparser(columns: names)
    var node = source
    let isTable: Bool =
      switch plan.source {
      case .table, .index, .indexOnly: true
      case .nothing, .view, .series, .values, .subquery: false
      }
    var output: [Expression]
    var outputNames: [String]
    switch plan.shape {
    case .plain(let projection):
      output = projection
      outputNames = projection.map { deparser.text($0) }
      if plan.isDistinct { node = aggregate(node, keys: outputNames, isPartial: isTable) }
    case .grouped(let keys, let aggregates, let having, let projection):
      let groupNames = keys.map { deparser.text($0) } + aggregates.map { deparser.text($0) }
      node = aggregate(node, keys: keys.map { deparser.text($0) }, isPartial: isTable)
      let upper = Deparser(verbatim: groupNames)
      if let having { node.details.append(.init(name: "Filter", value: .text(upper.text(having)))) }
      output = projection
      outputNames = projection.map { upper.text($0) }
      if plan.isDistinct { node = aggregate(node, keys: outputNames, isPartial: false) }
    }
    let width = output.prefix(plan.visibleCount).reduce(0) { $0 + Self.width(of: $1.type) }
    node.width = width
    if isVerbose {
      node.details.insert(
        .init(name: "Output", value: .list(Array(outputNames.prefix(plan.visibleCount)))), at: 0)
    }
    let limit = constant(plan.limit)
    if !plan.sort.isEmpty, !plan.isSortedBySource {
      let keys = plan.sort.map { key in
        outputNames[key.column] + (key.descending ? " DESC" : "")
          + (key.nullsFirst == key.descending ? "" : key.nullsFirst ? " NULLS FIRST" : " NULLS LAST")
      }
      if isTable, limit != nil, case .plain = plan.shape, !plan.isDistinct, plan.locking == nil {
        // Each tablet sends the first of its rows only.
        node.details.append(.init(name: "Storage Sort Key", value: .list(keys)))
        node.details.append(
          .init(name: "Storage Limit", value: .number(limit.map { $0 + (constant(plan.offset) ?? 0) } ?? 0)))
      }
      node = ExplainNode(
        title: "Sort", members: [("Node Type", "Sort")], details: [.init(name: "Sort Key", value: .list(keys))],
        rows: node.rows, width: width, children: [node])
    }
    if plan.locking != nil {
      node = ExplainNode(
        title: "LockRows", members: [("Node Type", "LockRows")], rows: node.rows, width: width, children: [node])
    }
    if plan.limit != nil || plan.offset != nil {
      let rows = min(limit ?? node.rows, node.rows)
      node = ExplainNode(
        title: "Limit", members: [("Node Type", "Limit")], rows: rows, width: width, children: [node])
    }
    return node
  }

  private func constant(_ expression: Expression?) -> Int? {
    guard let expression, case .int8(let value)? = try? expression.evaluate(row: [], executor.evaluation) else {
      return nil
    }
    return Int(clamping: value)
  }

  private func aggregate(_ child: ExplainNode, keys: [String], isPartial: Bool) -> ExplainNode {
    let name = keys.isEmpty ? "Aggregate" : "HashAggregate"
    func make(_ prefix: String, _ mode: String, _ child: ExplainNode) -> ExplainNode {
      ExplainNode(
        title: prefix + name,
        members: [
          ("Node Type", "Aggregate"), ("Strategy", keys.isEmpty ? "Plain" : "Hashed"), ("Partial Mode", mode),
        ], details: keys.isEmpty ? [] : [.init(name: "Group Key", value: .list(keys))],
        rows: keys.isEmpty ? 1 : max(1, child.rows / 5), width: child.width, children: [child])
    }
    guard isPartial else { return make("", "Simple", child) }
    return make("Finalize ", "Finalize", make("Partial ", "Partial", child))
  }

  private func describe(_ source: RowSource, filter: Expression?) -> (ExplainNode, names: [String]) {
    var node: ExplainNode
    var names: [String] = []
    switch source {
    case .table(let table, let keys): return (scan(table, keys, filter: filter), table.columns.map(\.name))
    case .index(let path):
      return (scan(path, filter: filter, isIndexOnly: false), path.table.columns.map(\.name))
    case .indexOnly(let path, _):
      return (scan(path, filter: filter, isIndexOnly: true), path.relation.columns.map(\.name))
    case .nothing: node = self.node("Result", rows: 1, width: 0)
    case .view(let view):
      names = view.columns.map(\.name)
      node = self.node("System View Scan", on: "\(view.schema).\(view.name)", rows: Self.tableRows, width: 0)
      node.members.append(("Relation Name", view.name))
    case .series(_, _, _, let type):
      names = ["generate_series"]
      node = self.node(
        "Function Scan", on: "generate_series", rows: Self.tableRows, width: Self.width(of: type))
    case .values(let rows):
      names = rows.first?.indices.map { "column\($0 + 1)" } ?? []
      node = self.node("Values Scan", on: "\"*VALUES*\"", rows: rows.count, width: 0)
    case .subquery(let plan):
      names = plan.columns.map(\.name)
      node = self.node("Subquery Scan", rows: Self.tableRows, width: 0)
      node.children = [describe(plan)]
    }
    if let filter { node.details.append(.init(name: "Filter", value: .text(Deparser(columns: names).text(filter)))) }
    return (node, names)
  }

  private func scan(_ table: TableDescriptor, _ rows: RowChoice, filter: Expression?) -> ExplainNode {
    switch rows {
    case .keys(let keys): scan(table, keys, filter: filter)
    case .index(let path): scan(path, filter: filter, isIndexOnly: false)
    }
  }

  /// A read of entries, and of the rows that they lead to.
  private func scan(_ path: IndexPath, filter: Expression?, isIndexOnly: Bool) -> ExplainNode {
    let type = isIndexOnly ? "Index Only Scan" : "Index Scan"
    let selection = selection(of: path.keys, path.relation)
    let entries = Deparser(verbatim: path.relation.columns.map { shownColumn($0.name, of: path) })
    var node = ExplainNode(
      title: "\(type) using \(Deparser.quoted(path.index.name)) on \(shownName(path.table))",
      members: [
        ("Node Type", type), ("Scan Direction", "Forward"), ("Index Name", path.index.name),
        ("Relation Name", path.table.name), ("Alias", path.table.name),
      ],
      rows: rowCount(of: path.keys, isOneRow: path.index.isUnique && path.keys.isPoints, selection),
      width: width(of: path.table))
    if !path.keys.isWhole {
      node.details.append(
        .init(name: "Index Cond", value: .text(condition(of: path.keys, path.relation, entries))))
    }
    if isIndexOnly {
      if let filter { node.details.append(.init(name: "Storage Filter", value: .text(entries.text(filter)))) }
    } else {
      if let filter = path.entryFilter {
        node.details.append(.init(name: "Index Filter", value: .text(entries.text(filter))))
      }
      if let filter {
        let deparser = Deparser(columns: path.table.columns.map(\.name))
        node.details.append(.init(name: "Storage Filter", value: .text(deparser.text(filter))))
      }
    }
    node.details.append(.init(name: "Tablets", value: .text(reach(of: selection, path.relation))))
    return node
  }

  /// An expression's column is named by the expression already.
  private func shownColumn(_ name: String, of path: IndexPath) -> String {
    path.index.keys.contains { $0.column == nil && $0.sql == name } ? name : Deparser.quoted(name)
  }

  private func rowCount(of keys: KeyPlan, isOneRow: Bool, _ selection: KeySelection?) -> Int {
    var count = 1
    for case .values(let values) in keys.candidates { count *= max(1, values.count) }
    // How many integers a span has is known with the parameters.
    if keys.hasSpan, case .points(let keys)? = selection { count = max(1, keys.count) }
    return isOneRow ? count : max(count, Self.tableRows / 10)
  }

  private func selection(of keys: KeyPlan, _ table: TableDescriptor) -> KeySelection? {
    (try? keys.selection(in: table, executor.evaluation)).flatMap { $0 }
  }

  /// How many of the table's tablets are asked.
  private func reach(of selection: KeySelection?, _ table: TableDescriptor) -> String {
    let reached = selection.map { executor.dataPlane.tabletCount(of: $0, in: table) } ?? 0
    return "\(reached) of \(table.tablets.count)"
  }

  /// A read of a table's rows, with all that its tablets do.
  private func scan(_ table: TableDescriptor, _ keys: KeyPlan, filter: Expression?) -> ExplainNode {
    let name = shownName(table)
    let selection = selection(of: keys, table)
    let deparser = Deparser(columns: table.columns.map(\.name))
    var node: ExplainNode
    if keys.isWhole || selection == .ranges([table.wholeRange]) {
      node = ExplainNode(
        title: "Seq Scan on \(name)",
        members: [("Node Type", "Seq Scan"), ("Relation Name", table.name), ("Alias", table.name)],
        rows: Self.tableRows * max(1, table.tablets.count), width: width(of: table))
    } else {
      node = ExplainNode(
        title: "Index Scan using \(Deparser.quoted(table.primaryKey.constraintName)) on \(name)",
        members: [
          ("Node Type", "Index Scan"), ("Scan Direction", "Forward"), ("Index Name", table.primaryKey.constraintName),
          ("Relation Name", table.name), ("Alias", table.name),
        ], details: [.init(name: "Index Cond", value: .text(condition(of: keys, table, deparser)))],
        rows: rowCount(of: keys, isOneRow: keys.isPoints, selection), width: width(of: table))
    }
    if let filter { node.details.append(.init(name: "Storage Filter", value: .text(deparser.text(filter)))) }
    node.details.append(.init(name: "Tablets", value: .text(reach(of: selection, table))))
    return node
  }

  private func condition(of keys: KeyPlan, _ table: TableDescriptor, _ deparser: Deparser) -> String {
    var parts: [String] = []
    func column(_ index: Int) -> (Expression, isShown: Bool) {
      let position = table.primaryKey.columns[index].column
      // The tie of a unique index is nobody's column.
      return (.column(position, table.columns[position].type), !table.isIndex || table.columns[position].name != "tie")
    }
    func add(_ lower: [KeyPlan.Bound], _ upper: [KeyPlan.Bound], on expression: Expression) {
      let name = deparser.text(expression)
      for bound in lower { parts.append("(\(name) \(bound.isInclusive ? ">=" : ">") \(deparser.text(bound.value)))") }
      for bound in upper { parts.append("(\(name) \(bound.isInclusive ? "<=" : "<") \(deparser.text(bound.value)))") }
    }
    for (index, candidate) in keys.candidates.enumerated() {
      let (expression, isShown) = column(index)
      guard isShown else { continue }
      switch candidate {
      case .values(let values) where values.count == 1:
        parts.append("(\(deparser.text(expression)) = \(deparser.text(values[0])))")
      case .values(let values): parts.append(deparser.text(.inList(expression, values)))
      case .span(let span): add(span.lower, span.upper, on: expression)
      }
    }
    if keys.candidates.count < table.primaryKey.columns.count {
      add(keys.lower, keys.upper, on: column(keys.candidates.count).0)
    }
    return parts.count == 1 ? parts[0] : "(\(parts.joined(separator: " AND ")))"
  }

  private func width(of table: TableDescriptor) -> Int {
    table.visibleColumns.reduce(0) { $0 + Self.width(of: $1.type) }
  }

  /// Bytes that PostgreSQL takes a value to have where it knows no better.
  private static func width(of type: SQLType) -> Int {
    let length = Int(TypeCatalog.entry(type.kind).length)
    if length > 0 { return length }
    if case .length(let count) = type.modifier { return Int(count) + 4 }
    return 32
  }
}
