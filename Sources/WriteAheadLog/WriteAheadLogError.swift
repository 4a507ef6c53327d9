import Glibc
import Runtime

/// Why the log cannot go on.
package enum WriteAheadLogError: Error, Sendable, CustomStringConvertible {
  /// The disk (or the quota) is full. What was acknowledged is safe; the node can start again when there is space.
  case diskFull(FileError)
  /// Writing or syncing failed. What the file holds now is unknown, so the process must end (FAULTS §1.1 row 16).
  case writeFailed(FileError)
  /// An entry that was readable before is not any more: the group is damaged.
  case corrupt(group: UInt64, index: UInt64)
  /// The log was written by a version that this one does not know, or is no log at all.
  case unknownFormat(path: String)
  /// A segment belongs to another node's log.
  case foreignSegment(path: String)

  init(_ error: FileError) {
    self = error.isOutOfSpace ? .diskFull(error) : .writeFailed(error)
  }

  package var description: String {
    switch self {
    case .diskFull(let error): "no space for the write-ahead log: \(error)"
    case .writeFailed(let error): "the write-ahead log cannot be written: \(error)"
    case .corrupt(let group, let index): "entry \(index) of group \(group) cannot be read back"
    case .unknownFormat(let path): "\(path) is not a log segment that this version can read"
    case .foreignSegment(let path): "\(path) belongs to another log"
    }
  }
}

extension FileError {
  package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }
  var isInputOutputError: Bool { code == EIO }
  var isMissingFile: Bool { code == ENOENT }
}
