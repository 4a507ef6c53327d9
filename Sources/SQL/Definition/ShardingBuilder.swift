import Expressions
import Keys
import Operations
import Schema
import Values

/// Turns a SPLIT clause into tablets, for tables and indexes alike.
struct ShardingBuilder {
  let context: BindingContext
  let key: PrimaryKey
  let columns: [ColumnDescriptor]
  /// What is split, for messages: "tables" or "indexes".
  let kind: String

  func build(_ split: ShardingSyntax.Split?, _ rows: [[ExpressionSyntax]]) throws(SQLError) -> NewTable.Sharding {
    switch split {
    case nil: return key.hashColumnCount > 0 ? .hash(tabletCount: nil) : .range(splits: [])
    case .tablets(let count, let offset):
      guard key.hashColumnCount > 0 else {
        throw SQLError(
          .invalidTableDefinition, "SPLIT INTO is for hash-sharded \(kind)",
          hint: "Give the split points with SPLIT AT VALUES.", at: offset)
      }
      guard (1...TableBuilder.tabletCountMax).contains(count) else {
        throw SQLError(
          .invalidParameterValue, "a table can have 1 to \(TableBuilder.tabletCountMax) tablets", at: offset)
      }
      return .hash(tabletCount: count)
    case .values(_, let offset):
      guard key.hashColumnCount == 0 else {
        throw SQLError(
          .invalidTableDefinition, "SPLIT AT VALUES is for range-sharded \(kind)",
          hint: "Begin the key with an ascending or descending column, as in PRIMARY KEY (a ASC).", at: offset)
      }
      return .range(splits: try splitPoints(rows, at: offset))
    }
  }

  private func splitPoints(_ rows: [[ExpressionSyntax]], at offset: Int) throws(SQLError) -> [[UInt8]] {
    var binder = ExpressionBinder(context: context, parameters: ParameterTypes(count: 0, given: []))
    binder.clause = "SPLIT AT VALUES"
    let evaluation = EvaluationContext(
      statementTime: context.now, transactionTime: context.now, settings: context.format)
    var splits: [[UInt8]] = []
    for row in rows {
      guard (1...key.columns.count).contains(row.count) else {
        throw SQLError(
          .invalidTableDefinition, "a split point has 1 to \(key.columns.count) values",
          at: row.first?.location ?? offset)
      }
      var values: [Datum] = []
      for (value, column) in zip(row, key.columns) {
        let bound = try binder.bindAssignment(value, to: columns[column.column])
        values.append(try bound.evaluate(row: [], evaluation))
      }
      var split: [UInt8] = []
      try key.append(values, columns: columns, to: &split)
      if let last = splits.last, !KeyRange.isLess(last, split) {
        throw SQLError(
          .invalidTableDefinition, "split points must be in key order and all different",
          at: row.first?.location ?? offset)
      }
      splits.append(split)
    }
    guard splits.count < TableBuilder.tabletCountMax else {
      throw SQLError(
        .invalidParameterValue, "a table can have 1 to \(TableBuilder.tabletCountMax) tablets", at: offset)
    }
    return splits
  }
}
