import Coding
import Keys
import Runtime
import Testing
import Transport

@Suite("The handshake")
struct HandshakeTests {
  private func pair(
    other: (inout Cluster) -> TestNode, peers: [NodeID: Address] = [NodeID(2): Cluster.address(2)]
  ) -> (Cluster, TestNode) {
    var cluster = Cluster(1)
    let node = other(&cluster)
    cluster[1].transport.setPeers(peers)
    node.transport.setPeers([NodeID(1): Cluster.address(1)])
    cluster.world.advance(nanoseconds: 3 * second)
    return (cluster, node)
  }

  @Test("refuses a node of another cluster, on both sides, and says why")
  func otherCluster() {
    let (cluster, other) = pair { $0.start(2, cluster: ClusterID(high: 0xa, low: 0xc)) }
    for error in [cluster[1].lastError(of: 2), other.lastError(of: 1)] {
      #expect(error.contains("is not this cluster"), "\(error)")
    }
    #expect(!cluster[1].isConnected(to: 2) && !other.isConnected(to: 1))
    #expect(cluster.call(Service.echo, from: 1, to: 2) == .failure(.unreachable(NodeID(2))))
  }

  @Test("refuses a node that is not the one that was dialed")
  func wrongNode() {
    let (cluster, _) = pair(other: { $0.start(2) }, peers: [NodeID(3): Cluster.address(2)])
    #expect(cluster[1].lastError(of: 3).contains("the message is for n3, and this is n2"))
  }

  @Test("refuses whom the verifier refuses")
  func verifier() {
    let (cluster, other) = pair {
      $0.start(2) { $0.node == NodeID(1) ? .refuse(reason: "n1 was removed") : .accept }
    }
    #expect(cluster[1].lastError(of: 2).contains("n1 was removed"))
    #expect(!other.isConnected(to: 1))
  }

  @Test("refuses a ghost: an older incarnation than the one that was here")
  func ghost() {
    var (cluster, _) = pair { $0.start(2, incarnation: 7) }
    #expect(cluster[1].isConnected(to: 2))
    cluster.world.crash(2)
    let ghost = cluster.start(2, incarnation: 6)
    ghost.transport.setPeers([NodeID(1): Cluster.address(1)])
    cluster.world.advance(nanoseconds: 10 * second)
    #expect(!cluster[1].isConnected(to: 2) && !ghost.isConnected(to: 1))
    #expect(ghost.lastError(of: 1).contains("incarnation 6 of n2 is older than 7"))
  }

  @Test("survives its own bytes cut anywhere, and finds other versions")
  func codec() throws {
    let identity = NodeIdentity(cluster: clusterID, node: NodeID(3), incarnation: 9)
    let own = NodeIdentity(cluster: clusterID, node: NodeID(4), incarnation: 1)
    var introduction = Introduction(identity: identity, recipient: NodeID(4))
    let bytes = introduction.encoded()
    #expect(try Introduction(decoding: bytes) == introduction)
    #expect(try Introduction(decoding: bytes + [1, 2, 3]) == introduction)
    for count in 0..<bytes.count {
      #expect(throws: CodingError.self) { try Introduction(decoding: Array(bytes.prefix(count))) }
    }
    #expect(introduction.objection(from: own) == nil)
    introduction.oldestVersion = 90
    introduction.newestVersion = 91
    #expect(introduction.objection(from: own)?.contains("90...91") == true)
  }
}
