import Coding
import Keys
import Operations
import Schema
import Tablet
import Values

/// What is asked of the catalog's leader.
package struct CatalogChangeRequest: Sendable {
  package var id: RequestID
  package var floor: UInt64
  package var action: Action

  package enum Action: Sendable {
    /// With an owner it counts for that transaction only, until it commits.
    case change(CatalogChange, owner: Owner?)
    /// Commits a transaction: from its decision on everybody sees what it has changed. `commit` is for the catalog's
    /// tablet, which decides.
    case commit(TransactionID, epoch: UInt64, CommitStep)
    /// Drops what statements after this one have changed.
    case rollBack(TransactionID, to: UInt32)
    /// Drops all that a transaction has changed, which can never commit from here on.
    case abort(TransactionID)
  }

  package struct Owner: Hashable, Sendable {
    package var transaction: TransactionID
    /// The number of its statement that makes the change.
    package var statement: UInt32
    package init(transaction: TransactionID, statement: UInt32) {
      self.transaction = transaction
      self.statement = statement
    }
  }

  package init(id: RequestID, floor: UInt64, action: Action) {
    self.id = id
    self.floor = floor
    self.action = action
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    switch action {
    case .change(let change, let owner):
      writer.write(UInt8(1))
      writer.write(change)
      writer.writeOptional(owner) { writer, owner in
        writer.write(owner.transaction)
        writer.writeVarint(UInt64(owner.statement))
      }
    case .commit(let transaction, let epoch, let commit):
      writer.write(UInt8(2))
      writer.write(transaction)
      writer.writeFixed(epoch)
      writer.write(commit)
    case .rollBack(let transaction, let statement):
      writer.write(UInt8(3))
      writer.write(transaction)
      writer.writeVarint(UInt64(statement))
    case .abort(let transaction):
      writer.write(UInt8(4))
      writer.write(transaction)
    }
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
    switch try reader.readByte() {
    case 1:
      action = .change(
        try reader.readCatalogChange(),
        owner: try reader.readOptional { reader throws(CodingError) in
          Owner(transaction: try reader.readTransactionID(), statement: try reader.readNarrow())
        })
    case 2: action = .commit(try reader.readTransactionID(), epoch: try reader.readFixed(), try reader.readCommitStep())
    case 3: action = .rollBack(try reader.readTransactionID(), to: try reader.readNarrow())
    case 4: action = .abort(try reader.readTransactionID())
    default: throw .malformed(what: "request to the catalog's leader")
    }
  }
}

/// What a change did, and the catalog version that has it.
package struct CatalogChangeOutcome: Sendable {
  package var result: CatalogChangeResult
  package var version: UInt64
  /// Nothing was done: this transaction has changed the table, and is not over.
  package var blocker: Blocker?
  /// When a transaction committed; zero for anything else.
  package var commitTime = HybridTime.zero

  package struct Blocker: Hashable, Sendable {
    package var transaction: TransactionID
    package var table: TableID
    package init(transaction: TransactionID, table: TableID) {
      self.transaction = transaction
      self.table = table
    }
  }
}

/// A range of sequence values that nobody else gets.
package struct SequenceRange: Sendable, Hashable {
  package var first: Int64
  package var increment: Int64
  package var count: Int64
}

/// Asks for the next values of a sequence.
package struct SequenceRequest: Sendable {
  package var key: SequenceKey
  /// How many at least.
  package var count: Int64
  package var id: RequestID
  package var floor: UInt64

  package init(key: SequenceKey, count: Int64, id: RequestID, floor: UInt64) {
    self.key = key
    self.count = count
    self.id = id
    self.floor = floor
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeFixed(key.table.rawValue)
    writer.writeFixed(key.column)
    writer.writeSigned(count)
    writer.writeFixed(id.client)
    writer.writeVarint(id.sequence)
    writer.writeVarint(floor)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    key = SequenceKey(table: TableID(try reader.readFixed()), column: try reader.readFixed())
    count = try reader.readSigned()
    let client: UInt64 = try reader.readFixed()
    id = RequestID(client: client, sequence: try reader.readVarint())
    floor = try reader.readVarint()
  }
}

extension SequenceRange {
  package func write(to writer: inout ByteWriter) {
    writer.writeSigned(first)
    writer.writeSigned(increment)
    writer.writeSigned(count)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    first = try reader.readSigned()
    increment = try reader.readSigned()
    count = try reader.readSigned()
  }
}

extension CatalogChangeOutcome {
  package func write(to writer: inout ByteWriter) {
    writer.write(result)
    writer.writeVarint(version)
    writer.writeOptional(blocker) { writer, blocker in
      writer.write(blocker.transaction)
      writer.writeVarint(UInt64(blocker.table.rawValue))
    }
    writer.writeFixed(commitTime.rawValue)
  }

  package init(from reader: inout ByteReader) throws(CodingError) {
    result = try reader.readCatalogChangeResult()
    version = try reader.readVarint()
    blocker = try reader.readOptional { reader throws(CodingError) in
      Blocker(transaction: try reader.readTransactionID(), table: TableID(try reader.readNarrow()))
    }
    commitTime = HybridTime(rawValue: try reader.readFixed())
  }
}
