import Synchronization

/// The in-memory twin of `RocksDBEngine`: the same promises, including what a crash loses. It stands in for a node's
/// disk under simulation, where each node has one of its own. Deterministic; nothing runs in the background.
package final class MemoryStorageEngine: StorageEngine {
  /// What is "on disk" in one directory: the contents at the last completed flush.
  struct Image: Sendable {
    var contents = SortedMap()
    var frontier: Frontier?
  }

  private struct State {
    var images: [String: Image] = [:]
    var open: [String: MemoryStore] = [:]
    /// Checkpoints that are being received: file name to bytes.
    var incoming: [String: [String: [UInt8]]] = [:]
    var isFull = false
  }
  private let state = Mutex(State())
  /// Small, so that its entries come and go also where there are few documents.
  package let rows = RowCache(bytesMax: 256 << 10)

  package init() {}

  package func openStore(at directory: String, options: StoreOptions) throws(StorageError) -> any Store {
    try state.withLock { (state) throws(StorageError) in
      if state.open[directory] != nil { throw .busy(directory) }
      let image = state.images[directory] ?? Image()
      state.images[directory] = image
      let store = MemoryStore(engine: self, directory: directory, image: image, rows: rows.part())
      state.open[directory] = store
      return store
    }
  }

  package func destroyStore(at directory: String) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      if state.open[directory] != nil { throw .busy(directory) }
      state.images[directory] = nil
      state.incoming[directory] = nil
    }
  }

  /// The node's process dies: its stores forget what they did not flush, their handles throw `closed` from now on, and
  /// the directories can be opened again. A checkpoint that was being received is lost.
  package func crash() {
    let stores = state.withLock { state in
      defer {
        state.open = [:]
        state.incoming = [:]
      }
      return Array(state.open.values)
    }
    for store in stores { store.abandon() }
  }

  /// The disk takes no more, or does again: meanwhile flushes fail, and after a failed flush also writes, as RocksDB's do.
  package var isFull: Bool {
    get { state.withLock(\.isFull) }
    set { state.withLock { $0.isFull = newValue } }
  }

  /// The directories that hold a store, sorted.
  package var directories: [String] { state.withLock { $0.images.keys.sorted() } }

  // MARK: What stores ask of it

  /// Replaces the durable contents of a store, unless it was closed or has crashed meanwhile.
  func persist(_ image: Image, of store: MemoryStore) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      guard state.open[store.directory] === store else { throw .closed }
      if state.isFull { throw .noSpace(store.directory) }
      state.images[store.directory] = image
    }
  }

  func add(_ image: Image, at directory: String) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      if state.images[directory] != nil { throw .busy("\(directory) exists") }
      if state.isFull { throw .noSpace(directory) }
      state.images[directory] = image
    }
  }

  func closed(_ store: MemoryStore) {
    state.withLock { state in
      if state.open[store.directory] === store { state.open[store.directory] = nil }
    }
  }

  // MARK: Checkpoint files

  private static let imageName = "image"

  package func files(at directory: String) throws(StorageError) -> [StoreFile] {
    [StoreFile(name: Self.imageName, byteCount: try image(at: directory).encoded.count)]
  }

  package func readFile(
    _ name: String, at directory: String, offset: Int, count: Int
  ) throws(StorageError) -> [UInt8] {
    guard name == Self.imageName else { throw .missing("\(directory)/\(name)") }
    return Array(try image(at: directory).encoded.dropFirst(max(0, offset)).prefix(max(0, count)))
  }

  package func appendFile(_ name: String, at directory: String, bytes: [UInt8]) throws(StorageError) {
    guard name == Self.imageName else { throw .missing("\(directory)/\(name)") }
    state.withLock { $0.incoming[directory, default: [:]][name, default: []] += bytes }
  }

  package func finishReceiving(at directory: String) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      guard let bytes = state.incoming[directory]?[Self.imageName] else {
        throw .missing("\(directory)/\(Self.imageName)")
      }
      if state.images[directory] != nil { throw .busy("\(directory) exists") }
      state.images[directory] = try Image(decoding: bytes)
      state.incoming[directory] = nil
    }
  }

  private func image(at directory: String) throws(StorageError) -> Image {
    guard let image = state.withLock({ $0.images[directory] }) else { throw .missing(directory) }
    return image
  }
}

extension MemoryStorageEngine.Image {
  /// A flag and the frontier, then each entry with the lengths of key and value before it, 4 bytes little-endian each.
  var encoded: [UInt8] {
    var bytes: [UInt8] = [frontier == nil ? 0 : 1]
    if let frontier { bytes += frontier.encoded }
    func append(_ part: [UInt8]) {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: part.count >> shift)) }
      bytes += part
    }
    contents.forEach { entry in
      append(entry.key)
      append(entry.value)
    }
    return bytes
  }

  init(decoding bytes: [UInt8]) throws(StorageError) {
    var rest = bytes[...]
    func take(_ count: Int) throws(StorageError) -> [UInt8] {
      guard count <= rest.count else { throw .corrupt("a store's image ends early") }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    func takePart() throws(StorageError) -> [UInt8] {
      try take(try take(4).reversed().reduce(0) { $0 << 8 | Int($1) })
    }
    if try take(1) == [1] { frontier = try Frontier(decoding: take(Frontier.byteCount)) }
    while !rest.isEmpty { contents.set(try takePart(), to: try takePart()) }
  }
}
