import Expressions
import Keys
import Schema
import Values

/// `column = expression`. The expression sees the stored row's columns; in `ON CONFLICT DO UPDATE` the proposed row
/// (`excluded`) follows them, so that column i of it is position `columns.count + i`.
package struct Assignment: Sendable {
  /// Position in the table's column list.
  package var column: Int
  package var value: Expression
  package init(column: Int, value: Expression) {
    self.column = column
    self.value = value
  }
}

extension TableDescriptor {
  /// Whether rows get other keys by this.
  package func hasKeyColumn(among assignments: [Assignment]) -> Bool {
    assignments.contains { keyPositions.contains($0.column) }
  }
}

/// What an insert does where a row with its key exists.
package enum ConflictAction: Sendable {
  /// `unique_violation` (23505).
  case fail
  case doNothing
  case update([Assignment], filter: Expression?)
}

/// A change of rows, evaluated at the leader of their tablet under the rows' locks, in one consensus round.
package enum Mutation: Sendable {
  /// Whole rows: a value for every column of the table, checked for type and length by the gateway.
  case insert(rows: [Row], onConflict: ConflictAction)
  /// Rows of the selection for which `filter` is true.
  case update(KeySelection, filter: Expression?, [Assignment])
  case delete(KeySelection, filter: Expression?)
}

/// A mutation of one table, and what the statement wants back of each affected row.
package struct TableMutation: Sendable {
  package var table: TableID
  package var schemaVersion: UInt32
  package var mutation: Mutation
  /// `RETURNING`: evaluated over the new row (for deletes the old one).
  package var returning: [Expression]?
  /// Whether the answer is to say what became of each row: for indexes and foreign keys.
  package var wantsChanges: Bool
  package init(
    table: TableID, schemaVersion: UInt32, mutation: Mutation, returning: [Expression]?, wantsChanges: Bool = false
  ) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.mutation = mutation
    self.returning = returning
    self.wantsChanges = wantsChanges
  }
}

extension TableMutation {
  /// Whether nothing else has to be done with it: no index and no foreign key follows the table, and no row gets another key.
  package func standsAlone(on table: TableDescriptor, in catalog: CatalogSnapshot) -> Bool {
    if case .update(_, _, let assignments) = mutation, table.hasKeyColumn(among: assignments) { return false }
    return !catalog.hasDependents(table)
  }
}

/// What a mutation made of one row, whole rows in the order of the table's columns.
package struct RowChange: Sendable {
  /// Nil where a row was inserted.
  package var old: Row?
  /// Nil where a row was deleted.
  package var new: Row?
  package init(old: Row?, new: Row?) {
    self.old = old
    self.new = new
  }
}

package struct MutationResult: Sendable {
  /// Rows inserted, updated or deleted (a row that `doNothing` skipped is not counted).
  package var affectedCount: Int
  /// One row per affected row, if `returning` was asked for; for inserts in the order of the input rows.
  package var returned: [Row]
  /// One per affected row, if they were asked for.
  package var changes: [RowChange]
  /// No row was affected.
  package static var none: MutationResult { MutationResult(affectedCount: 0, returned: []) }

  /// Adds what came of another part of the same mutation.
  package mutating func add(_ part: MutationResult) {
    affectedCount += part.affectedCount
    returned.append(contentsOf: part.returned)
    changes.append(contentsOf: part.changes)
  }

  package init(affectedCount: Int, returned: [Row], changes: [RowChange] = []) {
    self.affectedCount = affectedCount
    self.returned = returned
    self.changes = changes
  }
}
