import Coding
import Expressions
import Keys
import Operations
import Schema
import Values

/// The keys of a referenced table that a statement took away, as far as a foreign key may refer to them.
struct GoneKeys {
  struct Key {
    /// As the referring columns hold it.
    var old: [Datum]
    /// What the row has instead; nil where the row is gone.
    var new: [Datum]?
    var encoded: [UInt8]
  }
  private(set) var deleted: [Key] = []
  private(set) var updated: [Key] = []
  /// Keys that rows have after the statement, encoded.
  private(set) var stillThere: Set<[UInt8]> = []

  init(_ changes: [RowChange], of key: ForeignKey, from table: TableDescriptor, in child: TableDescriptor) {
    var known: Set<[UInt8]> = []
    func values(_ row: Row) -> [Datum]? {
      var values: [Datum] = []
      for (referenced, column) in zip(key.referencedColumns, key.columns) {
        // What the referring column cannot hold, it does not refer to.
        guard !row[referenced].isNull,
          let value = row[referenced].converted(toKeyOf: child.columns[column].type.kind)
        else { return nil }
        values.append(value)
      }
      return values
    }
    for change in changes {
      if let new = change.new, let values = values(new) { stillThere.insert(Self.encoded(values)) }
      guard let old = change.old, let oldValues = values(old) else { continue }
      if let new = change.new, old.isEqual(to: new, at: key.referencedColumns) { continue }
      let encoded = Self.encoded(oldValues)
      guard known.insert(encoded).inserted else { continue }
      guard let new = change.new else {
        deleted.append(Key(old: oldValues, new: nil, encoded: encoded))
        continue
      }
      updated.append(Key(old: oldValues, new: key.referencedColumns.map { new[$0] }, encoded: encoded))
    }
  }

  private static func encoded(_ values: [Datum]) -> [UInt8] {
    var writer = ByteWriter()
    for value in values { writer.write(value) }
    return writer.bytes
  }
}

/// The rows of a table that refer to some keys by one of its foreign keys, and how to get to them.
struct ReferencingRows {
  enum Path {
    case ranges([KeyRange])
    /// A read that yields their primary keys.
    case index(TableRead, of: TableDescriptor)
  }
  private let child: TableDescriptor
  private let key: ForeignKey
  private let keys: [GoneKeys.Key]

  init(_ child: TableDescriptor, _ key: ForeignKey, _ keys: [GoneKeys.Key]) {
    self.child = child
    self.key = key
    self.keys = keys
  }

  /// What holds for just these rows.
  var condition: Expression {
    guard key.columns.count == 1 else {
      let conditions = keys.map { condition(of: $0) }
      return conditions.count == 1 ? conditions[0] : .or(conditions)
    }
    return .inList(column(key.columns[0]), keys.map { constant($0.old[0], key.columns[0]) })
  }

  private func condition(of gone: GoneKeys.Key) -> Expression {
    let parts = zip(key.columns, gone.old).map { position, value in
      Expression.inList(column(position), [constant(value, position)])
    }
    return parts.count == 1 ? parts[0] : .and(parts)
  }

  private func column(_ position: Int) -> Expression { .column(position, child.columns[position].type) }
  private func constant(_ value: Datum, _ position: Int) -> Expression {
    .constant(value, child.columns[position].type)
  }

  /// Each row's key becomes that which its referenced row has now; all at once, as keys may change places.
  var assignmentsOfNewKeys: [Assignment] {
    key.columns.enumerated().map { index, position in
      let type = child.columns[position].type
      let clauses = keys.map { gone in
        WhenClause(
          condition: condition(of: gone),
          result: .constant(
            gone.new?[index].converted(toKeyOf: type.kind) ?? gone.new?[index] ?? .null, type))
      }
      return Assignment(column: position, value: .when(clauses, otherwise: column(position), type))
    }
  }

  func path(in catalog: CatalogSnapshot) throws(SQLError) -> Path {
    let own = covered(child.keyPositions.map { Optional($0) })
    var best: (index: IndexDescriptor, relation: TableDescriptor, columns: [Int])?
    for index in child.indexes where index.state.isReadable && index.predicate == nil {
      guard let relation = catalog.tables[index.relation] else { continue }
      let columns = covered(index.keys.map(\.column))
      guard columns.count >= max(1, relation.primaryKey.hashColumnCount) else { continue }
      if columns.count > best?.columns.count ?? 0 { best = (index, relation, columns) }
    }
    if own.count >= max(1, child.primaryKey.hashColumnCount), own.count >= best?.columns.count ?? 0 {
      return .ranges(try ranges(of: child, own))
    }
    guard let best else { return .ranges([child.wholeRange]) }
    let layout = best.index.layout(of: child)
    let projection = layout.primaryKeyPositions.map { Expression.column($0, layout.columns[$0].type) }
    return .index(
      TableRead(
        table: best.relation.id, schemaVersion: best.relation.version,
        selection: .ranges(try ranges(of: best.relation, best.columns)),
        pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false),
      of: child)
  }

  /// How many of some leading key columns the foreign key gives values for: for each, its place in the foreign key.
  private func covered(_ columns: [Int?]) -> [Int] {
    var places: [Int] = []
    for column in columns {
      guard let place = column.flatMap({ key.columns.firstIndex(of: $0) }) else { break }
      places.append(place)
    }
    return places
  }

  private func ranges(of relation: TableDescriptor, _ places: [Int]) throws(SQLError) -> [KeyRange] {
    var ranges: [KeyRange] = []
    for gone in keys {
      ranges.append(try relation.keyRange(prefix: places.map { gone.old[$0] }, lower: nil, upper: nil))
    }
    ranges.sort { KeyRange.isLess($0.lower, $1.lower) }
    var unique: [KeyRange] = []
    for range in ranges where range != unique.last { unique.append(range) }
    return unique
  }
}
