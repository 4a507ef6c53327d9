import Keys

/// A cluster, named by 128 random bits when it is created. Nodes of different clusters never talk.
package struct ClusterID: Hashable, Sendable, CustomStringConvertible {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package var description: String { hex(high) + hex(low) }

  private func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Who a node is. A node whose disk was wiped keeps its number and comes back with a greater incarnation, so that nobody
/// takes it for the one that remembers its votes (FAULTS §1.1 row 7).
package struct NodeIdentity: Hashable, Sendable, CustomStringConvertible {
  package var cluster: ClusterID
  package var node: NodeID
  package var incarnation: UInt64

  package init(cluster: ClusterID, node: NodeID, incarnation: UInt64) {
    self.cluster = cluster
    self.node = node
    self.incarnation = incarnation
  }

  package var description: String { "\(node) (incarnation \(incarnation)) of cluster \(cluster)" }
}

/// Whether a node that introduced itself may talk to this one.
package enum PeerVerdict: Hashable, Sendable {
  case accept
  /// The reason goes to the other side and into the log.
  case refuse(reason: String)
}
