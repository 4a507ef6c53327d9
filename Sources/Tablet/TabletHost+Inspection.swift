import Coding
import Keys
import Raft
import Storage

/// What a simulation looks at inside a node; nothing in production calls it.
extension TabletHost {
  /// One replica at one instant.
  package struct ReplicaView: Sendable {
    package var tablet: TabletID
    package var replica: UInt64
    package var isServing: Bool
    /// What the replica is and has, in words, for a failure's message.
    package var summary: String
    package var term: UInt64
    package var commitIndex: UInt64
    package var appliedIndex: UInt64
    package var servedLast: Served
    /// The greatest horizon that the replica may have confirmed.
    package var horizon: HybridTime
    package var isVoter: Bool
    package var voterCount: Int
    /// What transactions have left behind: staged and decided in the ledger, open and locked in memory.
    package var unresolvedCount: Int
    package var openCount: Int
    package var lockedCount: Int
    /// Applied entries behind the index that the caller had seen, as far as they are still in memory.
    package var entries: [Entry]
  }

  /// This node's replicas, in order. `seen` says up to which index the caller knows a tablet's log of this node.
  package func views(seen: (TabletID) -> UInt64) -> [ReplicaView] {
    replicas.values.sorted { $0.id < $1.id }.map { replica in
      let raft = replica.raft
      let first = max(LogIndex(seen(replica.id)).next, raft.basePosition.index.next)
      return ReplicaView(
        tablet: replica.id, replica: replica.replica.raw, isServing: isServing(replica.id),
        summary: summary(of: replica), term: raft.term.raw,
        commitIndex: raft.commitIndex.raw, appliedIndex: raft.appliedIndex.raw, servedLast: replica.servedLast,
        horizon: HybridTime(rawValue: raft.knownHorizon), isVoter: raft.configuration.isVoter(replica.replica),
        voterCount: raft.configuration.voters.count,
        unresolvedCount: replica.ledger.staged.count + replica.ledger.decisions.count,
        openCount: replica.transactions.count, lockedCount: replica.locks.lockedCount,
        entries: first <= raft.appliedIndex ? raft.entries(from: first, through: raft.appliedIndex) : [])
    }
  }

  private func summary(of replica: TabletReplica) -> String {
    let raft = replica.raft
    return
      "\(environment.node) \(raft.role) of term \(raft.term), leader \(replica.leaderNode?.description ?? "none"), log "
      + "\(raft.basePosition)…\(raft.lastPosition), durable \(raft.persistedIndex), committed \(raft.commitIndex), applied "
      + "\(raft.appliedIndex), \(raft.leaseIsValid(now: replica.now) ? "lease" : "no lease"), "
      + "\(replica.store == nil ? "no store" : "store")\(replica.isInstalling ? ", installing" : "")"
  }

  /// Everything that the store of a replica holds of its documents: each version's key and value, in key order.
  package func versions(of tablet: TabletID) throws -> [(key: [UInt8], value: [UInt8])] {
    guard let store = replicas[tablet]?.store else { return [] }
    var versions: [(key: [UInt8], value: [UInt8])] = []
    var cursor = try store.cursor(.regular, lower: [], upper: nil, pointPrefix: nil)
    while cursor.isValid {
      if !VersionedKey.isReserved(cursor.key.span) { versions.append((cursor.key, cursor.value)) }
      try cursor.next()
    }
    return versions
  }

  /// How many intents the store of a replica holds.
  package func intentCount(of tablet: TabletID) throws -> Int {
    guard let store = replicas[tablet]?.store else { return 0 }
    var count = 0
    var cursor = try store.cursor(.intents, lower: [], upper: nil, pointPrefix: nil)
    while cursor.isValid {
      count += 1
      try cursor.next()
    }
    return count
  }

  /// Reads before it are refused.
  package func historyCutoff(of tablet: TabletID) -> HybridTime { replicas[tablet]?.historyCutoff ?? .zero }

  /// The requests that a replica remembers, as its meta record would hold them.
  package func rememberedRequests(of tablet: TabletID) -> [UInt8] {
    var writer = ByteWriter()
    replicas[tablet]?.retries.write(to: &writer)
    return writer.bytes
  }
}
