import Runtime
import Synchronization

/// Files in memory that know what is synced: enough of a disk to lose things on.
final class MemoryDisk: FileSystem {
  struct File {
    var bytes: [UInt8] = []
    var syncedCount = 0
  }
  struct State {
    var files: [String: File] = [:]
    /// The names, with the contents that they had, as a crash would find them.
    var durableNames: Set<String> = []
    var syncs = 0
    /// Calls that change something; from `failAt` on, each one fails with `failure`.
    var changes = 0
    var failAt = Int.max
    var failure: Int32 = 5
    var isSyncFailing = false
    var capacity = Int.max
    /// Files with a sector that cannot be read.
    var unreadable: Set<String> = []
  }
  private let state = Mutex(State())

  func withState<T: Sendable>(_ body: (inout State) throws -> T) rethrows -> T {
    try state.withLock { try body(&$0) }
  }

  /// What is left after a power cut: of each file the synced part, and as much of the rest as `keep` says.
  func crashed(keep: (_ path: String, _ unsynced: [UInt8]) -> [UInt8] = { _, _ in [] }) -> MemoryDisk {
    let after = MemoryDisk()
    let files = withState { state in state.files.filter { state.durableNames.contains($0.key) } }
    for (path, file) in files.sorted(by: { $0.key < $1.key }) {
      let bytes = Array(file.bytes[..<file.syncedCount]) + keep(path, Array(file.bytes[file.syncedCount...]))
      after.put(path, bytes)
    }
    return after
  }

  /// A file as if it had always been there.
  func put(_ path: String, _ bytes: [UInt8]) {
    withState { state in
      state.files[path] = File(bytes: bytes, syncedCount: bytes.count)
      state.durableNames.insert(path)
    }
  }

  var images: [String: [UInt8]] { withState { $0.files.mapValues(\.bytes) } }

  private func change<T>(
    _ operation: String, _ path: String, _ body: (inout State) throws(FileError) -> T
  ) throws(FileError) -> T {
    try state.withLock { (state) throws(FileError) in
      state.changes += 1
      if state.changes > state.failAt { throw error(operation, path, state.failure) }
      return try body(&state)
    }
  }

  private func error(_ operation: String, _ path: String, _ code: Int32) -> FileError {
    FileError(operation: operation, path: path, code: code, description: "\(operation) \(path): error \(code)")
  }

  private func missing(_ operation: String, _ path: String) -> FileError { error(operation, path, 2) }

  func createDirectory(_ path: String) throws(FileError) {}

  func list(_ path: String) throws(FileError) -> [String] {
    withState { state in
      state.files.keys.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.count + 1)) }.sorted()
    }
  }

  func exists(_ path: String) -> Bool { withState { $0.files[path] != nil } }

  func read(_ path: String) throws(FileError) -> [UInt8] {
    if withState({ $0.unreadable.contains(path) }) { throw error("read", path, 5) }
    guard let file = withState({ $0.files[path] }) else { throw missing("read", path) }
    return file.bytes
  }

  func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    Array(try read(path).dropFirst(Int(clamping: offset)).prefix(count))
  }

  func size(_ path: String) throws(FileError) -> UInt64 { UInt64(try read(path).count) }

  func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    try change("replace", path) { state throws(FileError) in
      try reserve(bytes.count, path, &state)
      state.files[path] = File(bytes: bytes, syncedCount: bytes.count)
      state.durableNames.insert(path)
      state.syncs += 1
    }
  }

  func openForAppend(_ path: String) throws(FileError) -> any AppendFile {
    withState { state in
      if state.files[path] == nil { state.files[path] = File() }
    }
    return Handle(disk: self, path: path)
  }

  func truncate(_ path: String, to size: UInt64) throws(FileError) {
    try change("truncate", path) { state throws(FileError) in
      guard var file = state.files[path] else { throw missing("truncate", path) }
      file.bytes = Array(file.bytes.prefix(Int(clamping: size)))
      file.syncedCount = min(file.syncedCount, file.bytes.count)
      state.files[path] = file
    }
  }

  func rename(_ from: String, to: String) throws(FileError) {
    try change("rename", from) { state throws(FileError) in
      guard let file = state.files.removeValue(forKey: from) else { throw missing("rename", from) }
      state.files[to] = file
    }
  }

  func remove(_ path: String) throws(FileError) {
    try change("remove", path) { state throws(FileError) in
      guard state.files.removeValue(forKey: path) != nil else { throw missing("remove", path) }
      state.durableNames.remove(path)
    }
  }

  func removeTree(_ path: String) throws(FileError) {
    for name in try list(path) { try remove("\(path)/\(name)") }
  }

  func syncDirectory(_ path: String) throws(FileError) {
    try change("syncDirectory", path) { state throws(FileError) in
      state.durableNames = Set(state.files.keys)
    }
  }

  private func reserve(_ count: Int, _ path: String, _ state: inout State) throws(FileError) {
    let used = state.files.values.reduce(0) { $0 + $1.bytes.count }
    if used + count > state.capacity { throw error("write", path, 28) }
  }

  final class Handle: AppendFile {
    private let disk: MemoryDisk
    private let path: String
    init(disk: MemoryDisk, path: String) {
      self.disk = disk
      self.path = path
    }

    var size: UInt64 { disk.withState { UInt64($0.files[path]?.bytes.count ?? 0) } }

    func append(_ bytes: [UInt8]) throws(FileError) {
      try disk.change("append", path) { state throws(FileError) in
        do throws(FileError) {
          try disk.reserve(bytes.count, path, &state)
        } catch {
          // As a real one, it takes what it has room for.
          state.files[path]?.bytes += bytes.prefix(20)
          throw error
        }
        state.files[path]?.bytes += bytes
      }
    }

    /// `DamageTests` put the zeros there themselves.
    func reserve(_ byteCount: Int) throws(FileError) {}

    func sync() throws(FileError) {
      try disk.change("sync", path) { state throws(FileError) in
        if state.isSyncFailing { throw disk.error("sync", path, 5) }
        state.syncs += 1
        let count = state.files[path]?.bytes.count ?? 0
        state.files[path]?.syncedCount = count
      }
    }

    func close() {}
  }
}
