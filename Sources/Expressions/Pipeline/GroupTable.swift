import Values

/// Rows gathered into groups, with the state of each aggregate of each group: hash aggregation.
package struct GroupTable: Sendable {
  private let groups: [CompiledExpression]
  private let groupKinds: [TypeKind]
  private let calls: [CompiledCall]
  private let fresh: [AggregateState]
  private var positions: [GroupKey: Int] = [:]
  /// In the order in which the groups were first met.
  private var entries: [(values: Row, states: [AggregateState])] = []
  package private(set) var memoryEstimate = 0

  private struct CompiledCall: Sendable {
    var call: AggregateCall
    var first: CompiledExpression?
    var second: CompiledExpression?
    var filter: CompiledExpression?
    /// Whether its states grow with the rows, and have to be measured.
    var grows: Bool
  }

  /// - Throws: XX000 for an aggregate that this node does not have.
  package init(by groups: [Expression], aggregates: [AggregateCall]) throws(SQLError) {
    self.groups = groups.map { CompiledExpression($0) }
    groupKinds = groups.map(\.type.kind)
    var fresh: [AggregateState] = []
    for call in aggregates { fresh.append(try AggregateState(call)) }
    self.fresh = fresh
    calls = aggregates.map { call in
      CompiledCall(
        call: call, first: call.arguments.first.map { CompiledExpression($0) },
        second: call.arguments.dropFirst().first.map { CompiledExpression($0) },
        filter: call.filter.map { CompiledExpression($0) },
        grows: call.isDistinct || FunctionCatalog.aggregate(call.function)?.kind == .concatenate)
    }
  }

  package var groupCount: Int { entries.count }

  /// Takes one input row.
  package mutating func add(_ row: Row, _ context: EvaluationContext) throws(SQLError) {
    var values: Row = []
    values.reserveCapacity(groups.count)
    for group in groups { values.append(try group.evaluate(row, context)) }
    let position = position(of: values)
    for (index, call) in calls.enumerated() {
      if let filter = call.filter, try !filter.isTrue(row, context) { continue }
      let first = try call.first?.evaluate(row, context) ?? .null
      let second = try call.second?.evaluate(row, context) ?? .null
      let before = call.grows ? entries[position].states[index].sizeEstimate : 0
      try entries[position].states[index].accumulate(first, second)
      if call.grows { memoryEstimate += entries[position].states[index].sizeEstimate - before }
    }
  }

  /// Takes one partial group, as `takePartialRows` gives it: the group's values, then a state for each aggregate.
  /// - Throws: XX001 for a row of another shape.
  package mutating func merge(_ row: Row) throws(SQLError) {
    guard row.count == groups.count + calls.count else {
      throw SQLError(.dataCorrupted, "malformed partial group of \(row.count) values")
    }
    let position = position(of: Array(row[..<groups.count]))
    for (index, call) in calls.enumerated() {
      let state = try AggregateState(call.call, encoded: row[groups.count + index])
      let before = call.grows ? entries[position].states[index].sizeEstimate : 0
      try entries[position].states[index].merge(state)
      if call.grows { memoryEstimate += entries[position].states[index].sizeEstimate - before }
    }
  }

  private mutating func position(of values: Row) -> Int {
    // Without grouping there is one group: no need to look for it.
    if groups.isEmpty && !entries.isEmpty { return 0 }
    let key = GroupKey(
      groupKinds.contains(.char) ? zip(values, groupKinds).map { $0.groupable(as: $1) } : values)
    if let position = positions[key] { return position }
    positions[key] = entries.count
    entries.append((values, fresh))
    memoryEstimate += 2 * values.sizeEstimate + 64 + fresh.reduce(0) { $0 + $1.sizeEstimate }
    return entries.count - 1
  }

  /// The groups as they travel to the gateway. The table is empty afterwards.
  package mutating func takePartialRows() -> [Row] {
    let rows = entries.map { $0.values + $0.states.map(\.encoded) }
    removeAll()
    return rows
  }

  /// The groups with their results: the group's values, then each aggregate's. Without grouping there is always one
  /// row, over no rows too. The table is empty afterwards.
  package mutating func takeResults() throws(SQLError) -> [Row] {
    if groups.isEmpty && entries.isEmpty { _ = position(of: []) }
    var rows: [Row] = []
    rows.reserveCapacity(entries.count)
    for entry in entries {
      var row = entry.values
      for state in entry.states { row.append(try state.finish()) }
      rows.append(row)
    }
    removeAll()
    return rows
  }

  private mutating func removeAll() {
    positions = [:]
    entries = []
    memoryEstimate = 0
  }
}

/// What the gateway does with the partial groups of several tablets: merges them, and gives the results.
package struct GroupMerger: Sendable {
  private var table: GroupTable

  /// `groups` and `aggregates` are those of the pipeline that made the partial groups.
  /// - Throws: XX000 for an aggregate that this node does not have.
  package init(by groups: [Expression], aggregates: [AggregateCall]) throws(SQLError) {
    table = try GroupTable(by: groups, aggregates: aggregates)
  }

  package var memoryEstimate: Int { table.memoryEstimate }

  /// - Throws: XX001 for a row that is no partial group of this pipeline.
  package mutating func merge(_ row: Row) throws(SQLError) { try table.merge(row) }

  /// Each group's values, then each aggregate's result; one row where there is no grouping.
  package mutating func finish() throws(SQLError) -> [Row] { try table.takeResults() }
}
