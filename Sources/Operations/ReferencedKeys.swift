import Expressions
import Keys
import Schema
import Values

/// The keys that rows of a table refer to by one of its foreign keys, to be looked up where they must be: among the
/// document keys of the referenced table, or of its unique index.
///
/// Whoever finds a key locks its row or entry in share mode for keys, so that it stays until the referring row is
/// committed: both go away only together with the key.
package struct ReferencedKeys {
  private let key: ForeignKey
  private let table: TableDescriptor
  private let referenced: TableDescriptor
  /// The referenced table itself, or the index's relation.
  private let target: TableDescriptor
  /// For each key column of the target, the referring column; nil for the tie of an index.
  private let sources: [Int?]
  /// Document keys of the target, and the referring values, in the order in which they came.
  private var wanted: [(key: [UInt8], values: [Datum])] = []
  private var known: Set<[UInt8]> = []

  package init(of key: ForeignKey, on table: TableDescriptor, in catalog: CatalogSnapshot) throws(SQLError) {
    guard let referenced = catalog.tables[key.referencedTable],
      let target = catalog.tables[key.referencedIndex ?? key.referencedTable]
    else { throw SQLError(.undefinedTable, "the table that constraint \"\(key.name)\" refers to was dropped") }
    self.key = key
    self.table = table
    self.referenced = referenced
    self.target = target
    var positions = target.keyPositions.map { Optional($0) }
    if let relation = key.referencedIndex {
      guard let index = referenced.index(relation: relation) else {
        throw SQLError(.undefinedObject, "the index that constraint \"\(key.name)\" needs was dropped")
      }
      positions = index.keys.map(\.column) + [nil]
    }
    sources = positions.map { position in
      position.flatMap { key.referencedColumns.firstIndex(of: $0) }.map { key.columns[$0] }
    }
  }

  /// Notes what a row refers to; nothing, where a column is NULL.
  /// - Throws: 23503 where `MATCH FULL` does not allow the row.
  package mutating func add(_ row: Row) throws(SQLError) {
    let nullCount = key.columns.count { row[$0].isNull }
    if nullCount > 0 {
      guard !key.isMatchFull || nullCount == key.columns.count else {
        throw violation("MATCH FULL does not allow mixing of null and nonnull key values.")
      }
      return
    }
    var values: [Datum] = []
    for (source, column) in zip(sources, target.primaryKey.columns) {
      guard let source else {
        values.append(.bytes([]))
        continue
      }
      guard let value = row[source].converted(toKeyOf: target.columns[column.column].type.kind) else {
        throw missing(key.columns.map { row[$0] })
      }
      values.append(value)
    }
    let document = try target.documentKey(keyValues: values)
    if known.insert(document).inserted { wanted.append((document, key.columns.map { row[$0] })) }
  }

  /// The read that finds them; nil where there are none.
  package var read: TableRead? {
    if wanted.isEmpty { return nil }
    let projection = target.keyPositions.map { Expression.column($0, target.columns[$0].type) }
    return TableRead(
      table: target.id, schemaVersion: target.version,
      selection: .points(wanted.map(\.key).sorted(by: KeyRange.isLess)),
      pipeline: RowPipeline(filter: nil, output: .rows(projection: projection, limit: nil)), isOrdered: false)
  }

  /// How the rows of `read` are to be locked.
  package static let locking = RowLocking(strength: .keyShare, policy: .wait)

  /// - Parameter found: the rows of `read`.
  /// - Throws: 23503 for the first key that is not there.
  package func check(_ found: [Row]) throws(SQLError) {
    var present: Set<[UInt8]> = []
    for row in found { present.insert(try target.documentKey(keyValues: row)) }
    if let absent = wanted.first(where: { !present.contains($0.key) }) { throw missing(absent.values) }
  }

  private func missing(_ values: [Datum]) -> SQLError {
    violation("\(table.shownKey(key.columns, values)) is not present in table \"\(referenced.name)\".")
  }

  private func violation(_ detail: String) -> SQLError {
    var error = SQLError(
      .foreignKeyViolation,
      "insert or update on table \"\(table.name)\" violates foreign key constraint \"\(key.name)\"", detail: detail)
    (error.schema, error.table, error.constraint) = (table.schema, table.name, key.name)
    return error
  }
}

extension TableDescriptor {
  /// `Key (a, b)=(1, x)`, as PostgreSQL's details begin.
  package func shownKey(_ positions: [Int], _ values: [Datum]) -> String {
    let names = positions.map { columns[$0].name }
    let texts = zip(positions, values).map { position, value in
      value.isNull ? "null" : TextFormat.text(value, as: columns[position].type)
    }
    return "Key (\(names.joined(separator: ", ")))=(\(texts.joined(separator: ", ")))"
  }
}

extension Datum {
  /// The same value as a key column of this type holds it; nil where it cannot.
  package func converted(toKeyOf kind: TypeKind) -> Datum? {
    let integer: Int64
    switch self {
    case .int2(let value): integer = Int64(value)
    case .int4(let value): integer = Int64(value)
    case .int8(let value): integer = value
    default: return self
    }
    switch kind {
    case .int2: return Int16(exactly: integer).map { .int2($0) }
    case .int4: return Int32(exactly: integer).map { .int4($0) }
    case .int8: return .int8(integer)
    default: return self
    }
  }
}
