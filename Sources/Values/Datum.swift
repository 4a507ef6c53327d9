/// One SQL value. Its type is known from the column or expression that it belongs to; the case only says how it is held.
///
/// `==` on this enum is not SQL equality: use `Datum.compare` and friends, which follow PostgreSQL's order
/// (bytes for text, numeric value across scales, NaN greatest, `-0 = 0`).
public enum Datum: Sendable {
  case null
  case bool(Bool)
  case int2(Int16)
  case int4(Int32)
  case int8(Int64)
  case float4(Float)
  case float8(Double)
  case numeric(Numeric)
  /// text, varchar, char (held blank-padded to its length) and name. Valid UTF-8, no NUL.
  case text(String)
  case bytes([UInt8])
  case uuid(UUIDValue)
  /// Days since 2000-01-01; `Int32.min`/`Int32.max` are -infinity/infinity.
  case date(Int32)
  /// Microseconds since midnight, 0…86,400,000,000.
  case time(Int64)
  /// Microseconds since 2000-01-01 00:00, no time zone; `Int64.min`/`Int64.max` are -infinity/infinity.
  case timestamp(Int64)
  /// Microseconds since 2000-01-01 00:00 UTC; `Int64.min`/`Int64.max` are -infinity/infinity.
  case timestampTZ(Int64)
  case interval(Interval)
  /// json: the text as it came, checked.
  case json(String)
  /// jsonb: in canonical text (keys sorted by length then bytes, last of duplicates kept, numbers as numeric).
  case jsonb(String)
  case oid(UInt32)
}

/// One row, or one key: a value for each column.
public typealias Row = [Datum]

/// The 16 bytes of a `uuid`, as two big-endian halves, so that comparing them compares the bytes.
public struct UUIDValue: Hashable, Comparable, Sendable {
  public var high: UInt64
  public var low: UInt64
  @inlinable public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  @inlinable public static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// An `interval`: months, days and microseconds are kept apart, as in PostgreSQL.
public struct Interval: Hashable, Sendable {
  public var months: Int32
  public var days: Int32
  public var microseconds: Int64
  @inlinable public init(months: Int32, days: Int32, microseconds: Int64) {
    self.months = months
    self.days = days
    self.microseconds = microseconds
  }
}
