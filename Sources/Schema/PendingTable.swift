import Coding
import Keys

/// What a transaction that is not over has made of a table, an index's relation included: it counts for nobody else until
/// the transaction commits.
///
/// As long as it is there nobody else changes the table or writes to it; reading goes on.
package struct PendingTable: Sendable {
  package var owner: TransactionID
  /// After each statement of the owner that changed the table, oldest first; never empty.
  package var states: [State]
  /// The greatest version that any state had, also of those that were taken back: none is used twice.
  package var lastVersion: UInt32
  /// Relations of indexes that the owner has dropped: until it is over nobody reads them.
  package var hiddenIndexes: [TableID] = []

  package struct State: Sendable {
    /// The owner's statement that made it.
    package var statement: UInt32
    /// Nil where the table was dropped.
    package var table: TableDescriptor?
    package init(statement: UInt32, table: TableDescriptor?) {
      self.statement = statement
      self.table = table
    }
  }

  package init(owner: TransactionID, states: [State], lastVersion: UInt32) {
    self.owner = owner
    self.states = states
    self.lastVersion = lastVersion
  }

  /// As the owner sees it now.
  package var newest: TableDescriptor? { states.last?.table }
}

extension CatalogSnapshot {
  /// The table that a request means, which names the version that it was made for: what everybody sees, or what a
  /// transaction has made of it. No two of them have the same version.
  package func table(_ id: TableID, version: UInt32) -> TableDescriptor? {
    if let table = tables[id], table.version == version { return table }
    guard let states = pending[id]?.states else { return nil }
    return states.lazy.compactMap(\.table).first { $0.version == version }
  }

  /// A table, if only for its name: where nobody but a transaction sees it, as that one does.
  package func anyTable(_ id: TableID) -> TableDescriptor? { tables[id] ?? pending[id]?.newest }

  /// The catalog as a transaction sees it: with its own changes.
  package func view(of transaction: TransactionID) -> CatalogSnapshot {
    var tables = tables
    for (id, own) in pending where own.owner == transaction { tables[id] = own.newest }
    return CatalogSnapshot(version: version, tables: tables, tablets: tablets, nodes: nodes, pending: pending)
  }

  /// Whether a transaction has made or emptied the table: nobody else has, or can have, rows in its tablets.
  package func isPrivate(_ table: TableID, to transaction: TransactionID) -> Bool {
    guard let pending = pending[table], pending.owner == transaction, let newest = pending.newest else { return false }
    return Set(newest.tablets).isDisjoint(with: tables[table]?.tablets ?? [])
  }

  /// The transaction that keeps others from writing to a table, or from changing it.
  package func holder(of table: TableID, besides transaction: TransactionID? = nil) -> TransactionID? {
    pending[table].flatMap { $0.owner == transaction ? nil : $0.owner }
  }
}

extension ByteWriter {
  package mutating func write(_ pending: PendingTable) {
    write(SchemaFormat.version)
    write(pending.owner)
    writeVarint(UInt64(pending.lastVersion))
    writeArray(pending.hiddenIndexes) { $0.writeVarint(UInt64($1.rawValue)) }
    writeArray(pending.states) { writer, state in
      writer.writeVarint(UInt64(state.statement))
      writer.writeOptional(state.table) { $0.write($1) }
    }
  }
}

extension ByteReader {
  package mutating func readPendingTable() throws(CodingError) -> PendingTable {
    try readFormat(SchemaFormat.version, of: "pending table")
    let owner = try readTransactionID()
    let lastVersion: UInt32 = try readNarrow()
    let hidden = try readArray { reader throws(CodingError) in try reader.readTableID() }
    let states = try readArray { reader throws(CodingError) in
      PendingTable.State(
        statement: try reader.readNarrow(),
        table: try reader.readOptional { reader throws(CodingError) in try reader.readTableDescriptor() })
    }
    guard !states.isEmpty else { throw .malformed(what: "pending table without a state") }
    var pending = PendingTable(owner: owner, states: states, lastVersion: lastVersion)
    pending.hiddenIndexes = hidden
    return pending
  }
}
