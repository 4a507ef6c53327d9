import Schema
import Synchronization

/// The newest catalog of this node, replaced as a whole, and the lease that says until when it may be answered from.
package final class CatalogBox: Sendable {
  private let snapshot = Mutex(CatalogSnapshot.empty)
  /// On the monotonic clock, in nanoseconds; 0 before the first lease.
  private let end = Atomic<UInt64>(0)

  package init() {}

  package var current: CatalogSnapshot { snapshot.withLock { $0 } }
  package func replace(with new: CatalogSnapshot) { snapshot.withLock { $0 = new } }

  // MARK: The lease

  package var leaseEnd: UInt64 { end.load(ordering: .acquiring) }

  /// Whether every change that any client was told of before `now` is in `current`.
  package func isCurrent(at now: UInt64) -> Bool { now < leaseEnd }

  /// Call it only once `current` has what the lease is about.
  package func extendLease(to time: UInt64) { end.max(time, ordering: .releasing) }
}
