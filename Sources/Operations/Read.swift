import Expressions
import Keys
import Schema
import Values

/// Which rows of a table a read or a mutation looks at.
package enum KeySelection: Hashable, Sendable {
  /// These document keys, sorted, each once. Missing ones are skipped.
  case points([[UInt8]])
  /// These ranges, sorted and disjoint.
  case ranges([KeyRange])
}

/// A read of one table: the gateway cuts it into one request per tablet.
package struct TableRead: Sendable {
  package var table: TableID
  /// The table's schema that expressions and row layout refer to.
  package var schemaVersion: UInt32
  package var selection: KeySelection
  package var pipeline: RowPipeline
  /// Whether rows must come in key order across tablets (otherwise: as the tablets answer).
  package var isOrdered: Bool
  package init(
    table: TableID, schemaVersion: UInt32, selection: KeySelection, pipeline: RowPipeline, isOrdered: Bool
  ) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.selection = selection
    self.pipeline = pipeline
    self.isOrdered = isOrdered
  }
}
