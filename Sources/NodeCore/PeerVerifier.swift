import Keys
import Runtime
import Tablet
import Transport

/// Decides which nodes may talk to this one.
struct PeerVerifier: Sendable {
  var catalog: CatalogBox
  var members: [NodeID: Address]

  func verdict(on peer: NodeIdentity) -> PeerVerdict {
    guard members[peer.node] != nil else {
      return .refuse(reason: "\(peer.node) is not a member of this cluster")
    }
    // A node with a new data directory has forgotten what it promised as a voter.
    if let known = catalog.current.nodes[peer.node], known.incarnation != peer.incarnation {
      return .refuse(
        reason: "\(peer.node) has another data directory than the one that was registered: it has lost its data")
    }
    return .accept
  }
}

/// The nodes that this one hears.
struct LiveNodes: Sendable {
  var node: NodeID
  var transport: Transport

  var nodes: Set<NodeID> {
    var live: Set<NodeID> = [node]
    for (peer, status) in transport.peerStatus() where status.isConnected { live.insert(peer) }
    return live
  }
}
