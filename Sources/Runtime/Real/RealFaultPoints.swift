import Synchronization

/// Fault points of a real process. Off unless the environment names points to disturb, as in
/// `APUS_PERTURB="wal.slow-sync:0.01,raft.drop-append:0.1"`: a name and the probability that it fires.
package final class RealFaultPoints: FaultPoints {
  private let isOn: Bool
  private let probabilities: [String: Double]
  private let random: any RandomSource
  private let counts = Mutex<[String: UInt64]>([:])

  /// - Parameter perturb: `name:probability` pairs, divided by commas. What does not parse is left out.
  package init(perturb: String?, random: any RandomSource) {
    var probabilities: [String: Double] = [:]
    for pair in (perturb ?? "").split(separator: ",") {
      let parts = pair.split(separator: ":")
      if parts.count == 2, let probability = Double(parts[1]), probability > 0 {
        probabilities[String(parts[0])] = min(1, probability)
      }
    }
    self.probabilities = probabilities
    self.random = random
    isOn = !probabilities.isEmpty
  }

  @inline(__always)
  package func perturb(_ name: StaticString) -> Bool {
    isOn && draw(name)
  }

  private func draw(_ name: StaticString) -> Bool {
    guard let probability = probabilities[name.description] else { return false }
    return random.unitInterval() < probability
  }

  package func probe(_ name: StaticString) {
    counts.withLock { $0[name.description, default: 0] += 1 }
  }

  package func probeCount(_ name: String) -> UInt64 {
    counts.withLock { $0[name] ?? 0 }
  }

  package var probeCounts: [(name: String, count: UInt64)] {
    counts.withLock { counts in counts.map { (name: $0.key, count: $0.value) } }.sorted { $0.name < $1.name }
  }
}
