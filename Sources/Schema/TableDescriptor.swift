import Expressions
import Keys
import Values

/// A table as the catalog holds it. Immutable: a change makes a new descriptor with a higher `version`.
package struct TableDescriptor: Sendable {
  package var id: TableID
  package var schema: String
  package var name: String
  /// Counts the changes of this table from 1; stored in every row, so that old rows stay readable.
  package var version: UInt32
  /// In declaration order. Positions in expressions and rows are positions in this list.
  package var columns: [ColumnDescriptor]
  package var primaryKey: PrimaryKey
  package var checks: [CheckConstraint]
  /// Where the table's tablets split, in key order; they tile the whole key space of the table.
  package var tablets: [TabletID]
  /// The `serial` and identity columns' sequences, by column id.
  package var sequences: [SequenceDescriptor]
  /// Set while the table is being rewritten: it can be read, and nothing can be written.
  package var isFrozen: Bool
  /// In the order of creation.
  package var indexes: [IndexDescriptor]
  package var foreignKeys: [ForeignKey]
  /// Set where this is no table but the relation of an index: the table whose rows it has entries of.
  package var indexedTable: TableID?
  /// The rows of the table as of an earlier time are not to be had: it was made or emptied, and perhaps loaded, by a
  /// transaction that committed then.
  package var readableFrom = HybridTime.zero

  package init(
    id: TableID, schema: String, name: String, version: UInt32, columns: [ColumnDescriptor], primaryKey: PrimaryKey,
    checks: [CheckConstraint], tablets: [TabletID], sequences: [SequenceDescriptor], isFrozen: Bool = false,
    indexes: [IndexDescriptor] = [], foreignKeys: [ForeignKey] = [], indexedTable: TableID? = nil
  ) {
    self.isFrozen = isFrozen
    self.indexes = indexes
    self.foreignKeys = foreignKeys
    self.indexedTable = indexedTable
    self.id = id
    self.schema = schema
    self.name = name
    self.version = version
    self.columns = columns
    self.primaryKey = primaryKey
    self.checks = checks
    self.tablets = tablets
    self.sequences = sequences
  }
}

/// A column.
package struct ColumnDescriptor: Sendable {
  /// Unique in its table for ever, never used again: from 1. (`pg_attribute.attnum`.)
  package var id: UInt16
  package var name: String
  package var type: SQLType
  package var isNotNull: Bool
  /// Evaluated at the gateway for rows that give no value. Has no column references.
  package var defaultValue: DefaultValue?
  /// The row id of a table without a primary key: not shown, filled by the gateway.
  package var isHidden: Bool

  package init(
    id: UInt16, name: String, type: SQLType, isNotNull: Bool, defaultValue: DefaultValue?, isHidden: Bool = false
  ) {
    self.id = id
    self.name = name
    self.type = type
    self.isNotNull = isNotNull
    self.defaultValue = defaultValue
    self.isHidden = isHidden
  }
}

package enum DefaultValue: Sendable {
  /// `sql` is the text as the user wrote it, deparsed, for catalogs.
  case expression(Expression, sql: String)
  /// The next value of the column's sequence (`serial`).
  case sequence
  /// `GENERATED … AS IDENTITY`.
  case identity(always: Bool)
  /// A random, time-ordered row id for a hidden key column.
  case rowID
}

/// The primary key: how document keys are made and how the table is sharded.
package struct PrimaryKey: Sendable {
  package var constraintName: String
  /// The columns whose 16-bit hash leads the key; empty for a range-sharded table. They are the first of `columns`.
  package var hashColumnCount: Int
  package var columns: [KeyColumn]

  package init(constraintName: String, hashColumnCount: Int, columns: [KeyColumn]) {
    self.constraintName = constraintName
    self.hashColumnCount = hashColumnCount
    self.columns = columns
  }
}

package struct KeyColumn: Hashable, Sendable {
  /// Position in the table's column list, from 0.
  package var column: Int
  package var descending: Bool
  package init(column: Int, descending: Bool) {
    self.column = column
    self.descending = descending
  }
}

package struct CheckConstraint: Sendable {
  package var name: String
  package var expression: Expression
  /// As `pg_get_constraintdef` shows it.
  package var sql: String
  package init(name: String, expression: Expression, sql: String) {
    self.name = name
    self.expression = expression
    self.sql = sql
  }
}

/// A sequence that belongs to a column. Its values are handed out in cached ranges, so gaps are normal.
package struct SequenceDescriptor: Sendable {
  package var name: String
  /// The column that owns it (`ColumnDescriptor.id`).
  package var column: UInt16
  package var start: Int64
  package var increment: Int64
  /// How many values a node takes at a time.
  package var cache: Int64
  package init(name: String, column: UInt16, start: Int64, increment: Int64, cache: Int64) {
    self.name = name
    self.column = column
    self.start = start
    self.increment = increment
    self.cache = cache
  }
}
