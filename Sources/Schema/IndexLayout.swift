import Expressions
import Keys
import Values

/// The shape of an index's relation:
///
/// ```
/// key 1 … key n · included columns · the table's primary key columns · tie (unique indexes only)
/// ```
///
/// The document key of a plain index is its keys and the table's primary key. That of a unique one is its keys and the
/// tie, which is empty, so that a second row with the same keys meets the first; where a key is NULL, the tie is the
/// row's own document key, and it meets nobody.
package struct IndexLayout: Sendable {
  package let columns: [ColumnDescriptor]
  package let keyColumns: [KeyColumn]
  /// Positions in the relation, in the order of the table's primary key.
  package let primaryKeyPositions: Range<Int>
  package let includePositions: Range<Int>
  /// Position of the tie of a unique index.
  package let tiePosition: Int?

  package init(
    keys: [IndexKey], includes: [Int], isUnique: Bool, of table: TableDescriptor
  ) {
    self.init(keys: keys, includes: includes, isUnique: isUnique, columns: table.columns, primaryKey: table.primaryKey)
  }

  package init(
    keys: [IndexKey], includes: [Int], isUnique: Bool, columns tableColumns: [ColumnDescriptor],
    primaryKey: PrimaryKey
  ) {
    var columns: [ColumnDescriptor] = []
    func add(_ name: String, _ type: SQLType, isNotNull: Bool = false, isHidden: Bool = false) {
      columns.append(
        ColumnDescriptor(
          id: UInt16(columns.count + 1), name: name, type: type, isNotNull: isNotNull, defaultValue: nil,
          isHidden: isHidden))
    }
    for key in keys { add(key.column.map { tableColumns[$0].name } ?? key.sql, key.expression.type) }
    for position in includes { add(tableColumns[position].name, tableColumns[position].type) }
    includePositions = keys.count..<columns.count
    for column in primaryKey.columns {
      add(tableColumns[column.column].name, tableColumns[column.column].type, isNotNull: true, isHidden: true)
    }
    primaryKeyPositions = includePositions.upperBound..<columns.count
    var keyColumns = keys.enumerated().map { KeyColumn(column: $0.offset, descending: $0.element.isDescending) }
    if isUnique {
      tiePosition = columns.count
      keyColumns.append(KeyColumn(column: columns.count, descending: false))
      add("tie", SQLType(.bytea), isNotNull: true, isHidden: true)
    } else {
      tiePosition = nil
      keyColumns += primaryKeyPositions.map { KeyColumn(column: $0, descending: false) }
    }
    self.columns = columns
    self.keyColumns = keyColumns
  }
}

extension IndexDescriptor {
  package func layout(of table: TableDescriptor) -> IndexLayout {
    IndexLayout(keys: keys, includes: includes, isUnique: isUnique, of: table)
  }

  /// Positions of the table's columns that its entries depend on.
  package func columnsUsed(of table: TableDescriptor) -> Set<Int> {
    var used = Set(includes).union(table.keyPositions)
    for key in keys { used.formUnion(key.expression.columnsUsed) }
    if let predicate { used.formUnion(predicate.expression.columnsUsed) }
    return used
  }
}

/// Makes the entries of one index; ready for many rows.
package struct IndexEntries: Sendable {
  package let table: TableDescriptor
  package let index: IndexDescriptor
  private let keys: [CompiledExpression]
  private let predicate: CompiledExpression?
  /// Keys and predicates are immutable: no time, chance or setting can show.
  private static let context = EvaluationContext(statementTime: 0, transactionTime: 0)

  package init(of index: IndexDescriptor, on table: TableDescriptor) {
    self.table = table
    self.index = index
    keys = index.keys.map { CompiledExpression($0.expression) }
    predicate = index.predicate.map { CompiledExpression($0.expression) }
  }

  /// A row of the index's relation; nil where the predicate leaves the row out.
  /// - Throws: what the index's expressions throw.
  package func entry(for row: Row) throws(SQLError) -> Row? {
    if let predicate, try !predicate.isTrue(row, Self.context) { return nil }
    var entry: Row = []
    entry.reserveCapacity(keys.count + index.includes.count + table.primaryKey.columns.count + 1)
    var hasNull = false
    for key in keys {
      let value = try key.evaluate(row, Self.context)
      hasNull = hasNull || value.isNull
      entry.append(value)
    }
    for position in index.includes { entry.append(row[position]) }
    for position in table.keyPositions { entry.append(row[position]) }
    if index.isUnique {
      entry.append(.bytes(hasNull && !index.nullsAreEqual ? try table.documentKey(for: row) : []))
    }
    return entry
  }
}
