/// Why the engine could not do as asked; one case for each way to react.
package enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The store was closed before or during the call: a replica that is going away, nothing to report.
  case closed
  /// Another handle has this directory open, in this process or another one.
  case busy(String)
  /// There is no store, or no file, of this name.
  case missing(String)
  /// Bytes on disk are not what was written. The replica must be rebuilt from its peers; never go on with the rest.
  case corrupt(String)
  /// The disk is full. The store stays readable; writes fail until there is room, which RocksDB looks for every few
  /// seconds.
  case noSpace(String)
  /// Any other failure of the engine or the operating system.
  case failed(String)

  package var description: String {
    switch self {
    case .closed: "the store is closed"
    case .busy(let detail): "the store is in use: \(detail)"
    case .missing(let detail): "no such store or file: \(detail)"
    case .corrupt(let detail): "the store is corrupt: \(detail)"
    case .noSpace(let detail): "no space left for the store: \(detail)"
    case .failed(let detail): "the storage engine failed: \(detail)"
    }
  }
}
