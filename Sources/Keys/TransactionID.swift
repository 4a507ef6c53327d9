/// A transaction, unique for the cluster's life. The order is that of age: the lesser one began first.
public struct TransactionID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// By its gateway's clock, which never gives a time twice while it runs.
  public let start: HybridTime
  /// The gateway's request client id, drawn at random at its start: tells equal times of two lives of a node apart.
  public let client: UInt64
  /// The node whose gateway runs it.
  public let gateway: NodeID

  @inlinable public init(start: HybridTime, client: UInt64, gateway: NodeID) {
    self.start = start
    self.client = client
    self.gateway = gateway
  }

  @inlinable public static func < (a: Self, b: Self) -> Bool {
    (a.start, a.client, a.gateway) < (b.start, b.client, b.gateway)
  }

  /// As users see it: node, then the start as a number.
  public var description: String { "\(gateway)/\(String(start.rawValue, radix: 36))" }
}
