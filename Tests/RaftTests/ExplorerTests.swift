import Raft
import Testing

/// Every order of events in small groups, by depth-first search over the real code.
@Suite("A small scope, explored in whole", .serialized)
struct ExplorerTests {
  private func explore(_ scope: Scope, voters: Int = 3, sourceLocation: SourceLocation = #_sourceLocation) {
    var scope = scope
    #if DEBUG
      scope.maxStates /= 40
    #endif
    do {
      let result = try Exploration(scope, voters: voters)
      print("explored \(result.states) states, \(result.isComplete ? "all there are" : "not all")")
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test("Two elections and an entry, with copies of messages")
  func elections() {
    explore(Scope(maxTerm: 2, proposals: 1, duplicates: 1, maxMessages: 5, maxStates: 150_000))
  }

  @Test("A crash at any point, with any part of the unsynced writes lost")
  func crashes() {
    explore(Scope(maxTerm: 3, proposals: 1, crashes: 1, maxMessages: 4, maxStates: 150_000))
  }

  @Test("Three leaders and two entries: figure 8")
  func figureEight() {
    explore(Scope(maxTerm: 4, proposals: 2, ticks: 1, maxMessages: 4, maxStates: 150_000))
  }

  @Test("Two changes of the membership")
  func changes() {
    let wishes: [ConfigurationChange] = [
      .addVoter(ReplicaID(3)), .replace(voters: [ReplicaID(2), ReplicaID(3)], learners: []),
    ]
    explore(
      Scope(maxTerm: 3, proposals: 0, changes: 2, ticks: 2, maxMessages: 4, maxStates: 150_000, wishes: wishes),
      voters: 2)
  }
}
