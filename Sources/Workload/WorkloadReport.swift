/// What a run did and what is wrong with it.
package struct WorkloadReport: Sendable {
  package var seed: UInt64
  package var operations = 0
  /// The longest time that one client went without an answer.
  package var longestGap = Duration.zero
  package var errors: [String: Int] = [:]
  /// What each workload did, for the reader.
  package var summaries: [String] = []
  /// Each is a broken promise.
  package var problems: [String] = []

  package init(seed: UInt64) { self.seed = seed }

  package var isGood: Bool { problems.isEmpty }

  package var text: String {
    var lines = summaries
    let counts = errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) × \($0.value)" }
    lines.append("\(operations) operations; errors: \(counts.isEmpty ? "none" : counts.joined(separator: ", "))")
    lines.append("longest time that a client went without an answer: \(Self.seconds(longestGap)) s")
    if isGood {
      lines.append("good: nothing lost, stale, doubled or out of order (seed \(seed))")
    } else {
      lines += problems.map { "BROKEN: \($0)" } + ["replay with seed \(seed)"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  package static func seconds(_ duration: Duration) -> String {
    let tenths = Int(duration / .milliseconds(100))
    return "\(tenths / 10).\(tenths % 10)"
  }
}
