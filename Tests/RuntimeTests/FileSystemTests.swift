import Runtime
import Testing

/// One file system of each kind, with a directory to play in.
struct FileSystemCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let make: @Sendable () -> (files: any FileSystem, root: String)

  static let all = [
    FileSystemCase(testDescription: "POSIX") {
      let files = PosixFileSystem()
      return (files, "/tmp/apus-files-\(RealRandom().next())")
    },
    FileSystemCase(testDescription: "simulated") {
      let world = SimulatedWorld(seed: 1)
      // The world must live as long as its files.
      return (OwnedFiles(world: world, files: world.makeRuntime(node: 1).files), "/data")
    },
  ]
}

/// Keeps a simulated world alive for as long as its file system is used.
struct OwnedFiles: FileSystem {
  let world: SimulatedWorld
  let files: any FileSystem
  func createDirectory(_ path: String) throws(FileError) { try files.createDirectory(path) }
  func list(_ path: String) throws(FileError) -> [String] { try files.list(path) }
  func exists(_ path: String) -> Bool { files.exists(path) }
  func read(_ path: String) throws(FileError) -> [UInt8] { try files.read(path) }
  func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    try files.read(path, offset: offset, count: count)
  }
  func size(_ path: String) throws(FileError) -> UInt64 { try files.size(path) }
  func replace(_ path: String, with bytes: [UInt8]) throws(FileError) { try files.replace(path, with: bytes) }
  func openForAppend(_ path: String) throws(FileError) -> any AppendFile { try files.openForAppend(path) }
  func truncate(_ path: String, to size: UInt64) throws(FileError) { try files.truncate(path, to: size) }
  func rename(_ from: String, to: String) throws(FileError) { try files.rename(from, to: to) }
  func remove(_ path: String) throws(FileError) { try files.remove(path) }
  func removeTree(_ path: String) throws(FileError) { try files.removeTree(path) }
  func syncDirectory(_ path: String) throws(FileError) { try files.syncDirectory(path) }
}

@Suite("Files, real and simulated alike")
struct FileSystemTests {
  private func code(_ body: () throws(FileError) -> Void) -> Int32? {
    do {
      try body()
      return nil
    } catch {
      return error.code
    }
  }
  private let notFound: Int32 = 2

  @Test("What is appended is read back, whole and in parts", arguments: FileSystemCase.all)
  func append(kind: FileSystemCase) throws {
    let (files, root) = kind.make()
    try files.createDirectory(root + "/a/b")
    let path = root + "/a/b/log"
    let file = try files.openForAppend(path)
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try file.append(Array(bytes[..<4000]))
    try file.append([])
    try file.append(Array(bytes[4000...]))
    try file.sync()
    try files.syncDirectory(root + "/a/b")
    #expect(file.size == 10_000)
    #expect(try files.size(path) == 10_000)
    #expect(try files.read(path) == bytes)
    #expect(try files.read(path, offset: 3990, count: 20) == Array(bytes[3990..<4010]))
    #expect(try files.read(path, offset: 9990, count: .max) == Array(bytes[9990...]))
    #expect(try files.read(path, offset: 10_000, count: 1) == [])
    #expect(try files.read(path, offset: .max, count: 1) == [])
    file.close()
    #expect(code { () throws(FileError) in try file.append([1]) } != nil)

    let again = try files.openForAppend(path)
    #expect(again.size == 10_000)
    try again.append([1])
    #expect(try files.size(path) == 10_001)

    // Zeros behind the end are written over, and are not part of what this handle has appended.
    try again.reserve(600_000)
    #expect(again.size == 10_001)
    #expect(try files.size(path) == 610_001)
    try again.append([2, 3])
    try again.sync()
    #expect(again.size == 10_003)
    #expect(try files.size(path) == 610_001)
    #expect(try files.read(path, offset: 10_000, count: 5) == [1, 2, 3, 0, 0])
    #expect(try files.read(path, offset: 10_003, count: .max).allSatisfy { $0 == 0 })
    try files.truncate(path, to: 5)
    #expect(try files.read(path) == Array(bytes[..<5]))
    try files.removeTree(root)
    #expect(!files.exists(path) && !files.exists(root))
  }

  @Test("Replacing, renaming, listing and removing", arguments: FileSystemCase.all)
  func names(kind: FileSystemCase) throws {
    let (files, root) = kind.make()
    #expect(try files.list(root) == [])
    try files.createDirectory(root)
    try files.createDirectory(root)
    try files.replace(root + "/vote", with: [1, 2, 3])
    try files.replace(root + "/vote", with: [4])
    #expect(try files.read(root + "/vote") == [4])
    _ = try files.openForAppend(root + "/b")
    try files.createDirectory(root + "/a")
    _ = try files.openForAppend(root + "/a/x")
    #expect(try files.list(root) == ["a", "b", "vote"])
    try files.rename(root + "/b", to: root + "/vote")
    #expect(try files.list(root) == ["a", "vote"])
    #expect(try files.read(root + "/vote") == [])
    try files.rename(root + "/a", to: root + "/c")
    #expect(try files.list(root + "/c") == ["x"])
    try files.remove(root + "/vote")
    try files.removeTree(root + "/c")
    try files.removeTree(root + "/c")
    #expect(try files.list(root) == [])
    try files.removeTree(root)
  }

  @Test("What is missing is reported with its errno", arguments: FileSystemCase.all)
  func missing(kind: FileSystemCase) throws {
    let (files, root) = kind.make()
    try files.createDirectory(root)
    let path = root + "/none"
    #expect(!files.exists(path))
    #expect(code { () throws(FileError) in _ = try files.read(path) } == notFound)
    #expect(code { () throws(FileError) in _ = try files.size(path) } == notFound)
    #expect(code { () throws(FileError) in try files.remove(path) } == notFound)
    #expect(code { () throws(FileError) in try files.rename(path, to: root + "/x") } == notFound)
    #expect(code { () throws(FileError) in _ = try files.openForAppend(path + "/x") } == notFound)
    #expect(code { () throws(FileError) in try files.replace(path + "/x", with: []) } == notFound)
    #expect(code { () throws(FileError) in try files.syncDirectory(path) } == notFound)
    try files.removeTree(root)
  }
}
