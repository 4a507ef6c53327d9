import Coding
import Keys
import Operations
import Placement
import Runtime
import Schema
import Tablet
import Transactions
import Transport
import Values

/// The requests between nodes that are about the cluster as a whole: catalog changes, sequences, registration, status.
final class ClusterServices: Sendable {
  let node: NodeID
  let router: Router
  let service: CatalogService
  let replica: CatalogReplica
  let catalog: CatalogBox
  let tablets: TabletDirectory
  let transport: Transport
  let live: LiveNodes

  init(
    node: NodeID, router: Router, service: CatalogService, replica: CatalogReplica, catalog: CatalogBox,
    tablets: TabletDirectory, transport: Transport, live: LiveNodes
  ) {
    self.node = node
    self.router = router
    self.service = service
    self.replica = replica
    self.catalog = catalog
    self.tablets = tablets
    self.transport = transport
    self.live = live
  }

  // MARK: Answering

  /// - Parameter commits: those of this node's gateway.
  func serve(on transport: Transport, commits: CommitGate) {
    let loop = service.loop
    transport.handle(NodeService.changeCatalog.rawValue, on: loop) { _, bytes, _ in
      await self.service.change(try CatalogChangeRequest(decoding: bytes)).encoded { $1.write(to: &$0) }
    }
    transport.handle(NodeService.takeSequence.rawValue, on: loop) { _, bytes, _ in
      await self.service.takeSequence(try SequenceRequest(decoding: bytes)).encoded { $1.write(to: &$0) }
    }
    transport.handle(NodeService.registerNode.rawValue, on: loop) { _, bytes, _ in
      var reader = ByteReader(bytes)
      return await self.service.register(try reader.readNodeDescriptor()).encoded { $0.writeVarint($1) }
    }
    transport.handle(NodeService.awaitCatalog.rawValue, on: loop) { _, bytes, _ in
      await self.replica.reached(try AwaitCatalogRequest(decoding: bytes).version)
      await commits.drained()
      return []
    }
    transport.handle(NodeService.status.rawValue, on: loop) { _, _, _ in await self.ownStatus().encoded() }
  }

  private func ownStatus() async -> OwnStatus {
    OwnStatus(catalogVersion: catalog.current.version, replicas: await tablets.status())
  }

  // MARK: Asking

  func gatewayServices(members: [NodeID]) -> GatewayServices {
    GatewayServices(
      catalogMembers: members,
      changeCatalog: { node, request, timeout in
        if node == self.node { return .answer(await self.service.change(request)) }
        return await self.router.remote(node, .changeCatalog, request.encoded(), timeout: timeout) {
          try TabletAnswer(decoding: $0) { reader throws(CodingError) in try CatalogChangeOutcome(from: &reader) }
        }
      },
      takeSequence: { node, request, timeout in
        if node == self.node { return .answer(await self.service.takeSequence(request)) }
        return await self.router.remote(node, .takeSequence, request.encoded(), timeout: timeout) {
          try TabletAnswer(decoding: $0) { reader throws(CodingError) in try SequenceRange(from: &reader) }
        }
      },
      registerNode: { node, descriptor, timeout in
        if node == self.node { return .answer(await self.service.register(descriptor)) }
        var writer = ByteWriter()
        writer.write(descriptor)
        return await self.router.remote(node, .registerNode, writer.bytes, timeout: timeout) {
          try TabletAnswer(decoding: $0) { reader throws(CodingError) in try reader.readVarint() }
        }
      },
      settleCatalog: { await self.service.settle($0) }, catalogReached: { await self.replica.reached($0) },
      clusterStatus: { await self.clusterStatus() }, liveNodes: { self.live.nodes },
      wasRemoved: { tablet in
        // Ids count up: one that this catalog could know and does not is gone for ever.
        tablet.rawValue <= self.replica.counters.tablet && self.catalog.current.tablets[tablet] == nil
          && tablet != .catalog
      })
  }

  /// Asks every live node for its replicas, at the same time, and puts the answers together.
  private func clusterStatus() async -> ClusterStatus {
    let snapshot = catalog.current
    let peers = transport.peerStatus()
    let liveNodes = live.nodes
    let answers = await withTaskGroup(of: (NodeID, OwnStatus?).self) { group in
      for id in liveNodes.sorted() {
        group.addTask {
          if id == self.node { return (id, await self.ownStatus()) }
          let bytes = try? await self.transport.call(
            NodeService.status.rawValue, [], to: id, timeoutNanoseconds: 1_000_000_000)
          return (id, bytes.flatMap { try? OwnStatus(decoding: $0) })
        }
      }
      var all: [NodeID: OwnStatus] = [:]
      for await (id, status) in group { all[id] = status }
      return all
    }
    var leaders: [TabletID: (node: NodeID, status: ReplicaStatus)] = [:]
    for (id, answer) in answers.sorted(by: { $0.key < $1.key }) {
      for replica in answer.replicas where replica.isLeader {
        // Two may believe that they lead: the one of the later term is right.
        if leaders[replica.tablet].map({ $0.status.term < replica.term }) ?? true {
          leaders[replica.tablet] = (id, replica)
        }
      }
    }
    let now = router.now
    let nodes = snapshot.nodes.values.sorted { $0.id < $1.id }.map { descriptor in
      let answer = answers[descriptor.id]
      let silent = descriptor.id == node ? 0 : peers[descriptor.id].map { now &- $0.sinceNanoseconds } ?? 0
      return NodeStatus(
        node: descriptor, isLive: answer != nil, silentMicroseconds: answer == nil ? silent / 1000 : 0,
        leaderCount: leaders.values.count { $0.node == descriptor.id }, replicaCount: answer?.replicas.count ?? 0,
        catalogVersion: answer?.catalogVersion ?? 0)
    }
    let current = snapshot.tablets.values.filter { snapshot.isCurrent($0) }
    let tablets = current.sorted { $0.id < $1.id }.map { descriptor in
      let leader = leaders[descriptor.id]
      return TabletStatus(
        tablet: descriptor, leader: leader?.node, term: leader?.status.term ?? 0,
        commitIndex: leader?.status.commitIndex ?? 0, matchIndexes: leader?.status.matchIndexes ?? [:],
        sizeBytes: leader?.status.sizeBytes ?? 0)
    }
    return ClusterStatus(nodes: nodes, tablets: tablets)
  }
}

/// What a node answers to the status request.
struct OwnStatus: Sendable {
  var catalogVersion: UInt64
  var replicas: [ReplicaStatus]

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(catalogVersion)
    writer.writeArray(replicas) { $1.write(to: &$0) }
    return writer.bytes
  }

  init(catalogVersion: UInt64, replicas: [ReplicaStatus]) {
    self.catalogVersion = catalogVersion
    self.replicas = replicas
  }

  init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    catalogVersion = try reader.readVarint()
    replicas = try reader.readArray(minimumSize: 8) { reader throws(CodingError) in try ReplicaStatus(from: &reader) }
  }
}

struct AwaitCatalogRequest: Sendable {
  var version: UInt64

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.writeVarint(version)
    return writer.bytes
  }

  init(version: UInt64) { self.version = version }

  init(decoding bytes: [UInt8]) throws(CodingError) {
    var reader = ByteReader(bytes)
    version = try reader.readVarint()
  }
}
