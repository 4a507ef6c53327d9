import DocStore
import Keys
import Operations

/// The rows that a request changes or locks, as they were found.
struct FoundRows: Sendable {
  var keys: [[UInt8]]
  /// Where there may be more.
  var rest: MutateAnswer.Rest?
}

/// The search for the rows that a request changes or locks without naming them, ready to run on any thread: what it sees
/// is fixed by its time.
struct RowSearch: Sendable {
  var request: MutateRequest
  var evaluator: MutationEvaluator
  var reader: RowReader
  var point: ReadPoint
  /// A statement of a transaction changes so many rows at a time; the gateway asks for the rest.
  var countMax: Int

  /// Whether it is over sooner than another thread would begin.
  var isShort: Bool {
    if case .lock(let read, _) = request.payload, case .points(let keys) = read.selection { return keys.count <= 32 }
    return false
  }

  func run() throws(DocStoreError) -> ReadOutcome<FoundRows> {
    let found: ReadOutcome<FoundKeys> =
      switch request.payload {
      case .documents: .found(FoundKeys(keys: []))
      case .rows(let mutation):
        try evaluator.findKeys(
          of: mutation, reading: reader, at: point, countMax: request.transaction == nil ? .max : countMax)
      case .lock(let read, let locking):
        try evaluator.findKeys(of: read, reading: reader, at: point, limited: locking.policy != .skipLocked)
      }
    try reader.requireUncollected(at: point)
    switch found {
    case .uncertain(let later): return .uncertain(later)
    case .found(let found):
      // A limit of `FOR UPDATE` ends the search for good.
      guard case .rows = request.payload, !found.rest.isEmpty else { return .found(FoundRows(keys: found.keys)) }
      return .found(
        FoundRows(keys: found.keys, rest: MutateAnswer.Rest(ranges: found.rest, time: point.time)))
    }
  }
}
