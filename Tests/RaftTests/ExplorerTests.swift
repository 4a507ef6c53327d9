import Foundation
import Raft
import Testing

/// Every order of events in small groups, by depth-first search over the real code. A message may always be lost: it
/// need not be delivered, and the oldest make room for new ones.
@Suite("A small scope, explored", .serialized)
struct ExplorerTests {
  private static let custom = ProcessInfo.processInfo.environment["SCOPE"]

  private func explore(_ scope: Scope, voters: Int = 3, sourceLocation: SourceLocation = #_sourceLocation) {
    var scope = scope
    #if DEBUG
      scope.maxStates /= 40
    #endif
    do {
      let result = try Exploration(scope, voters: voters)
      print("explored \(result.states) states, \(result.isComplete ? "all there are" : "and there are more")")
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test("Two elections, every state there is")
  func elections() {
    explore(Scope(maxTerm: 2, proposals: 0, maxMessages: 2, maxStates: 250_000))
  }

  @Test("Two elections and an entry, with copies of messages")
  func duplicates() {
    explore(Scope(maxTerm: 2, proposals: 1, duplicates: 1, maxMessages: 4, maxStates: 100_000))
  }

  @Test("A crash at any point, with any part of the unsynced writes lost")
  func crashes() {
    explore(Scope(maxTerm: 3, proposals: 1, crashes: 1, maxMessages: 3, maxStates: 150_000))
  }

  @Test("Three leaders and two entries: figure 8")
  func figureEight() {
    explore(Scope(maxTerm: 4, proposals: 1, ticks: 1, maxMessages: 2, maxStates: 150_000))
  }

  @Test("Two changes of the membership")
  func changes() {
    let wishes: [ConfigurationChange] = [
      .addVoter(ReplicaID(3)), .replace(voters: [ReplicaID(2), ReplicaID(3)], learners: []),
    ]
    explore(
      Scope(maxTerm: 3, proposals: 0, changes: 2, ticks: 2, maxMessages: 3, maxStates: 150_000, wishes: wishes),
      voters: 2)
  }

  /// `SCOPE=2,1,0,1,0,4,1000000`: terms, proposals, copies, crashes, ticks, messages, states.
  @Test("The scope of the environment", .enabled(if: custom != nil))
  func scopeOfEnvironment() throws {
    let counts = try #require(ExplorerTests.custom).split(separator: ",").compactMap { Int($0) }
    try #require(counts.count == 7)
    explore(
      Scope(
        maxTerm: UInt64(counts[0]), proposals: counts[1], crashes: counts[3], duplicates: counts[2], ticks: counts[4],
        maxMessages: counts[5], maxStates: counts[6]))
  }
}
