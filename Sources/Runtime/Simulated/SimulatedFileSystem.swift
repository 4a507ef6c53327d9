#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A node's files, on its simulated disk.
struct SimulatedFileSystem: FileSystem {
  let disk: SimulatedDisk

  func createDirectory(_ path: String) throws(FileError) { try disk.createDirectory(path) }
  func list(_ path: String) throws(FileError) -> [String] { disk.list(path) }
  func exists(_ path: String) -> Bool { disk.file(path) != nil || disk.isDirectory(path) }
  func read(_ path: String) throws(FileError) -> [UInt8] { try disk.read(path, offset: 0, count: .max) }
  func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    try disk.read(path, offset: offset, count: count)
  }
  func size(_ path: String) throws(FileError) -> UInt64 { UInt64(try disk.open(path).content.count) }
  func replace(_ path: String, with bytes: [UInt8]) throws(FileError) { try disk.replace(path, with: bytes) }
  func openForAppend(_ path: String) throws(FileError) -> any AppendFile {
    SimulatedAppendFile(path: path, file: try disk.openOrCreate(path), disk: disk)
  }
  func truncate(_ path: String, to size: UInt64) throws(FileError) { try disk.truncate(path, to: size) }
  func rename(_ from: String, to: String) throws(FileError) { try disk.rename(from, to: to) }
  func remove(_ path: String) throws(FileError) { try disk.remove(path) }
  func removeTree(_ path: String) throws(FileError) { disk.removeTree(path) }
  func syncDirectory(_ path: String) throws(FileError) { try disk.syncDirectory(path) }
}

private final class SimulatedAppendFile: AppendFile, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  private let path: String
  private let file: SimulatedFile
  private let disk: SimulatedDisk
  private let generation: Int
  private var isOpen = true
  private var end: Int

  init(path: String, file: SimulatedFile, disk: SimulatedDisk) {
    self.path = path
    self.file = file
    self.disk = disk
    generation = disk.generation
    end = file.content.count
  }

  var size: UInt64 { UInt64(end) }

  func append(_ bytes: [UInt8]) throws(FileError) {
    try check("pwrite")
    let written = disk.write(bytes, to: file, at: end)
    end += written
    if written < bytes.count { throw FileError(errno: ENOSPC, operation: "pwrite", path: path) }
  }

  func reserve(_ byteCount: Int) throws(FileError) {
    try check("pwrite")
    let written = disk.write([UInt8](repeating: 0, count: byteCount), to: file, at: end)
    if written < byteCount { throw FileError(errno: ENOSPC, operation: "pwrite", path: path) }
  }

  func sync() throws(FileError) {
    try check("fdatasync")
    try disk.sync(file, path: path)
  }

  func close() { isOpen = false }

  private func check(_ operation: String) throws(FileError) {
    // A handle from before a crash belongs to a process that is gone.
    guard isOpen, generation == disk.generation else { throw FileError(errno: EBADF, operation: operation, path: path) }
  }
}
