import DocStore
import Keys
import Operations

/// The search for the rows that a request changes or locks without naming them, ready to run on any thread: what it sees
/// is fixed by its time.
struct RowSearch: Sendable {
  var request: MutateRequest
  var evaluator: MutationEvaluator
  var reader: RowReader
  var point: ReadPoint

  /// Whether it is over sooner than another thread would begin.
  var isShort: Bool {
    if case .lock(let read, _) = request.payload, case .points(let keys) = read.selection { return keys.count <= 32 }
    return false
  }

  func run() throws(DocStoreError) -> ReadOutcome<[[UInt8]]> {
    let found: ReadOutcome<[[UInt8]]> =
      switch request.payload {
      case .documents: .found([])
      case .rows(let mutation): try evaluator.findKeys(of: mutation, reading: reader, at: point)
      case .lock(let read, let locking):
        try evaluator.findKeys(of: read, reading: reader, at: point, limited: locking.policy != .skipLocked)
      }
    try reader.requireUncollected(at: point)
    return found
  }
}
