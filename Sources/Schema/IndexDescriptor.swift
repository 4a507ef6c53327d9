import Expressions
import Keys
import Values

/// A secondary index, as its table lists it. Its entries are the rows of a relation of its own, with tablets like a
/// table's, which nobody can name (`TableDescriptor.indexedTable`).
package struct IndexDescriptor: Sendable {
  package var relation: TableID
  package var name: String
  package var isUnique: Bool
  /// `NULLS NOT DISTINCT`: two rows whose keys hold NULL in the same places are duplicates, too.
  package var nullsAreEqual: Bool
  /// Whether a UNIQUE constraint made it, and goes with it.
  package var isConstraint: Bool
  package var keys: [IndexKey]
  /// Positions of the columns that are kept beside the key (`INCLUDE`).
  package var includes: [Int]
  /// Only rows for which it is true have an entry.
  package var predicate: IndexPredicate?
  package var state: IndexState
  /// Snapshots before this time may miss entries: their rows were there before the index.
  package var readableFrom: HybridTime

  package init(
    relation: TableID, name: String, isUnique: Bool, nullsAreEqual: Bool = false, isConstraint: Bool = false,
    keys: [IndexKey], includes: [Int] = [], predicate: IndexPredicate? = nil, state: IndexState,
    readableFrom: HybridTime = .zero
  ) {
    self.readableFrom = readableFrom
    self.relation = relation
    self.name = name
    self.isUnique = isUnique
    self.nullsAreEqual = nullsAreEqual
    self.isConstraint = isConstraint
    self.keys = keys
    self.includes = includes
    self.predicate = predicate
    self.state = state
  }
}

/// One key of an index: a column or an immutable expression over the table's row.
package struct IndexKey: Sendable {
  package var expression: Expression
  /// As `pg_get_indexdef` shows it.
  package var sql: String
  package var isDescending: Bool
  package init(expression: Expression, sql: String, isDescending: Bool) {
    self.expression = expression
    self.sql = sql
    self.isDescending = isDescending
  }

  /// The column, where it is simply one.
  package var column: Int? { if case .column(let position, _) = expression { position } else { nil } }
}

package struct IndexPredicate: Sendable {
  package var expression: Expression
  package var sql: String
  package init(expression: Expression, sql: String) {
    self.expression = expression
    self.sql = sql
  }
}

/// How far an index is. Nodes learn of a state one after the other, so two neighbouring states may be in use at the same
/// time, and must not hurt each other (Rae et al., "Online, Asynchronous Schema Change in F1", VLDB 2013, section 3).
package enum IndexState: UInt8, Hashable, Sendable, CaseIterable {
  /// Entries of rows that go away are removed; none are added.
  case deleteOnly = 1
  /// Entries are kept as the table changes, those of older rows are on their way, and nobody reads.
  case writeOnly = 2
  case ready = 3
  /// As `writeOnly`, on the way out: readers must not miss entries before the last of them has heard.
  case dropping = 4

  package var addsEntries: Bool { self != .deleteOnly }
  package var isReadable: Bool { self == .ready }
}

/// A foreign key of a table. What it refers to is a primary key or a unique index of another table, or of the same.
package struct ForeignKey: Sendable {
  package var name: String
  /// Positions in this table.
  package var columns: [Int]
  package var referencedTable: TableID
  /// Positions in the referenced table, in the order of `columns`.
  package var referencedColumns: [Int]
  /// The relation of the unique index that holds the key; nil for the primary key.
  package var referencedIndex: TableID?
  package var onDelete: ReferentialAction
  package var onUpdate: ReferentialAction
  /// `MATCH FULL`: all columns are NULL, or none is.
  package var isMatchFull: Bool
  /// Whether the rows that were there before it are known to keep it. New rows have to in any case.
  package var isValidated: Bool

  package init(
    name: String, columns: [Int], referencedTable: TableID, referencedColumns: [Int], referencedIndex: TableID?,
    onDelete: ReferentialAction = .noAction, onUpdate: ReferentialAction = .noAction, isMatchFull: Bool = false,
    isValidated: Bool = true
  ) {
    self.name = name
    self.columns = columns
    self.referencedTable = referencedTable
    self.referencedColumns = referencedColumns
    self.referencedIndex = referencedIndex
    self.onDelete = onDelete
    self.onUpdate = onUpdate
    self.isMatchFull = isMatchFull
    self.isValidated = isValidated
  }
}

/// What happens to rows that refer to a key which goes away (SQL:2016, 4.18.3.3).
package enum ReferentialAction: UInt8, Hashable, Sendable, CaseIterable {
  case noAction = 1
  case restrict = 2
  case cascade = 3
  case setNull = 4
  case setDefault = 5

  package var sql: String {
    switch self {
    case .noAction: "NO ACTION"
    case .restrict: "RESTRICT"
    case .cascade: "CASCADE"
    case .setNull: "SET NULL"
    case .setDefault: "SET DEFAULT"
    }
  }
}

extension TableDescriptor {
  /// Whether it holds the entries of an index.
  package var isIndex: Bool { indexedTable != nil }

  /// Whether its rows stand alone: no index and no foreign key in either direction follows them. Only the catalog knows
  /// of keys that refer to it (`CatalogSnapshot.referencing`).
  package var hasOwnDependents: Bool { !indexes.isEmpty || !foreignKeys.isEmpty }

  package func index(named name: String) -> IndexDescriptor? {
    indexes.first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  package func index(relation: TableID) -> IndexDescriptor? { indexes.first { $0.relation == relation } }
}
