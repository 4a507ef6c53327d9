import Coding
import DocStore
import Keys
import Storage

/// The newest version of its table that a tablet's own log has heard of, kept as a document of the tablet.
///
/// A node that the catalog's leader does not hear may still lead a tablet, with a catalog that is behind, and take writes
/// that an index or a foreign key should have followed. Whoever changes the table therefore writes the new version through
/// the log of each of its tablets: a leader that has the log knows from it that its catalog is not good enough.
package struct SchemaFence: Sendable {
  package var version: UInt32
  /// The transaction that changes the table: its own writes there stand.
  package var owner: TransactionID?

  package init(version: UInt32, owner: TransactionID?) {
    self.version = version
    self.owner = owner
  }

  /// Table 0 is no table.
  static let key: [UInt8] = [0, 0, 0, 0, 0x66]

  package var document: DocumentWrite {
    var writer = ByteWriter()
    writer.writeVarint(UInt64(version))
    writer.writeOptional(owner) { $0.write($1) }
    return DocumentWrite(documentKey: Self.key, packedRow: writer.bytes)
  }

  /// The fence in a write of it; nil for any other write.
  init?(_ document: DocumentWrite) {
    guard document.documentKey == Self.key, let row = document.packedRow, let fence = try? Self(decoding: row) else {
      return nil
    }
    self = fence
  }

  private init(decoding row: [UInt8]) throws(CodingError) {
    var reader = ByteReader(row)
    version = UInt32(clamping: try reader.readVarint())
    owner = try reader.readOptional { reader throws(CodingError) in try reader.readTransactionID() }
  }

  /// The greatest version written; 0 where there was none.
  static func version(in store: any Store) throws -> UInt32 {
    var version: UInt32 = 0
    var cursor = try store.cursor(.regular, lower: key, upper: [0, 0, 0, 0, 0x67], pointPrefix: nil)
    while cursor.isValid {
      let value = cursor.value
      if value.first == VersionTag.row { version = max(version, try Self(decoding: Array(value.dropFirst())).version) }
      try cursor.next()
    }
    return version
  }
}

extension TabletReplica {
  /// A fence is about to be proposed: from here on nothing that was made under an older version gets into the log. What
  /// is in it already, or prepared, is older than the fence, so whoever reads after the fence sees it or waits for it.
  func raise(_ fence: SchemaFence) {
    guard isCurrent(.max), let known = schemaVersionRequired else { return }
    schemaVersionRequired = max(known, fence.version)
    for (id, transaction) in transactions.sorted(by: { $0.key < $1.key })
    where transaction.isOpen && transaction.oldestVersion < fence.version {
      if id == fence.owner {
        transaction.oldestVersion = fence.version
        continue
      }
      probe("a schema fence ends a transaction")
      letGo(of: id)
    }
  }

  /// Whether this node's catalog is as new as the tablet's log says that it must be.
  func isCurrent(_ version: UInt32) -> Bool {
    if let known = schemaVersionRequired { return version >= known }
    guard let store else { return false }
    do {
      let required = try SchemaFence.version(in: store)
      schemaVersionRequired = required
      return version >= required
    } catch {
      environment.fatal("tablet \(id) cannot read its store: \(error)")
      return false
    }
  }
}
