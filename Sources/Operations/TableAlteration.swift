import Expressions
import Keys
import Schema
import Values

/// An index to be made; the relation's id, its tablets and replicas are chosen by the placement service.
package struct NewIndex: Sendable {
  package var name: String
  package var isUnique: Bool
  package var nullsAreEqual: Bool
  package var isConstraint: Bool
  package var keys: [IndexKey]
  package var includes: [Int]
  package var predicate: IndexPredicate?
  /// How many of the keys are hashed.
  package var hashColumnCount: Int
  package var sharding: NewTable.Sharding

  package init(
    name: String, isUnique: Bool, nullsAreEqual: Bool = false, isConstraint: Bool = false, keys: [IndexKey],
    includes: [Int] = [], predicate: IndexPredicate? = nil, hashColumnCount: Int, sharding: NewTable.Sharding
  ) {
    self.name = name
    self.isUnique = isUnique
    self.nullsAreEqual = nullsAreEqual
    self.isConstraint = isConstraint
    self.keys = keys
    self.includes = includes
    self.predicate = predicate
    self.hashColumnCount = hashColumnCount
    self.sharding = sharding
  }

  package func descriptor(relation: TableID, state: IndexState) -> IndexDescriptor {
    IndexDescriptor(
      relation: relation, name: name, isUnique: isUnique, nullsAreEqual: nullsAreEqual, isConstraint: isConstraint,
      keys: keys, includes: includes, predicate: predicate, state: state)
  }

  /// The relation of the index, in the schema of its table.
  package func relation(_ id: TableID, of table: TableDescriptor, tablets: [TabletID]) -> TableDescriptor {
    let layout = IndexLayout(keys: keys, includes: includes, isUnique: isUnique, of: table)
    return TableDescriptor(
      id: id, schema: table.schema, name: name, version: 1, columns: layout.columns,
      primaryKey: PrimaryKey(
        constraintName: name, hashColumnCount: hashColumnCount, columns: layout.keyColumns),
      checks: [], tablets: tablets, sequences: [], indexedTable: table.id)
  }
}

/// A foreign key to be made. It names an index, as that one may be made in the same step.
package struct NewForeignKey: Sendable {
  package var name: String
  package var columns: [Int]
  /// Nil for the table itself.
  package var referencedTable: TableID?
  package var referencedColumns: [Int]
  /// Nil for the primary key.
  package var referencedIndex: String?
  package var onDelete: ReferentialAction
  package var onUpdate: ReferentialAction
  package var isMatchFull: Bool

  package init(
    name: String, columns: [Int], referencedTable: TableID?, referencedColumns: [Int], referencedIndex: String?,
    onDelete: ReferentialAction, onUpdate: ReferentialAction, isMatchFull: Bool
  ) {
    self.name = name
    self.columns = columns
    self.referencedTable = referencedTable
    self.referencedColumns = referencedColumns
    self.referencedIndex = referencedIndex
    self.onDelete = onDelete
    self.onUpdate = onUpdate
    self.isMatchFull = isMatchFull
  }

  /// - Parameter referenced: as it is, or will be after the same step.
  /// - Throws: 42830 if it has no such key any more.
  package func descriptor(to referenced: TableDescriptor, isValidated: Bool) throws(SQLError) -> ForeignKey {
    var relation: TableID?
    if let referencedIndex {
      guard let index = referenced.index(named: referencedIndex), index.isUnique, index.predicate == nil else {
        throw SQLError(
          "42830", "there is no unique constraint matching given keys for referenced table \"\(referenced.name)\"")
      }
      relation = index.relation
    }
    guard referencedColumns.allSatisfy(referenced.columns.indices.contains) else {
      throw SQLError(.internalError, "a foreign key names columns that table \"\(referenced.name)\" has not")
    }
    return ForeignKey(
      name: name, columns: columns, referencedTable: referenced.id, referencedColumns: referencedColumns,
      referencedIndex: relation, onDelete: onDelete, onUpdate: onUpdate, isMatchFull: isMatchFull,
      isValidated: isValidated)
  }
}

/// One change of a table's descriptor. What it is about is named by itself, not by the table's version, so that an index
/// that is built for hours does not keep others from changing the table meanwhile.
package enum TableAlteration: Sendable {
  case setIndexState(relation: TableID, IndexState, readableFrom: HybridTime)
  /// Removes an index and its relation.
  case dropIndex(relation: TableID)
  /// From here on kept by every new row; of older rows nothing is known yet.
  case addForeignKey(NewForeignKey)
  case validateForeignKey(String)
  case dropForeignKey(String)
  case addCheck(CheckConstraint)
  case dropCheck(String)
  /// The last column; older rows have NULL in it.
  case addColumn(ColumnDescriptor)
}

extension TableAlteration {
  /// The table as it is afterwards, under a new version.
  /// - Throws: where what the alteration is about is there already, or is not there any more.
  package func applied(to table: TableDescriptor, in catalog: CatalogSnapshot) throws(SQLError) -> TableDescriptor {
    var table = table
    switch self {
    case .setIndexState(let relation, let state, let readableFrom):
      guard let position = table.indexes.firstIndex(where: { $0.relation == relation }) else {
        throw Self.missing("index", of: table)
      }
      table.indexes[position].state = state
      table.indexes[position].readableFrom = readableFrom
    case .dropIndex(let relation):
      guard let index = table.index(relation: relation) else { throw Self.missing("index", of: table) }
      if let (user, key) = catalog.foreignKey(on: index, of: table) {
        throw SQLError.hasDependents(
          index.isConstraint
            ? "constraint \(index.name) on table \(table.name)" : "index \(index.name)",
          dependents: ["constraint \(key.name) on table \(user.name)"])
      }
      table.indexes.removeAll { $0.relation == relation }
    case .addForeignKey(let key):
      try Self.requireFree(key.name, of: table)
      let referenced: TableDescriptor
      if let id = key.referencedTable, id != table.id {
        guard let other = catalog.tables[id] else {
          throw SQLError(.undefinedTable, "the referenced table was dropped by another statement")
        }
        referenced = other
      } else {
        referenced = table
      }
      table.foreignKeys.append(try key.descriptor(to: referenced, isValidated: false))
    case .validateForeignKey(let name):
      guard let position = table.foreignKeys.firstIndex(where: { $0.name == name }) else {
        throw Self.missing("constraint", of: table)
      }
      table.foreignKeys[position].isValidated = true
    case .dropForeignKey(let name):
      guard table.foreignKeys.contains(where: { $0.name == name }) else {
        throw Self.missing("constraint", of: table)
      }
      table.foreignKeys.removeAll { $0.name == name }
    case .addCheck(let check):
      try Self.requireFree(check.name, of: table)
      table.checks.append(check)
    case .dropCheck(let name):
      guard table.checks.contains(where: { $0.name == name }) else { throw Self.missing("constraint", of: table) }
      table.checks.removeAll { $0.name == name }
    case .addColumn(let column):
      guard table.column(named: column.name) == nil else {
        throw SQLError(
          .duplicateColumn, "column \"\(column.name)\" of relation \"\(table.name)\" already exists")
      }
      var column = column
      column.id = (table.columns.map(\.id).max() ?? 0) + 1
      table.columns.append(column)
    }
    table.version += 1
    return table
  }

  /// The table on the other side, whose writers have to hear of the change, too.
  package func otherTable(of table: TableDescriptor) -> TableID? {
    let other: TableID? =
      switch self {
      case .addForeignKey(let key): key.referencedTable
      case .dropForeignKey(let name): table.foreignKeys.first { $0.name == name }?.referencedTable
      default: nil
      }
    return other == table.id ? nil : other
  }

  private static func missing(_ kind: String, of table: TableDescriptor) -> SQLError {
    SQLError(.undefinedObject, "the \(kind) of table \"\(table.name)\" was dropped by another statement")
  }

  private static func requireFree(_ name: String, of table: TableDescriptor) throws(SQLError) {
    guard !table.constraintNames.contains(name) else {
      throw SQLError(
        .duplicateObject, "constraint \"\(name)\" for relation \"\(table.name)\" already exists")
    }
  }
}

extension TableDescriptor {
  package var constraintNames: Set<String> {
    Set(
      [primaryKey.constraintName] + checks.map(\.name) + foreignKeys.map(\.name)
        + indexes.filter(\.isConstraint).map(\.name))
  }
}

extension CatalogSnapshot {
  /// A foreign key that needs this index.
  package func foreignKey(
    on index: IndexDescriptor, of table: TableDescriptor
  ) -> (table: TableDescriptor, key: ForeignKey)? {
    for user in referencing(table.id) {
      if let key = user.foreignKeys.first(where: {
        $0.referencedTable == table.id && $0.referencedIndex == index.relation
      }) {
        return (user, key)
      }
    }
    return nil
  }

  /// The foreign keys of other tables that refer to this one, as `DROP` and `TRUNCATE` name them.
  package func foreignKeys(
    to table: TableDescriptor, besides tables: Set<TableID>
  ) -> [(table: TableDescriptor, key: ForeignKey)] {
    referencing(table.id).filter { !tables.contains($0.id) }.flatMap { user in
      user.foreignKeys.filter { $0.referencedTable == table.id }.map { (user, $0) }
    }
  }
}

extension SQLError {
  /// 2BP01, as PostgreSQL lists what stands in the way.
  package static func hasDependents(_ object: String, dependents: [String]) -> SQLError {
    SQLError(
      "2BP01", "cannot drop \(object) because other objects depend on it",
      detail: dependents.map { "\($0) depends on \(object)" }.joined(separator: "\n"),
      hint: "Use DROP ... CASCADE to drop the dependent objects too.")
  }
}
