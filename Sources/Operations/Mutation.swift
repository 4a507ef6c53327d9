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
  package init(table: TableID, schemaVersion: UInt32, mutation: Mutation, returning: [Expression]?) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.mutation = mutation
    self.returning = returning
  }
}

package struct MutationResult: Sendable {
  /// Rows inserted, updated or deleted (a row that `doNothing` skipped is not counted).
  package var affectedCount: Int
  /// One row per affected row, if `returning` was asked for; for inserts in the order of the input rows.
  package var returned: [Row]
  package init(affectedCount: Int, returned: [Row]) {
    self.affectedCount = affectedCount
    self.returned = returned
  }
}
