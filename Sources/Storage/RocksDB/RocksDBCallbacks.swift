import CRocksDB
import Synchronization

// What RocksDB calls back: the prefix extractor for the bloom filters and the compaction filter. All of it runs on
// RocksDB's background threads, on every key of a file, and allocates nothing per key.

/// The limits of one store, shared with its compaction filters. RocksDB's factory holds it, and releases it at close.
final class SharedRetention: Sendable {
  private let retention = Mutex(Retention())

  var current: Retention { retention.withLock { $0 } }
  func update(_ change: (inout Retention) -> Void) { retention.withLock { change(&$0) } }
}

/// The rule as it runs over one compaction (or one part of it, in key order, on one thread).
private final class FilterPass {
  private var pass: RetentionPass
  init(_ retention: Retention, isFull: Bool) { pass = RetentionPass(retention, isFull: isFull) }

  func keeps(_ stored: Span<UInt8>, tag: UInt8?) -> Bool {
    guard stored.count > 0, let family = ColumnFamily(rawValue: stored[0]) else { return true }
    return pass.keeps(family, key: stored.extracting(1...), tag: tag)
  }
}

/// A string that lives as long as the program, as C wants it.
private func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

private func bytes(_ start: UnsafePointer<CChar>?, _ count: Int) -> UnsafeBufferPointer<UInt8> {
  unsafe UnsafeRawBufferPointer(start: start, count: count).bindMemory(to: UInt8.self)
}

/// A factory of compaction filters that go by `retention`. RocksDB owns what is returned once it is in the options.
func makeCompactionFilterFactory(_ retention: SharedRetention) -> OpaquePointer {
  unsafe rocksdb_compactionfilterfactory_create(
    Unmanaged.passRetained(retention).toOpaque(),
    { state in unsafe Unmanaged<SharedRetention>.fromOpaque(state!).release() },
    { state, context in
      let retention = unsafe Unmanaged<SharedRetention>.fromOpaque(state!).takeUnretainedValue()
      let isFull = unsafe rocksdb_compactionfiltercontext_is_full_compaction(context) != 0
      let pass = FilterPass(retention.current, isFull: isFull)
      return unsafe rocksdb_compactionfilter_create(
        Unmanaged.passRetained(pass).toOpaque(),
        { pass in unsafe Unmanaged<FilterPass>.fromOpaque(pass!).release() },
        { pass, _, key, keyCount, value, valueCount, _, _, _ in
          let key = unsafe Span(_unsafeElements: bytes(key, keyCount))
          let tag = unsafe bytes(value, valueCount).first
          let isKept = unsafe Unmanaged<FilterPass>.fromOpaque(pass!)._withUnsafeGuaranteedRef {
            $0.keeps(key, tag: tag)
          }
          return isKept ? 0 : 1
        },
        { _ in unsafe cString("apus.retention") })
    },
    { _ in unsafe cString("apus.retention") })
}

/// A version's stored key without time and write id, for the bloom filters. RocksDB owns what is returned once it is in
/// the options. The name is written into the files: a change of the rule needs a new name.
func makeDocumentKeyExtractor() -> OpaquePointer {
  unsafe rocksdb_slicetransform_create(
    nil, { _ in },
    { _, key, count, prefixCount in
      // Iterators ask for keys outside of the domain, too.
      unsafe prefixCount!.pointee = max(0, count - VersionedKey.suffixByteCount)
      return unsafe UnsafeMutablePointer(mutating: key)
    },
    { _, key, count in
      let stored = unsafe Span(_unsafeElements: bytes(key, count))
      guard let first = stored.indices.first, ColumnFamily(rawValue: stored[first]) != nil else { return 0 }
      return VersionedKey.isReserved(stored.extracting(1...)) ? 0 : 1
    },
    { _, _, _ in 0 },
    { _ in unsafe cString("apus.document-key.1") })
}
