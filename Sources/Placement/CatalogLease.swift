import Keys

/// A *catalog lease*: a node may answer from its copy of the catalog for a while after it heard from the catalog's leader.
///
/// The node asks; the leader, while it certainly leads, says which version it has; the node waits until it has that one,
/// and then its lease runs for `duration` from when it *asked*, on its own clock. Who changes the catalog answers the client
/// only when every node has the change or surely holds no lease that was given before it (`CatalogLeases`).
package enum CatalogLease {
  /// Nanoseconds of a node's monotonic clock. Longer than an election, so that losing the catalog's leader holds nobody
  /// up; no longer, since the change that follows a node's death waits for its end.
  package static let duration: UInt64 = 3_000_000_000
  /// Between two requests of a node.
  package static let renewal: UInt64 = duration / 3
  /// After so many nanoseconds of the leader's clock it is over: either clock's rate may be off by one per cent, as for
  /// leases in `Raft`.
  static let surelyOver: UInt64 = duration + duration / 40
}

/// What the catalog's leader knows of the leases that it gave.
struct CatalogLeases {
  /// When each node was last answered, in monotonic nanoseconds.
  private var given: [NodeID: UInt64] = [:]

  mutating func gave(_ node: NodeID, at now: UInt64) { given[node] = now }

  /// The end of every lease of a node that does not know a change.
  ///
  /// One given after the change does. Leaders before this one gave none once it led, since they give leases only while
  /// they hold their own (see `Raft`).
  /// - Parameters:
  ///   - leadingSince: of this leader; nil where it leads no more, and what others gave is not known.
  ///   - committed: when this leader found the change committed.
  func end(of node: NodeID, leadingSince: UInt64?, committed: UInt64) -> UInt64 {
    let last = leadingSince.map { max($0, given[node] ?? 0) } ?? committed
    return min(last, committed) + CatalogLease.surelyOver
  }
}
