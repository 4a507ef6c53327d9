/// Fault points of a simulated world. Each seed turns a quarter of the names on, each with a probability of its own, so
/// that seeds differ in what they disturb.
package final class SimulatedFaultPoints: FaultPoints, @unchecked Sendable {
  // `@unchecked`: confined to the world's one thread.

  private let seed: UInt64
  private var random: SeededRandom
  private var thresholds: [String: UInt64] = [:]
  private var counts: [String: UInt64] = [:]
  package var isOn = false

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: SeededRandom.mix(seed ^ 0x70_6572_7475_7262))
  }

  package func perturb(_ name: StaticString) -> Bool {
    guard isOn || !thresholds.isEmpty else { return false }
    let name = name.description
    let threshold = thresholds[name] ?? (isOn ? drawnThreshold(name) : 0)
    thresholds[name] = threshold
    return threshold > 0 && random.next() < threshold
  }

  /// Sets a point's probability, whatever the seed says.
  package func set(_ name: String, probability: Double) {
    thresholds[name] = UInt64(min(max(probability, 0), 1) * 0x1p63) << 1
  }

  private func drawnThreshold(_ name: String) -> UInt64 {
    var hash = EventHash()
    hash.mix(seed)
    for byte in name.utf8 { hash.mix(UInt64(byte)) }
    var draw = SeededRandom(seed: hash.value)
    guard draw.oneIn(4) else { return 0 }
    // From a hundredth to a quarter.
    return .max / 100 * draw.between(1, 25)
  }

  package func probe(_ name: StaticString) { counts[name.description, default: 0] += 1 }
  package func probeCount(_ name: String) -> UInt64 { counts[name] ?? 0 }
  package var probeCounts: [(name: String, count: UInt64)] {
    counts.map { (name: $0.key, count: $0.value) }.sorted { $0.name < $1.name }
  }
}
