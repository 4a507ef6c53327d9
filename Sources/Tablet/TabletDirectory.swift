import Coding
import Keys
import Logging
import Operations
import Runtime
import Transport

/// The tablet hosts of a node, one for each loop, and how requests from other nodes reach them.
package struct TabletDirectory: Sendable {
  package let hosts: [TabletHost]

  package init(hosts: [TabletHost]) {
    precondition(!hosts.isEmpty, "a node needs a tablet host")
    self.hosts = hosts
  }

  /// Where a tablet lives on this node: always the same loop.
  package func host(of tablet: TabletID) -> TabletHost { hosts[Int(tablet.rawValue % UInt64(hosts.count))] }

  /// Answers other nodes' requests for tablets.
  package func serve(on transport: Transport, logger: Logger) {
    let loop = hosts[0].loop
    transport.onPost(channel: NodeChannel.raft.rawValue, on: loop) { _, frame in
      do {
        let envelopes = try RaftFrame.decode(frame)
        if let host = hosts.first, hosts.count == 1 {
          host.assumeIsolated { $0.receive(envelopes) }
        } else {
          for host in hosts {
            let share = envelopes.filter { self.host(of: $0.tablet) === host }
            if !share.isEmpty { host.loop.execute { host.assumeIsolated { $0.receive(share) } } }
          }
        }
      } catch {
        logger.warning("a frame of Raft messages cannot be read", metadata: ["error": "\(error)"])
      }
    }
    transport.handle(NodeService.mutate.rawValue, on: loop) { _, bytes, _ in
      let request = try MutateRequest(decoding: bytes)
      let answer = await self.host(of: request.tablet).mutate(request)
      return answer.encoded { $0.write($1) }
    }
    transport.handle(NodeService.transaction.rawValue, on: loop) { _, bytes, _ in
      let request = try TransactionRequest(decoding: bytes)
      return await self.host(of: request.tablet).step(request).encoded { $0.write($1) }
    }
    let readAtOnce: RequestHandlerAtOnce = { _, bytes in
      guard let request = try? ReadRequest(decoding: bytes) else { return nil }
      let host = self.host(of: request.tablet)
      guard host.loop.isCurrent, let answer = host.assumeIsolated({ $0.readAtOnce(request) }) else { return nil }
      return TabletAnswer.done(answer).encoded { $1.write(to: &$0) }
    }
    transport.handle(NodeService.read.rawValue, on: loop, atOnce: readAtOnce) { _, bytes, _ in
      let request = try ReadRequest(decoding: bytes)
      let answer = await self.host(of: request.tablet).read(request)
      return answer.encoded { $1.write(to: &$0) }
    }
    transport.handle(NodeService.installCheckpoint.rawValue, on: loop) { _, bytes, _ in
      let offer = try CheckpointOffer(decoding: bytes)
      try await self.host(of: offer.tablet).installCheckpoint(offer)
      return []
    }
    transport.handle(NodeService.rebuildReplica.rawValue, on: loop) { _, bytes, _ in
      let request = try RebuildRequest(decoding: bytes)
      try await self.host(of: request.tablet).rebuild(request)
      return []
    }
    transport.handle(NodeService.readCheckpoint.rawValue, on: loop) { _, bytes, _ in
      let request = try CheckpointChunkRequest(decoding: bytes)
      return try await self.host(of: request.tablet).readCheckpoint(request)
    }
  }

  /// Whether the log or a store has no room for what it must write (see `TabletHost+FullDisk`).
  package var isDiskFull: Bool {
    get async {
      for host in hosts where await host.isDiskFull { return true }
      return false
    }
  }

  /// All replicas of this node, by tablet.
  package func status() async -> [ReplicaStatus] {
    var all: [ReplicaStatus] = []
    for host in hosts { all.append(contentsOf: await host.status()) }
    return all.sorted { $0.tablet < $1.tablet }
  }
}
