import Coding
import Keys
import NodeCore
import Operations
import PostgresWire
import SQL
import Tablet
import Transactions

/// What other nodes ask of this one's SQL sessions: which there are, and to stop one.
enum SessionServices {
  static func serve(_ registry: SessionRegistry, of sql: PostgresServer, on node: NodeCore) {
    let loop = node.runtime.loops[0]
    node.transport.handle(NodeService.sessions.rawValue, on: loop) { _, _, _ in
      var writer = ByteWriter()
      writer.writeArray(registry.statuses) { $1.write(to: &$0) }
      return writer.bytes
    }
    node.transport.handle(NodeService.signalSession.rawValue, on: loop) { _, bytes, _ in
      let request = try SignalRequest(decoding: bytes)
      return [registry.signal(request.signal, to: request.processID) ? 1 : 0]
    }
    node.transport.handle(NodeService.cancelRequest.rawValue, on: loop) { _, bytes, _ in
      // The secret is compared here, and nobody is told how that went.
      sql.cancel(try CancelKey(decoding: bytes))
      return []
    }
  }

  /// Brings a client's cancel request to the node that gave the key out, once: like the client's own, it may get lost.
  static func forward(_ key: CancelKey, from node: NodeCore) {
    let owner = ProcessID.node(of: key.processID)
    guard owner != node.configuration.node, node.catalog.current.nodes[owner] != nil else { return }
    node.runtime.loops[0].spawn {
      _ = try? await node.transport.call(
        NodeService.cancelRequest.rawValue, key.encoded, to: owner, timeoutNanoseconds: 1_000_000_000)
    }
  }
}

extension CancelKey {
  fileprivate var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.writeFixed(UInt32(bitPattern: processID))
    writer.writeFixed(secret)
    return writer.bytes
  }

  fileprivate init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    let processID = Int32(bitPattern: try reader.readFixed(UInt32.self))
    self.init(processID: processID, secret: try reader.readFixed())
  }
}
