/// Counts since the log was opened, and its size now.
package struct WriteAheadLogMetrics: Hashable, Sendable {
  package var appends = 0
  package var records = 0
  /// Bytes written, frames with their heads.
  package var bytes = 0
  package var syncs = 0
  /// Time spent writing and syncing, over all frames.
  package var syncNanoseconds: UInt64 = 0
  /// Frames by the time they took to write and sync: `histogram[n]` took less than 2ⁿ × 64 µs and no less than half of
  /// that; the last one takes all that took longer.
  package var histogram = [Int](repeating: 0, count: 16)
  package var segments = 0
  package var bytesOnDisk = 0
  package var queuedBytes = 0

  mutating func count(appends: Int, records: Int, bytes: Int, nanoseconds: UInt64) {
    self.appends += appends
    self.records += records
    self.bytes += bytes
    syncs += 1
    syncNanoseconds &+= nanoseconds
    let bucket = UInt64.bitWidth - (nanoseconds / 64_000).leadingZeroBitCount
    histogram[min(bucket, histogram.count - 1)] += 1
  }
}
