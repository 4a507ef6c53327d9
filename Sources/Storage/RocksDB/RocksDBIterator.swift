import CRocksDB

/// A cursor's position in a RocksDB store, and all that must be freed with it.
@safe final class RocksDBIterator {
  private let database: RocksDBHandle
  private let range: KeyRange
  private let iterator: OpaquePointer
  private let readOptions: OpaquePointer
  /// The bounds of the range, one after the other: RocksDB keeps pointers to them.
  private let bounds: UnsafeMutableBufferPointer<UInt8>

  /// - Parameter seeksDocuments: every seek is for the versions of one document, so the bloom filters may answer it. The
  ///   iterator then stands nowhere yet, and ends behind the document's versions.
  init(_ database: RocksDBHandle, range: KeyRange, seeksDocuments: Bool = false) throws(StorageError) {
    RocksDBHandle.stopCounting()
    self.database = database
    self.range = range
    unsafe bounds = .allocate(capacity: range.lower.count + range.upper.count)
    _ = unsafe bounds.initialize(from: range.lower + range.upper)
    unsafe readOptions = rocksdb_readoptions_create()
    let start = unsafe UnsafeRawPointer(bounds.baseAddress!).assumingMemoryBound(to: CChar.self)
    unsafe rocksdb_readoptions_set_iterate_lower_bound(readOptions, start, range.lower.count)
    unsafe rocksdb_readoptions_set_iterate_upper_bound(
      readOptions, start + range.lower.count, range.upper.count)
    // Without this, RocksDB would use the bloom filter on every seek and miss what lies behind the first prefix.
    unsafe rocksdb_readoptions_set_total_order_seek(readOptions, range.isPoint || seeksDocuments ? 0 : 1)
    // Behind the versions of the document there may be any number of deleted keys, and RocksDB would step over all of them.
    unsafe rocksdb_readoptions_set_prefix_same_as_start(readOptions, seeksDocuments ? 1 : 0)
    unsafe rocksdb_readoptions_set_background_purge_on_iterator_cleanup(readOptions, 1)
    unsafe iterator = rocksdb_create_iterator(database.pointer, readOptions)
    if !seeksDocuments { _ = try seek(to: []) }
  }

  deinit {
    unsafe rocksdb_iter_destroy(iterator)
    unsafe rocksdb_readoptions_destroy(readOptions)
    unsafe bounds.deallocate()
  }

  var isValid: Bool { unsafe rocksdb_iter_valid(iterator) != 0 }

  var key: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      var count = 0
      let start = unsafe rocksdb_iter_key(iterator, &count)
      let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
      return unsafe _overrideLifetime(
        Span(_unsafeElements: bytes.bindMemory(to: UInt8.self)).extracting(1...), borrowing: self)
    }
  }

  var value: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      var count = 0
      let start = unsafe rocksdb_iter_value(iterator, &count)
      let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
      return unsafe _overrideLifetime(
        Span(_unsafeElements: bytes.bindMemory(to: UInt8.self)), borrowing: self)
    }
  }

  func seek(to key: [UInt8]) throws(StorageError) -> Bool {
    try land(at: range.target(for: key))
  }

  func seek(before key: [UInt8]) throws(StorageError) -> Bool {
    // RocksDB seeks to the last key at or before its target.
    let target = range.family.stored(key)
    try requireOpen()
    unsafe target.withUnsafeBytes { bytes in
      unsafe rocksdb_iter_seek_for_prev(iterator, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    guard try landed() else { return false }
    return self.key.isBefore(key.span) ? true : try previous()
  }

  func seekToLast() throws(StorageError) -> Bool {
    try requireOpen()
    unsafe rocksdb_iter_seek_to_last(iterator)
    return try landed()
  }

  func next() throws(StorageError) -> Bool {
    try requireOpen()
    unsafe rocksdb_iter_next(iterator)
    return try landed()
  }

  func previous() throws(StorageError) -> Bool {
    try requireOpen()
    unsafe rocksdb_iter_prev(iterator)
    return try landed()
  }

  private func land(at target: [UInt8]) throws(StorageError) -> Bool {
    try requireOpen()
    unsafe target.withUnsafeBytes { bytes in
      unsafe rocksdb_iter_seek(iterator, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    return try landed()
  }

  /// An iterator that is not valid has either reached the end or failed, and only its status tells which.
  private func landed() throws(StorageError) -> Bool {
    if isValid { return true }
    try StorageError.check { unsafe rocksdb_iter_get_error(iterator, $0) }
    return false
  }

  private func requireOpen() throws(StorageError) {
    if database.isClosed { throw .closed }
  }
}
