import Keys
import Synchronization

/// A store of the in-memory twin.
final class MemoryStore: Store {
  private struct State {
    var contents: SortedMap
    var applied: Frontier?
    var flushed: Frontier?
    var memtableBytes = 0
    var diskBytes = 0
    var retention = Retention()
    var isClosed = false
    /// A flush found no room, and none has succeeded since.
    var isStuck = false
  }

  let directory: String
  private let engine: MemoryStorageEngine
  private let state: Mutex<State>
  let rows: RowCache.Part

  init(engine: MemoryStorageEngine, directory: String, image: MemoryStorageEngine.Image, rows: RowCache.Part) {
    self.rows = rows
    self.engine = engine
    self.directory = directory
    state = Mutex(State(contents: image.contents, applied: image.frontier, flushed: image.frontier))
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    try withOpen { state in state.contents[family.stored(key)] }
  }

  func write(_ batch: borrowing WriteBatch, frontier: Frontier) throws(StorageError) {
    let batch = copy batch
    let isFull = engine.isFull
    try withOpen { state throws(StorageError) in
      if state.isStuck, isFull { throw .noSpace(directory) }
      frontier.requireNotBefore(state.applied)
      for change in batch.changes {
        let key = Array(batch.bytes[change.start..<change.start + change.keyCount])
        if change.isDeletion {
          state.contents.remove(key)
        } else {
          let valueStart = change.start + change.keyCount
          state.contents.set(key, to: Array(batch.bytes[valueStart..<valueStart + change.valueCount]))
        }
      }
      state.applied = frontier
      state.memtableBytes += batch.byteCount + 32 * batch.count
    }
    rows.wrote(batch)
  }

  var appliedFrontier: Frontier? { state.withLock(\.applied) }
  var flushedFrontier: Frontier? { state.withLock(\.flushed) }
  var memtableBytes: Int { state.withLock(\.memtableBytes) }
  var approximateSize: Int { state.withLock(\.diskBytes) }

  func cursor(
    _ family: ColumnFamily, lower: [UInt8], upper: [UInt8]?, pointPrefix: [UInt8]?
  ) throws(StorageError) -> Cursor {
    let range = KeyRange(family, lower: lower, upper: upper, pointPrefix: pointPrefix)
    return try withOpen { state throws(StorageError) in
      let iterator = MemoryIterator(store: self, contents: state.contents, range: range)
      return Cursor(.memory(iterator))
    }
  }

  func documentCursor(_ family: ColumnFamily) throws(StorageError) -> Cursor {
    try cursor(family, lower: [], upper: nil, pointPrefix: nil)
  }

  func flush() throws(StorageError) {
    try withOpen { state throws(StorageError) in
      try persist(&state)
    }
  }

  func checkpoint(to directory: String) throws(StorageError) {
    try withOpen { state throws(StorageError) in
      try persist(&state)
      try engine.add(.init(contents: state.contents, frontier: state.applied), at: directory)
    }
  }

  func setHistoryCutoff(_ time: HybridTime) {
    state.withLock { $0.retention.cutoff = max($0.retention.cutoff, time) }
  }

  var historyCutoff: HybridTime { state.withLock(\.retention.cutoff) }

  func setBounds(lower: [UInt8], upper: [UInt8]?) {
    state.withLock { state in
      state.retention.lower = lower
      state.retention.upper = upper
    }
  }

  func compact() throws(StorageError) {
    try withOpen { state throws(StorageError) in
      var pass = RetentionPass(state.retention, isFull: true)
      state.contents.filter { entry in
        guard let family = entry.key.first.flatMap(ColumnFamily.init) else { return true }
        return pass.keeps(family, key: entry.key.span.extracting(1...), tag: entry.value.first)
      }
      try persist(&state)
    }
  }

  func close() {
    abandon()
    engine.closed(self)
  }

  /// Refuses calls from now on; the engine knows already.
  func abandon() {
    state.withLock { $0.isClosed = true }
  }

  var isClosed: Bool { state.withLock(\.isClosed) }

  private func persist(_ state: inout State) throws(StorageError) {
    state.isStuck = true
    try engine.persist(.init(contents: state.contents, frontier: state.applied), of: self)
    state.isStuck = false
    state.flushed = state.applied
    state.memtableBytes = 0
    state.diskBytes = 0
    state.contents.forEach { state.diskBytes += $0.key.count + $0.value.count }
  }

  private func withOpen<T: ~Copyable>(
    _ body: (inout sending State) throws(StorageError) -> sending T
  ) throws(StorageError) -> sending T {
    try state.withLock { (state) throws(StorageError) in
      if state.isClosed { throw .closed }
      return try body(&state)
    }
  }
}

extension Frontier {
  /// A frontier that goes back means that the caller applies entries twice or out of order.
  func requireNotBefore(_ applied: Frontier?) {
    if let applied {
      precondition(index >= applied.index, "frontier \(index) cannot follow \(applied.index)")
    }
  }
}
