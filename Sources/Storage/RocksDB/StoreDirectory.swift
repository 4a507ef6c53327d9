import Glibc

/// The directory of a store or a checkpoint: what RocksDB does not do for it, and its files as they are sent to a new
/// replica and received there.
struct StoreDirectory {
  private let directory: String
  init(_ directory: String) { self.directory = directory }

  var exists: Bool { unsafe access(directory, F_OK) == 0 }

  /// Makes the directory's own name durable. RocksDB syncs what is in it, but not its parent.
  func syncName() throws(StorageError) { try sync("\(directory)/..") }

  func list() throws(StorageError) -> [StoreFile] {
    guard let stream = unsafe opendir(directory) else { throw failure("opendir", directory) }
    defer { unsafe closedir(stream) }
    var files: [StoreFile] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe String(cString: UnsafeRawPointer(tuple).assumingMemoryBound(to: CChar.self))
      }
      var status = stat()
      guard unsafe stat("\(directory)/\(name)", &status) == 0 else { throw failure("stat", name) }
      // RocksDB's own log and its lock are of no use elsewhere.
      let isRegular = status.st_mode & S_IFMT == S_IFREG
      if isRegular, name != "LOCK", !name.hasPrefix("LOG") {
        files.append(StoreFile(name: name, byteCount: Int(status.st_size)))
      }
    }
    return files.sorted { $0.name < $1.name }
  }

  func read(_ name: String, offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    let descriptor = try unsafe open(path(name), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", name) }
    defer { _ = Glibc.close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: max(0, count))
    var done = 0
    while done < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw failure("pread", name) }
      if got == 0 { break }
      done += got
    }
    bytes.removeSubrange(done...)
    return bytes
  }

  func append(_ bytes: [UInt8], to name: String) throws(StorageError) {
    if unsafe mkdir(directory, 0o755) != 0 && errno != EEXIST { throw failure("mkdir", directory) }
    let descriptor = try unsafe open(path(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("open", name) }
    defer { _ = Glibc.close(descriptor) }
    var done = 0
    while done < bytes.count {
      let written = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
      }
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw failure("write", name) }
      done += written
    }
  }

  /// Makes the files, the directory and its name durable.
  func sync() throws(StorageError) {
    for file in try list() { try sync(path(file.name)) }
    try sync(directory)
    try syncName()
  }

  /// Removes the directory and what RocksDB left in it.
  func remove() throws(StorageError) {
    guard let stream = unsafe opendir(directory) else { return }
    defer { unsafe closedir(stream) }
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe String(cString: UnsafeRawPointer(tuple).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != "..", unsafe unlink("\(directory)/\(name)") != 0 { throw failure("unlink", name) }
    }
    if unsafe rmdir(directory) != 0 && errno != ENOENT { throw failure("rmdir", directory) }
    try syncName()
  }

  private func sync(_ path: String) throws(StorageError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", path) }
    defer { _ = Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
  }

  /// A name comes from another node: it must not lead out of the directory.
  private func path(_ name: String) throws(StorageError) -> String {
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")),
      !name.utf8.contains(0)
    else { throw .missing("\(directory)/\(name)") }
    return "\(directory)/\(name)"
  }

  private func failure(_ operation: String, _ name: String) -> StorageError {
    let code = errno
    let detail = unsafe "\(operation) \(directory) \(name): \(String(cString: strerror(code)))"
    return switch code {
    case ENOENT: .missing(detail)
    case ENOSPC, EDQUOT: .noSpace(detail)
    default: .failed(detail)
    }
  }
}
