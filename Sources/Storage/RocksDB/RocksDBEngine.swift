import CRocksDB

/// RocksDB as the engine of a node. All its stores share one block cache, one row cache and one pool of background threads.
@safe package final class RocksDBEngine: StorageEngine {
  /// What the stores of a node share.
  package struct Settings: Sendable {
    /// Memory for uncompressed blocks of all stores, index and filter blocks included.
    package var blockCacheBytes = 128 << 20
    /// Memory for newest versions of rows, see `RowCache`; 0 for none.
    package var rowCacheBytes = 64 << 20
    /// Threads for compactions, of all stores together: one may rewrite a whole store while another takes the flushed
    /// files of the others together. Flushes have one of their own beside them.
    package var compactionThreads = 2
    /// How many files a store keeps open.
    package var openFilesMax = 256

    package init() {}
  }

  // Both are thread-safe in RocksDB, and freed in `deinit` only; each open database has its own reference to them.
  nonisolated(unsafe) private let cache: OpaquePointer
  nonisolated(unsafe) private let environment: OpaquePointer
  private let settings: Settings
  package let rows: RowCache

  package init(_ settings: Settings = Settings()) {
    self.settings = settings
    rows = RowCache(bytesMax: settings.rowCacheBytes)
    // Few shards: a block that is larger than its shard is read anew at each use, and the bloom filter of a file with a
    // million rows is a block of more than a mebibyte, which by default a shard would have.
    let cacheOptions = unsafe rocksdb_lru_cache_options_create()!
    defer { unsafe rocksdb_lru_cache_options_destroy(cacheOptions) }
    unsafe rocksdb_lru_cache_options_set_capacity(cacheOptions, settings.blockCacheBytes)
    unsafe rocksdb_lru_cache_options_set_num_shard_bits(cacheOptions, 1)
    unsafe cache = rocksdb_cache_create_lru_opts(cacheOptions)
    unsafe environment = rocksdb_create_default_env()
    unsafe rocksdb_env_set_low_priority_background_threads(environment, CInt(settings.compactionThreads))
    unsafe rocksdb_env_set_high_priority_background_threads(environment, 1)
  }

  deinit {
    unsafe rocksdb_cache_destroy(cache)
    unsafe rocksdb_env_destroy(environment)
  }

  package func openStore(at directory: String, options: StoreOptions) throws(StorageError) -> any Store {
    let retention = SharedRetention()
    let native = try unsafe makeOptions(options)
    defer { unsafe rocksdb_options_destroy(native) }
    unsafe rocksdb_options_set_compaction_filter_factory(native, makeCompactionFilterFactory(retention))
    let isNew = !StoreDirectory(directory).exists
    let store = try RocksDBStore(
      unsafe RocksDBHandle(open: directory, options: native), retention: retention, rows: rows.part())
    if isNew { try StoreDirectory(directory).syncName() }
    return store
  }

  package func destroyStore(at directory: String) throws(StorageError) {
    guard StoreDirectory(directory).exists else { return }
    let native = unsafe rocksdb_options_create()
    defer { unsafe rocksdb_options_destroy(native) }
    unsafe rocksdb_options_set_env(native, environment)
    try StorageError.check { unsafe rocksdb_destroy_db(native, directory, $0) }
    try StoreDirectory(directory).remove()
  }

  package func files(at directory: String) throws(StorageError) -> [StoreFile] {
    try StoreDirectory(directory).list()
  }

  package func readFile(
    _ name: String, at directory: String, offset: Int, count: Int
  ) throws(StorageError) -> [UInt8] {
    try StoreDirectory(directory).read(name, offset: offset, count: count)
  }

  package func appendFile(_ name: String, at directory: String, bytes: [UInt8]) throws(StorageError) {
    try StoreDirectory(directory).append(bytes, to: name)
  }

  package func finishReceiving(at directory: String) throws(StorageError) {
    try StoreDirectory(directory).sync()
  }

  /// The options of one store. The caller frees them; what they own is shared with the databases opened by them.
  private func makeOptions(_ options: StoreOptions) throws(StorageError) -> OpaquePointer {
    let base = unsafe rocksdb_options_create()!
    defer { unsafe rocksdb_options_destroy(base) }
    unsafe rocksdb_options_set_env(base, environment)
    unsafe rocksdb_options_set_create_if_missing(base, 1)

    // Memtables: small blocks, a backstop size, and no stall before several of them wait to be flushed.
    unsafe rocksdb_options_set_write_buffer_size(base, options.writeBufferBytes)
    unsafe rocksdb_options_set_arena_block_size(base, options.arenaBlockBytes)
    unsafe rocksdb_options_set_max_write_buffer_number(base, 6)
    unsafe rocksdb_options_set_allow_concurrent_memtable_write(base, 0)
    unsafe rocksdb_options_set_enable_write_thread_adaptive_yield(base, 0)

    // Shape: one compaction of a small store takes all of it, so tombstones can go. Writes are never slowed down.
    unsafe rocksdb_options_set_level_compaction_dynamic_level_bytes(base, 1)
    unsafe rocksdb_options_set_level0_file_num_compaction_trigger(base, 4)
    unsafe rocksdb_options_set_level0_slowdown_writes_trigger(base, 1_000)
    unsafe rocksdb_options_set_level0_stop_writes_trigger(base, 2_000)
    unsafe rocksdb_options_set_soft_pending_compaction_bytes_limit(base, 0)
    unsafe rocksdb_options_set_hard_pending_compaction_bytes_limit(base, 0)
    unsafe rocksdb_options_set_max_compaction_bytes(base, 1 << 40)
    unsafe rocksdb_options_set_compression(base, CInt(rocksdb_lz4_compression))

    // Idle stores: about 100 KiB less for each with small buffers and an unsharded table of open files.
    unsafe rocksdb_options_set_writable_file_max_buffer_size(base, 16 << 10)
    unsafe rocksdb_options_set_table_cache_numshardbits(base, 0)

    // Opening: no scan of files, no threads for it, no statistics, hardly any log of its own.
    unsafe rocksdb_options_set_max_open_files(base, CInt(settings.openFilesMax))
    unsafe rocksdb_options_set_max_file_opening_threads(base, 1)
    unsafe rocksdb_options_set_skip_stats_update_on_db_open(base, 1)
    unsafe rocksdb_options_set_skip_checking_sst_file_sizes_on_db_open(base, 1)
    unsafe rocksdb_options_set_stats_dump_period_sec(base, 0)
    unsafe rocksdb_options_set_stats_persist_period_sec(base, 0)
    unsafe rocksdb_options_set_info_log_level(base, 3)
    unsafe rocksdb_options_set_keep_log_file_num(base, 2)
    unsafe rocksdb_options_set_max_log_file_size(base, 1 << 20)
    unsafe rocksdb_options_set_avoid_unnecessary_blocking_io(base, 1)

    let table = unsafe rocksdb_block_based_options_create()!
    defer { unsafe rocksdb_block_based_options_destroy(table) }
    unsafe rocksdb_block_based_options_set_format_version(table, 5)
    unsafe rocksdb_block_based_options_set_block_size(table, 8 << 10)
    // A seek walks from one restart point to its key, entry by entry; with RocksDB's 16 that was a quarter of it.
    unsafe rocksdb_block_based_options_set_block_restart_interval(table, 4)
    unsafe rocksdb_block_based_options_set_block_cache(table, cache)
    unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
    unsafe rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
    unsafe rocksdb_block_based_options_set_whole_key_filtering(table, 0)
    unsafe rocksdb_block_based_options_set_filter_policy(
      table, rocksdb_filterpolicy_create_bloom_full(options.bloomBitsPerKey))
    unsafe rocksdb_options_set_block_based_table_factory(base, table)
    unsafe rocksdb_options_set_prefix_extractor(base, makeDocumentKeyExtractor())

    // The C interface has no functions for these two. Closing must not flush, since the caller decides what is durable.
    // Neighbours come one after the other (a batch is in key order), so a memtable starts looking for a key's place where
    // it put the last one of the family.
    let native = unsafe rocksdb_options_create()!
    do {
      try StorageError.check {
        unsafe rocksdb_get_options_from_string(
          base, "avoid_flush_during_shutdown=true;memtable_insert_with_hint_prefix_extractor=fixed:1", native, $0)
      }
    } catch {
      unsafe rocksdb_options_destroy(native)
      throw error
    }
    return unsafe native
  }
}
