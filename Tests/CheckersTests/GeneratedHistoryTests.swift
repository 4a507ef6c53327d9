import Checkers
import Testing

/// Histories of a model that works, and of one with a fault, through the checkers that know no workload.
@Suite("Generated histories")
struct GeneratedHistoryTests {
  @Test("ten thousand histories of a store that works pass", arguments: Seed.sample(20))
  func valid(seed: Seed) {
    for number in 0..<500 as Range<UInt64> {
      let one = seed.value * 1_000 + number
      // Every third history mixes the levels.
      let levels = number % 3 == 0 ? IsolationLevel.allCases : [IsolationLevel.allCases[Int(number / 3 % 3)]]
      var model = ModelDatabase(seed: one, levels: levels)
      let history = model.run(transactions: 30)
      let found = AppendChecker(realTimeFrom: .readCommitted).check(history) + HybridTimeReplay().check(history)
      #expect(found.isEmpty, "seed \(one): \(found.map(\.description).joined(separator: "\n"))")
      if !found.isEmpty { return }
    }
  }

  struct Planted: Sendable {
    var fault: ModelDatabase.Fault
    var levels: [IsolationLevel] = IsolationLevel.allCases
    /// What it shows as in lists; every run with a finding has one of these.
    var names: Set<String>
  }

  static let planted: [Planted] = [
    Planted(fault: .readsUncommitted, names: ["G1a", "G1b", "G1c", "internal"]),
    Planted(fault: .abortKeepsWrites, names: ["G1a"]),
    Planted(fault: .ignoresRowLocks, levels: [.repeatableRead], names: ["lost update", "G-single", "G-nonadjacent"]),
    Planted(
      fault: .overwritesFromSnapshot, levels: [.repeatableRead],
      names: ["lost append", "lost update", "incompatible order"]),
    Planted(fault: .snapshotMoves, levels: [.repeatableRead], names: ["internal", "G-single", "G-nonadjacent"]),
    Planted(fault: .skipsReadValidation, levels: [.serializable], names: ["G2-item"]),
    Planted(fault: .hidesOwnWrites, names: ["internal"]),
    Planted(
      fault: .readsInThePast, levels: [.serializable],
      names: ["G-single-realtime", "G-single-session", "lost update-realtime", "G-nonadjacent-realtime", "G2-item"]),
    Planted(fault: .appendsTwice, names: ["duplicate element"]),
    Planted(fault: .losesCommits, names: ["lost append"]),
    Planted(fault: .makesUpElements, names: ["garbage read"]),
    Planted(fault: .tearsCommits, levels: [.serializable], names: ["lost append", "G-single", "G2-item"]),
    Planted(fault: .readsBackwards, names: ["incompatible order", "internal"]),
  ]

  @Test("each fault of the store is found and named, by appends and by replay", arguments: planted)
  func faults(planted: Planted) {
    var (named, replayed) = (0, 0)
    let seeds = 50
    for seed in 1...UInt64(seeds) {
      var model = ModelDatabase(seed: seed, levels: planted.levels, fault: planted.fault)
      let history = model.run(transactions: 400)
      let found = names(AppendChecker(realTimeFrom: .readCommitted).check(history))
      if !found.isDisjoint(with: planted.names) { named += 1 }
      if !HybridTimeReplay().check(history).isEmpty { replayed += 1 }
    }
    // A few histories show it only in rows with numbers.
    #expect(named * 10 >= seeds * 9, "\(planted.fault) was named in \(named) of \(seeds) histories")
    #expect(replayed == seeds, "\(planted.fault) was found by replay in \(replayed) of \(seeds) histories")
  }

  @Test("a fault shows at the level that it breaks, and not below")
  func levels() {
    for seed in 1...50 as ClosedRange<UInt64> {
      var model = ModelDatabase(seed: seed, levels: [.repeatableRead], fault: .skipsReadValidation)
      #expect(AppendChecker().check(model.run(transactions: 100)).isEmpty, "seed \(seed)")
    }
  }
}
