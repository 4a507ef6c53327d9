import Expressions
import Keys
import Operations
import Values

/// Rows that a statement is about.
package struct FoundKeys: Sendable {
  /// Sorted.
  package var keys: [[UInt8]]
  /// Where more of them may be, behind these.
  package var rest: [KeyRange]
  package init(keys: [[UInt8]], rest: [KeyRange] = []) {
    self.keys = keys
    self.rest = rest
  }
}

/// Finds the keys of the rows of a selection that pass a filter, as of a time.
struct KeySearch {
  let reader: RowReader
  let point: ReadPoint
  let context: EvaluationContext
  let limits: MutationLimits
  /// The search ends with so many keys.
  var countMax = Int.max

  func keys(_ selection: KeySelection, _ condition: Expression?) throws(DocStoreError) -> ReadOutcome<FoundKeys> {
    let filter = condition.map { CompiledExpression($0) }
    let columns = condition?.columnsUsed.sorted() ?? []
    var row = Row(repeating: .null, count: reader.codec.columnCount)
    var found: [[UInt8]] = []
    var rest: [KeyRange] = []
    /// The greatest version in doubt.
    var doubt: HybridTime?
    switch selection {
    case .points(let keys):
      try reader.requireHistory(at: point)
      var cursor = try reader.documentCursor()
      var point = point
      for key in keys where found.count < countMax {
        switch try reader.get(key, by: &cursor, at: &point, columns: columns, into: &row) {
        case .uncertain(let time): doubt = max(doubt ?? time, time)
        case .found(let exists): if exists, try passes(row, filter) { found.append(key) }
        }
      }
    case .ranges(let ranges):
      try reader.requireHistory(at: point)
      for range in ranges where !range.isEmpty {
        if found.count >= countMax {
          rest.append(range)
          continue
        }
        var scan = try RowScan(reader.store, range, at: point, overlay: reader.overlay)
        var step = try scan.next()
        while step != .end, found.count < countMax {
          if case .uncertain(let time) = step { doubt = max(doubt ?? time, time) }
          if step == .row {
            if filter != nil { try scan.unpack(reader.codec, columns: columns, into: &row) }
            if try passes(row, filter) { found.append(scan.documentKey) }
            guard found.count <= limits.writesMax else { throw .statement(limits.error) }
          }
          step = try scan.next()
        }
        if step != .end, let last = found.last, let behind = KeyRange.successor(ofPrefix: last) {
          rest.append(KeyRange(lower: behind, upper: range.upper))
        }
      }
    }
    return doubt.map { .uncertain($0) } ?? .found(FoundKeys(keys: found, rest: rest))
  }

  private func passes(_ row: Row, _ filter: CompiledExpression?) throws(DocStoreError) -> Bool {
    guard let filter else { return true }
    return try MutationRun.checking { () throws(SQLError) in try filter.isTrue(row, context) }
  }
}
