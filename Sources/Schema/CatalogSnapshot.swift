import Keys

/// The whole catalog at one version, immutable and shared by everything on a node. Look-ups never wait.
package final class CatalogSnapshot: Sendable {
  /// Counts catalog changes; equal numbers mean equal contents on every node.
  package let version: UInt64
  package let tables: [TableID: TableDescriptor]
  package let tablets: [TabletID: TabletDescriptor]
  package let nodes: [NodeID: NodeDescriptor]
  /// What transactions that are not over have made of tables.
  package let pending: [TableID: PendingTable]
  private let relationsByName: [QualifiedName: TableID]
  /// By table: those with a foreign key that refers to it, by id.
  private let tablesReferencing: [TableID: [TableID]]

  package struct QualifiedName: Hashable, Sendable {
    package var schema: [UInt8]
    package var name: [UInt8]
    package init(schema: String, name: String) {
      // Identifiers are compared as bytes: Swift's String equality is canonical equivalence.
      self.schema = Array(schema.utf8)
      self.name = Array(name.utf8)
    }
  }

  package init(
    version: UInt64, tables: [TableID: TableDescriptor], tablets: [TabletID: TabletDescriptor],
    nodes: [NodeID: NodeDescriptor], pending: [TableID: PendingTable] = [:]
  ) {
    self.pending = pending
    self.version = version
    self.tables = tables
    self.tablets = tablets
    self.nodes = nodes
    var byName: [QualifiedName: TableID] = [:]
    var referencing: [TableID: Set<TableID>] = [:]
    for table in tables.values {
      byName[QualifiedName(schema: table.schema, name: table.name)] = table.id
      for key in table.foreignKeys { referencing[key.referencedTable, default: []].insert(table.id) }
    }
    relationsByName = byName
    tablesReferencing = referencing.mapValues { $0.sorted() }
  }

  package static let empty = CatalogSnapshot(version: 0, tables: [:], tablets: [:], nodes: [:])

  /// A table; not the relation of an index.
  package func table(schema: String, name: String) -> TableDescriptor? {
    relation(schema: schema, name: name).flatMap { $0.isIndex ? nil : $0 }
  }

  /// A table or the relation of an index: they share their names.
  package func relation(schema: String, name: String) -> TableDescriptor? {
    relationsByName[QualifiedName(schema: schema, name: name)].flatMap { tables[$0] }
  }

  /// The tables whose foreign keys refer to a table, itself perhaps among them.
  package func referencing(_ table: TableID) -> [TableDescriptor] {
    tablesReferencing[table]?.compactMap { tables[$0] } ?? []
  }

  /// Whether a change of the table's rows has to be followed elsewhere: in indexes, or by foreign keys.
  package func hasDependents(_ table: TableDescriptor) -> Bool {
    table.hasOwnDependents || tablesReferencing[table.id] != nil
  }

  /// Whether a tablet is one of its table's, also of what a transaction has made of it. One that is not belonged to a
  /// table that was dropped, emptied or rewritten; it stays until all transactions that wrote to it are over.
  package func isCurrent(_ tablet: TabletDescriptor) -> Bool {
    if tables[tablet.table]?.tablets.contains(tablet.id) ?? false { return true }
    return pending[tablet.table]?.states.contains { $0.table?.tablets.contains(tablet.id) ?? false } ?? false
  }

  /// The table's tablets in key order.
  package func tablets(of table: TableDescriptor) -> [TabletDescriptor] {
    table.tablets.compactMap { tablets[$0] }
  }

  /// The tablet of a table that holds a document key: the last one that begins at or before it.
  package func tablet(of key: [UInt8], in table: TableDescriptor) -> TabletID? {
    var low = 0
    var high = table.tablets.count
    while low + 1 < high {
      let middle = (low + high) / 2
      guard let tablet = tablets[table.tablets[middle]] else { return nil }
      if KeyRange.isLess(key, tablet.lower) { high = middle } else { low = middle }
    }
    return low < high ? table.tablets[low] : nil
  }
}
