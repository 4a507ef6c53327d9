import Keys

/// Makes and opens stores. It holds what all stores of a node share: block cache, background threads.
///
/// All calls block on the disk: make them on a `BlockingWorker`.
package protocol StorageEngine: AnyObject, Sendable {
  /// Of all its stores.
  var rows: RowCache { get }

  /// Opens the store in a directory; creates both if there is none (the directory's parent must exist).
  func openStore(at directory: String, options: StoreOptions) throws(StorageError) -> any Store
  /// Removes a store that is not open, with its directory. Does nothing where there is none.
  func destroyStore(at directory: String) throws(StorageError)

  /// The files of a checkpoint (or of a store that is not open), sorted by name: what a replica elsewhere needs to
  /// open the same store.
  func files(at directory: String) throws(StorageError) -> [StoreFile]
  /// The `count` bytes of a checkpoint's file from `offset`, fewer at its end.
  func readFile(_ name: String, at directory: String, offset: Int, count: Int) throws(StorageError) -> [UInt8]
  /// Appends to a file of a checkpoint that is being received; makes directory and file where needed.
  func appendFile(_ name: String, at directory: String, bytes: [UInt8]) throws(StorageError)
  /// Makes a received checkpoint durable; then it opens as a store.
  func finishReceiving(at directory: String) throws(StorageError)
}

/// A file of a checkpoint.
package struct StoreFile: Hashable, Sendable {
  package var name: String
  package var byteCount: Int
  package init(name: String, byteCount: Int) {
    self.name = name
    self.byteCount = byteCount
  }
}

/// How one store is tuned.
package struct StoreOptions: Sendable {
  /// A memtable of this many bytes is flushed by the engine itself, in the background. The node flushes earlier by its
  /// own rules; this is the backstop.
  package var writeBufferBytes = 32 << 20
  /// A memtable grows by blocks of this many bytes. RocksDB's own default is an eighth of the write buffer, which every
  /// idle tablet would take at its first write.
  package var arenaBlockBytes = 16 << 10
  /// Bits for each document key in the bloom filters; 10 gives about 1 % false positives.
  package var bloomBitsPerKey = 10.0

  package init() {}
}

/// The ordered key-value store of one tablet replica: two maps (`ColumnFamily`), multi-version keys (`VersionedKey`),
/// no log of its own. What was written since the last completed flush is gone after a crash, all of it or none, and
/// `appliedFrontier` then says where to replay from.
///
/// Calls may come from any thread. After `close`, calls throw `closed`.
package protocol Store: AnyObject, Sendable {
  /// The value at exactly this key.
  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(StorageError) -> [UInt8]?

  /// Applies a batch together with the frontier that it reaches: both are visible, and both survive a crash, or neither.
  /// One writer at a time; the frontier must not go back.
  func write(_ batch: borrowing WriteBatch, frontier: Frontier) throws(StorageError)

  /// The frontier of the last write; at open, what is on disk. `nil` for a store never written.
  var appliedFrontier: Frontier? { get }

  /// The greatest frontier that a completed flush is known to cover: the log may be cut up to there. The engine's
  /// background flushes are noticed at the next open only, so this can be less than what is on disk, never more.
  var flushedFrontier: Frontier? { get }

  /// Newest versions of documents, in memory: asked before a cursor is.
  var rows: RowCache.Part { get }

  /// A cursor at the first key in `[lower, upper)` (without `upper`: to the end), over the contents as of now.
  ///
  /// - Parameter pointPrefix: a document key. The cursor then sees only versions of this document, and the bloom
  ///   filters spare it the files that have none.
  func cursor(
    _ family: ColumnFamily, lower: [UInt8], upper: [UInt8]?, pointPrefix: [UInt8]?
  ) throws(StorageError) -> Cursor

  /// A cursor for `seek(toVersionOf:notAfter:)` only, over the contents as of now: one for many documents costs much less
  /// than one for each. As with a `pointPrefix`, the bloom filters spare it the files that have none of a document.
  func documentCursor(_ family: ColumnFamily) throws(StorageError) -> Cursor

  /// Puts everything written before the call on stable storage, both families atomically. Blocks.
  func flush() throws(StorageError)

  /// Bytes in memory that a flush would free.
  var memtableBytes: Int { get }
  /// Bytes on disk in live files.
  var approximateSize: Int { get }

  /// Flushes, then makes a copy in a directory that must not exist yet, by hard links. Blocks.
  func checkpoint(to directory: String) throws(StorageError)

  /// Versions superseded at or before `time` may be collected from now on. It never goes back.
  func setHistoryCutoff(_ time: HybridTime)
  /// The cutoff that was set. A read at or after it has missed nothing that was collected before this call.
  var historyCutoff: HybridTime { get }
  /// Document keys outside `[lower, upper)` may be dropped from now on (after a split).
  func setBounds(lower: [UInt8], upper: [UInt8]?)
  /// Flushes and rewrites the whole store, collecting all that may go. Blocks, for long.
  func compact() throws(StorageError)

  /// Refuses further calls and lets go of the files, without a flush. If cursors are alive, the last of them takes the
  /// files with it; they throw `closed` at their next move.
  func close()
}

extension Store {
  /// A cursor over all versions of one document that a reader at `time` may see, newest first.
  package func versions(
    _ family: ColumnFamily, of document: [UInt8], notAfter time: HybridTime = .max
  ) throws(StorageError) -> Cursor {
    try cursor(
      family, lower: VersionedKey.encode(document: document, time: time, writeID: .max), upper: nil,
      pointPrefix: document)
  }
}
