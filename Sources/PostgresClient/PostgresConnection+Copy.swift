import CLibPQ
import Foundation

/// `COPY FROM STDIN` and `COPY TO STDOUT`.
extension PostgresConnection {
  /// Sends bytes of `COPY` data, cut as it pleases the caller.
  package func sendCopy(_ bytes: [UInt8]) throws(PostgresError) {
    let sent = bytes.withUnsafeBytes { buffer in
      PQputCopyData(handle, buffer.bindMemory(to: CChar.self).baseAddress, Int32(clamping: buffer.count))
    }
    guard sent == 1 else { throw connectionError() }
  }

  /// Ends `COPY FROM STDIN`; the server's answer is the next result.
  /// - Parameter error: why the copy must fail; nil where all data was sent.
  package func finishCopy(error: String? = nil) throws(PostgresError) {
    guard PQputCopyEnd(handle, error) == 1 else { throw connectionError() }
  }

  /// The next row of `COPY TO STDOUT`, or nil after the last one.
  package func copyRow() throws(PostgresError) -> [UInt8]? {
    var buffer: UnsafeMutablePointer<CChar>?
    let count = PQgetCopyData(handle, &buffer, 0)
    defer { PQfreemem(buffer) }
    if count == -1 { return nil }
    guard count >= 0, let buffer else { throw connectionError() }
    return UnsafeBufferPointer(start: buffer, count: Int(count)).map { UInt8(bitPattern: $0) }
  }
}
