import Expressions
import Operations
import Schema

/// What can be decided about a query from its plan alone.
enum SelectPlanner {
  static func improve(_ plan: inout SelectPlan, in catalog: CatalogSnapshot) {
    guard case .table(let table, _) = plan.source else { return }
    let query = plan
    let access = AccessPlanner(table: table, catalog: catalog).access(
      for: plan.filter,
      // Only the first rows are worth a way through the rows in another order.
      isSorted: { relation, keys, translation in
        query.limit != nil && isSorted(query, relation, keys, translation)
      },
      covers: { translated(query, $0) != nil })
    switch access {
    case .table(let keys, let filter):
      plan.source = .table(table, keys)
      plan.filter = filter
      plan.isSortedBySource = isSorted(plan, table, keys, nil)
    case .index(let path):
      let translation = IndexTranslation(path.index, of: table)
      plan.isSortedBySource = isSorted(plan, path.relation, path.keys, translation)
      plan.source = .index(path)
      if let covered = translated(plan, translation) {
        plan.source = .indexOnly(path, instead: plan)
        plan.shape = covered
        plan.filter = path.entryFilter
      }
    }
  }

  /// The query's output over an index's entries; nil where they do not have all that it reads.
  private static func translated(_ plan: SelectPlan, _ translation: IndexTranslation) -> SelectPlan.Shape? {
    if let filter = plan.filter, translation(filter) == nil { return nil }
    switch plan.shape {
    case .plain(let projection): return translation(all: projection).map { .plain($0) }
    case .grouped(let keys, let aggregates, let having, let projection):
      guard let keys = translation(all: keys) else { return nil }
      var translated: [AggregateCall] = []
      for var call in aggregates {
        guard let arguments = translation(all: call.arguments) else { return nil }
        call.arguments = arguments
        if let filter = call.filter {
          guard let filter = translation(filter) else { return nil }
          call.filter = filter
        }
        translated.append(call)
      }
      return .grouped(by: keys, aggregates: translated, having: having, projection: projection)
    }
  }

  /// Whether reading in key order is the order asked for: the sort keys are the key columns behind those that have one
  /// value, in the same directions, with NULLs where keys put them (last ascending, first descending).
  private static func isSorted(
    _ plan: SelectPlan, _ relation: TableDescriptor, _ keys: KeyPlan, _ translation: IndexTranslation?
  ) -> Bool {
    guard !plan.sort.isEmpty, !plan.isDistinct, case .plain(let projection) = plan.shape else { return false }
    var next = 0
    while next < keys.candidates.count, keys.candidates[next].isOneValue { next += 1 }
    // Hashed columns order rows by hash, unless each has one value.
    guard next >= relation.primaryKey.hashColumnCount else { return false }
    for key in plan.sort {
      let output = projection[key.column]
      let expression = if let translation { translation(output) } else { Optional(output) }
      guard next < relation.primaryKey.columns.count, case .column(let column, _)? = expression else { return false }
      let keyColumn = relation.primaryKey.columns[next]
      guard keyColumn.column == column, keyColumn.descending == key.descending, key.nullsFirst == key.descending else {
        return false
      }
      next += 1
    }
    return true
  }
}
