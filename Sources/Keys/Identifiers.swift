/// A node of the cluster: 1, 2, 3, … as the operator numbered them. 0 is nobody.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "n\(rawValue)" }
}

/// A tablet, unique for the cluster's life and never used again. 1 is the catalog.
public struct TabletID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "t\(rawValue)" }
  public static let catalog = TabletID(1)
}

/// A table (or index): also its PostgreSQL OID, from 16384 for users' tables. Never used again.
public struct TableID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt32
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "table \(rawValue)" }
}

/// Names one request of one gateway, so that the tablet can tell a retry from a new request.
///
/// `client` is drawn at random when a gateway starts; `sequence` counts up within it.
public struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let client: UInt64
  public let sequence: UInt64
  @inlinable public init(client: UInt64, sequence: UInt64) {
    self.client = client
    self.sequence = sequence
  }
  @inlinable public static func < (a: Self, b: Self) -> Bool {
    (a.client, a.sequence) < (b.client, b.sequence)
  }
  public var description: String { "\(String(client, radix: 16))/\(sequence)" }
}
