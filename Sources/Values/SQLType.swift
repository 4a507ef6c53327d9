/// A SQL type of column or expression: which type, and its modifier where it has one.
///
/// Object ids are PostgreSQL's own (`pg_type.oid` of PostgreSQL 15), since drivers choose codecs by them.
public struct SQLType: Hashable, Sendable {
  public var kind: TypeKind
  /// `varchar(n)`/`char(n)`: n. `numeric(p,s)`: p and s. `time(p)`, `timestamp(p)`, `interval(p)`: p. Otherwise `none`.
  public var modifier: TypeModifier

  @inlinable public init(_ kind: TypeKind, _ modifier: TypeModifier = .none) {
    self.kind = kind
    self.modifier = modifier
  }

  public static let boolean = SQLType(.boolean)
  public static let int2 = SQLType(.int2)
  public static let int4 = SQLType(.int4)
  public static let int8 = SQLType(.int8)
  public static let float4 = SQLType(.float4)
  public static let float8 = SQLType(.float8)
  public static let numeric = SQLType(.numeric)
  public static let text = SQLType(.text)
  public static let bytea = SQLType(.bytea)
  public static let uuid = SQLType(.uuid)
  public static let date = SQLType(.date)
  public static let time = SQLType(.time)
  public static let timestamp = SQLType(.timestamp)
  public static let timestampTZ = SQLType(.timestampTZ)
  public static let interval = SQLType(.interval)
  public static let json = SQLType(.json)
  public static let jsonb = SQLType(.jsonb)
  public static let oid = SQLType(.oid)
  /// An untyped literal or parameter whose type its context decides (`'x'`, `$1`, NULL).
  public static let unknown = SQLType(.unknown)
}

/// The built-in types. The raw value is stable: it is stored in table descriptors.
public enum TypeKind: UInt8, Hashable, Sendable, CaseIterable {
  case boolean = 1
  case int2 = 2
  case int4 = 3
  case int8 = 4
  case float4 = 5
  case float8 = 6
  case numeric = 7
  case text = 8
  case varchar = 9
  /// `character(n)`, blank-padded; PostgreSQL's internal name is `bpchar`.
  case char = 10
  case bytea = 11
  case uuid = 12
  case date = 13
  case time = 14
  case timestamp = 15
  case timestampTZ = 16
  case interval = 17
  case json = 18
  case jsonb = 19
  case oid = 20
  /// PostgreSQL's 63-byte identifier type, seen in catalogs only.
  case name = 21
  case void = 22
  case unknown = 23
}

/// What stands in parentheses behind a type name.
public enum TypeModifier: Hashable, Sendable {
  case none
  /// Characters, at least 1.
  case length(Int32)
  /// Digits in all (1…1000), and digits behind the point (−1000…1000).
  case precisionScale(Int32, Int32)
  /// Digits of fractional seconds, 0…6.
  case fraction(Int32)
}
