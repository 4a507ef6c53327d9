import Keys
import Runtime
import Tablet
import Transactions
import Transport
import WriteAheadLog

/// What one node is told at start; the same kind of thing in production and under simulation.
package struct NodeCoreConfiguration: Sendable {
  package var node: NodeID
  /// Tells this cluster from others; equal on all its nodes.
  package var cluster: ClusterID
  package var cloud: String
  package var region: String
  package var zone: String
  /// Absolute.
  package var dataDirectory: String
  /// Where this node listens for other nodes.
  package var listen: Address
  /// Where the others reach it.
  package var advertise: Address
  package var sqlAddress: Address
  package var httpAddress: Address
  /// All nodes of the cluster, this one included. The first three (in number order) hold the catalog's voters.
  package var members: [NodeID: Address]
  package var replicationFactor = 3
  package var maxSkewMicroseconds: UInt64 = 500_000
  package var tablets = TabletSettings()
  package var log = WriteAheadLog.Settings()
  package var transport = TransportSettings()
  package var router = RouterSettings()

  package init(
    node: NodeID, cluster: ClusterID, cloud: String, region: String, zone: String, dataDirectory: String,
    listen: Address, advertise: Address, sqlAddress: Address, httpAddress: Address, members: [NodeID: Address]
  ) {
    self.node = node
    self.cluster = cluster
    self.cloud = cloud
    self.region = region
    self.zone = zone
    self.dataDirectory = dataDirectory
    self.listen = listen
    self.advertise = advertise
    self.sqlAddress = sqlAddress
    self.httpAddress = httpAddress
    self.members = members
  }
}
