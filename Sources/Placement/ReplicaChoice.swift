import Keys
import Schema

/// Chooses nodes for new tablets: pure, so that the same catalog gives the same choice.
package enum ReplicaChoice {
  package struct Candidate: Hashable, Sendable {
    package var node: NodeID
    package var zone: String
    /// Replicas that it holds already.
    package var replicaCount: Int
    /// Tablets that prefer it as their leader.
    package var leaderCount: Int
    package init(node: NodeID, zone: String, replicaCount: Int, leaderCount: Int) {
      self.node = node
      self.zone = zone
      self.replicaCount = replicaCount
      self.leaderCount = leaderCount
    }
  }

  /// Picks `replicationFactor` nodes for each of `tabletCount` tablets, preferred leader first: as many distinct zones as
  /// there are, then the nodes with the fewest replicas; leaders go round. Fewer nodes than asked give fewer replicas,
  /// always an odd number, since an even one survives no more failures.
  package static func choose(
    tabletCount: Int, replicationFactor: Int, candidates: [Candidate]
  ) -> [[NodeID]] {
    var loads = candidates.sorted { $0.node < $1.node }
    let available = min(replicationFactor, loads.count)
    let count = available % 2 == 0 ? available - 1 : available
    guard count > 0 else { return [] }
    var choices: [[NodeID]] = []
    for _ in 0..<tabletCount {
      var chosen: [Int] = []
      var zones: Set<String> = []
      while chosen.count < count {
        let free = loads.indices.filter { !chosen.contains($0) }
        let fresh = free.filter { !zones.contains(loads[$0].zone) }
        guard
          let best = (fresh.isEmpty ? free : fresh).min(by: {
            (loads[$0].replicaCount, loads[$0].node) < (loads[$1].replicaCount, loads[$1].node)
          })
        else { break }
        chosen.append(best)
        zones.insert(loads[best].zone)
      }
      // The member that leads least is the preferred leader.
      chosen.sort { (loads[$0].leaderCount, loads[$0].node) < (loads[$1].leaderCount, loads[$1].node) }
      for index in chosen { loads[index].replicaCount += 1 }
      loads[chosen[0]].leaderCount += 1
      choices.append(chosen.map { loads[$0].node })
    }
    return choices
  }
}
