import Coding
import Expressions
import Keys
import Operations
import Schema
import Values

/// What the indexes of a table have to follow its rows with. Pure: a function of the changes alone.
package enum IndexMaintenance {
  /// The mutations of the indexes' relations, to be carried out in this order in the transaction that made the changes:
  /// first every entry that goes away, then every new one, so that a statement may move keys among its rows.
  ///
  /// An update that leaves what an index is made from as it is leaves the index alone.
  /// - Throws: what the indexes' expressions throw.
  package static func mutations(
    following changes: [RowChange], of table: TableDescriptor, in catalog: CatalogSnapshot
  ) throws(SQLError) -> [TableMutation] {
    var removals: [TableMutation] = []
    var additions: [TableMutation] = []
    for index in table.indexes {
      guard let relation = catalog.tables[index.relation] else {
        throw SQLError(
          .serializationFailure, "index \"\(index.name)\" was dropped by another statement",
          hint: "Run the statement again.")
      }
      var change = EntryChanges(of: index, on: table, relation: relation)
      for row in changes { try change.add(row) }
      if let removal = change.removal { removals.append(removal) }
      if let addition = change.addition { additions.append(addition) }
    }
    return removals + additions
  }
}

/// The entries of one index that come and go.
private struct EntryChanges {
  private let index: IndexDescriptor
  private let relation: TableDescriptor
  private let maker: IndexEntries
  private let columnsUsed: [Int]
  private var removed: [[UInt8]] = []
  private var added: [(key: [UInt8], entry: Row)] = []

  init(of index: IndexDescriptor, on table: TableDescriptor, relation: TableDescriptor) {
    self.index = index
    self.relation = relation
    maker = IndexEntries(of: index, on: table)
    columnsUsed = index.columnsUsed(of: table).sorted()
  }

  mutating func add(_ change: RowChange) throws(SQLError) {
    if let old = change.old, let new = change.new, old.isIdentical(to: new, at: columnsUsed) { return }
    let old = try change.old.flatMap { row throws(SQLError) in try maker.entry(for: row) }
    let new = try change.new.flatMap { row throws(SQLError) in try maker.entry(for: row) }
    if let old, let new, old.isIdentical(to: new, at: Array(old.indices)) { return }
    if let old { removed.append(try relation.documentKey(for: old)) }
    if let new, index.state.addsEntries { added.append((try relation.documentKey(for: new), new)) }
  }

  var removal: TableMutation? {
    if removed.isEmpty { return nil }
    var keys: [[UInt8]] = []
    for key in removed.sorted(by: KeyRange.isLess) where key != keys.last { keys.append(key) }
    return mutation(.delete(.points(keys), filter: nil))
  }

  var addition: TableMutation? {
    if added.isEmpty { return nil }
    let entries = added.sorted { KeyRange.isLess($0.key, $1.key) }.map(\.entry)
    return mutation(.insert(rows: entries, onConflict: onConflict))
  }

  /// Two entries of a unique index with one key are two rows. A plain index has one entry of a row, which may be there
  /// already while the index is built: then it takes the new values.
  private var onConflict: ConflictAction {
    if index.isUnique { return .fail }
    if index.includes.isEmpty { return .doNothing }
    let assignments = maker.table.map(includesOf: index) { position, type in
      Assignment(column: position, value: .column(relation.columns.count + position, type))
    }
    return .update(assignments, filter: nil)
  }

  private func mutation(_ mutation: Mutation) -> TableMutation {
    TableMutation(table: relation.id, schemaVersion: relation.version, mutation: mutation, returning: nil)
  }
}

extension TableDescriptor {
  fileprivate func map<T>(includesOf index: IndexDescriptor, _ body: (Int, SQLType) -> T) -> [T] {
    let layout = index.layout(of: self)
    return layout.includePositions.map { body($0, layout.columns[$0].type) }
  }
}

extension Row {
  /// Whether values are the same to the last bit: 1.0 and 1.00 are equal, and yet an index has to keep the one that is.
  fileprivate func isIdentical(to other: Row, at positions: [Int]) -> Bool {
    var (mine, theirs) = (ByteWriter(), ByteWriter())
    for position in positions {
      mine.write(self[position])
      theirs.write(other[position])
    }
    return mine.bytes == theirs.bytes
  }
}
