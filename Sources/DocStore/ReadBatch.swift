import Coding
import Keys
import Values

/// What one call reads of a tablet.
package struct ReadBatch: Sendable {
  package var rows: [Row]
  /// Where the next call goes on, opaque; nil at the end. The batch may be empty and still have one, if it looked at many
  /// rows and kept none.
  package var resume: [UInt8]?
  /// The time that the rows are as of: that of the read's point, or to where it moved.
  package var time: HybridTime

  package init(rows: [Row], resume: [UInt8]?, time: HybridTime) {
    self.rows = rows
    self.resume = resume
    self.time = time
  }
}

/// When one call stops reading.
package struct BatchLimits: Sendable {
  /// Rows and bytes of a batch, roughly: it ends with the row that reaches them.
  package var rowsMax = 1_000
  package var bytesMax = 1 << 20
  /// Stored versions to look at in one call, unless the pipeline has to see them all.
  package var versionsMax = 100_000
  /// What a sort or a grouping may keep in memory.
  package var memoryMax = 64 << 20
  /// Asked now and then; the read ends with 57014 once it is true.
  package var isCanceled: @Sendable () -> Bool = { false }
  package init() {}
}

/// What a resume token holds: the first key to look at, and how many rows the read has given.
struct ResumeToken {
  private static let format: UInt8 = 1
  var key: [UInt8]
  var rowCount: Int

  var encoded: [UInt8] {
    var writer = ByteWriter(reservingCapacity: key.count + 8)
    writer.write(Self.format)
    writer.writeCount(rowCount)
    writer.write(key)
    return writer.bytes
  }

  init(key: [UInt8], rowCount: Int) {
    self.key = key
    self.rowCount = rowCount
  }

  init(_ bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == Self.format, let count = Int(exactly: try reader.readVarint())
    else {
      throw .malformed(what: "resume token")
    }
    rowCount = count
    key = try reader.readBytes()
    guard reader.isAtEnd else { throw .malformed(what: "resume token") }
  }
}
