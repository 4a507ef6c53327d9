import Expressions
import Keys
import Operations
import Values

extension MutationRun {
  /// Updates the rows of the selection that pass the filter. All expressions see the rows as they were before the
  /// statement.
  mutating func update(
    _ selection: KeySelection, filter: Expression?, _ assignments: [Assignment]
  ) throws(DocStoreError) {
    let assignments = try Self.checking { () throws(SQLError) in
      try RowAssignments(assignments, columnCount: table.columns.count)
    }
    var updated: [(key: [UInt8], old: Row, new: Row)] = []
    try forEachRow(of: selection, filter: filter) { (run, key, row) throws(DocStoreError) in
      let new = try Self.checking { () throws(SQLError) in
        let new = try assignments.apply(to: row, seeing: row, run.context)
        try run.evaluator.rules.check(new, run.context)
        try run.keep(new)
        return new
      }
      updated.append((key, row, new))
    }
    for (key, old, new) in updated { try put(new, at: key, replacing: old) }
  }

  mutating func delete(_ selection: KeySelection, filter: Expression?) throws(DocStoreError) {
    // Written only after the scan: a mutation does not see its own changes.
    var deleted: [([UInt8], Row)] = []
    try forEachRow(of: selection, filter: filter) { (run, key, row) throws(DocStoreError) in
      let row = run.wantsRows ? row : []
      try Self.checking { () throws(SQLError) in try run.keep(row) }
      deleted.append((key, row))
    }
    for (key, row) in deleted {
      try putTombstone(at: key)
      try Self.checking { () throws(SQLError) in try affected(row, RowChange(old: row, new: nil)) }
    }
  }
}
