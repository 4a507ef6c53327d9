import Expressions
import Keys
import Schema
import Values

/// One change of the catalog: decided at the catalog's leader, all or nothing.
package enum CatalogChange: Sendable {
  case createTable(NewTable, ifNotExists: Bool)
  /// All of them or none; the error names the first that is missing, unless `ifExists`. With `cascade` the foreign keys
  /// of other tables that refer to them go, too; without, they stand in the way (2BP01).
  case dropTables([TableName], ifExists: Bool, cascade: Bool)
  /// New, empty tablets for each table and its indexes in one step; the old ones go away. Refused (0A000) while another
  /// table's foreign key refers to one of them.
  case truncate([TableID])
  /// Forbids (or allows again) writing to a table, under a new version: a tablet that answers reads of that version takes
  /// no writes any more. Refused if the table's version is not `expectedVersion`.
  case freeze(TableID, expectedVersion: UInt32, isFrozen: Bool)
  /// Puts an already filled table (`by`) in the place of another in one step: it takes the name, and the other one goes
  /// away with its tablets. Refused if the old table's version is not `expectedVersion`.
  case replaceStorage(of: TableID, expectedVersion: UInt32, by: TableID)
  /// Makes an index in state `deleteOnly`.
  case createIndex(NewIndex, on: TableID, ifNotExists: Bool)
  case alterTable(TableID, TableAlteration)

  /// The table that others may be writing to when this comes, if it is one.
  package var changedTable: TableID? {
    switch self {
    case .freeze(let table, _, _), .replaceStorage(let table, _, _), .createIndex(_, let table, _),
      .alterTable(let table, _):
      table
    case .truncate(let tables): tables.first
    case .createTable, .dropTables: nil
    }
  }
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
  /// Ready from the start, as there are no rows yet.
  package var indexes: [NewIndex]
  package var foreignKeys: [NewForeignKey]

  package enum Sharding: Sendable {
    /// As many tablets as suit the cluster (`nil`), or this many; hash-sharded tables only.
    case hash(tabletCount: Int?)
    /// Split at these keys (encoded document keys without the table id), sorted, each once; none means one tablet.
    case range(splits: [[UInt8]])
  }

  package init(
    name: TableName, columns: [ColumnDescriptor], primaryKey: PrimaryKey, checks: [CheckConstraint],
    sequences: [SequenceDescriptor], sharding: Sharding, indexes: [NewIndex] = [], foreignKeys: [NewForeignKey] = []
  ) {
    self.indexes = indexes
    self.foreignKeys = foreignKeys
    self.name = name
    self.columns = columns
    self.primaryKey = primaryKey
    self.checks = checks
    self.sequences = sequences
    self.sharding = sharding
  }
}

extension SQLError {
  package static func cannotTruncate(_ table: String, referencedBy user: String) -> SQLError {
    SQLError(
      .featureNotSupported, "cannot truncate a table referenced in a foreign key constraint",
      detail: "Table \"\(user)\" references \"\(table)\".",
      hint: "Truncate table \"\(user)\" at the same time, or use TRUNCATE ... CASCADE.")
  }

  /// A write came to a table that is frozen for a rewrite.
  package static func beingRewritten(_ table: String) -> SQLError {
    SQLError(
      "55006", "table \"\(table)\" cannot be written to because it is being rewritten",
      hint: "Try again when the ALTER TABLE has ended. If it was interrupted, run it again.")
  }
}
