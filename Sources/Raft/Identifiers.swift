/// The number of an election. At most one leader exists in a term (Raft §5.2).
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var raw: UInt64
  @inlinable public init(_ raw: UInt64) { self.raw = raw }

  @inlinable public static var zero: Term { Term(0) }
  @inlinable public var next: Term { Term(raw &+ 1) }
  @inlinable public static func < (a: Term, b: Term) -> Bool { a.raw < b.raw }
  public var description: String { String(raw) }
}

/// The place of an entry in a group's log. The first entry has index 1; 0 stands before it.
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var raw: UInt64
  @inlinable public init(_ raw: UInt64) { self.raw = raw }

  @inlinable public static var zero: LogIndex { LogIndex(0) }
  @inlinable public var next: LogIndex { LogIndex(raw &+ 1) }
  /// The index before this one; zero is its own predecessor.
  @inlinable public var previous: LogIndex { LogIndex(raw == 0 ? 0 : raw - 1) }
  @inlinable public static func < (a: LogIndex, b: LogIndex) -> Bool { a.raw < b.raw }
  public var description: String { String(raw) }
}

/// One replica of one group, in one incarnation: a replica whose disk was lost comes back under a new identifier,
/// because it no longer knows what it voted for.
public struct ReplicaID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var raw: UInt64
  @inlinable public init(_ raw: UInt64) { self.raw = raw }

  @inlinable public static func < (a: ReplicaID, b: ReplicaID) -> Bool { a.raw < b.raw }
  public var description: String { String(raw) }
}

/// Where an entry stands in a log, and the term that put it there. Two logs that hold the same position agree on
/// every entry before it (Raft §5.3), so "at least as up to date" (§5.4.1) is plain `>=`: term first, then index.
public struct LogPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var term: Term
  public var index: LogIndex

  @inlinable public init(term: Term, index: LogIndex) {
    self.term = term
    self.index = index
  }

  @inlinable public static var zero: LogPosition { LogPosition(term: .zero, index: .zero) }
  @inlinable public static func < (a: LogPosition, b: LogPosition) -> Bool { (a.term, a.index) < (b.term, b.index) }
  public var description: String { "\(index)@\(term)" }
}
