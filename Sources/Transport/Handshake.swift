import Coding
import Keys

/// The protocol versions of this build. A node speaks a range, so that a cluster can be upgraded node by node.
enum ProtocolVersion {
  static let oldest: UInt16 = 1
  static let newest: UInt16 = 1
}

/// What a node says of itself before anything else, on both sides of a connection.
package struct Introduction: Hashable, Sendable {
  /// "APUS" and a byte that text protocols do not send.
  static let magic: [UInt8] = [0x41, 0x50, 0x55, 0x53, 0x00]
  /// The longest handshake payload.
  static let bytesMax = 1024

  package var oldestVersion = ProtocolVersion.oldest
  package var newestVersion = ProtocolVersion.newest
  package var identity: NodeIdentity
  /// Who the sender thinks that it talks to.
  package var recipient: NodeID

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 64)
    writer.writeRaw(Self.magic)
    writer.writeFixed(oldestVersion)
    writer.writeFixed(newestVersion)
    writer.writeFixed(identity.cluster.high)
    writer.writeFixed(identity.cluster.low)
    writer.writeFixed(identity.node.rawValue)
    writer.writeFixed(identity.incarnation)
    writer.writeFixed(recipient.rawValue)
    return writer.bytes
  }

  package init(identity: NodeIdentity, recipient: NodeID) {
    self.identity = identity
    self.recipient = recipient
  }

  /// Bytes behind the known fields belong to newer versions and are skipped.
  package init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    guard try reader.readRaw(count: Self.magic.count) == Self.magic else { throw .malformed(what: "magic") }
    let oldest: UInt16 = try reader.readFixed()
    let newest: UInt16 = try reader.readFixed()
    let cluster = ClusterID(high: try reader.readFixed(), low: try reader.readFixed())
    let node = NodeID(try reader.readFixed())
    let incarnation: UInt64 = try reader.readFixed()
    identity = NodeIdentity(cluster: cluster, node: node, incarnation: incarnation)
    recipient = NodeID(try reader.readFixed())
    oldestVersion = oldest
    newestVersion = newest
  }

  /// Why the sender of this introduction must not be talked to; nil if it may.
  package func objection(from own: NodeIdentity) -> String? {
    if oldestVersion > ProtocolVersion.newest || newestVersion < ProtocolVersion.oldest {
      return "protocol versions \(oldestVersion)...\(newestVersion) are not spoken here"
        + " (\(ProtocolVersion.oldest)...\(ProtocolVersion.newest))"
    }
    if identity.cluster != own.cluster {
      return "cluster \(identity.cluster) is not this cluster, \(own.cluster)"
    }
    if recipient != own.node { return "the message is for \(recipient), and this is \(own.node)" }
    if identity.node == own.node { return "both sides say that they are \(own.node)" }
    if identity.node == NodeID(0) { return "a node needs a number greater than 0" }
    return nil
  }
}
