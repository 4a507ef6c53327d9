import Values

/// What a tablet does with the rows that a read meets, before they travel: filter, then either project and cut, or
/// aggregate partially. Expressions see the table's columns by their position in the table descriptor's column list.
public struct RowPipeline: Sendable {
  /// Rows for which it is not true stay behind.
  public var filter: Expression?
  public var output: Output

  public enum Output: Sendable {
    /// The projected columns of each row, in key order of the tablet; at most `limit` rows.
    case rows(projection: [Expression], limit: Int?)
    /// The `limit` first rows in the order of `keys` (positions in `projection`), sorted.
    case top(projection: [Expression], keys: [SortKey], limit: Int)
    /// One row for each group: the group's values, then the partial state of each aggregate (see `Aggregate`).
    case groups(by: [Expression], aggregates: [AggregateCall])
  }

  public init(filter: Expression?, output: Output) {
    self.filter = filter
    self.output = output
  }
}

/// One `ORDER BY` item over a row of values.
public struct SortKey: Hashable, Sendable {
  /// Position in the row, from 0.
  public var column: Int
  public var descending: Bool
  public var nullsFirst: Bool
  public init(column: Int, descending: Bool, nullsFirst: Bool) {
    self.column = column
    self.descending = descending
    self.nullsFirst = nullsFirst
  }
}

/// One aggregate of a query, as `sum(DISTINCT a) FILTER (WHERE b)`.
public struct AggregateCall: Sendable {
  public var function: AggregateID
  public var arguments: [Expression]
  public var isDistinct: Bool
  public var filter: Expression?
  public var type: SQLType
  public init(
    function: AggregateID, arguments: [Expression], isDistinct: Bool, filter: Expression?, type: SQLType
  ) {
    self.function = function
    self.arguments = arguments
    self.isDistinct = isDistinct
    self.filter = filter
    self.type = type
  }
}

/// A built-in aggregate by PostgreSQL's OID.
public struct AggregateID: Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}
