import Coding
import Keys
import Raft

/// What a replica saves beside its documents just before each flush, and reads when it starts.
///
/// The flush covers at least this record and everything applied before it, so the log may be cut up to `position` and
/// no further: entries behind it are applied again at start, also those whose data the flush happened to cover.
/// Applying is idempotent (the same bytes at the same hybrid time), and this way the retry table needs no write of its
/// own for each request.
///
/// Format: version byte `3` · index · term · hybrid time (8) · configuration (length-prefixed) · retry table · ledger.
package struct TabletMeta: Sendable {
  /// The last applied entry.
  package var position: LogPosition
  /// The greatest hybrid time applied.
  package var time: HybridTime
  /// The membership as of `position`.
  package var configuration: Configuration
  package var retries: RetryTable
  /// Transactions that were not over at `position`.
  package var ledger: TransactionLedger

  /// Where it lies in the `regular` family: table 0 is no table, and the key is shorter than any version's.
  package static let key: [UInt8] = [0, 0, 0, 0, 0x6d]
  private static let formatVersion: UInt8 = 3

  package init(
    position: LogPosition, time: HybridTime, configuration: Configuration, retries: RetryTable,
    ledger: TransactionLedger
  ) {
    self.ledger = ledger
    self.position = position
    self.time = time
    self.configuration = configuration
    self.retries = retries
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 256)
    writer.write(Self.formatVersion)
    writer.writeVarint(position.index.raw)
    writer.writeVarint(position.term.raw)
    writer.writeFixed(time.rawValue)
    configuration.encode(into: &writer)
    retries.write(to: &writer)
    ledger.write(to: &writer)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == Self.formatVersion else { throw .malformed(what: "tablet meta version") }
    let index = LogIndex(try reader.readVarint())
    position = LogPosition(term: Term(try reader.readVarint()), index: index)
    time = HybridTime(rawValue: try reader.readFixed())
    configuration = try Configuration(from: &reader)
    retries = try RetryTable(from: &reader)
    ledger = try TransactionLedger(from: &reader)
    guard reader.isAtEnd else { throw .malformed(what: "tablet meta length") }
  }
}
