import Values

/// The writes of a mutation that is being evaluated: each document once, in the order in which they were first met.
struct PendingWrites {
  private(set) var writes: [DocumentWrite] = []
  private var places: [[UInt8]: Int] = [:]
  private var byteCount = 0
  private let limits: MutationLimits

  init(limits: MutationLimits) { self.limits = limits }

  /// What the mutation has made of a document so far; nil if nothing.
  subscript(documentKey: [UInt8]) -> DocumentWrite? { places[documentKey].map { writes[$0] } }

  /// - Throws: 54000 if the mutation grows beyond its limits.
  mutating func put(_ write: DocumentWrite) throws(SQLError) {
    byteCount += write.byteCount
    if let place = places[write.documentKey] {
      byteCount -= writes[place].byteCount
      writes[place] = write
    } else {
      places[write.documentKey] = writes.count
      writes.append(write)
    }
    guard writes.count <= limits.writesMax, byteCount <= limits.bytesMax else { throw limits.error }
  }
}

/// How much one mutation may change in one tablet; it becomes one entry of the Raft log.
package struct MutationLimits: Sendable {
  package var writesMax = 50_000
  package var bytesMax = 16 << 20
  /// Bytes of memory for rows that wait to be written or returned, roughly.
  package var memoryMax = 128 << 20
  package init() {}

  /// For a statement of a transaction: what it writes is counted there, and staged in pieces.
  package static var ofTransaction: MutationLimits {
    var limits = MutationLimits()
    limits.writesMax = 5_000_000
    limits.bytesMax = .max
    return limits
  }

  package var error: SQLError {
    SQLError(
      .programLimitExceeded, "statement changes too much of one tablet at once",
      detail: "One statement may change \(writesMax) rows or \(bytesMax) bytes of a tablet.",
      hint: "Change fewer rows at a time.")
  }
}
