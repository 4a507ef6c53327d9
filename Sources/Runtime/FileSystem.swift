/// Files as the durable parts of a node need them. All calls block, so they run on a `BlockingWorker`
/// (start-up may call them directly). Paths are absolute.
package protocol FileSystem: Sendable {
  func createDirectory(_ path: String) throws(FileError)
  /// Names in a directory, sorted; empty where it does not exist.
  func list(_ path: String) throws(FileError) -> [String]
  func exists(_ path: String) -> Bool
  func read(_ path: String) throws(FileError) -> [UInt8]
  /// The `count` bytes at `offset`, fewer at the end of the file.
  func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> [UInt8]
  func size(_ path: String) throws(FileError) -> UInt64
  /// Replaces the file atomically and durably: write aside, sync, rename, sync the directory.
  func replace(_ path: String, with bytes: [UInt8]) throws(FileError)
  /// Creates (or opens, to append at its end) a file. A new name is durable after `syncDirectory`.
  func openForAppend(_ path: String) throws(FileError) -> any AppendFile
  func truncate(_ path: String, to size: UInt64) throws(FileError)
  func rename(_ from: String, to: String) throws(FileError)
  func remove(_ path: String) throws(FileError)
  func removeTree(_ path: String) throws(FileError)
  func syncDirectory(_ path: String) throws(FileError)
}

package protocol AppendFile: AnyObject, Sendable {
  /// Where the next `append` goes.
  var size: UInt64 { get }
  func append(_ bytes: [UInt8]) throws(FileError)
  /// Fills the file with zeros behind its end, that appends then write over: what they change is content alone, so a sync
  /// need not write the file's length and places as well. Who reads the file sees the zeros; this handle's `size` stays.
  ///
  /// After it throws, for want of room perhaps, a part of the zeros may be there, and appends go on as before.
  func reserve(_ byteCount: Int) throws(FileError)
  /// `fdatasync`: everything appended so far is on stable storage when it returns. After it throws, the state of the
  /// file is unknown and the process must end (FAULTS §1.1 row 16).
  func sync() throws(FileError)
  func close()
}

/// A system call on a file failed.
package struct FileError: Error, Sendable, CustomStringConvertible {
  package var operation: String
  package var path: String
  /// The C `errno`.
  package var code: Int32
  package var description: String

  package init(operation: String, path: String, code: Int32, description: String) {
    self.operation = operation
    self.path = path
    self.code = code
    self.description = description
  }
}
