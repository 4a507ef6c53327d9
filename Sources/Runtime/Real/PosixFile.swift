#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An open file descriptor. Letting go of it closes the file.
struct PosixFile: ~Copyable {
  let descriptor: Int32
  let path: String

  /// - Parameter flags: of `open(2)`; close-on-exec is added.
  init(opening path: String, flags: Int32) throws(FileError) {
    self.path = path
    descriptor = try retrying("open", path) { open(path, flags | O_CLOEXEC, 0o644) }
  }

  // The result of `close` is not looked at: what had to be durable was synced before, and after an error the descriptor
  // is gone all the same.
  deinit { close(descriptor) }

  borrowing func size() throws(FileError) -> UInt64 {
    var status = stat()
    _ = try retrying("fstat", path) { fstat(descriptor, &status) }
    return UInt64(max(0, status.st_size))
  }

  /// Writes all of it.
  /// - Parameters:
  ///   - offset: in bytes from the start of the file.
  ///   - written: counts the bytes that reached the file, also when it throws.
  borrowing func write(_ bytes: [UInt8], at offset: UInt64 = 0, written: inout Int) throws(FileError) {
    written = 0
    guard let position = off_t(exactly: offset) else { throw FileError(errno: EFBIG, operation: "pwrite", path: path) }
    while written < bytes.count {
      let start = written
      let count = try retrying("pwrite", path) {
        bytes.withUnsafeBytes {
          pwrite(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start, position + off_t(start))
        }
      }
      // A regular file takes at least a byte, or says why not.
      if count == 0 { throw FileError(errno: EIO, operation: "pwrite", path: path) }
      written += count
    }
  }

  /// The bytes at `offset`, fewer at the end of the file.
  borrowing func read(offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    guard count > 0 else { return [] }
    guard let position = off_t(exactly: offset), position.addingReportingOverflow(off_t(count)).overflow == false else {
      return []
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let start = filled
      let got = try retrying("pread", path) {
        bytes.withUnsafeMutableBytes {
          pread(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start, position + off_t(start))
        }
      }
      if got == 0 { break }
      filled += got
    }
    if filled < count { bytes.removeLast(count - filled) }
    return bytes
  }

  /// Content, and what is needed to find it again, on stable storage.
  borrowing func syncData() throws(FileError) {
    _ = try retrying("fdatasync", path) { fdatasync(descriptor) }
  }

  borrowing func syncAll() throws(FileError) {
    _ = try retrying("fsync", path) { fsync(descriptor) }
  }

  borrowing func truncate(to size: UInt64) throws(FileError) {
    guard let length = off_t(exactly: size) else { throw FileError(errno: EFBIG, operation: "ftruncate", path: path) }
    _ = try retrying("ftruncate", path) { ftruncate(descriptor, length) }
  }
}

/// Runs a system call again for as long as a signal interrupts it.
func retrying<T: SignedInteger>(
  _ operation: String, _ path: String, _ call: () -> T
) throws(FileError) -> T {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw FileError(errno: code, operation: operation, path: path) }
  }
}

extension FileError {
  init(errno code: Int32, operation: String, path: String) {
    let reason = String(cString: strerror(code))
    self.init(operation: operation, path: path, code: code, description: "\(operation) \(path): \(reason)")
  }
}
