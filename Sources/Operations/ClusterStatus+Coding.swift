import Coding
import Keys
import Schema

extension ByteWriter {
  package mutating func write(_ status: ClusterStatus) {
    write(OperationsFormat.version)
    writeArray(status.nodes) { $0.write($1) }
    writeArray(status.tablets) { $0.write($1) }
  }

  package mutating func write(_ status: NodeStatus) {
    write(OperationsFormat.version)
    write(status.node)
    write(status.isLive)
    writeVarint(status.silentMicroseconds)
    writeCount(status.leaderCount)
    writeCount(status.replicaCount)
    writeVarint(status.catalogVersion)
  }

  package mutating func write(_ status: TabletStatus) {
    write(OperationsFormat.version)
    write(status.tablet)
    writeOptional(status.leader) { $0.writeVarint(UInt64($1.rawValue)) }
    writeVarint(status.term)
    writeVarint(status.commitIndex)
    writeArray(status.matchIndexes.sorted { $0.key < $1.key }) { writer, match in
      writer.writeVarint(UInt64(match.key.rawValue))
      writer.writeVarint(match.value)
    }
    writeVarint(status.sizeBytes)
  }
}

extension ByteReader {
  package mutating func readClusterStatus() throws(CodingError) -> ClusterStatus {
    try readFormat(OperationsFormat.version, of: "cluster status")
    return ClusterStatus(
      nodes: try readArray { reader throws(CodingError) in try reader.readNodeStatus() },
      tablets: try readArray { reader throws(CodingError) in try reader.readTabletStatus() })
  }

  package mutating func readNodeStatus() throws(CodingError) -> NodeStatus {
    try readFormat(OperationsFormat.version, of: "node status")
    return NodeStatus(
      node: try readNodeDescriptor(), isLive: try readBool(), silentMicroseconds: try readVarint(),
      leaderCount: try readNarrow(), replicaCount: try readNarrow(), catalogVersion: try readVarint())
  }

  package mutating func readTabletStatus() throws(CodingError) -> TabletStatus {
    try readFormat(OperationsFormat.version, of: "tablet status")
    var status = TabletStatus(
      tablet: try readTabletDescriptor(),
      leader: try readOptional { reader throws(CodingError) in NodeID(try reader.readNarrow()) },
      term: try readVarint(), commitIndex: try readVarint(), matchIndexes: [:], sizeBytes: 0)
    for _ in 0..<(try readCount(minimumSize: 2)) {
      status.matchIndexes[NodeID(try readNarrow())] = try readVarint()
    }
    status.sizeBytes = try readVarint()
    return status
  }
}
