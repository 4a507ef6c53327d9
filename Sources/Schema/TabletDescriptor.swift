import Keys

/// A tablet as the catalog holds it: which keys, where, who should lead.
package struct TabletDescriptor: Sendable, Hashable {
  package var id: TabletID
  package var table: TableID
  /// The first document key that belongs to it; empty for the table's first tablet is not used: bounds always carry the
  /// table id prefix.
  package var lower: [UInt8]
  /// The first document key behind it.
  package var upper: [UInt8]
  /// One per replica, leader-preferred first.
  package var replicas: [ReplicaDescriptor]

  package init(id: TabletID, table: TableID, lower: [UInt8], upper: [UInt8], replicas: [ReplicaDescriptor]) {
    self.id = id
    self.table = table
    self.lower = lower
    self.upper = upper
    self.replicas = replicas
  }
}

package struct ReplicaDescriptor: Sendable, Hashable {
  package var node: NodeID
  /// Names this replica in its Raft group; never used again, so that a replica that lost its disk cannot come back
  /// under its old name (FAULTS §1.1 row 7).
  package var replica: UInt64
  package init(node: NodeID, replica: UInt64) {
    self.node = node
    self.replica = replica
  }
}

/// A node as the catalog knows it.
package struct NodeDescriptor: Sendable, Hashable {
  package var id: NodeID
  package var cloud: String
  package var region: String
  package var zone: String
  /// `host:port` for other nodes, SQL clients and HTTP.
  package var rpcAddress: String
  package var sqlAddress: String
  package var httpAddress: String
  /// Drawn when the node's data directory was made. A node that comes back with another one has lost its data.
  package var incarnation: UInt64

  package init(
    id: NodeID, cloud: String, region: String, zone: String, rpcAddress: String, sqlAddress: String,
    httpAddress: String, incarnation: UInt64
  ) {
    self.id = id
    self.cloud = cloud
    self.region = region
    self.zone = zone
    self.rpcAddress = rpcAddress
    self.sqlAddress = sqlAddress
    self.httpAddress = httpAddress
    self.incarnation = incarnation
  }
}
