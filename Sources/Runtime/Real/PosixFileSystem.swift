import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The operating system's files.
package struct PosixFileSystem: FileSystem {
  package init() {}

  /// Makes the directory and those above it; fine if it is there already. Durable once the directory above is synced.
  package func createDirectory(_ path: String) throws(FileError) {
    if mkdir(path, 0o755) == 0 { return }
    let code = errno
    switch code {
    case EEXIST where isDirectory(path): return
    case ENOENT where parent(of: path) != path:
      try createDirectory(parent(of: path))
      if mkdir(path, 0o755) != 0, errno != EEXIST { throw FileError(errno: errno, operation: "mkdir", path: path) }
    default: throw FileError(errno: code, operation: "mkdir", path: path)
    }
  }

  package func list(_ path: String) throws(FileError) -> [String] {
    guard let directory = opendir(path) else {
      let code = errno
      if code == ENOENT { return [] }
      throw FileError(errno: code, operation: "opendir", path: path)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      // `readdir` reports an error only through errno.
      errno = 0
      guard let entry = readdir(directory) else {
        let code = errno
        if code != 0 { throw FileError(errno: code, operation: "readdir", path: path) }
        break
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  package func read(_ path: String) throws(FileError) -> [UInt8] {
    let file = try PosixFile(opening: path, flags: O_RDONLY)
    let size = try file.size()
    guard let count = Int(exactly: size) else { throw FileError(errno: EFBIG, operation: "read", path: path) }
    return try file.read(offset: 0, count: count)
  }

  package func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    let file = try PosixFile(opening: path, flags: O_RDONLY)
    let size = try file.size()
    guard offset < size else { return [] }
    // A caller's count may come from a damaged file; what is not there is not allocated.
    return try file.read(offset: offset, count: Int(min(UInt64(max(0, count)), size - offset)))
  }

  package func size(_ path: String) throws(FileError) -> UInt64 {
    try PosixFile(opening: path, flags: O_RDONLY).size()
  }

  package func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    let aside = path + ".new"
    do throws(FileError) {
      let file = try PosixFile(opening: aside, flags: O_WRONLY | O_CREAT | O_TRUNC)
      var written = 0
      try file.write(bytes, written: &written)
      try file.syncAll()
    } catch {
      unlink(aside)
      throw error
    }
    try rename(aside, to: path)
    try syncDirectory(parent(of: path))
  }

  package func openForAppend(_ path: String) throws(FileError) -> any AppendFile {
    try PosixAppendFile(path)
  }

  package func truncate(_ path: String, to size: UInt64) throws(FileError) {
    let file = try PosixFile(opening: path, flags: O_WRONLY)
    try file.truncate(to: size)
    try file.syncAll()
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    _ = try retrying("rename", from) { renameFile(from, to) }
  }

  package func remove(_ path: String) throws(FileError) {
    _ = try retrying("unlink", path) { unlink(path) }
  }

  package func removeTree(_ path: String) throws(FileError) {
    var status = stat()
    if lstat(path, &status) != 0 {
      let code = errno
      if code == ENOENT { return }
      throw FileError(errno: code, operation: "lstat", path: path)
    }
    // A symbolic link is removed, never followed.
    guard status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
    for name in try list(path) { try removeTree(path + "/" + name) }
    _ = try retrying("rmdir", path) { rmdir(path) }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    try PosixFile(opening: path, flags: O_RDONLY | O_DIRECTORY).syncAll()
  }

  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

private func renameFile(_ from: String, _ to: String) -> Int32 { rename(from, to) }

/// The directory that holds `path`.
func parent(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A file that grows at its end.
private final class PosixAppendFile: AppendFile {
  private struct State: ~Copyable {
    var file: PosixFile?
    var size: UInt64
  }
  private let path: String
  private let state: Mutex<State>

  init(_ path: String) throws(FileError) {
    self.path = path
    let file = try PosixFile(opening: path, flags: O_WRONLY | O_CREAT)
    let size = try file.size()
    state = Mutex(State(file: file, size: size))
  }

  var size: UInt64 { state.withLock { $0.size } }

  /// After it throws, a part of the bytes may be in the file; `size` counts them.
  func append(_ bytes: [UInt8]) throws(FileError) {
    let path = path
    try state.withLock { (state) throws(FileError) in
      guard state.file != nil else { throw FileError(errno: EBADF, operation: "write", path: path) }
      var written = 0
      defer { state.size += UInt64(written) }
      try state.file?.write(bytes, at: state.size, written: &written)
    }
  }

  func reserve(_ byteCount: Int) throws(FileError) {
    let path = path
    try state.withLock { (state) throws(FileError) in
      guard state.file != nil else { throw FileError(errno: EBADF, operation: "pwrite", path: path) }
      let zeros = [UInt8](repeating: 0, count: min(byteCount, 256 << 10))
      var offset = state.size
      let end = state.size + UInt64(byteCount)
      while offset < end {
        let piece = UInt64(zeros.count) <= end - offset ? zeros : Array(zeros.prefix(Int(end - offset)))
        var written = 0
        try state.file?.write(piece, at: offset, written: &written)
        offset += UInt64(written)
      }
    }
  }

  func sync() throws(FileError) {
    let path = path
    try state.withLock { (state) throws(FileError) in
      guard state.file != nil else { throw FileError(errno: EBADF, operation: "fdatasync", path: path) }
      try state.file?.syncData()
    }
  }

  func close() {
    state.withLock { $0.file = nil }
  }
}
