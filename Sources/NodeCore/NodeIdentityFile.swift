import Coding
import Keys
import Runtime
import Transport

/// Who this data directory belongs to. Written once, when the directory is new.
///
/// Format: magic "apusnode" · format version (4) · cluster (16) · node (4) · incarnation (8), integers little-endian.
package enum NodeIdentityFile {
  /// Counts incompatible changes of anything under the data directory.
  package static let formatVersion: UInt32 = 5
  private static let name = "identity"
  private static let magic = Array("apusnode".utf8)

  /// Reads the identity of a data directory, or gives a new one its own.
  /// - Throws: `NodeStartError` where the directory belongs to another node, cluster or version.
  package static func open(
    directory: String, cluster: ClusterID, node: NodeID, runtime: Runtime
  ) throws -> NodeIdentity {
    let path = "\(directory)/\(name)"
    try runtime.files.createDirectory(directory)
    guard runtime.files.exists(path) else {
      let leftovers = try runtime.files.list(directory).filter { $0 == "wal" || $0 == "tablets" }
      guard leftovers.isEmpty else {
        throw NodeStartError(
          "\(directory) holds data but no identity file", hint: "Restore the file, or start with an empty directory.")
      }
      let identity = NodeIdentity(cluster: cluster, node: node, incarnation: runtime.random.next() | 1)
      var writer = ByteWriter()
      writer.writeRaw(magic)
      writer.writeFixed(formatVersion)
      writer.writeFixed(cluster.high)
      writer.writeFixed(cluster.low)
      writer.writeFixed(node.rawValue)
      writer.writeFixed(identity.incarnation)
      try runtime.files.replace(path, with: writer.bytes)
      return identity
    }
    let bytes = try runtime.files.read(path)
    var reader = ByteReader(bytes)
    guard bytes.count > 12, try reader.readRaw(count: magic.count) == magic else {
      throw NodeStartError("\(path) is not the identity file of a node", hint: "Is this the right directory?")
    }
    let version: UInt32 = try reader.readFixed()
    guard version == formatVersion else {
      throw NodeStartError(
        "\(directory) was written in format \(version), and this program knows format \(formatVersion)",
        hint: "Start the version of Apus that wrote it, or remove the directory to begin anew (its data is lost).")
    }
    let found = NodeIdentity(
      cluster: ClusterID(high: try reader.readFixed(), low: try reader.readFixed()),
      node: NodeID(try reader.readFixed()), incarnation: try reader.readFixed())
    guard found.cluster == cluster, found.node == node else {
      throw NodeStartError(
        "\(directory) belongs to node \(found.node.rawValue) of cluster \(found.cluster), not to node \(node.rawValue) of "
          + "cluster \(cluster)",
        hint: "Give each node a data directory of its own.")
    }
    return found
  }
}

/// Why a node cannot start: what happened, and what to do.
package struct NodeStartError: Error, CustomStringConvertible {
  package var message: String
  package var hint: String?
  package init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
  package var description: String { hint.map { "\(message)\nhint: \($0)" } ?? message }
}
