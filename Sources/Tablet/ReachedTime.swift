import Coding
import Keys
import Raft
import Runtime
import Synchronization
import WriteAheadLog

/// The greatest hybrid time of a write that this node has on disk, so that its clock goes on behind it after a restart,
/// also where the wall clock was set back meanwhile.
///
/// Writes are in the log until their tablet was flushed, and the newest entries tell the time. Before a flush lets the log
/// go, the time of what it covers is written to a file of the node.
///
/// Format: version byte `1` · hybrid time (8).
package final class ReachedTime: Sendable {
  private let path: String
  private let files: any FileSystem
  private let saved: Mutex<HybridTime>

  private static let formatVersion: UInt8 = 1

  /// - Throws: `FileError`, `CodingError` where the file cannot be read.
  package init(directory: String, files: any FileSystem) throws {
    path = "\(directory)/reached-time"
    self.files = files
    var time = HybridTime.zero
    if files.exists(path) {
      var reader = ByteReader(try files.read(path))
      guard try reader.readByte() == Self.formatVersion else {
        throw CodingError.malformed(what: "reached time version")
      }
      time = HybridTime(rawValue: try reader.readFixed())
    }
    saved = Mutex(time)
  }

  /// What the file says, and what the log says.
  package func latest(with log: LogRecovery) -> HybridTime {
    log.groups.values.reduce(saved.withLock { $0 }) { max($0, $1.latestTime) }
  }

  /// Returns when a time at or after this one is on stable storage. Blocks.
  package func save(_ time: HybridTime) throws(FileError) {
    try saved.withLock { saved throws(FileError) in
      guard time > saved else { return }
      var writer = ByteWriter()
      writer.write(Self.formatVersion)
      writer.writeFixed(time.rawValue)
      try files.replace(path, with: writer.bytes)
      saved = time
    }
  }
}

extension RecoveredGroup {
  /// The time of the newest write in the log: times grow with it. What cannot be read is found out when the tablet opens.
  fileprivate var latestTime: HybridTime {
    for record in entries.reversed() {
      guard let entry = try? Entry(decoding: record.payload), case .command(let bytes) = entry.payload,
        let last = try? LogCommand(decoding: bytes).writes.last
      else { continue }
      return last.time
    }
    return .zero
  }
}
