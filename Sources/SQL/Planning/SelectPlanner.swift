import Expressions
import Operations
import Schema

/// What can be decided about a query from its plan alone.
enum SelectPlanner {
  static func improve(_ plan: inout SelectPlan) {
    guard case .table(let table, _) = plan.source else { return }
    let (keys, filter) = KeyPlanner(table: table).plan(plan.filter)
    plan.source = .table(table, keys)
    plan.filter = filter
    plan.isSortedBySource = isSorted(plan, table, keys)
  }

  /// Whether reading in key order is the order asked for: the sort keys are the key columns behind those that have one
  /// value, in the same directions, with NULLs where keys put them (last ascending, first descending).
  private static func isSorted(_ plan: SelectPlan, _ table: TableDescriptor, _ keys: KeyPlan) -> Bool {
    guard !plan.sort.isEmpty, !plan.isDistinct, case .plain(let projection) = plan.shape else { return false }
    var next = 0
    while next < keys.candidates.count, keys.candidates[next].count == 1 { next += 1 }
    // Hashed columns order rows by hash, unless each has one value.
    guard next >= table.primaryKey.hashColumnCount else { return false }
    for key in plan.sort {
      guard next < table.primaryKey.columns.count, case .column(let column, _) = projection[key.column] else {
        return false
      }
      let keyColumn = table.primaryKey.columns[next]
      guard keyColumn.column == column, keyColumn.descending == key.descending, key.nullsFirst == key.descending else {
        return false
      }
      next += 1
    }
    return true
  }
}
