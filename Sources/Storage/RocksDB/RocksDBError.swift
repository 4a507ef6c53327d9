import CRocksDB

extension StorageError {
  /// Calls a RocksDB function that reports errors by a message, and throws what it reports.
  @safe static func check<T>(
    _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> T
  ) throws(StorageError) -> T {
    var message: UnsafeMutablePointer<CChar>? = nil
    let result = unsafe call(&message)
    if let message = unsafe message {
      defer { unsafe rocksdb_free(message) }
      throw unsafe StorageError(message: String(cString: message))
    }
    return result
  }

  /// RocksDB's C interface gives the text of a `Status`, whose beginning names its code.
  init(message: String) {
    if message.hasPrefix("Corruption") {
      self = .corrupt(message)
    } else if message.contains("No space left on device") {
      self = .noSpace(message)
    } else if message.hasPrefix("Shutdown in progress") {
      self = .closed
    } else if message.contains("/LOCK:") {
      self = .busy(message)
    } else {
      self = .failed(message)
    }
  }
}
