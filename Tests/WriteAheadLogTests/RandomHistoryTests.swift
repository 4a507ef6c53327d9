import Runtime
import Testing
import WriteAheadLog

@Suite("Random histories of the log against a model")
struct RandomHistoryTests {
  @Test("Appends, truncations, snapshots, releases, removals and starts", arguments: 0..<30)
  func history(seed: Int) async throws {
    var random = Seeded(UInt64(seed))
    let bench = Bench()
    let segmentBytes = Int.random(in: 300...4000, using: &random)
    var log = try await bench.open(segmentBytes: segmentBytes).log
    var model = LogModel()
    var released: [UInt64: UInt64] = [:]

    for step in 0..<300 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0:
        let opened = try await bench.open(segmentBytes: segmentBytes)
        #expect(opened.recovered.damage.isEmpty, "seed \(seed), step \(step)")
        #expect(model.difference(opened.recovered, released: released) == nil, "seed \(seed), step \(step)")
        log = opened.log
        for (group, index) in released { log.released(group: group, through: index) }
      case 1...4:
        guard let (number, group) = model.groups.sorted(by: { $0.key < $1.key }).randomElement(using: &random) else {
          continue
        }
        let index = max(released[number] ?? 0, UInt64.random(in: 0...group.lastIndex, using: &random))
        released[number] = index
        log.released(group: number, through: index)
      default:
        var batch: [LogRecord] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let record = randomRecord(model, released, &random)
          batch.append(record)
          model.apply([record])
          if case .groupRemoved(let group) = record { released[group] = nil }
          if case .snapshot(let group, let mark) = record { released[group] = max(released[group] ?? 0, mark.index) }
        }
        #expect(log.appendNow(batch), "seed \(seed), step \(step)")
      }
      for (number, group) in model.groups {
        guard let entry = group.entries.last, entry.index > released[number] ?? 0 else { continue }
        #expect(
          try log.entries(of: number, from: entry.index, byteCountMax: 1) == [entry], "seed \(seed), step \(step)")
      }
    }
  }

  @Test("A crash at any change of the disk keeps what was acknowledged", arguments: 0..<40)
  func crashes(seed: Int) async throws {
    var random = Seeded(UInt64(seed) &+ 1000)
    var disk = MemoryDisk()
    // The crash may take the last append with it, or keep it: both are right, as nobody was told.
    var acknowledged = LogModel()
    var attempted = LogModel()
    for life in 0..<12 {
      let bench = Bench(disk)
      disk.withState { [count = Int.random(in: 0..<25, using: &random)] in $0.failAt = $0.changes + count }
      if let opened = try? await bench.open(segmentBytes: 500) {
        let recovered = opened.recovered
        #expect(recovered.damage.isEmpty, "seed \(seed), life \(life): \(recovered.damage)")
        let isAcknowledged = acknowledged.difference(recovered) == nil
        let isAttempted = attempted.difference(recovered) == nil
        #expect(isAcknowledged || isAttempted, "seed \(seed), life \(life)")
        if !isAcknowledged { acknowledged = attempted }
        attempted = acknowledged
        for _ in 0..<30 {
          let record = randomRecord(acknowledged, [:], &random)
          attempted.apply([record])
          guard opened.log.appendNow(record) else { break }
          acknowledged = attempted
        }
      }
      disk.withState { $0.failAt = .max }
      let seedOfLife = random.next()
      disk = disk.crashed { _, unsynced in
        var tearing = Seeded(seedOfLife)
        return Array(unsynced.prefix(.random(in: 0...unsynced.count, using: &tearing)))
      }
    }
  }

  private func randomRecord(
    _ model: LogModel, _ released: [UInt64: UInt64], _ random: inout Seeded
  ) -> LogRecord {
    let number = UInt64.random(in: 1...4, using: &random)
    let last = model.groups[number]?.lastIndex ?? 0
    // What is released or in a snapshot is committed, and never truncated.
    let floor = max(released[number] ?? 0, model.groups[number]?.snapshot?.index ?? 0)
    switch Int.random(in: 0..<12, using: &random) {
    case 0: return .hardState(group: number, [UInt8(truncatingIfNeeded: random.next())])
    case 1 where last > floor: return .truncate(group: number, from: .random(in: floor + 1...last, using: &random))
    case 2:
      let index = UInt64.random(in: max(floor, 1)...max(last, 1) + 3, using: &random)
      return .snapshot(group: number, SnapshotMark(index: index, term: 1, data: [1, 2]))
    case 3 where Int.random(in: 0..<4, using: &random) == 0: return .groupRemoved(group: number)
    default:
      let first = UInt64.random(in: floor + 1...max(last, floor) + 1, using: &random)
      let count = UInt64.random(in: 1...4, using: &random)
      let term = UInt64.random(in: 1...9, using: &random)
      return .entries(
        group: number, entries(first...first + count - 1, term: term, size: .random(in: 0..<60, using: &random)))
    }
  }
}
