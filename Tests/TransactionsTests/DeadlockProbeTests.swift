import Coding
import Keys
import Tablet
import Testing
import Transactions

@Suite("A probe for deadlocks")
struct DeadlockProbeTests {
  private static func id(_ number: UInt64) -> TransactionID {
    TransactionID(start: HybridTime(rawValue: number), client: 1, gateway: NodeID(UInt32(number % 3) + 1))
  }

  /// Follows all probes that one waiting transaction starts; who waits for whom does not change meanwhile.
  private static func transcript(from start: UInt64, _ waits: [UInt64: [UInt64]]) -> [String] {
    func name(_ id: TransactionID) -> String { "\(id.start.rawValue)" }
    var lines: [String] = []
    var probes = waits[start, default: []].map { DeadlockProbe(path: [id(start)], target: id($0)) }
    while !probes.isEmpty, lines.count < 100 {
      let probe = probes.removeFirst()
      let blockers = waits[probe.target.start.rawValue, default: []].map(id)
      let steps = probe.step(blockers: blockers)
      let where_ = "\(probe.path.map(name).joined(separator: " → ")) → \(name(probe.target))"
      if steps.isEmpty { lines.append("\(where_): ends") }
      for step in steps {
        switch step {
        case .forward(let next):
          lines.append("\(where_): on to \(name(next.target))")
          probes.append(next)
        case .found(let victim, let cycle):
          lines.append("\(where_): a cycle of \(cycle.map(name).joined(separator: ", ")); \(name(victim)) ends")
        }
      }
    }
    return lines
  }

  @Test("finds two that wait for each other, and the youngest ends")
  func pair() {
    #expect(Self.transcript(from: 1, [1: [2], 2: [1]]) == ["1 → 2: a cycle of 1, 2; 2 ends"])
    #expect(Self.transcript(from: 2, [1: [2], 2: [1]]) == ["2 → 1: a cycle of 2, 1; 2 ends"])
  }

  @Test("stops at one that runs")
  func chain() {
    #expect(Self.transcript(from: 1, [1: [2], 2: [3]]) == ["1 → 2: on to 3", "1 → 2 → 3: ends"])
  }

  @Test("goes every way there is, and leaves cycles that it is not part of to their own")
  func branches() {
    #expect(
      Self.transcript(from: 1, [1: [2], 2: [3, 4], 3: [2], 4: [1]]) == [
        "1 → 2: on to 3", "1 → 2: on to 4", "1 → 2 → 3: ends", "1 → 2 → 4: a cycle of 1, 2, 4; 4 ends",
      ])
  }

  @Test("does not grow for ever")
  func length() {
    var waits: [UInt64: [UInt64]] = [:]
    for number in UInt64(1)...200 { waits[number] = [number + 1] }
    #expect(Self.transcript(from: 1, waits).count == DeadlockProbe.lengthMax - 1)
  }

  @Test("is the same after its bytes, and others are refused")
  func coding() throws {
    let probe = DeadlockProbe(path: [Self.id(5), Self.id(6)], target: Self.id(7))
    let bytes = probe.encoded()
    #expect(try DeadlockProbe(decoding: bytes) == probe)
    for length in bytes.indices {
      #expect(throws: CodingError.self) { _ = try DeadlockProbe(decoding: Array(bytes[..<length])) }
    }
    let long = DeadlockProbe(path: (0...UInt64(DeadlockProbe.lengthMax)).map(Self.id), target: Self.id(7))
    #expect(throws: CodingError.self) { _ = try DeadlockProbe(decoding: long.encoded()) }
    #expect(DeadlockProbe(path: [], target: Self.id(1)).step(blockers: [Self.id(1)]).isEmpty)
  }
}
