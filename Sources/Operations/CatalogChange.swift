import Expressions
import Keys
import Schema
import Values

/// One change of the catalog: decided at the catalog's leader, all or nothing.
package enum CatalogChange: Sendable {
  case createTable(NewTable, ifNotExists: Bool)
  /// All of them or none; the error names the first that is missing, unless `ifExists`.
  case dropTables([TableName], ifExists: Bool)
  /// New, empty tablets for each table in one step; the old ones go away.
  case truncate([TableID])
  /// Forbids (or allows again) writing to a table, under a new version: a tablet that answers reads of that version takes
  /// no writes any more. Refused if the table's version is not `expectedVersion`.
  case freeze(TableID, expectedVersion: UInt32, isFrozen: Bool)
  /// Puts an already filled table (`by`) in the place of another in one step: it takes the name, and the other one goes
  /// away with its tablets. Refused if the old table's version is not `expectedVersion`.
  case replaceStorage(of: TableID, expectedVersion: UInt32, by: TableID)
}

package struct TableName: Hashable, Sendable {
  package var schema: String
  package var name: String
  package init(schema: String, name: String) {
    self.schema = schema
    self.name = name
  }
}

/// A table to be made; ids, tablets and replicas are chosen by the placement service.
package struct NewTable: Sendable {
  package var name: TableName
  package var columns: [ColumnDescriptor]
  package var primaryKey: PrimaryKey
  package var checks: [CheckConstraint]
  package var sequences: [SequenceDescriptor]
  package var sharding: Sharding

  package enum Sharding: Sendable {
    /// As many tablets as suit the cluster (`nil`), or this many; hash-sharded tables only.
    case hash(tabletCount: Int?)
    /// Split at these keys (encoded document keys without the table id), sorted, each once; none means one tablet.
    case range(splits: [[UInt8]])
  }

  package init(
    name: TableName, columns: [ColumnDescriptor], primaryKey: PrimaryKey, checks: [CheckConstraint],
    sequences: [SequenceDescriptor], sharding: Sharding
  ) {
    self.name = name
    self.columns = columns
    self.primaryKey = primaryKey
    self.checks = checks
    self.sequences = sequences
    self.sharding = sharding
  }
}

extension SQLError {
  /// A write came to a table that is frozen for a rewrite.
  package static func beingRewritten(_ table: String) -> SQLError {
    SQLError(
      "55006", "table \"\(table)\" cannot be written to because it is being rewritten",
      hint: "Try again when the ALTER TABLE has ended. If it was interrupted, run it again.")
  }
}
