import CRocksDB
import Synchronization

/// An open RocksDB database. It is closed when the last one who works with it lets go: the store, a call that is under
/// way, or a cursor. So nobody ever holds a dead pointer, and nobody waits for anybody.
@safe final class RocksDBHandle: Sendable {
  // RocksDB's functions on these may be called from any thread (rocksdb/db.h); they are freed in `deinit` only.
  nonisolated(unsafe) let pointer: OpaquePointer
  nonisolated(unsafe) let readOptions: OpaquePointer
  nonisolated(unsafe) let writeOptions: OpaquePointer
  private let closed = Atomic(false)

  init(open directory: String, options: OpaquePointer) throws(StorageError) {
    let opened = try StorageError.check { unsafe rocksdb_open(options, directory, $0) }
    guard let opened = unsafe opened else { throw .failed("open returned neither a database nor an error") }
    unsafe pointer = opened
    unsafe readOptions = rocksdb_readoptions_create()
    unsafe writeOptions = rocksdb_writeoptions_create()
    unsafe rocksdb_writeoptions_disable_WAL(writeOptions, 1)
  }

  deinit {
    unsafe rocksdb_close(pointer)
    unsafe rocksdb_readoptions_destroy(readOptions)
    unsafe rocksdb_writeoptions_destroy(writeOptions)
  }

  /// RocksDB counts each comparison of keys in a structure of the thread, for profiles that nobody reads here.
  static func stopCounting() {
    let disabled: CInt = 1
    rocksdb_set_perf_level(disabled)
  }

  /// Whether the store was closed: cursors that are still alive must not go on.
  var isClosed: Bool { closed.load(ordering: .acquiring) }

  /// Marks it closed and makes flushes and compactions under way give up, so that whoever runs them lets go soon.
  func markClosed() {
    closed.store(true, ordering: .releasing)
    unsafe rocksdb_cancel_all_background_work(pointer, 0)
  }
}
