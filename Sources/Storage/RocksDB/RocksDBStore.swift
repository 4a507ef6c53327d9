import CRocksDB
import Keys
import Synchronization

/// A store on RocksDB. Both families lie in one RocksDB column family, behind a byte that names them: RocksDB 7.8's C
/// interface cannot flush two column families together, and with one there is nothing to keep together.
final class RocksDBStore: Store {
  /// Where the frontier lies: before all stored keys, so that no cursor sees it.
  private static let frontierKey: [UInt8] = [0]

  private struct State {
    /// `nil` once closed.
    var database: RocksDBHandle?
    var applied: Frontier?
    var flushed: Frontier?
  }
  private let state: Mutex<State>
  private let retention: SharedRetention
  /// Held across a write, so that frontier and data cannot be paired wrongly.
  private let writer = Mutex(())
  let rows: RowCache.Part

  init(_ database: RocksDBHandle, retention: SharedRetention, rows: RowCache.Part) throws(StorageError) {
    let frontier = try Self.read(Self.frontierKey, from: database).map { bytes throws(StorageError) in
      try Frontier(decoding: bytes)
    }
    state = Mutex(State(database: database, applied: frontier, flushed: frontier))
    self.retention = retention
    self.rows = rows
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    try Self.read(family.stored(key), from: openDatabase())
  }

  private static func read(_ stored: [UInt8], from database: RocksDBHandle) throws(StorageError) -> [UInt8]? {
    let pinned = try StorageError.check { message in
      unsafe stored.withUnsafeBytes { key in
        unsafe rocksdb_get_pinned(
          database.pointer, database.readOptions, key.baseAddress?.assumingMemoryBound(to: CChar.self), key.count,
          message)
      }
    }
    guard let pinned = unsafe pinned else { return nil }
    defer { unsafe rocksdb_pinnableslice_destroy(pinned) }
    var count = 0
    let start = unsafe rocksdb_pinnableslice_value(pinned, &count)
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
  }

  func write(_ batch: borrowing WriteBatch, frontier: Frontier) throws(StorageError) {
    let database = try openDatabase()
    let native = unsafe rocksdb_writebatch_create()!
    defer { unsafe rocksdb_writebatch_destroy(native) }
    unsafe batch.bytes.withUnsafeBytes { bytes in
      guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
      for change in batch.changes {
        let key = unsafe start + change.start
        if change.isDeletion {
          unsafe rocksdb_writebatch_delete(native, key, change.keyCount)
        } else {
          unsafe rocksdb_writebatch_put(native, key, change.keyCount, key + change.keyCount, change.valueCount)
        }
      }
    }
    unsafe (Self.frontierKey + frontier.encoded).withUnsafeBytes { bytes in
      let start = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
      unsafe rocksdb_writebatch_put(native, start, 1, start + 1, Frontier.byteCount)
    }
    RocksDBHandle.stopCounting()
    try writer.withLock { _ throws(StorageError) in
      frontier.requireNotBefore(appliedFrontier)
      try StorageError.check { unsafe rocksdb_write(database.pointer, database.writeOptions, native, $0) }
      rows.wrote(batch)
      state.withLock { $0.applied = frontier }
    }
  }

  var appliedFrontier: Frontier? { state.withLock(\.applied) }
  var flushedFrontier: Frontier? { state.withLock(\.flushed) }

  func cursor(
    _ family: ColumnFamily, lower: [UInt8], upper: [UInt8]?, pointPrefix: [UInt8]?
  ) throws(StorageError) -> Cursor {
    let range = KeyRange(family, lower: lower, upper: upper, pointPrefix: pointPrefix)
    return Cursor(.rocksDB(try RocksDBIterator(openDatabase(), range: range)))
  }

  func documentCursor(_ family: ColumnFamily) throws(StorageError) -> Cursor {
    let range = KeyRange(family, lower: [], upper: nil, pointPrefix: nil)
    return Cursor(.rocksDB(try RocksDBIterator(openDatabase(), range: range, seeksDocuments: true)))
  }

  func flush() throws(StorageError) {
    let database = try openDatabase()
    // What is written while the flush runs may or may not be in it: only the frontier of its start is certain.
    let covered = appliedFrontier
    let options = unsafe rocksdb_flushoptions_create()!
    defer { unsafe rocksdb_flushoptions_destroy(options) }
    unsafe rocksdb_flushoptions_set_wait(options, 1)
    try StorageError.check { unsafe rocksdb_flush(database.pointer, options, $0) }
    state.withLock { state in
      if let covered { state.flushed = max(covered, state.flushed ?? covered) }
    }
  }

  var memtableBytes: Int { property("rocksdb.cur-size-all-mem-tables") }
  var approximateSize: Int { property("rocksdb.live-sst-files-size") }

  private func property(_ name: String) -> Int {
    guard let database = state.withLock(\.database) else { return 0 }
    var value: UInt64 = 0
    let status = unsafe rocksdb_property_int(database.pointer, name, &value)
    return status == 0 ? Int(clamping: value) : 0
  }

  func checkpoint(to directory: String) throws(StorageError) {
    try flush()
    let database = try openDatabase()
    let checkpoint = try StorageError.check { unsafe rocksdb_checkpoint_object_create(database.pointer, $0) }
    defer { unsafe rocksdb_checkpoint_object_destroy(checkpoint) }
    try StorageError.check { unsafe rocksdb_checkpoint_create(checkpoint, directory, 0, $0) }
    try StoreDirectory(directory).syncName()
  }

  func setHistoryCutoff(_ time: HybridTime) {
    retention.update { $0.cutoff = max($0.cutoff, time) }
  }

  var historyCutoff: HybridTime { retention.current.cutoff }

  func setBounds(lower: [UInt8], upper: [UInt8]?) {
    retention.update { retention in
      retention.lower = lower
      retention.upper = upper
    }
  }

  func compact() throws(StorageError) {
    try flush()
    let database = try openDatabase()
    let options = unsafe rocksdb_compactoptions_create()!
    defer { unsafe rocksdb_compactoptions_destroy(options) }
    // Rewrite the last level even if nothing came down to it: only a pass over all files collects tombstones.
    let forceBottommost: UInt8 = 2
    unsafe rocksdb_compactoptions_set_bottommost_level_compaction(options, forceBottommost)
    // The C interface does not say whether this worked, but the database counts its failures.
    let failures = property("rocksdb.background-errors")
    unsafe rocksdb_compact_range_opt(database.pointer, options, nil, 0, nil, 0)
    if database.isClosed { throw .closed }
    if property("rocksdb.background-errors") > failures { throw .failed("a compaction failed") }
  }

  func close() {
    let database = state.withLock { state in
      defer { state.database = nil }
      return state.database
    }
    database?.markClosed()
  }

  private func openDatabase() throws(StorageError) -> RocksDBHandle {
    guard let database = state.withLock(\.database) else { throw .closed }
    return database
  }
}
