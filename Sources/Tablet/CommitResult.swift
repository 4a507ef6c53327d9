import Coding
import Keys

/// What the retry table keeps of a commit: its time.
enum CommitResult {
  static func encoded(time: HybridTime?) -> [UInt8] {
    guard let time else { return [] }
    var writer = ByteWriter(reservingCapacity: 8)
    writer.writeFixed(time.rawValue)
    return writer.bytes
  }

  static func time(decoding bytes: [UInt8]) -> HybridTime? {
    var reader = ByteReader(bytes)
    guard let rawValue: UInt64 = try? reader.readFixed(), reader.isAtEnd else { return nil }
    return HybridTime(rawValue: rawValue)
  }
}
