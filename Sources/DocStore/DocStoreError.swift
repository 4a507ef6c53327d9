import Storage
import Values

/// Why a document could not be read or a mutation not be evaluated; one case for each way to react.
package enum DocStoreError: Error, Sendable {
  /// The client's business: it gets this error. Every replica would say the same.
  case statement(SQLError)
  /// The request was made for another version of the table. Fetch the newer one and bind the statement again.
  case schemaChanged(current: UInt32)
  /// A key of the request is not among this tablet's: the request was routed by old bounds. Route it again.
  case wrongTablet
  /// This replica's store is closing, full or damaged (also: bytes of a row that no encoder writes). Stop this replica.
  case storage(StorageError)
}

extension SQLError {
  /// As PostgreSQL's `old_snapshot_threshold` said it.
  package static let snapshotTooOld = SQLError(
    "72000", "snapshot too old",
    hint: "The read began longer ago than the table's history is kept. Run the transaction again.")
}
