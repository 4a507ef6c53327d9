import Keys
import Operations
import Schema

/// The JSON of `/status`. Field names are part of the interface: `apus status` and scripts read them.
package struct StatusDocument: Codable, Sendable {
  package struct Node: Codable, Sendable {
    package var id: UInt32
    package var cloud: String
    package var region: String
    package var zone: String
    package var sql: String
    package var rpc: String
    package var http: String
    package var live: Bool
    /// Seconds since it was last heard; 0 while it is live.
    package var silentSeconds: Double
    package var leaders: Int
    package var replicas: Int
    package var catalogVersion: UInt64
  }

  package struct Table: Codable, Sendable {
    package var id: UInt32
    package var schema: String
    package var name: String
    package var tablets: Int
    package var bytes: UInt64
  }

  package struct Replica: Codable, Sendable {
    package var node: UInt32
    /// Entries that the leader has committed and this replica is not known to have; nil while nobody leads.
    package var lag: UInt64?
  }

  package struct Tablet: Codable, Sendable {
    package var id: UInt64
    package var table: String
    package var leader: UInt32?
    package var term: UInt64
    package var commitIndex: UInt64
    package var bytes: UInt64
    package var replicas: [Replica]
  }

  /// Who answered.
  package var node: UInt32
  package var catalogVersion: UInt64
  package var nodes: [Node]
  package var tables: [Table]
  package var tablets: [Tablet]

  init(cluster: ClusterStatus, catalog: CatalogSnapshot, node: NodeID) {
    self.node = node.rawValue
    catalogVersion = catalog.version
    nodes = cluster.nodes.map { status in
      Node(
        id: status.node.id.rawValue, cloud: status.node.cloud, region: status.node.region, zone: status.node.zone,
        sql: status.node.sqlAddress, rpc: status.node.rpcAddress, http: status.node.httpAddress, live: status.isLive,
        silentSeconds: Double(status.silentMicroseconds) / 1e6, leaders: status.leaderCount,
        replicas: status.replicaCount, catalogVersion: status.catalogVersion)
    }
    let bytes = Dictionary(
      cluster.tablets.map { ($0.tablet.id, $0.sizeBytes) }, uniquingKeysWith: { first, _ in first })
    tables = catalog.tables.values.sorted { $0.id < $1.id }.map { table in
      Table(
        id: table.id.rawValue, schema: table.schema, name: table.name, tablets: table.tablets.count,
        bytes: table.tablets.reduce(0) { $0 + (bytes[$1] ?? 0) })
    }
    tablets = cluster.tablets.map { status in
      Tablet(
        id: status.tablet.id.rawValue,
        table: catalog.tables[status.tablet.table].map { "\($0.schema).\($0.name)" } ?? "?",
        leader: status.leader?.rawValue, term: status.term, commitIndex: status.commitIndex, bytes: status.sizeBytes,
        replicas: status.tablet.replicas.map { replica in
          let lag = status.leader.map { _ in
            status.commitIndex - min(status.commitIndex, status.matchIndexes[replica.node] ?? 0)
          }
          return Replica(node: replica.node.rawValue, lag: lag)
        })
    }
  }
}
