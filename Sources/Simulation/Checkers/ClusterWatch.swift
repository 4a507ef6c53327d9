import Keys
import NodeCore
import Runtime
import Synchronization
import Tablet

/// Looks at all replicas again and again while a cluster runs, and at the end, and says when something is not as it must
/// be. Looking is an event of its own on each node's loop; simulated time stands still while all nodes are looked at.
package final class ClusterWatch {
  /// What one look at one node gave.
  private struct Look: Sendable {
    var node: Int
    var time: UInt64
    var views: [TabletHost.ReplicaView]
  }

  private struct Seen: Hashable {
    var node: Int
    var tablet: TabletID
  }

  private let cluster: SimulatedCluster
  private let looks = LookBox()
  private var seen: [Seen: UInt64] = [:]
  /// Who serves each tablet, as of one instant.
  private var serving: (time: UInt64, nodes: [TabletID: Int]) = (0, [:])
  package private(set) var logs = CommittedLogs()
  /// The process that `seen` is about, by node.
  private var processes: [Int: ObjectIdentifier] = [:]

  private final class LookBox: Sendable {
    let looks = Mutex<[Look]>([])
  }

  package init(_ cluster: SimulatedCluster) { self.cluster = cluster }

  /// Asks for a look at every node that runs; what they saw is taken in at the next call.
  package func look() throws {
    try takeIn()
    for node in cluster.registry.running {
      guard let core = cluster.registry.core(of: node) else { continue }
      if processes[node] != ObjectIdentifier(core) {
        // A new process has its log from the disk: everything that it still has is compared again.
        processes[node] = ObjectIdentifier(core)
        for key in seen.keys where key.node == node { seen[key] = nil }
      }
      let known = seen.filter { $0.key.node == node }
      let (looks, world) = (looks, cluster.world)
      for host in core.tablets.hosts {
        host.loop.execute {
          let views = host.assumeIsolated { host in host.views { known[Seen(node: node, tablet: $0)] ?? 0 } }
          looks.looks.withLock { $0.append(Look(node: node, time: world.nowNanoseconds, views: views)) }
        }
      }
    }
  }

  private func takeIn() throws {
    let taken = looks.looks.withLock { looks in
      defer { looks = [] }
      return looks
    }
    for look in taken {
      if look.time != serving.time { serving = (look.time, [:]) }
      for view in look.views {
        let key = Seen(node: look.node, tablet: view.tablet)
        if let last = view.entries.last { seen[key] = max(seen[key] ?? 0, last.index.raw) }
        if let problem = logs.add(view.entries, of: view.tablet, from: look.node) { throw cluster.failed(problem) }
        if let problem = logs.served(view.servedLast, of: view.tablet) { throw cluster.failed(problem) }
        guard view.isServing else { continue }
        if let other = serving.nodes[view.tablet], other != look.node {
          throw cluster.failed(
            "nodes \(other) and \(look.node) serve \(view.tablet) at the same time, \(look.time / 1_000_000) ms (I-LEASE)"
          )
        }
        serving.nodes[view.tablet] = look.node
      }
    }
    try checkHorizons(taken)
  }

  /// The time of a read is known to a majority of its tablet's voters, or a new leader could write below it (I-SAFE).
  private func checkHorizons(_ taken: [Look]) throws {
    struct Instant: Hashable {
      var time: UInt64
      var tablet: TabletID
    }
    // A node that was paused answers several calls for a look at one instant.
    var views: [Instant: [Int: TabletHost.ReplicaView]] = [:]
    for look in taken {
      for view in look.views where view.isVoter {
        views[Instant(time: look.time, tablet: view.tablet), default: [:]][look.node] = view
      }
    }
    for (instant, views) in views.sorted(by: { ($0.key.time, $0.key.tablet) < ($1.key.time, $1.key.tablet) }) {
      let views = views.values
      let served = views.map(\.servedLast.time).max() ?? .zero
      let voters = views.map(\.voterCount).max() ?? 0
      let ignorant = views.count { $0.horizon < served }
      if ignorant > (voters - 1) / 2 {
        throw cluster.failed(
          "a read of \(instant.tablet) was served at \(served), which \(ignorant) of \(voters) voters know nothing of (I-SAFE)"
        )
      }
    }
  }

  // MARK: At quiescence

  /// Waits until all replicas of every tablet have applied the same, and one of each serves.
  package func settle(limitNanoseconds: UInt64 = 120_000_000_000) throws {
    let end = cluster.world.nowNanoseconds + limitNanoseconds
    var reason = "nothing was seen"
    while cluster.world.nowNanoseconds < end {
      if let failure = cluster.registry.firstFailure { throw cluster.failed(failure) }
      let views = try viewsOfAll()
      if let what = unsettled(views) { reason = what } else { return }
      cluster.world.advance(nanoseconds: 50_000_000)
      try look()
    }
    throw cluster.failed("the cluster does not settle: \(reason) (L-CONVERGE)")
  }

  private typealias Views = [Int: [TabletID: TabletHost.ReplicaView]]

  private func viewsOfAll() throws -> Views {
    try look()
    cluster.world.advance(nanoseconds: 1_000_000)
    var all: Views = [:]
    for look in looks.looks.withLock({ $0 }) {
      for view in look.views { all[look.node, default: [:]][view.tablet] = view }
    }
    try takeIn()
    return all
  }

  private func unsettled(_ views: Views) -> String? {
    var version: UInt64?
    for node in cluster.members {
      guard let core = cluster.registry.core(of: node) else { return "node \(node) does not run" }
      guard core.readiness.isReady else { return "node \(node) is not ready: \(core.readiness.reason)" }
      let catalog = core.catalog.current
      if let version, version != catalog.version {
        return "node \(node) has catalog version \(catalog.version), another one \(version)"
      }
      version = catalog.version
      for tablet in catalog.tablets.values.sorted(by: { $0.id < $1.id }) {
        let replicas = tablet.replicas.map { (Int($0.node.rawValue), views[Int($0.node.rawValue)]?[tablet.id]) }
        if let absent = replicas.first(where: { $0.1 == nil }) { return "\(tablet.id) is not open on node \(absent.0)" }
        if let what = Self.unsettled(replicas.compactMap(\.1)) { return what }
      }
      let catalogTablet = cluster.members.compactMap { views[$0]?[.catalog] }
      guard catalogTablet.count == cluster.size else { return "the catalog is not open everywhere" }
      if let what = Self.unsettled(catalogTablet) { return what }
    }
    return nil
  }

  private static func unsettled(_ replicas: [TabletHost.ReplicaView]) -> String? {
    guard let first = replicas.first else { return "a tablet has no replicas" }
    let serving = replicas.count { $0.isServing }
    if serving != 1 {
      let summaries = replicas.map { "\n  \($0.summary)" }.joined()
      return "\(first.tablet) is served by \(serving) replicas:\(summaries)\n "
    }
    for view in replicas {
      if view.appliedIndex != first.appliedIndex || view.commitIndex != view.appliedIndex {
        let summaries = replicas.map { "\n  \($0.summary)" }.joined()
        return "replicas of \(first.tablet) have not applied the same:\(summaries)\n "
      }
      if view.unresolvedCount + view.openCount + view.lockedCount > 0 {
        return "\(view.tablet) has \(view.unresolvedCount) transactions staged or decided, \(view.openCount) open, and "
          + "\(view.lockedCount) rows locked"
      }
    }
    return nil
  }

  /// Holds every store against the committed log, and the replicas' catalogs against each other. Call after `settle`.
  package func checkStores() throws {
    try takeIn()
    var unseen: [TabletID: StoreCopy] = [:]
    for node in cluster.members {
      let copies = try cluster.run(on: node) { core in
        var copies: [StoreCopy] = []
        for host in core.tablets.hosts { copies.append(contentsOf: try await StoreCopy.all(of: host)) }
        return copies
      }
      for copy in copies {
        if logs.lacksEntries(of: copy.tablet, upTo: copy.appliedIndex) {
          // Applied, flushed and cut between two looks, and then the node went down: nobody can show them any more. What
          // is left to ask is that all replicas are the same (I-DIGEST).
          if let first = unseen[copy.tablet], !first.isEqual(to: copy) {
            throw cluster.failed("\(copy.tablet) on node \(node) is not what it is elsewhere (I-DIGEST)")
          }
          unseen[copy.tablet] = copy
          continue
        }
        guard copy.intentCount == 0 else {
          throw cluster.failed("\(copy.tablet) on node \(node) has kept \(copy.intentCount) intents (I-TXN)")
        }
        guard logs.remembers(copy.requests, of: copy.tablet) else {
          throw cluster.failed("\(copy.tablet) on node \(node) remembers other requests than the log has (I-ONCE)")
        }
        if let problem = logs.unfinished(in: copy.tablet) { throw cluster.failed("\(problem) (I-TXN)") }
        guard
          let problem = logs.difference(
            of: copy.versions, from: copy.tablet, appliedIndex: copy.appliedIndex, cutoff: copy.cutoff)
        else { continue }
        throw cluster.failed("\(copy.tablet) on node \(node): \(problem) (I-REPLAY)")
      }
    }
    try checkCatalogs()
  }

  private func checkCatalogs() throws {
    var first: (node: Int, bytes: [UInt8])?
    for node in cluster.members {
      guard let core = cluster.registry.core(of: node) else { continue }
      let catalog = core.catalog.current
      let bytes = CatalogDigest.bytes(of: catalog)
      if let first, first.bytes != bytes {
        throw cluster.failed("nodes \(first.node) and \(node) have different catalogs of version \(catalog.version)")
      }
      first = first ?? (node, bytes)
      let open = Set(
        try cluster.run(on: node) { core in await core.tablets.status() }.map(\.tablet))
      let wanted = Set(
        catalog.tablets.values.filter { $0.replicas.contains { Int($0.node.rawValue) == node } }.map(\.id) + [.catalog])
      guard open == wanted else {
        throw cluster.failed(
          "node \(node) has open \(open.subtracting(wanted).sorted()) that it should not have, and lacks "
            + "\(wanted.subtracting(open).sorted())")
      }
    }
  }
}

/// What one replica's store holds.
private struct StoreCopy: Sendable {
  var tablet: TabletID
  var appliedIndex: UInt64
  var versions: [(key: [UInt8], value: [UInt8])]
  var intentCount: Int
  var requests: [UInt8]
  /// Nobody reads below it.
  var cutoff: HybridTime

  func isEqual(to other: StoreCopy) -> Bool {
    let cutoff = max(cutoff, other.cutoff)
    return requests == other.requests
      && readable(since: cutoff).elementsEqual(other.readable(since: cutoff)) {
        $0.key == $1.key && $0.value == $1.value
      }
  }

  private func readable(since cutoff: HybridTime) -> [(key: [UInt8], value: [UInt8])] {
    let history = CollectableHistory(of: versions, cutoff: cutoff)
    return versions.filter { !history.contains($0.key) }
  }

  static func all(of host: TabletHost) async throws -> [StoreCopy] {
    var copies: [StoreCopy] = []
    for status in await host.status() {
      let versions = try await host.versions(of: status.tablet)
      let intentCount = try await host.intentCount(of: status.tablet)
      let requests = await host.rememberedRequests(of: status.tablet)
      copies.append(
        StoreCopy(
          tablet: status.tablet, appliedIndex: status.appliedIndex, versions: versions, intentCount: intentCount,
          requests: requests,
          cutoff: await host.historyCutoff(of: status.tablet)))
    }
    return copies
  }
}
