/// Names a cycle and tells it step by step.
struct CycleReport {
  let graph: DependencyGraph
  let cycle: CycleSearch.Cycle

  var anomaly: Anomaly {
    Anomaly(kind, ordering, transactions: cycle.map(\.from), text)
  }

  private var kind: Anomaly.Kind {
    let anti = cycle.indices.filter { cycle[$0].reason.isAntiDependency }
    let hasReads = cycle.contains { if case .writeRead = $0.reason { true } else { false } }
    switch anti.count {
    case 0: return hasReads ? .circularInformationFlow : .writeCycle
    case 1: return isLostUpdate ? .lostUpdate : .readSkew
    default:
      let hasTwoInARow = anti.contains { cycle[($0 + 1) % cycle.count].reason.isAntiDependency }
      return hasTwoInARow ? .writeSkew : .nonadjacentAntiDependencies
    }
  }

  /// One key only: the reader overwrites a version that it did not see.
  private var isLostUpdate: Bool {
    Set(cycle.map(\.reason.key)).count == 1
      && cycle.allSatisfy { if case .writeRead = $0.reason { false } else { true } }
  }

  private var ordering: Anomaly.Ordering {
    if cycle.contains(where: { $0.reason == .realTime }) { return .realTime }
    return cycle.contains { $0.reason == .session } ? .session : .data
  }

  private var text: String {
    var lines = ["each of \(cycle.count) transactions comes before the next, and the last before the first:"]
    for edge in cycle { lines.append("  T\(edge.from): \(graph.history[edge.from])") }
    for edge in cycle { lines.append("  - \(Self.sentence(edge))") }
    return lines.joined(separator: "\n")
  }

  private static func sentence(_ edge: DependencyGraph.Edge) -> String {
    let (from, to) = ("T\(edge.from)", "T\(edge.to)")
    let reason =
      switch edge.reason {
      case .writeWrite(let key, let before, let after):
        "in key \(key) its \(before) stands before \(after) of \(to) (ww)"
      case .writeRead(let key, let value): "\(to) saw its \(value) in key \(key) (wr)"
      case .readWrite(let key, let unseen): "it did not see \(unseen), which \(to) put in key \(key) (rw)"
      case .session: "\(to) came later in the same session (session)"
      case .realTime: "it was over when \(to) began (real time)"
      }
    return "\(from) comes before \(to): \(reason)"
  }
}
